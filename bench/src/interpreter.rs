//! Programs of some seconds: written by hand for CVM, in C for gcc and (through clang) WebAssembly, in Lua, in Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::assemble::cells;
use crate::measure::{Output, Sample, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::{Tools, find};

/// The programs, and what they compute.
const WORKLOADS: [(&str, &str); 6] = [
    ("fib", "9227465"),
    ("sieve", "3485130"),
    ("matmul", "76910"),
    ("nbody", "-169026285"),
    ("crc32", "1095823923"),
    ("sha256", "-7891586585724852274"),
];

/// Python is some fifty times slower than what it is compared with; it takes part in no more rounds than this.
const PYTHON_ROUNDS: usize = 3;

/// How a workload is run by a contestant.
struct Entry {
    contestant: &'static str,
    program: PathBuf,
    arguments: Vec<std::ffi::OsString>,
    environment: Option<(&'static str, std::ffi::OsString)>,
    /// It prints its time to standard error, as `cvm run --stats` does.
    is_cvm: bool,
}

impl Entry {
    fn run(&self) -> Result<(f64, Sample), Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some((name, value)) = &self.environment {
            command.env(name, value);
        }
        let sample = execute(&mut command, Output::Kept)?;
        let own = if self.is_cvm {
            let stats = sample.messages.lines().rev().find_map(|line| {
                let object: serde_json::Value = serde_json::from_str(line).ok()?;
                object["nanoseconds"].as_str()?.parse::<f64>().ok()
            });
            stats.map(|nanoseconds| nanoseconds * 1e-9)
        } else {
            sample
                .output
                .split_whitespace()
                .nth(1)
                .and_then(|text| text.parse().ok())
        };
        let own = own.ok_or_else(|| {
            Error::Other(format!(
                "{command:?} did not report its time:\n{}{}",
                sample.output, sample.messages
            ))
        })?;
        Ok((own, sample))
    }
}

/// What is installed.
struct Peers {
    gcc: bool,
    clang: bool,
    lua: Option<&'static str>,
    python: bool,
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize, only: &str) -> Result<Table, Error> {
    let mut table = Table {
        name: "interpreter",
        facts: Vec::new(),
        rows: Vec::new(),
    };
    let mut installed = |program: &'static str, flag| {
        let version = find(program, flag);
        let found = version.is_some();
        table
            .facts
            .extend(version.map(|version| (program.to_string(), version)));
        found
    };
    let peers = Peers {
        gcc: installed("gcc", "--version"),
        clang: installed("clang", "--version") && installed("wasm-ld", "--version"),
        lua: ["lua5.4", "lua"]
            .into_iter()
            .find(|lua| installed(lua, "-v")),
        python: installed("python3", "--version"),
    };
    table.facts.push(("wasmi".into(), wasmi_version(tools)));
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    for (workload, expected) in WORKLOADS
        .into_iter()
        .filter(|(name, _)| name.contains(only))
    {
        let entries = entries(tools, &peers, workload, directory.path())?;
        let rounds_of = |entry: usize| match entries[entry].contestant {
            "Python" => rounds.min(PYTHON_ROUNDS),
            _ => rounds,
        };
        let samples = interleaved(entries.len(), rounds, rounds_of, |entry| {
            let (own, sample) = entries[entry].run()?;
            let found = sample.output.split_whitespace().next().unwrap_or("");
            if found != expected {
                return Err(Error::Disagreement {
                    workload: workload.into(),
                    first: "the published value".into(),
                    expected: expected.into(),
                    second: entries[entry].contestant.into(),
                    found: found.into(),
                });
            }
            Ok((own, sample))
        })?;
        for (entry, samples) in entries.iter().zip(samples) {
            table.rows.push(Row {
                workload: workload.into(),
                contestant: entry.contestant.into(),
                seconds: Series::new(samples.iter().map(|(own, _)| *own).collect()),
                process_seconds: Series::new(
                    samples.iter().map(|(_, sample)| sample.seconds).collect(),
                ),
                peak_memory: samples
                    .iter()
                    .map(|(_, sample)| sample.peak_memory)
                    .max()
                    .unwrap_or(0),
                lines: None,
                result: Some(expected.into()),
            });
        }
        eprintln!("{workload} done");
    }
    print(&table, rounds);
    Ok(table)
}

