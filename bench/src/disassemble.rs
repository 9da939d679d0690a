//! Disassemblers on what the assemblers made of the large generated source.

use std::path::PathBuf;
use std::process::Command;

use crate::Error;
use crate::assemble::{Sources, cells};
use crate::measure::{Output, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, rate, seconds};
use crate::tools::{Tools, find};

struct Contestant {
    name: &'static str,
    program: PathBuf,
    flags: &'static [&'static str],
    input: &'static str,
    version: String,
    /// Lines that it prints.
    lines: u64,
}

impl Contestant {
    fn command(&self, sources: &Sources) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.flags).arg(sources.path(self.input));
        command
    }
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize) -> Result<Table, Error> {
    let (sources, assemblers) = Sources::assembled(tools)?;
    let own = |name, flags| Contestant {
        name,
        program: tools.cvm_disasm.clone(),
        flags,
        input: "cvm",
        version: String::new(),
        lines: 0,
    };
    let mut contestants = vec![
        own("cvm-disasm", &[]),
        own("cvm-disasm --exact", &["--exact"]),
    ];
    for (name, program, flags, input, assembler) in [
        ("objdump -d", "objdump", &["-d"][..], "o", "gas"),
        (
            "wasm-objdump -d",
            "wasm-objdump",
            &["-d"][..],
            "wasm",
            "wat2wasm",
        ),
    ] {
        if !assemblers
            .iter()
            .any(|contestant| contestant.name == assembler)
        {
            continue;
        }
        if let Some(version) = find(program, "--version") {
            contestants.push(Contestant {
                name,
                program: program.into(),
                flags,
                input,
                version,
                lines: 0,
            });
        }
    }
    for contestant in &mut contestants {
        let output = sources.path("out");
        execute(&mut contestant.command(&sources), Output::File(&output))?;
        let text = std::fs::read(&output).map_err(Error::io(output.display().to_string()))?;
        contestant.lines = text.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    let samples = interleaved(
        contestants.len(),
        rounds,
        |_| rounds,
        |contestant| {
            execute(
                &mut contestants[contestant].command(&sources),
                Output::Dropped,
            )
        },
    )?;
    let mut table = Table {
        name: "disassemble",
        facts: Vec::new(),
        rows: Vec::new(),
    };
    for (contestant, samples) in contestants.iter().zip(&samples) {
        if !contestant.version.is_empty() {
            table
                .facts
                .push((contestant.name.into(), contestant.version.clone()));
        }
        let series = Series::new(samples.iter().map(|sample| sample.seconds).collect());
        table.rows.push(Row {
            workload: "what became of 1000000 lines".into(),
            contestant: contestant.name.into(),
            process_seconds: series.clone(),
            seconds: series,
            peak_memory: samples
                .iter()
                .map(|sample| sample.peak_memory)
                .max()
                .unwrap_or(0),
            lines: Some(contestant.lines),
            result: None,
        });
    }
    let rate_of = |row: &Row| row.lines.unwrap_or(0) as f64 / row.seconds.median();
    let objdump = table
        .rows
        .iter()
        .find(|row| row.contestant == "objdump -d")
        .map(rate_of);
    let mut printed = vec![cells([
        "disassembler",
        "lines",
        "time",
        "",
        "lines/s",
        "against objdump",
        "peak memory",
    ])];
    for row in &table.rows {
        printed.push(vec![
            row.contestant.clone(),
            row.lines.unwrap_or(0).to_string(),
            seconds(row.seconds.median()),
            percent(row.seconds.spread()),
            rate(rate_of(row)),
            objdump.map_or(String::new(), |objdump| {
                format!("{:.2} x", rate_of(row) / objdump)
            }),
            format!("{} MiB", row.peak_memory >> 20),
        ]);
    }
    println!(
        "\nDisassembling, {rounds} interleaved rounds, medians of whole processes, output dropped\n"
    );
    print_columns(&printed);
    Ok(table)
}
