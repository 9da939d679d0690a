//! Runs a WebAssembly module's export `run` with wasmtime.
//!
//! Prints the result and the seconds that the call took. Loading and compiling the module is not counted, as it is not for
//! the other contestants that report their own time.

use std::process::ExitCode;
use std::time::Instant;

use wasmtime::{Engine, Instance, Module, Store};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: run-wasmtime MODULE");
        return ExitCode::from(64);
    };
    match run(path.as_ref()) {
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

fn run(path: &std::path::Path) -> wasmtime::Result<(i64, f64)> {
    let engine = Engine::default();
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
    let start = Instant::now();
    let result = run.call(&mut store, ())?;
    Ok((result, start.elapsed().as_secs_f64()))
}
