//! Runs a WebAssembly module with wasmi, in a process of its own.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use wasmi::{Caller, CompilationMode, Config, Engine, Extern, Linker, Module, Store};

use crate::Error;

/// Calls the export `run` and prints its result and the seconds that the call took. Loading and translating the module
/// is not counted, as it is not for the other contestants that report their own time.
pub(crate) fn run(path: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
    let (result, seconds) =
        call(&bytes).map_err(|error| Error::Other(format!("{}: {error}", path.display())))?;
    println!("{result} {seconds:.6}");
    Ok(())
}

/// Translates a module, all of it at once, and prints `translate` and the seconds.
pub(crate) fn load(path: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config);
    let start = Instant::now();
    let module = Module::new(&engine, &bytes);
    let seconds = start.elapsed().as_secs_f64();
    module.map_err(|error| Error::Other(format!("{}: {error}", path.display())))?;
    println!("translate {seconds:.6}");
    Ok(())
}

fn call(bytes: &[u8]) -> Result<(i64, f64), wasmi::Error> {
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
pub(crate) fn start(path: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(path).map_err(Error::io(path.display().to_string()))?;
    let done = call_start(&bytes);
    done.map_err(|error| Error::Other(format!("{}: {error}", path.display())))
}

fn call_start(bytes: &[u8]) -> Result<(), wasmi::Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, ());
    let instance = wasi(&engine)?.instantiate_and_start(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
    start.call(&mut store, ())
}

/// The functions of WASI that a program needs to write to standard output and return: `fd_write`, and answers that files
/// cannot be asked or closed.
fn wasi(engine: &Engine) -> Result<Linker<()>, wasmi::Error> {
    const NAMESPACE: &str = "wasi_snapshot_preview1";
    /// `EBADF` and `EINVAL` of WASI.
    const BAD_FILE: i32 = 8;
    const INVALID: i32 = 28;
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        NAMESPACE,
        "fd_write",
        |mut caller: Caller<'_, ()>, file: i32, list: i32, count: i32, written: i32| {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                return INVALID;
            };
            if file != 1 {
                return BAD_FILE;
            }
            let done = print_all(memory.data_mut(&mut caller), list, count, written);
            done.map_or(INVALID, |()| 0)
        },
    )?;
    linker.func_wrap(NAMESPACE, "fd_close", |_: i32| BAD_FILE)?;
    linker.func_wrap(NAMESPACE, "fd_seek", |_: i32, _: i64, _: i32, _: i32| {
        BAD_FILE
    })?;
    linker.func_wrap(NAMESPACE, "fd_fdstat_get", |_: i32, _: i32| BAD_FILE)?;
    linker.func_wrap(NAMESPACE, "proc_exit", |_: i32| {
        Err::<(), _>(wasmi::Error::new("the program failed"))
    })?;
    Ok(linker)
}

/// Writes what a list of (address, length) says to standard output, and how many bytes that were to `written`.
fn print_all(memory: &mut [u8], list: i32, count: i32, written: i32) -> Option<()> {
    let word = |memory: &[u8], at: u32| {
        let bytes = memory.get(at as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let mut total = 0u32;
    let mut output = std::io::stdout().lock();
    for number in 0..count as u32 {
        let entry = (list as u32).checked_add(number.checked_mul(8)?)?;
        let (start, length) = (word(memory, entry)?, word(memory, entry.checked_add(4)?)?);
        let text = memory.get(start as usize..)?.get(..length as usize)?;
        output.write_all(text).ok()?;
        total = total.checked_add(length)?;
    }
    output.flush().ok()?;
    let place = memory
        .get_mut(written as u32 as usize..)?
        .first_chunk_mut()?;
    *place = total.to_le_bytes();
    Some(())
}
