//! Starting the smallest program: the whole process, from its start to its end.
//!
//! Every contestant prints `hello` and ends, but for an empty C program, which tells what a process costs here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::assemble::cells;
use crate::measure::{Output, Series, execute, interleaved};
use crate::report::{Row, Table, percent, print_columns, seconds};
use crate::tools::{Tools, find};

/// A process takes a millisecond: so many more rounds than asked for.
const TIMES: usize = 30;

/// The contestant that the others are compared with.
pub(crate) const EMPTY: &str = "C, empty";

/// What it is compiled from.
pub(crate) const EMPTY_C: &str = "int main(void) { return 0; }\n";

/// The program in C.
pub(crate) const HELLO_C: &str =
    "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

const HELLO: &str = "\
.entry main
.host sys.write (file, buffer, length) -> 1
.data
text:   .ascii \"hello\\n\"
text_end:
.text
.func main ()
    push 1
    push d:text
    push text_end - text
    call sys.write
    drop
    ret
.end
";

const WAT: &str = "(module (func (export \"run\") (result i64) i64.const 0))";

/// A process that is started and ends.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// What its output begins with.
    pub(crate) prints: &'static str,
}

/// Measures and prints.
pub(crate) fn run(tools: &Tools, rounds: usize) -> Result<Table, Error> {
    let directory = tempfile::tempdir().map_err(Error::io("temporary files"))?;
    let mut facts = Vec::new();
    let contestants = prepare(tools, directory.path(), &mut facts)?;
    let rows = measure("hello", &contestants, rounds)?;
    Ok(Table {
        name: "startup",
        facts,
        rows,
    })
}

/// Runs and prints the contestants, of which each starts and ends many times a round.
pub(crate) fn measure(
    workload: &str,
    contestants: &[Contestant],
    rounds: usize,
) -> Result<Vec<Row>, Error> {
    let rounds = rounds * TIMES;
    let samples = interleaved(
        contestants.len(),
        rounds,
        |_| rounds,
        |number| {
            let Contestant {
                name,
                program,
                arguments,
                prints,
            } = &contestants[number];
            let sample = execute(Command::new(program).args(arguments), Output::Kept)?;
            if sample.output.trim_end().starts_with(prints) {
                return Ok(sample);
            }
            Err(Error::Disagreement {
                workload: workload.into(),
                first: "the program".into(),
                expected: (*prints).into(),
                second: (*name).into(),
                found: sample.output,
            })
        },
    )?;
    let series: Vec<Series> = samples
        .iter()
        .map(|samples| Series::new(samples.iter().map(|s| s.seconds).collect()))
        .collect();
    let empty = contestants.iter().position(|c| c.name == EMPTY);
    let empty = empty.map(|number| series[number].median());
    let mut printed = vec![cells([
        "",
        "",
        "time",
        "",
        "over an empty C program",
        "peak memory",
    ])];
    let mut rows = Vec::new();
    for ((contestant, series), samples) in contestants.iter().zip(series).zip(&samples) {
        let peak_memory = samples.iter().map(|s| s.peak_memory).max().unwrap_or(0);
        let over = empty.map(|empty| format!("{:+.3} ms", 1e3 * (series.median() - empty)));
        printed.push(vec![
            contestant.name.into(),
            String::new(),
            seconds(series.median()),
            percent(series.spread()),
            over.unwrap_or_default(),
            format!("{:.1} MiB", peak_memory as f64 / 1_048_576.0),
        ]);
        rows.push(Row {
            workload: workload.into(),
            contestant: contestant.name.into(),
            process_seconds: series.clone(),
            seconds: series,
            peak_memory,
            lines: None,
            result: None,
        });
    }
    println!(
        "\nStarting the smallest program, {rounds} interleaved rounds, medians of processes\n"
    );
    print_columns(&printed);
    Ok(rows)
}

/// Writes the programs, and finds who can run them.
fn prepare(
    tools: &Tools,
    directory: &Path,
    facts: &mut Vec<(String, String)>,
) -> Result<Vec<Contestant>, Error> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(Error::io(path.display().to_string()))?;
        Ok::<PathBuf, Error>(path)
    };
    let mut contestants = Vec::new();
    let mut add = |name, program: &Path, arguments: Vec<OsString>, prints| {
        contestants.push(Contestant {
            name,
            program: program.into(),
            arguments,
            prints,
        });
    };
    if let Some(version) = find("gcc", "--version") {
        facts.push(("gcc".into(), version));
        for (name, text, prints) in [(EMPTY, EMPTY_C, ""), ("C, hello", HELLO_C, "hello")] {
            let source = write(&format!("{}.c", prints.len()), text)?;
            let binary = source.with_extension("");
            let mut compile = Command::new("gcc");
            compile.args(["-O2", "-o"]).arg(&binary).arg(&source);
            execute(&mut compile, Output::Dropped)?;
            add(name, &binary, Vec::new(), prints);
        }
    }
    let image = directory.join("hello.cvm");
    let source = write("hello.cvma", HELLO)?;
    let mut assemble = Command::new(&tools.cvm_asm);
    execute(assemble.arg("-o").arg(&image).arg(&source), Output::Dropped)?;
    for (name, engine) in [
        ("cvm auto", "auto"),
        ("cvm interp", "interp"),
        ("cvm jit", "jit"),
    ] {
        let arguments = ["run", "--engine", engine].map(OsString::from);
        let arguments = arguments
            .into_iter()
            .chain([image.clone().into()])
            .collect();
        add(name, &tools.cvm, arguments, "hello");
    }
    add(
        "cvm auto, from source",
        &tools.cvm,
        vec!["run".into(), source.into()],
        "hello",
    );
    for lua in ["lua5.4", "luajit"] {
        if let Some(version) = find(lua, "-v") {
            facts.push((lua.into(), version));
            let script = write("hello.lua", "print(\"hello\")\n")?;
            let name = if lua == "luajit" { "LuaJIT" } else { "Lua" };
            add(name, Path::new(lua), vec![script.into()], "hello");
        }
    }
    if find("wat2wasm", "--version").is_some() {
        let text = write("hello.wat", WAT)?;
        let module = directory.join("hello.wasm");
        let mut assemble = Command::new("wat2wasm");
        execute(assemble.arg("-o").arg(&module).arg(&text), Output::Dropped)?;
        let module = OsString::from(module);
        let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
        add("wasmi", &own, vec!["wasm".into(), module.clone()], "0");
        add("wasmtime", &tools.build_wasmtime()?, vec![module], "0");
    }
    if let Some(version) = find("python3", "--version") {
        facts.push(("python3".into(), version));
        let script = write("hello.py", "print(\"hello\")\n")?;
        add(
            "Python",
            Path::new("python3"),
            vec!["-B".into(), script.into()],
            "hello",
        );
    }
    Ok(contestants)
}
