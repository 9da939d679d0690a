//! Starting `hello`, written in C with the C library, from its module.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::measure::{Output, execute};
use crate::report::Table;
use crate::startup::{Contestant, EMPTY, EMPTY_C, HELLO_C, measure};
use crate::tools::{Tools, find};

/// Measures and prints; nothing if there is no C library for WebAssembly.
pub(super) fn run(
    tools: &Tools,
    rounds: usize,
    directory: &Path,
    table: &mut Table,
) -> Result<(), Error> {
    if find("gcc", "--version").is_none() || find("clang", "--version").is_none() {
        return Ok(());
    }
    let source = directory.join("hello.c");
    std::fs::write(&source, HELLO_C).map_err(Error::io("hello.c"))?;
    let module = directory.join("hello.wasm");
    match super::compile(&source, &module) {
        Ok(()) => {}
        Err(Error::Failed { .. }) => {
            eprintln!("clang has no C library for WebAssembly: hello is left out");
            return Ok(());
        }
        Err(other) => return Err(other),
    }
    let mut contestants = Vec::new();
    let mut add = |name, program: &Path, arguments: &[&str], file: Option<&Path>, prints| {
        let arguments = arguments.iter().map(OsString::from);
        contestants.push(Contestant {
            name,
            program: program.into(),
            arguments: arguments.chain(file.map(OsString::from)).collect(),
            prints,
        });
    };
    let empty = directory.join("empty.c");
    std::fs::write(&empty, EMPTY_C).map_err(Error::io("empty.c"))?;
    for (name, source, prints) in [(EMPTY, &empty, ""), ("C, hello", &source, "hello")] {
        let binary = source.with_extension("native");
        let mut compile = Command::new("gcc");
        compile.args(["-O2", "-o"]).arg(&binary).arg(source);
        execute(&mut compile, Output::Dropped)?;
        add(name, &binary, &[], None, prints);
    }
    let image = directory.join("hello.cvm");
    let mut translate = Command::new(&tools.cvm_wasm);
    execute(
        translate.arg("-o").arg(&image).arg(&module),
        Output::Dropped,
    )?;
    for (name, engine, file) in [
        ("cvm auto, .wasm", "auto", &module),
        ("cvm interp, .wasm", "interp", &module),
        ("cvm jit, .wasm", "jit", &module),
        ("cvm auto, .cvm", "auto", &image),
        ("cvm interp, .cvm", "interp", &image),
    ] {
        add(
            name,
            &tools.cvm,
            &["run", "--engine", engine],
            Some(file),
            "hello",
        );
    }
    let own = std::env::current_exe().map_err(Error::io("this program's file"))?;
    add("wasmi", &own, &["wasm", "--start"], Some(&module), "hello");
    let wasmtime = tools.build_wasmtime()?;
    add("wasmtime", &wasmtime, &["--start"], Some(&module), "hello");
    table.rows.extend(measure("hello", &contestants, rounds)?);
    Ok(())
}
