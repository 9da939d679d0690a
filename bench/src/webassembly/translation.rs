//! How fast modules are translated, and whether the time grows with the size alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Sample;
use super::repeat::repeat;
use crate::Error;
use crate::assemble::cells;
use crate::load::steps;
use crate::measure::{Output, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::Tools;

/// A module below this size is repeated until it has it: that is the size 1.
const SMALLEST: usize = 1_000_000;

/// The sizes, as multiples.
const SIZES: [u32; 4] = [1, 2, 4, 8];

struct Contestant {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    workload: String,
    /// Bytes of the module.
    size: u64,
}

/// Measures and prints.
pub(super) fn run(
    tools: &Tools,
    rounds: usize,
    modules: &[Sample],
    directory: &Path,
    table: &mut Table,
) -> Result<(), Error> {
    let runner = tools.build_runner()?;
    let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
    let mut contestants = Vec::new();
    for module in modules {
        let name = &module.name;
        let bytes = read(&module.path)?;
        let least = SMALLEST.div_ceil(bytes.len().max(1)) as u32;
        for times in SIZES {
            let path = directory.join(format!("{name}-{times}.wasm"));
            let repeated = repeat(&bytes, least * times)?;
            std::fs::write(&path, &repeated).map_err(Error::io(path.display().to_string()))?;
            let path = OsString::from(path);
            let mut add = |contestant, program: &Path, arguments: [&str; 2]| {
                let flags = arguments.into_iter().filter(|word| !word.is_empty());
                contestants.push(Contestant {
                    name: contestant,
                    program: program.into(),
                    arguments: flags.map(OsString::from).chain([path.clone()]).collect(),
                    workload: format!("{name} ×{}", least * times),
                    size: repeated.len() as u64,
                });
            };
            add("cvm", &runner, ["wasm", ""]);
            add("wasmi", &own, ["wasm", "--load"]);
        }
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
        "module",
        "step",
        "size",
        "time",
        "",
        "MB/s",
        "peak memory",
    ])];
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
            table.rows.push(Row {
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
    println!("\nTranslating modules, {rounds} interleaved rounds, medians\n");
    print_columns(&printed);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io(path.display().to_string()))
}
