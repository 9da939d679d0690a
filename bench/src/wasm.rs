//! Runs a WebAssembly module with wasmi, in a process of its own.

use std::path::Path;
use std::time::Instant;

use wasmi::{Caller, CompilationMode, Config, Engine, Error, Extern, Linker, Module, Store};

#[path = "puts.rs"]
mod puts;

/// Calls the export `run` and prints its result and the seconds that the call took. Loading and translating the module
/// is not counted, as it is not for the other contestants that report their own time.
pub(crate) fn run(path: &Path) -> Result<(), crate::Error> {
    let bytes = std::fs::read(path).map_err(crate::Error::io(path.display().to_string()))?;
    let (result, seconds) = call(&bytes)
        .map_err(|error| crate::Error::Other(format!("{}: {error}", path.display())))?;
    println!("{result} {seconds:.6}");
    Ok(())
}

/// Translates a module, all of it at once, and prints `translate` and the seconds.
pub(crate) fn load(path: &Path) -> Result<(), crate::Error> {
    let bytes = std::fs::read(path).map_err(crate::Error::io(path.display().to_string()))?;
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config);
    let start = Instant::now();
    let module = Module::new(&engine, &bytes);
    let seconds = start.elapsed().as_secs_f64();
    module.map_err(|error| crate::Error::Other(format!("{}: {error}", path.display())))?;
    println!("translate {seconds:.6}");
    Ok(())
}

fn call(bytes: &[u8]) -> Result<(i64, f64), Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, ());
    let instance = <Linker<()>>::new(&engine).instantiate_and_start(&mut store, &module)?;
    let run = instance.get_typed_func::<(), i64>(&store, "run")?;
    let start = Instant::now();
    let result = run.call(&mut store, ())?;
    Ok((result, start.elapsed().as_secs_f64()))
}

/// Runs a program's export `_start`.
pub(crate) fn start(path: &Path) -> Result<(), crate::Error> {
    let bytes = std::fs::read(path).map_err(crate::Error::io(path.display().to_string()))?;
    let done = call_start(&bytes);
    done.map_err(|error| crate::Error::Other(format!("{}: {error}", path.display())))
}

fn call_start(bytes: &[u8]) -> Result<(), Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, ());
    let instance = puts::linker(&engine)?.instantiate_and_start(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
    start.call(&mut store, ())
}

fn failure(message: &'static str) -> Error {
    Error::new(message)
}
