//! Calls of C: from CVM, through libffi, LuaJIT and Python, beside C itself.
//!
//! Each contestant measures its own loops and prints `what nanoseconds` lines, so that nothing of starting it counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::measure::{Output, Series, execute, interleaved};
use crate::report::{Row, Table, print_columns};
use crate::tools::{Tools, find, machine};

struct Contestant {
    name: &'static str,
    command: Vec<String>,
}

/// Runs everything in interleaved rounds and prints the medians.
pub(crate) fn run(tools: &Tools, rounds: usize) -> Result<Table, Error> {
    let sources = tools.bench.join("foreign");
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let folder = folder.path();
    let mut facts = vec![("machine".to_string(), machine())];
    let contestants = prepare(tools, &sources, folder, &mut facts)?;
    let samples = interleaved(
        contestants.len(),
        rounds,
        |_| rounds,
        |number| {
            let [program, arguments @ ..] = contestants[number].command.as_slice() else {
                return Err(Error::Other("no command".into()));
            };
            let mut command = Command::new(program);
            let sample = execute(command.args(arguments).current_dir(folder), Output::Kept)?;
            Ok((lines(&sample.output), sample))
        },
    )?;
    let mut rows = Vec::new();
    let mut printed = vec![vec![
        "what".into(),
        "contestant".into(),
        "ns".into(),
        "spread".into(),
    ]];
    for (contestant, samples) in contestants.iter().zip(&samples) {
        let Some((first, sample)) = samples.first() else {
            continue;
        };
        for what in first.keys() {
            let values: Vec<f64> = samples
                .iter()
                .filter_map(|(l, _)| l.get(what).copied())
                .collect();
            let series = Series::new(values);
            printed.push(vec![
                what.clone(),
                contestant.name.into(),
                format!("{:.2}", series.median()),
                crate::report::percent(series.spread()),
            ]);
            rows.push(Row {
                workload: what.clone(),
                contestant: contestant.name.into(),
                seconds: Series::new(
                    samples
                        .iter()
                        .filter_map(|(l, _)| Some(l.get(what)? * 1e-9))
                        .collect(),
                ),
                process_seconds: Series::new(samples.iter().map(|(_, s)| s.seconds).collect()),
                peak_memory: sample.peak_memory,
                lines: None,
                result: None,
            });
        }
    }
    printed[1..].sort();
    print_columns(&printed);
    Ok(Table {
        name: "foreign",
        facts,
        rows,
    })
}

/// Builds what is measured; the contestants that this machine has.
fn prepare(
    tools: &Tools,
    sources: &Path,
    folder: &Path,
    facts: &mut Vec<(String, String)>,
) -> Result<Vec<Contestant>, Error> {
    let text = |path: &Path| path.display().to_string();
    let source = |name: &str| text(&sources.join(name));
    let built = |name: &str| text(&folder.join(name));
    let compile = |arguments: &[&str]| {
        execute(
            Command::new("gcc").arg("-O2").args(arguments),
            Output::Dropped,
        )
    };
    let library = built("libforeign.so");
    compile(&["-shared", "-fPIC", &source("library.c"), "-o", &library])?;
    let native = built("native");
    let with_ffi = [
        "-DHAVE_FFI",
        &source("native.c"),
        "-o",
        &native,
        "-ldl",
        "-lffi",
    ];
    if compile(&with_ffi).is_err() {
        eprintln!("libffi's header is not installed: C through libffi is left out");
        compile(&[&source("native.c"), "-o", &native, "-ldl"])?;
    }
    let image = built("foreign.cvm");
    let assembler = text(&tools.cvm_asm);
    execute(
        Command::new(assembler).args(["-L", &text(folder), "-o", &image, &source("foreign.cvma")]),
        Output::Dropped,
    )?;
    let cvm = text(&tools.cvm);
    let run = |engine: &str, flags: &[&str]| -> Vec<String> {
        let fixed = [cvm.as_str(), "run", "--engine", engine, "--allow-ffi"];
        let words = [&fixed[..], flags, &[image.as_str()]].concat();
        words.into_iter().map(str::to_string).collect()
    };
    let mut contestants = vec![
        Contestant {
            name: "C",
            command: vec![native],
        },
        Contestant {
            name: "cvm interp",
            command: run("interp", &[]),
        },
        Contestant {
            name: "cvm interp --check-foreign",
            command: run("interp", &["--check-foreign"]),
        },
        Contestant {
            name: "cvm jit",
            command: run("jit", &[]),
        },
        Contestant {
            name: "cvm auto",
            command: run("auto", &[]),
        },
    ];
    if let Some(version) = find("luajit", "-v") {
        facts.push(("LuaJIT".into(), version));
        contestants.push(Contestant {
            name: "LuaJIT",
            command: vec!["luajit".into(), source("foreign.lua")],
        });
    }
    if let Some(version) = find("python3", "--version") {
        facts.push(("Python".into(), version));
        contestants.push(Contestant {
            name: "Python ctypes",
            command: vec!["python3".into(), source("foreign.py")],
        });
    }
    Ok(contestants)
}

/// `what nanoseconds` lines.
fn lines(output: &str) -> BTreeMap<String, f64> {
    output
        .lines()
        .filter_map(|line| {
            let (what, nanoseconds) = line.split_once(char::is_whitespace)?;
            Some((what.to_string(), nanoseconds.trim().parse().ok()?))
        })
        .collect()
}
