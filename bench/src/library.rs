//! The standard library beside Lua 5.4's: the same work by `std/…` modules and by what Lua has, as whole processes.
//!
//! Programs are linked statically before, so that neither assembling nor linking counts; compiling does.

use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::measure::{Output, Sample, Series, execute, interleaved};
use crate::report::{Row, Table, print_columns};
use crate::tools::{Tools, find, machine};

/// The programs `bench/library/NAME.cvma` and `NAME.lua`, and `NAME.c` where that shows what the memory allows.
const WORKLOADS: [&str; 5] = ["map", "sort", "heap", "io", "json"];

/// Bytes of the JSON document.
const DOCUMENT: usize = 10_000_000;

struct Contestant {
    name: &'static str,
    command: Vec<String>,
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize, only: &str) -> Result<Table, Error> {
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let directory = directory.path();
    let document = directory.join("document.json");
    std::fs::write(&document, make_document(DOCUMENT)).map_err(Error::io("the JSON document"))?;
    let lua = ["lua5.4", "lua"]
        .into_iter()
        .find_map(|lua| Some((lua, find(lua, "-v")?)));
    let mut facts = vec![("machine".to_string(), machine())];
    facts.extend(
        lua.iter()
            .map(|(lua, version)| (lua.to_string(), version.clone())),
    );
    let mut table = Table {
        name: "library",
        facts,
        rows: Vec::new(),
    };
    let mut printed = vec![
        ["what", "contestant", "seconds", "spread", "to Lua"]
            .map(String::from)
            .to_vec(),
    ];
    for workload in WORKLOADS.into_iter().filter(|name| name.contains(only)) {
        let contestants = prepare(
            tools,
            workload,
            lua.as_ref().map(|(lua, _)| *lua),
            directory,
        )?;
        let output = directory.join("output");
        let mut expected: Option<(u64, &str)> = None;
        let samples = interleaved(
            contestants.len(),
            rounds,
            |_| rounds,
            |number| {
                let contestant = &contestants[number];
                let sample = once(contestant, directory, &output)?;
                let found = digest(&output)?;
                let (known, first) = *expected.get_or_insert((found, contestant.name));
                if known == found {
                    return Ok(sample);
                }
                Err(Error::Disagreement {
                    workload: workload.into(),
                    first: first.into(),
                    expected: format!("output with digest {known:016x}"),
                    second: contestant.name.into(),
                    found: format!("output with digest {found:016x}"),
                })
            },
        )?;
        let rows: Vec<Row> = contestants
            .iter()
            .zip(&samples)
            .map(|(contestant, samples)| row(workload, contestant, samples))
            .collect();
        let lua = rows.iter().find(|row| row.contestant == "Lua 5.4");
        let lua = lua.map(|row| row.seconds.median());
        for row in &rows {
            printed.push(vec![
                workload.into(),
                row.contestant.clone(),
                format!("{:.3}", row.seconds.median()),
                crate::report::percent(row.seconds.spread()),
                lua.map_or(String::new(), |lua| {
                    format!("{:.2}", row.seconds.median() / lua)
                }),
            ]);
        }
        table.rows.extend(rows);
        eprintln!("{workload} done");
    }
    print_columns(&printed);
    Ok(table)
}

fn prepare(
    tools: &Tools,
    workload: &str,
    lua: Option<&str>,
    directory: &Path,
) -> Result<Vec<Contestant>, Error> {
    let source = tools.bench.join("library").join(workload);
    let image = directory.join(workload).with_extension("cvm");
    let text = |path: &Path| path.display().to_string();
    let mut assemble = Command::new(&tools.cvm_asm);
    assemble.arg("--static").arg("-o").arg(&image);
    execute(assemble.arg(source.with_extension("cvma")), Output::Dropped)?;
    let cvm = |engine: &str| {
        let words = [
            &text(&tools.cvm),
            "run",
            "--engine",
            engine,
            "--dir",
            &format!("{}:in", text(directory)),
            &text(&image),
        ];
        words.map(str::to_string).to_vec()
    };
    let mut contestants = vec![
        Contestant {
            name: "cvm interp",
            command: cvm("interp"),
        },
        Contestant {
            name: "cvm jit",
            command: cvm("jit"),
        },
        Contestant {
            name: "cvm auto",
            command: cvm("auto"),
        },
    ];
    let native = source.with_extension("c");
    if native.exists() && find("gcc", "--version").is_some() {
        let program = text(&directory.join(workload));
        let mut compile = Command::new("gcc");
        compile.args(["-O2", "-o", &program]).arg(&native);
        execute(&mut compile, Output::Dropped)?;
        contestants.push(Contestant {
            name: "C",
            command: vec![program],
        });
    }
    if let Some(lua) = lua {
        let script = text(&source.with_extension("lua"));
        contestants.push(Contestant {
            name: "Lua 5.4",
            command: vec![lua.into(), script],
        });
    }
    Ok(contestants)
}

fn once(contestant: &Contestant, directory: &Path, output: &Path) -> Result<Sample, Error> {
    let [program, arguments @ ..] = contestant.command.as_slice() else {
        return Err(Error::Other("no command".into()));
    };
    let mut command = Command::new(program);
    execute(
        command.args(arguments).current_dir(directory),
        Output::File(output),
    )
}

fn row(workload: &str, contestant: &Contestant, samples: &[Sample]) -> Row {
    let series = || Series::new(samples.iter().map(|sample| sample.seconds).collect());
    Row {
        workload: workload.into(),
        contestant: contestant.name.into(),
        seconds: series(),
        process_seconds: series(),
        peak_memory: samples
            .iter()
            .map(|sample| sample.peak_memory)
            .max()
            .unwrap_or(0),
        lines: None,
        result: None,
    }
}

/// A number that depends on every byte of a file (FNV-1a).
fn digest(path: &Path) -> Result<u64, Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    Ok(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// An array of records with what JSON has: objects, arrays, strings with escapes, integers, other numbers, true, false, null.
fn make_document(size: usize) -> String {
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) % below
    };
    let words = [
        "stack",
        "machine",
        "segment",
        "pointer",
        "fault",
        "line\\nbreak",
        "\\\"quoted\\\"",
        "na\\u00efve",
        "größe",
    ];
    let mut text = String::from("[");
    let mut number = 0;
    while text.len() < size {
        if number > 0 {
            text.push_str(",\n");
        }
        let name: Vec<&str> = (0..1 + next(6))
            .map(|_| words[next(words.len() as u64) as usize])
            .collect();
        let values: Vec<String> = (0..next(8))
            .map(|_| match next(3) {
                0 => next(1_000_000).to_string(),
                1 => format!("-{}.{:03}", next(1000), next(1000)),
                _ => format!("{}.{}e{}", next(10), next(100_000), next(40) as i64 - 20),
            })
            .collect();
        let flag = ["true", "false", "null"][next(3) as usize];
        text.push_str(&format!(
            "{{\"id\": {number}, \"name\": \"{}\", \"values\": [{}], \"flag\": {flag}, \"inner\": {{\"a\": {{}}, \"b\": []}}}}",
            name.join(" "),
            values.join(", "),
        ));
        number += 1;
    }
    text.push_str("]\n");
    text
}
