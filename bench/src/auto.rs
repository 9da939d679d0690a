//! The engine that chooses beside the compiler, on programs of a second or more.
//!
//! The workloads of `programs` take a fraction of that compiled: here each is run several times over, by a main function
//! that calls it. In `loop` everything happens in one loop of the main function, which is called once.

use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::assemble::cells;
use crate::measure::{Output, Sample, Series, execute, interleaved};
use crate::programs::WORKLOADS;
use crate::programs::contestants::{flags, own_seconds};
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::Tools;

/// How often each workload runs in one program, and `loop`, which runs once.
const TIMES: [(&str, u32); 13] = [
    ("loop", 1),
    ("fib", 24),
    ("sieve", 10),
    ("matmul", 5),
    ("nbody", 4),
    ("crc32", 7),
    ("sha256", 5),
    ("fannkuch", 4),
    ("spectralnorm", 10),
    ("quicksort", 6),
    ("trees", 12),
    ("list", 6),
    ("bytecode", 26),
];

/// What `loop` computes.
const LOOP: &str = "4499999998500000000";

const ENGINES: [&str; 2] = ["jit", "auto"];

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize, only: &str) -> Result<Table, Error> {
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let mut printed = vec![cells([
        "workload",
        "times",
        "jit",
        "",
        "auto",
        "",
        "auto to jit",
    ])];
    let mut rows = Vec::new();
    let mut ratios = Vec::new();
    for (workload, times) in TIMES {
        if !workload.contains(only) {
            continue;
        }
        let image = prepare(tools, workload, times, directory.path())?;
        let expected = expected(workload, times)?;
        let samples = interleaved(
            ENGINES.len(),
            rounds,
            |_| rounds,
            |number| {
                let engine = ENGINES[number];
                let mut command = Command::new(&tools.cvm);
                command.args(flags(tools, workload, engine)?).arg(&image);
                checked(&mut command, workload, engine, &expected)
            },
        )?;
        let series: Vec<Series> = samples
            .iter()
            .map(|samples| Series::new(samples.iter().map(|(own, _)| *own).collect()))
            .collect();
        let ratio = series[1].median() / series[0].median();
        ratios.push(ratio);
        let mut line = vec![workload.to_string(), times.to_string()];
        for series in &series {
            line.extend([seconds(series.median()), percent(series.spread())]);
        }
        line.push(format!("{ratio:.3}"));
        printed.push(line);
        for ((engine, series), samples) in ENGINES.iter().zip(series).zip(&samples) {
            let processes = samples.iter().map(|(_, sample)| sample.seconds);
            let memory = samples.iter().map(|(_, sample)| sample.peak_memory).max();
            rows.push(Row {
                workload: workload.into(),
                contestant: format!("cvm {engine}"),
                seconds: series,
                process_seconds: Series::new(processes.collect()),
                peak_memory: memory.unwrap_or(0),
                lines: None,
                result: Some(expected.lines().next().unwrap_or_default().into()),
            });
        }
        eprintln!("{workload} done");
    }
    let mean: f64 = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len().max(1) as f64;
    let mut last = cells(["geometric mean", "", "", "", "", ""]);
    last.push(format!("{:.3}", mean.exp()));
    printed.push(last);
    println!(
        "\nThe engine that chooses, {rounds} interleaved rounds, medians of the runs' own time\n"
    );
    print_columns(&printed);
    Ok(Table {
        name: "auto",
        facts: Vec::new(),
        rows,
    })
}

/// Assembles a program that runs the workload so often.
fn prepare(
    tools: &Tools,
    workload: &str,
    times: u32,
    directory: &Path,
) -> Result<std::path::PathBuf, Error> {
    let programs = tools.bench.join("programs");
    let source = programs.join(workload).with_extension("cvma");
    let text = std::fs::read_to_string(&source).map_err(Error::io(source.display().to_string()))?;
    let text = match times {
        1 => text,
        _ => repeated(&text, times),
    };
    let path = directory.join(workload).with_extension("cvma");
    std::fs::write(&path, text).map_err(Error::io(path.display().to_string()))?;
    let image = path.with_extension("cvm");
    let mut assemble = Command::new(&tools.cvm_asm);
    assemble
        .arg("-I")
        .arg(&programs)
        .arg("-o")
        .arg(&image)
        .arg(&path);
    execute(&mut assemble, Output::Dropped)?;
    Ok(image)
}

/// The program with its main function called several times by a new one.
fn repeated(text: &str, times: u32) -> String {
    let renamed = text.replace(".func main ()", ".func once ()");
    format!(
        "{renamed}
.func main ()
    declare done
.next:
    call once
    i_read l:done
    push 1
    i_add
    i_write l:done
    i_read l:done
    push {times}
    i_lt
    jnz .next
    ret
.end
"
    )
}

/// What it prints.
fn expected(workload: &str, times: u32) -> Result<String, Error> {
    let known = WORKLOADS.into_iter().chain([("loop", LOOP)]);
    let found = known.into_iter().find(|(name, _)| *name == workload);
    let (_, result) = found.ok_or_else(|| Error::Other(format!("`{workload}` has no result")))?;
    Ok(format!("{result}\n").repeat(times as usize))
}

fn checked(
    command: &mut Command,
    workload: &str,
    engine: &str,
    expected: &str,
) -> Result<(f64, Sample), Error> {
    let sample = execute(command, Output::Kept)?;
    if sample.output != expected {
        return Err(Error::Disagreement {
            workload: workload.into(),
            first: "the published value".into(),
            expected: expected.into(),
            second: engine.into(),
            found: sample.output,
        });
    }
    let own = own_seconds(&sample.messages);
    let own = own.ok_or_else(|| Error::Other(format!("no time in {}", sample.messages)))?;
    Ok((own, sample))
}
