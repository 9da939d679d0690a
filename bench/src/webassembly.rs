//! C as WebAssembly: the same modules on CVM's engines, wasmi and wasmtime, beside native compilers; and what translating
//! a module takes and makes.

mod hello;
mod repeat;
mod sizes;
mod translation;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::measure::{Output, execute};
use crate::programs::contestants::{Peers, module};
use crate::programs::print::{contestants, mean_ratio, median};
use crate::programs::{Choice, WORKLOADS, measured};
use crate::report::{Table, print_columns, seconds};
use crate::tools::{Tools, find};

/// Takes twenty seconds interpreted, in one loop that `bytecode` has as well.
const LEFT_OUT: &str = "subleq";

/// Whom CVM's engines are held against: (engine, contestant).
const RATIOS: [(&str, &str); 5] = [
    ("cvm interp", "wasmi"),
    ("cvm jit", "wasmtime"),
    ("cvm auto", "wasmtime"),
    ("cvm jit", "gcc -O2"),
    ("wasmtime", "gcc -O2"),
];

/// A module, and the name that it has in tables.
struct Sample {
    name: String,
    path: PathBuf,
    /// It has the export `run` and imports nothing.
    is_workload: bool,
}

/// Measures and prints. `modules` are translated and counted besides those that are built here.
pub(crate) fn run(
    tools: &Tools,
    rounds: usize,
    only: &str,
    modules: &[PathBuf],
) -> Result<Table, Error> {
    let choice = Choice {
        rounds,
        only: only.into(),
        contestants: ["cvm", "gcc", "clang", "wasm"].map(String::from).into(),
    };
    let peers = Peers::find(tools, &choice)?;
    let mut table = Table {
        name: "webassembly",
        facts: peers.facts().to_vec(),
        rows: Vec::new(),
    };
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let directory = directory.path();
    let mut built = workloads(tools, &peers, &choice, directory, &mut table)?;
    let with_library = library_programs(tools, directory)?;
    let given = modules.iter().map(|path| Sample {
        name: path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into(),
        path: path.clone(),
        is_workload: false,
    });
    let large: Vec<Sample> = with_library.into_iter().chain(given).collect();
    if "translation".contains(only) {
        translation::run(tools, rounds, &large, directory, &mut table)?;
    }
    if "hello".contains(only) {
        hello::run(tools, rounds, directory, &mut table)?;
    }
    built.extend(large);
    if "sizes".contains(only) {
        sizes::run(tools, &built, directory, &mut table)?;
    }
    Ok(table)
}

/// Runs the workloads; the modules that were made of them.
fn workloads(
    tools: &Tools,
    peers: &Peers,
    choice: &Choice,
    directory: &Path,
    table: &mut Table,
) -> Result<Vec<Sample>, Error> {
    let mut built = Vec::new();
    for (workload, expected) in WORKLOADS {
        if workload == LEFT_OUT || !workload.contains(&choice.only) {
            continue;
        }
        let entries = peers.prepare_c(tools, workload, directory)?;
        let rows = measured(&entries, choice.rounds, workload, expected)?;
        table.rows.extend(rows);
        let path = module(workload, directory);
        if path.exists() {
            let name = workload.to_string();
            built.push(Sample {
                name,
                path,
                is_workload: true,
            });
        }
        eprintln!("{workload} done");
    }
    if !table.rows.is_empty() {
        print(table, choice.rounds);
    }
    Ok(built)
}

/// Prints a line for each workload, and the geometric means.
fn print(table: &Table, rounds: usize) {
    let who = contestants(table);
    let mut head = vec!["workload".to_string()];
    head.extend(who.iter().map(|name| name.to_string()));
    head.extend(RATIOS.map(|(one, other)| format!("{one} / {other}")));
    let mut printed = vec![head];
    let workloads: Vec<&str> = WORKLOADS
        .iter()
        .map(|(workload, _)| *workload)
        .filter(|workload| table.rows.iter().any(|row| row.workload == *workload))
        .collect();
    for workload in workloads {
        let mut line = vec![workload.to_string()];
        let time = |name: &&str| median(table, workload, name).map_or(String::new(), seconds);
        line.extend(who.iter().map(time));
        line.extend(RATIOS.map(|(one, other)| {
            let both = median(table, workload, one).zip(median(table, workload, other));
            both.map_or(String::new(), |(one, other)| format!("{:.2}", one / other))
        }));
        printed.push(line);
    }
    let mut last = vec!["geometric mean".to_string()];
    last.extend(who.iter().map(|_| String::new()));
    last.extend(RATIOS.map(|(one, other)| {
        mean_ratio(table, one, other).map_or(String::new(), |(mean, _)| format!("{mean:.3}"))
    }));
    printed.push(last);
    println!(
        "\nC as WebAssembly, {rounds} interleaved rounds, medians of the workloads' own time\n"
    );
    print_columns(&printed);
}

/// The examples in C, with a C library, if there is one for WebAssembly.
fn library_programs(tools: &Tools, directory: &Path) -> Result<Vec<Sample>, Error> {
    if find("clang", "--version").is_none() {
        return Ok(Vec::new());
    }
    let mut programs = Vec::new();
    for name in ["words", "match", "calc"] {
        let source = tools.bench.join("../examples/c").join(name);
        let path = directory.join(name).with_extension("wasm");
        match compile(&source.with_extension("c"), &path) {
            Ok(()) => programs.push(Sample {
                name: name.into(),
                path,
                is_workload: false,
            }),
            Err(Error::Failed { .. }) => {
                eprintln!("clang has no C library for WebAssembly: {name} is left out");
                break;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(programs)
}

/// Compiles a C program with a C library.
fn compile(source: &Path, module: &Path) -> Result<(), Error> {
    let mut compile = Command::new("clang");
    compile.args(["--target=wasm32-wasi", "-O2", "-o"]);
    execute(compile.arg(module).arg(source), Output::Dropped).map(|_| ())
}