/// Prepares a workload for everything that is there.
fn entries(
    tools: &Tools,
    peers: &Peers,
    workload: &str,
    directory: &Path,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let program = tools
        .bench
        .join("programs")
        .join(format!("{workload}.cvma"));
    let image = directory.join(format!("{workload}.cvm"));
    if program.exists() {
        execute(
            Command::new(&tools.cvm_asm)
                .arg("-o")
                .arg(&image)
                .arg(&program),
            Output::Dropped,
        )?;
        let flags = [
            "run",
            "--engine",
            "interp",
            "--stats",
            "--fault-format",
            "json",
        ];
        entries.push(Entry {
            contestant: "cvm",
            program: tools.cvm.clone(),
            arguments: flags
                .into_iter()
                .map(Into::into)
                .chain([image.into()])
                .collect(),
            environment: None,
            is_cvm: true,
        });
    } else {
        eprintln!("{} does not exist: left out", program.display());
    }
    let mut add = |contestant, program: &Path, arguments: &[&Path], environment| {
        entries.push(Entry {
            contestant,
            program: program.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            environment,
            is_cvm: false,
        });
    };
    let source = tools.bench.join("c").join(format!("{workload}.c"));
    if peers.gcc {
        let binary = directory.join(workload);
        let mut command = Command::new("gcc");
        command
            .args(["-O2", "-o"])
            .arg(&binary)
            .arg(&source)
            .arg(tools.bench.join("c/main.c"))
            .arg("-lm");
        execute(&mut command, Output::Dropped)?;
        add("gcc -O2", &binary, &[], None);
    }
    if peers.clang {
        let module = directory.join(format!("{workload}.wasm"));
        let mut command = Command::new("clang");
        command.args([
            "--target=wasm32",
            "-O2",
            "-mbulk-memory",
            "-nostdlib",
            "-ffreestanding",
        ]);
        command
            .args(["-Wl,--no-entry", "-Wl,--export=run", "-o"])
            .arg(&module)
            .arg(&source);
        execute(&mut command, Output::Dropped)?;
        let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
        add("wasmi", &own, &[Path::new("wasm"), &module], None);
    }
    let scripts = tools.bench.join("scripts");
    let script = |extension: &str| scripts.join(format!("{workload}.{extension}"));
    if let Some(lua) = peers.lua {
        let path = scripts.join("?.lua").into_os_string();
        add(
            "Lua",
            Path::new(lua),
            &[&script("lua")],
            Some(("LUA_PATH", path)),
        );
    }
    if peers.python && script("py").exists() {
        add(
            "Python",
            Path::new("python3"),
            &[Path::new("-B"), &script("py")],
            None,
        );
    }
    Ok(entries)
}

/// The version of wasmi that this program was built with.
fn wasmi_version(tools: &Tools) -> String {
    let lock = std::fs::read_to_string(tools.bench.join("Cargo.lock")).unwrap_or_default();
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmi\"");
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = \""));
    version
        .unwrap_or("unknown")
        .trim_end_matches('"')
        .to_string()
}

fn print(table: &Table, rounds: usize) {
    println!("\nInterpreter, {rounds} interleaved rounds, medians of the workloads' own time\n");
    let median = |workload: &str, contestant: &str| {
        let row = table
            .rows
            .iter()
            .find(|row| row.workload == workload && row.contestant == contestant);
        row.map(|row| row.seconds.median())
    };
    let ratio = |own: f64, other: Option<f64>| {
        other.map_or(String::new(), |other| format!("{:.2}", own / other))
    };
    let mut printed = vec![cells([
        "workload",
        "",
        "time",
        "",
        "to gcc -O2",
        "to wasmi",
        "to Lua",
    ])];
    for row in &table.rows {
        let own = row.seconds.median();
        printed.push(vec![
            row.workload.clone(),
            row.contestant.clone(),
            seconds(own),
            if row.seconds.len() > 1 {
                percent(row.seconds.spread())
            } else {
                String::new()
            },
            ratio(own, median(&row.workload, "gcc -O2")),
            ratio(own, median(&row.workload, "wasmi")),
            ratio(own, median(&row.workload, "Lua")),
        ]);
    }
    print_columns(&printed);
    println!();
    for other in ["gcc -O2", "wasmi", "Lua", "Python"] {
        let ratios: Vec<f64> = WORKLOADS
            .iter()
            .filter_map(|(workload, _)| Some(median(workload, "cvm")? / median(workload, other)?))
            .collect();
        if !ratios.is_empty() {
            let mean =
                (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
            println!(
                "cvm to {other}: geometric mean of {} workloads {mean:.2}",
                ratios.len()
            );
        }
    }
}
