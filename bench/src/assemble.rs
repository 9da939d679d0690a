//! Assemblers on a generated source: cvm-asm, and gas and wat2wasm on the same source in their languages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Output, Sample, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, rate, seconds};
use crate::tools::{Tools, find};
use crate::{Error, wat, x86};

/// Lines and functions of the large source.
const LARGE: (u64, u64) = (1_000_000, 20_000);
/// Lines and functions of the small one, for linearity.
const SMALL: (u64, u64) = (100_000, 2_000);

/// A source in the three languages.
pub(crate) struct Sources {
    directory: tempfile::TempDir,
}

impl Sources {
    /// Generates a source with so many lines and functions, and says it in the other languages.
    fn generate(tools: &Tools, (lines, functions): (u64, u64)) -> Result<Sources, Error> {
        let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
        let sources = Sources { directory };
        let mut command = Command::new(&tools.generate_source);
        command.arg(lines.to_string()).arg(functions.to_string());
        execute(&mut command, Output::File(&sources.path("cvma")))?;
        let source =
            std::fs::read_to_string(sources.path("cvma")).map_err(Error::io("the source"))?;
        for (extension, text) in [
            ("s", x86::translate(&source)?),
            ("wat", wat::translate(&source)?),
        ] {
            let path = sources.path(extension);
            std::fs::write(&path, text).map_err(Error::io(path.display().to_string()))?;
        }
        Ok(sources)
    }

    /// The large source, and what the assemblers that are there make of it.
    pub(crate) fn assembled(tools: &Tools) -> Result<(Sources, Vec<Contestant>), Error> {
        let sources = Sources::generate(tools, LARGE)?;
        let contestants = contestants(tools);
        for contestant in &contestants {
            contestant.assemble(&sources)?;
        }
        Ok((sources, contestants))
    }

    /// The file with this extension.
    pub(crate) fn path(&self, extension: &str) -> PathBuf {
        self.directory.path().join(format!("source.{extension}"))
    }

    fn size(&self, extension: &str) -> Result<u64, Error> {
        let path = self.path(extension);
        let metadata = std::fs::metadata(&path).map_err(Error::io(path.display().to_string()))?;
        Ok(metadata.len())
    }
}

/// An assembler.
pub(crate) struct Contestant {
    /// Its name in tables.
    pub(crate) name: &'static str,
    program: PathBuf,
    flags: &'static [&'static str],
    source: &'static str,
    object: &'static str,
    version: String,
}

impl Contestant {
    fn assemble(&self, sources: &Sources) -> Result<Sample, Error> {
        let mut command = Command::new(&self.program);
        command
            .args(self.flags)
            .arg("-o")
            .arg(sources.path(self.object))
            .arg(sources.path(self.source));
        execute(&mut command, Output::Dropped)
    }
}

fn contestants(tools: &Tools) -> Vec<Contestant> {
    let own = |name, flags, object| Contestant {
        name,
        program: tools.cvm_asm.clone(),
        flags,
        source: "cvma",
        object,
        version: String::new(),
    };
    let mut contestants = vec![
        own("cvm-asm", &[], "cvm"),
        own("cvm-asm -g", &["-g"], "debug.cvm"),
    ];
    for (name, flags, source, object) in [
        ("as", &[][..], "s", "o"),
        ("wat2wasm", &[][..], "wat", "wasm"),
    ] {
        if let Some(version) = find(name, "--version") {
            contestants.push(Contestant {
                name: if name == "as" { "gas" } else { name },
                program: Path::new(name).to_path_buf(),
                flags,
                source,
                object,
                version,
            });
        }
    }
    contestants
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize) -> Result<Table, Error> {
    let contestants = contestants(tools);
    let mut table = Table {
        name: "assemble",
        facts: Vec::new(),
        rows: Vec::new(),
    };
    for contestant in contestants.iter().filter(|c| !c.version.is_empty()) {
        table
            .facts
            .push((contestant.name.into(), contestant.version.clone()));
    }
    let mut printed = vec![cells([
        "source",
        "assembler",
        "time",
        "",
        "lines/s",
        "against gas",
        "peak memory",
    ])];
    let mut medians = Vec::new();
    for size in [SMALL, LARGE] {
        let sources = Sources::generate(tools, size)?;
        let (lines, functions) = size;
        let workload = format!("{lines} lines, {functions} functions");
        let samples = interleaved(
            contestants.len(),
            rounds,
            |_| rounds,
            |contestant| contestants[contestant].assemble(&sources),
        )?;
        let series: Vec<Series> = samples
            .iter()
            .map(|s| Series::new(s.iter().map(|s| s.seconds).collect()))
            .collect();
        let gas = contestants
            .iter()
            .position(|c| c.name == "gas")
            .map(|gas| series[gas].median());
        for ((contestant, series), samples) in contestants.iter().zip(series).zip(&samples) {
            let median = series.median();
            let peak_memory = samples.iter().map(|s| s.peak_memory).max().unwrap_or(0);
            let source_size = sources.size(contestant.source)?;
            printed.push(vec![
                workload.clone(),
                contestant.name.into(),
                seconds(median),
                percent(series.spread()),
                rate(lines as f64 / median),
                gas.map_or(String::new(), |gas| format!("{:.2} x", gas / median)),
                format!(
                    "{} MiB = {:.1} x source",
                    peak_memory >> 20,
                    peak_memory as f64 / source_size as f64
                ),
            ]);
            medians.push((contestant.name, median));
            table.rows.push(Row {
                workload: workload.clone(),
                contestant: contestant.name.into(),
                process_seconds: series.clone(),
                seconds: series,
                peak_memory,
                lines: Some(lines),
                result: None,
            });
        }
    }
    println!("\nAssembling, {rounds} interleaved rounds, medians of whole processes\n");
    print_columns(&printed);
    println!();
    for contestant in &contestants {
        let times: Vec<f64> = medians
            .iter()
            .filter(|(name, _)| *name == contestant.name)
            .map(|(_, m)| *m)
            .collect();
        if let [small, large] = times[..] {
            println!(
                "{}: ten times the lines take {:.1} times as long",
                contestant.name,
                large / small
            );
        }
    }
    Ok(table)
}

/// A row of text.
pub(crate) fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_string).to_vec()
}
