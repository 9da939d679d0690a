//! Runs a WebAssembly module's export `run` with wasmtime.
//!
//! Prints the result and the seconds that the call took. Loading and compiling the module is not counted, as it is not for
//! the other contestants that report their own time. With `--load` it only compiles the module, on one thread, and prints
//! `compile` and the seconds. With `--canonical-nans` every NaN is made canonical, as CVM's instructions do it.

use std::process::ExitCode;
use std::time::Instant;

use wasmtime::{Config, Engine, Instance, Module, Store};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let loads = arguments.next_if(|argument| argument == "--load").is_some();
    let canonical = arguments
        .next_if(|argument| argument == "--canonical-nans")
        .is_some();
    let Some(path) = arguments.next() else {
        eprintln!("usage: run-wasmtime [--load | --canonical-nans] MODULE");
        return ExitCode::from(64);
    };
    if loads {
        return match load(path.as_ref()) {
            Ok(seconds) => {
                println!("compile {seconds:.6}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                ExitCode::FAILURE
            }
        };
    }
    match run(path.as_ref(), canonical) {
        Ok((result, seconds)) => {
            println!("{result} {seconds:.6}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn load(path: &std::path::Path) -> wasmtime::Result<f64> {
    let bytes = std::fs::read(path)?;
    let engine = Engine::default();
    let start = Instant::now();
    Module::new(&engine, bytes)?;
    Ok(start.elapsed().as_secs_f64())
}

fn run(path: &std::path::Path, canonical: bool) -> wasmtime::Result<(i64, f64)> {
    let mut config = Config::new();
    config.cranelift_nan_canonicalization(canonical);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
    let start = Instant::now();
    let result = run.call(&mut store, ())?;
    Ok((result, start.elapsed().as_secs_f64()))
}
