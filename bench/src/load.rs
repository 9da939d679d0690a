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

/// What the modules have in common.
const WORKLOAD: &str = "1,000,000 lines";

/// A program that takes steps with a module and prints how long each took.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The module's name.
    pub(crate) workload: String,
    /// The module's bytes.
    pub(crate) size: u64,
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
        workload: WORKLOAD.into(),
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
            workload: WORKLOAD.into(),
            size: size(&module)?,
        });
        contestants.push(Contestant {
            name: "wasmtime",
            program: tools.build_wasmtime()?,
            arguments: vec!["--load".into(), module.clone().into()],
            workload: WORKLOAD.into(),
            size: size(&module)?,
        });
    }
    let rows = measure(&contestants, rounds, "Getting a large module ready")?;
    Ok(Table {
        name: "load",
        facts: vec![(
            "source".into(),
            "that of `assemble`, 1,000,000 lines".into(),
        )],
        rows,
    })
}

/// Measures and prints steps that programs take with modules, each by the clock of its program.
pub(crate) fn measure(
    contestants: &[Contestant],
    rounds: usize,
    title: &str,
) -> Result<Vec<Row>, Error> {
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
        "module",
        "step",
        "size",
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
        let memory = samples.iter().map(|(_, sample)| sample.peak_memory).max();
        let peak_memory = memory.unwrap_or(0);
        for (number, (step, _)) in first.iter().enumerate() {
            let times = samples
                .iter()
                .filter_map(|(steps, _)| Some(steps.get(number)?.1));
            let series = Series::new(times.collect());
            let megabytes = contestant.size as f64 / 1e6;
            let step = format!("{} {step}", contestant.name);
            printed.push(vec![
                contestant.workload.clone(),
                step.clone(),
                format!("{megabytes:.1} MB"),
                seconds(series.median()),
                percent(series.spread()),
                format!("{:.1}", megabytes / series.median()),
                format!("{} MiB", peak_memory >> 20),
            ]);
            rows.push(Row {
                workload: contestant.workload.clone(),
                contestant: step,
                process_seconds: Series::new(samples.iter().map(|(_, s)| s.seconds).collect()),
                seconds: series,
                peak_memory,
                lines: None,
                result: Some(contestant.size.to_string()),
            });
        }
    }
    println!("\n{title}, {rounds} interleaved rounds, medians\n");
    print_columns(&printed);
    Ok(rows)
}

/// Lines of a step and its seconds.
fn steps(output: &str) -> Result<Vec<(String, f64)>, Error> {
    let step = |line: &str| {
        let (step, seconds) = line.rsplit_once(' ')?;
        Some((step.to_string(), seconds.parse().ok()?))
    };
    let steps = output.lines().map(step).collect::<Option<Vec<_>>>();
    steps.ok_or_else(|| Error::Other(format!("no step and time: {output}")))
}
