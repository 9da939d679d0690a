//! Measures CVM against other tools, side by side in one run.
//!
//! ```text
//! cargo run --release --manifest-path bench/Cargo.toml -- [assemble|disassemble|programs|foreign|library|startup|load|auto|protection|webassembly|all]
//! ```
//!
//! What is measured, and how, is in `bench/README.md`. A tool that is not installed is left out with a message. Results
//! go to standard output as tables and to `bench/results/` as JSON.

mod assemble;
mod auto;
mod disassemble;
mod foreign;
mod library;
mod lines;
mod load;
mod measure;
mod programs;
mod protection;
mod report;
mod startup;
mod tools;
mod wasm;
mod wat;
mod webassembly;
mod x86;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::tools::Tools;

/// Measures CVM against other tools, side by side in one run.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    what: What,

    /// How often each contestant runs; the rounds are interleaved
    #[arg(long, global = true, default_value_t = 7)]
    rounds: usize,

    /// Only workloads whose name contains this
    #[arg(long, global = true, default_value = "")]
    only: String,

    /// Where the JSON goes
    #[arg(long, global = true, value_name = "DIR")]
    results: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// cvm-asm, gas and wat2wasm on a generated source of a million lines
    Assemble,
    /// cvm-disasm, objdump and wasm-objdump on what the assemblers made of it
    Disassemble,
    /// Calls of C: cvm, libffi, LuaJIT and Python beside C itself
    Foreign,
    /// The standard library beside Lua's: maps, sorting, blocks of memory, printing, JSON
    Library,
    /// CVM's engines, gcc, clang, wasmtime, wasmi, Lua, LuaJIT and Python on programs of about a second
    Programs {
        /// Only contestants whose name contains one of these, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        contestants: Vec<String>,
    },
    /// Starting the smallest program, beside others and an empty C program
    Startup,
    /// Reading, verifying, translating and compiling a large module
    Load,
    /// The engine that chooses beside the compiler, on programs of a second or more
    Auto,
    /// What each check costs: the same programs compiled without it
    Protection,
    /// C compiled to WebAssembly: CVM beside wasmi, wasmtime and native compilers; translating modules; their sizes
    Webassembly {
        /// A module that is translated and counted besides those that are built here
        #[arg(long = "module", value_name = "FILE")]
        modules: Vec<PathBuf>,
    },
    /// Everything
    All,
    /// Runs a WebAssembly module's export `run` with wasmi; prints its result and the seconds (used by the others)
    #[command(hide = true)]
    Wasm {
        /// The module
        module: PathBuf,
        /// Only translates it, and prints the seconds of that
        #[arg(long)]
        load: bool,
        /// Runs its export `_start`, with as much of WASI as `puts` needs
        #[arg(long, conflicts_with = "load")]
        start: bool,
    },
    /// Runs a program and writes its time and peak memory to a file (used by the others)
    #[command(hide = true)]
    Execute {
        /// The file
        usage: PathBuf,
        /// The program and its arguments
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

/// What can go wrong outside the programs that are measured.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A file or process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A program that must work did not.
    #[error("`{command}` ended with {status}:\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it wrote to standard error.
        output: String,
    },
    /// Two contestants computed different things.
    #[error("{workload}: {first} gives {expected}, {second} gives {found}")]
    Disagreement {
        /// The workload.
        workload: String,
        /// The contestant that the others are compared with.
        first: String,
        /// Its result.
        expected: String,
        /// The other one.
        second: String,
        /// The other result.
        found: String,
    },
    /// Something was not as expected.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Makes an error of a system error.
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    if let What::Wasm {
        module,
        load,
        start,
    } = &arguments.what
    {
        return match (load, start) {
            (true, _) => wasm::load(module),
            (_, true) => wasm::start(module),
            _ => wasm::run(module),
        };
    }
    if let What::Execute { usage, command } = &arguments.what {
        return measure::execute_here(usage, command);
    }
    let tools = Tools::build()?;
    let rounds = arguments.rounds.max(1);
    let results = arguments
        .results
        .clone()
        .unwrap_or_else(|| tools.bench.join("results"));
    let mut tables = Vec::new();
    if matches!(arguments.what, What::Assemble | What::All) {
        tables.push(assemble::run(&tools, rounds)?);
    }
    if matches!(arguments.what, What::Disassemble | What::All) {
        tables.push(disassemble::run(&tools, rounds)?);
    }
    let contestants = match &arguments.what {
        What::Programs { contestants } => Some(contestants.clone()),
        What::All => Some(Vec::new()),
        _ => None,
    };
    if let Some(contestants) = contestants {
        let choice = programs::Choice {
            rounds,
            only: arguments.only.clone(),
            contestants,
        };
        tables.push(programs::run(&tools, &choice)?);
    }
    if matches!(arguments.what, What::Foreign | What::All) {
        tables.push(foreign::run(&tools, rounds)?);
    }
    if matches!(arguments.what, What::Library | What::All) {
        tables.push(library::run(&tools, rounds, &arguments.only)?);
    }
    if matches!(arguments.what, What::Startup | What::All) {
        tables.push(startup::run(&tools, rounds)?);
    }
    if matches!(arguments.what, What::Load | What::All) {
        tables.push(load::run(&tools, rounds)?);
    }
    if matches!(arguments.what, What::Auto | What::All) {
        tables.push(auto::run(&tools, rounds, &arguments.only)?);
    }
    if matches!(arguments.what, What::Protection | What::All) {
        tables.push(protection::run(&tools, rounds, &arguments.only)?);
    }
    let modules = match &arguments.what {
        What::Webassembly { modules } => Some(&modules[..]),
        What::All => Some(&[][..]),
        _ => None,
    };
    if let Some(modules) = modules {
        let table = webassembly::run(&tools, rounds, &arguments.only, modules)?;
        tables.push(table);
    }
    for table in &tables {
        report::write_json(&results, table, &tools)?;
    }
    Ok(())
}
