//! Runs a WebAssembly module's export `run` with wasmtime.
//!
//! Prints the result and the seconds that the call took. Loading and compiling the module is not counted, as it is not for
//! the other contestants that report their own time. With `--load` it only compiles the module, on one thread, and prints
//! `compile` and the seconds; with `--start` it runs the export `_start`, with as much of WASI as `puts` needs; with `--count` it
//! runs `run` and prints how many instructions that took, of those that do something (`nop`, `drop`, blocks and their ends do not).
//! With `--canonical-nans` every NaN is made canonical, as CVM's instructions do it.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use wasmtime::{Caller, Config, Engine, Extern, Instance, Linker, Module, Store};

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
    let instance = wasi(&engine)?.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call(&mut store, ())
}

/// The functions of WASI that a program needs to write to standard output and return: `fd_write`, and answers that files
/// cannot be asked or closed.
fn wasi(engine: &Engine) -> Result<Linker<()>, wasmtime::Error> {
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
        Err::<(), _>(wasmtime::Error::msg("the program failed"))
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
