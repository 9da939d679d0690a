//! Tables on standard output, and the same as JSON.

use std::path::Path;

use serde::Serialize;

use crate::Error;
use crate::measure::Series;
use crate::tools::{Tools, load, machine};

/// What was measured in one part of the benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// The part's name, as on the command line.
    pub(crate) name: &'static str,
    /// Versions and sizes, as (label, text).
    pub(crate) facts: Vec<(String, String)>,
    /// A row for each contestant of each workload.
    pub(crate) rows: Vec<Row>,
}

/// One contestant on one workload.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The workload.
    pub(crate) workload: String,
    /// The contestant.
    pub(crate) contestant: String,
    /// Seconds of the workload itself where the contestant can tell, else of the process.
    pub(crate) seconds: Series,
    /// Seconds of the process.
    pub(crate) process_seconds: Series,
    /// Peak resident memory in bytes, the largest seen.
    pub(crate) peak_memory: u64,
    /// Lines that were read (assemblers) or printed (disassemblers).
    pub(crate) lines: Option<u64>,
    /// What it computed.
    pub(crate) result: Option<String>,
}

/// Prints rows of cells, the first two columns to the left, the others to the right.
pub(crate) fn print_columns(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if column < 2 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Writes a table to `NAME.json` in a directory.
pub(crate) fn write_json(directory: &Path, table: &Table, tools: &Tools) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Document<'a> {
        version: u32,
        machine: String,
        load_at_the_end: String,
        commit: String,
        #[serde(flatten)]
        table: &'a Table,
    }
    let document = Document {
        version: 1,
        machine: machine(),
        load_at_the_end: load(),
        commit: commit(tools),
        table,
    };
    let path = directory.join(format!("{}.json", table.name));
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Error::Other(format!("{}: {error}", path.display())))?;
    std::fs::create_dir_all(directory).map_err(Error::io(directory.display().to_string()))?;
    std::fs::write(&path, text + "\n").map_err(Error::io(path.display().to_string()))?;
    eprintln!("{}", path.display());
    Ok(())
}

/// The commit of this tree, with a `+` if it was changed since.
fn commit(tools: &Tools) -> String {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git")
            .current_dir(&tools.bench)
            .args(args)
            .output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let Some(hash) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".into();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    if changed.is_empty() { hash } else { hash + "+" }
}

/// `1.23 M/s`, `456 k/s`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.2} M/s", per_second / 1e6)
    } else {
        format!("{:.0} k/s", per_second / 1e3)
    }
}

/// A duration with three digits.
pub(crate) fn seconds(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.1} s")
    } else if value >= 1.0 {
        format!("{value:.2} s")
    } else if value >= 0.01 {
        format!("{:.0} ms", value * 1e3)
    } else {
        format!("{:.3} ms", value * 1e3)
    }
}

/// `±3 %`.
pub(crate) fn percent(part: f64) -> String {
    format!("±{:.0} %", part * 50.0)
}
