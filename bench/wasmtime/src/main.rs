//! Runs a WebAssembly module's export `run` with wasmtime.
//!
//! Prints the result and the seconds that the call took. Loading and compiling the module is not counted, as it is not for
//! the other contestants that report their own time. With `--load` it only compiles the module, on one thread, and prints
//! `compile` and the seconds; with `--start` it runs the export `_start`, with as much of WASI as `puts` needs; with `--count` it
//! runs `run` and prints how many instructions that took, of those that do something (`nop`, `drop`, blocks and their ends do not).
//! With `--canonical-nans` every NaN is made canonical, as CVM's instructions do it.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use wasmtime::{Caller, Config, Engine, Error, Extern, Instance, Linker, Module, Store};

#[path = "../../src/puts.rs"]
mod puts;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let mut has = |flag: &str| arguments.next_if(|argument| argument == flag).is_some();
    let step: fn(&Path) -> wasmtime::Result<()> = if has("--load") {
        load
    } else if has("--start") {
        start
    } else if has("--count") {
        count
    } else if has("--canonical-nans") {
        run_canonical
    } else {
        run
    };
    let Some(path) = arguments.next() else {
        eprintln!("usage: run-wasmtime [--load | --start | --count | --canonical-nans] MODULE");
        return ExitCode::from(64);
    };
    match step(path.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> wasmtime::Result<()> {
    let bytes = std::fs::read(path)?;
    let engine = Engine::default();
    let start = Instant::now();
    Module::new(&engine, bytes)?;
    println!("compile {:.6}", start.elapsed().as_secs_f64());
    Ok(())
}

fn run(path: &Path) -> wasmtime::Result<()> {
    run_on(&Engine::default(), path)
}

fn run_canonical(path: &Path) -> wasmtime::Result<()> {
    let mut config = Config::new();
    config.cranelift_nan_canonicalization(true);
    run_on(&Engine::new(&config)?, path)
}

fn run_on(engine: &Engine, path: &Path) -> wasmtime::Result<()> {
    let module = Module::new(engine, std::fs::read(path)?)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
    let start = Instant::now();
    let result = run.call(&mut store, ())?;
    println!("{result} {:.6}", start.elapsed().as_secs_f64());
    Ok(())
}

fn count(path: &Path) -> wasmtime::Result<()> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    store.set_fuel(u64::MAX)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
    run.call(&mut store, ())?;
    println!("{}", u64::MAX - store.get_fuel()?);
    Ok(())
}

fn start(path: &Path) -> wasmtime::Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    let instance = puts::linker(&engine)?.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call(&mut store, ())
}

fn failure(message: &'static str) -> Error {
    Error::msg(message)
}
