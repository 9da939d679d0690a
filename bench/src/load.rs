//! Getting a large module ready: reading and verifying it, translating it for the interpreter, compiling it; and the same
//! program as WebAssembly with wasmi and wasmtime.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::assemble::{Sources, cells};
use crate::measure::{Output, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::Tools;

struct Contestant {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Bytes of the module that it gets ready.
    size: u64,
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize) -> Result<Table, Error> {
    let (sources, assembled) = Sources::assembled(tools)?;
    let runner = tools.build_runner()?;
    let size = |path: &Path| {
        let metadata = std::fs::metadata(path).map_err(Error::io(path.display().to_string()))?;
        Ok::<u64, Error>(metadata.len())
    };
    let image = sources.path("cvm");
    let mut contestants = vec![Contestant {
        name: "cvm",
        program: runner,
        arguments: vec!["load".into(), image.clone().into()],
        size: size(&image)?,
    }];
    if assembled
        .iter()
        .any(|assembler| assembler.name == "wat2wasm")
    {
        let module = sources.path("wasm");
        let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
        contestants.push(Contestant {
            name: "wasmi",
            program: own,
            arguments: vec!["wasm".into(), "--load".into(), module.clone().into()],
            size: size(&module)?,
        });
        contestants.push(Contestant {
            name: "wasmtime",
            program: tools.build_wasmtime()?,
            arguments: vec!["--load".into(), module.clone().into()],
            size: size(&module)?,
        });
    }
    let samples = interleaved(
        contestants.len(),
        rounds,
        |_| rounds,
        |number| {
            let Contestant {
                program, arguments, ..
            } = &contestants[number];
            let sample = execute(Command::new(program).args(arguments), Output::Kept)?;
            Ok((steps(&sample.output)?, sample))
        },
    )?;
    let mut printed = vec![cells([
        "step",
        "",
        "module",
        "time",
        "",
        "MB/s",
        "peak memory",
    ])];
    let mut rows = Vec::new();
    for (contestant, samples) in contestants.iter().zip(&samples) {
        let Some((first, _)) = samples.first() else {
            continue;
        };
        let peak_memory = samples
            .iter()
            .map(|(_, s)| s.peak_memory)
            .max()
            .unwrap_or(0);
        for (number, (step, _)) in first.iter().enumerate() {
            let times = samples
                .iter()
                .filter_map(|(steps, _)| Some(steps.get(number)?.1));
            let series = Series::new(times.collect());
            let megabytes = contestant.size as f64 / 1e6;
            printed.push(vec![
                step.clone(),
                contestant.name.into(),
                format!("{megabytes:.1} MB"),
                seconds(series.median()),
                percent(series.spread()),
                format!("{:.1}", megabytes / series.median()),
                format!("{} MiB", peak_memory >> 20),
            ]);
            rows.push(Row {
                workload: step.clone(),
                contestant: contestant.name.into(),
                process_seconds: Series::new(samples.iter().map(|(_, s)| s.seconds).collect()),
                seconds: series,
                peak_memory,
                lines: None,
                result: Some(contestant.size.to_string()),
            });
        }
    }
    println!("\nGetting a large module ready, {rounds} interleaved rounds, medians\n");
    print_columns(&printed);
    Ok(Table {
        name: "load",
        facts: vec![(
            "source".into(),
            "that of `assemble`, 1,000,000 lines".into(),
        )],
        rows,
    })
}

/// Lines of a step and its seconds.
pub(crate) fn steps(output: &str) -> Result<Vec<(String, f64)>, Error> {
    let step = |line: &str| {
        let (step, seconds) = line.rsplit_once(' ')?;
        Some((step.to_string(), seconds.parse().ok()?))
    };
    let steps = output.lines().map(step).collect::<Option<Vec<_>>>();
    steps.ok_or_else(|| Error::Other(format!("no step and time: {output}")))
}
