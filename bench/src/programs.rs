//! Programs of about a second: written by hand for CVM, in C for native compilers and (through clang) for WebAssembly, in
//! Lua, in Python. Every contestant's own clock counts the workload alone.

mod chart;
pub(crate) mod contestants;
pub(crate) mod print;

use crate::Error;
use crate::measure::{Sample, Series, interleaved};
use crate::report::{Row, Table};
use crate::tools::Tools;

use contestants::{Entry, Peers};

/// The programs, and what they compute.
pub(crate) const WORKLOADS: [(&str, &str); 13] = [
    ("fib", "9227465"),
    ("sieve", "3485130"),
    ("matmul", "76910"),
    ("nbody", "-169026285"),
    ("crc32", "1095823923"),
    ("sha256", "-7891586585724852274"),
    ("fannkuch", "73196038"),
    ("spectralnorm", "1274224148"),
    ("quicksort", "-4644173337454869539"),
    ("trees", "14985902"),
    ("list", "1371059730000"),
    ("bytecode", "1999998"),
    ("subleq", "2262"),
];

/// What the user chose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// How often each contestant runs.
    pub(crate) rounds: usize,
    /// Only workloads whose name contains this.
    pub(crate) only: String,
    /// Only contestants whose name contains one of these; all if there is none.
    pub(crate) contestants: Vec<String>,
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, choice: &Choice) -> Result<Table, Error> {
    let peers = Peers::find(tools, choice)?;
    let mut table = Table {
        name: "programs",
        facts: peers.facts().to_vec(),
        rows: Vec::new(),
    };
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let workloads = WORKLOADS
        .into_iter()
        .filter(|(name, _)| name.contains(&choice.only));
    for (workload, expected) in workloads {
        let entries = peers.prepare(tools, workload, directory.path())?;
        let rows = measured(&entries, choice.rounds, workload, expected)?;
        table.rows.extend(rows);
        eprintln!("{workload} done");
    }
    print::print(&table, choice.rounds);
    let path = tools.bench.join("results/programs.svg");
    std::fs::write(&path, chart::draw(&table)).map_err(Error::io(path.display().to_string()))?;
    Ok(table)
}

/// Runs a workload's contestants in turns; a row for each.
pub(crate) fn measured(
    entries: &[Entry],
    rounds: usize,
    workload: &str,
    expected: &str,
) -> Result<Vec<Row>, Error> {
    let samples = interleaved(
        entries.len(),
        rounds,
        |entry| entries[entry].rounds(rounds),
        |entry| checked(&entries[entry], workload, expected),
    )?;
    let rows = entries.iter().zip(&samples);
    Ok(rows
        .map(|(entry, samples)| row(workload, entry, samples, expected))
        .collect())
}

/// Runs a contestant once and compares its result: the workload's own seconds, and the process.
fn checked(entry: &Entry, workload: &str, expected: &str) -> Result<(f64, Sample), Error> {
    let (own, sample) = entry.run()?;
    let found = sample.output.split_whitespace().next().unwrap_or("");
    if found == expected {
        return Ok((own, sample));
    }
    Err(Error::Disagreement {
        workload: workload.into(),
        first: "the published value".into(),
        expected: expected.into(),
        second: entry.contestant.into(),
        found: found.into(),
    })
}

fn row(workload: &str, entry: &Entry, samples: &[(f64, Sample)], result: &str) -> Row {
    let memory = samples.iter().map(|(_, sample)| sample.peak_memory).max();
    Row {
        workload: workload.into(),
        contestant: entry.contestant.into(),
        seconds: Series::new(samples.iter().map(|(own, _)| *own).collect()),
        process_seconds: Series::new(samples.iter().map(|(_, sample)| sample.seconds).collect()),
        peak_memory: memory.unwrap_or(0),
        lines: None,
        result: Some(result.into()),
    }
}
