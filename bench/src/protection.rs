//! What each check costs: the same programs, compiled by the same compiler, with it and without it.
//!
//! Code without checks is made by a program of its own in `runner/`, because `cvm` cannot make it: the feature that can
//! leave checks out does not build together with the command line.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::assemble::cells;
use crate::measure::{Output, Series, execute, interleaved};
use crate::programs::WORKLOADS;
use crate::programs::contestants::flags;
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::Tools;

/// The runner's modes. The first is what all programs run with.
const MODES: [(&str, &str); 6] = [
    ("all checks", "checked"),
    ("without bounds and policy", "no-accesses"),
    ("without stack overflow", "no-stack"),
    ("without any", "unchecked"),
    ("with fuel", "fuel"),
    ("with a time limit", "timeout"),
];

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize, only: &str) -> Result<Table, Error> {
    let runner = tools.build_runner()?;
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let mut printed = vec![cells(["workload", ""])];
    printed[0].push("all checks".into());
    printed[0].push(String::new());
    printed[0].extend(MODES[1..].iter().map(|(name, _)| (*name).to_string()));
    let mut rows = Vec::new();
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); MODES.len()];
    for (workload, expected) in WORKLOADS {
        // The runner calls no C.
        let calls_c = flags(tools, workload, "jit")?
            .iter()
            .any(|flag| flag.to_string_lossy().starts_with("--allow-ffi"));
        if !workload.contains(only) || calls_c {
            continue;
        }
        let image = assemble(tools, workload, directory.path())?;
        let samples = interleaved(
            MODES.len(),
            rounds,
            |_| rounds,
            |number| {
                let (name, mode) = MODES[number];
                let arguments = [OsString::from(mode), image.clone()];
                let sample = execute(Command::new(&runner).args(arguments), Output::Kept)?;
                let mut words = sample.output.split_whitespace();
                let found = words.next().unwrap_or_default();
                if found != expected {
                    return Err(Error::Disagreement {
                        workload: workload.into(),
                        first: "the published value".into(),
                        expected: expected.into(),
                        second: name.into(),
                        found: found.into(),
                    });
                }
                let own = words.last().and_then(|text| text.parse::<f64>().ok());
                let own =
                    own.ok_or_else(|| Error::Other(format!("no time in {}", sample.output)))?;
                Ok((own, sample))
            },
        )?;
        let series: Vec<Series> = samples
            .iter()
            .map(|samples| Series::new(samples.iter().map(|(own, _)| *own).collect()))
            .collect();
        let base = series[0].median();
        let mut line = vec![workload.to_string(), String::new()];
        line.extend([seconds(base), percent(series[0].spread())]);
        for (number, series) in series.iter().enumerate() {
            let ratio = series.median() / base;
            ratios[number].push(ratio);
            if number > 0 {
                line.push(format!("{ratio:.2}"));
            }
        }
        printed.push(line);
        for (((name, _), series), samples) in MODES.iter().zip(series).zip(&samples) {
            let processes = samples.iter().map(|(_, sample)| sample.seconds);
            let memory = samples.iter().map(|(_, sample)| sample.peak_memory).max();
            rows.push(Row {
                workload: workload.into(),
                contestant: (*name).into(),
                seconds: series,
                process_seconds: Series::new(processes.collect()),
                peak_memory: memory.unwrap_or(0),
                lines: None,
                result: Some(expected.into()),
            });
        }
        eprintln!("{workload} done");
    }
    let mean = |ratios: &[f64]| {
        let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        (sum / ratios.len().max(1) as f64).exp()
    };
    let mut line = cells(["geometric mean", "", "", ""]);
    line.extend(
        ratios[1..]
            .iter()
            .map(|ratios| format!("{:.3}", mean(ratios))),
    );
    printed.push(line);
    println!(
        "\nTime with other checks, divided by that with all checks, {rounds} interleaved rounds, medians\n"
    );
    print_columns(&printed);
    println!();
    for (number, what) in [
        (1, "bounds and policy"),
        (2, "stack overflow"),
        (3, "both together"),
    ] {
        let cost = 100.0 * (1.0 / mean(&ratios[number]) - 1.0);
        println!("{what}: {cost:.1} % more time than without");
    }
    for (number, what) in [(4, "fuel"), (5, "a time limit")] {
        println!(
            "{what}: {:.1} % more time",
            100.0 * (mean(&ratios[number]) - 1.0)
        );
    }
    Ok(Table {
        name: "protection",
        facts: Vec::new(),
        rows,
    })
}

fn assemble(tools: &Tools, workload: &str, directory: &Path) -> Result<OsString, Error> {
    let source = tools
        .bench
        .join("programs")
        .join(workload)
        .with_extension("cvma");
    let image = directory.join(workload).with_extension("cvm");
    let mut assemble = Command::new(&tools.cvm_asm);
    execute(assemble.arg("-o").arg(&image).arg(&source), Output::Dropped)?;
    Ok(image.into_os_string())
}
