//! Measures steps of CVM's machine, and what its checks cost.
//!
//! ```text
//! run-cvm MODE PROGRAM    runs it compiled and prints, behind what it prints, the seconds
//! run-cvm load IMAGE      prints the seconds of reading and verifying, translating and compiling it
//! run-cvm wasm MODULE     prints the seconds of making an image of a WebAssembly module, verifying and writing it
//! ```
//!
//! The modes leave checks out (`no-accesses`, `no-stack`, `unchecked`), run with a limit (`fuel`, `timeout`), or do neither
//! (`checked`). A wrong program can do anything without checks: only programs that are known to be right run so, and this
//! program exists for nothing else. What is compiled is compiled before the clock starts.

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cvm::host::Host;
use cvm::host::sys::{Sys, SysOptions};
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::unchecked::{Checks, leave_out};
use cvm::verify::{Module, load, verify};
use cvm_spec::image::writer;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [mode, image] = arguments.as_slice() else {
        eprintln!("usage: run-cvm MODE PROGRAM");
        return ExitCode::from(64);
    };
    let mode = mode.to_string_lossy();
    let done = match &*mode {
        "load" => measure_load(image),
        "wasm" => measure_wasm(image),
        mode => measure_run(mode, image),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", image.display());
            ExitCode::FAILURE
        }
    }
}

fn measure_run(mode: &str, image: &OsString) -> Result<(), Box<dyn Error>> {
    let mut limits = Limits::default();
    let mut left_out = Checks::default();
    match mode {
        "checked" => {}
        "no-accesses" => left_out.accesses = true,
        "no-stack" => left_out.stack = true,
        "unchecked" => (left_out.accesses, left_out.stack) = (true, true),
        "fuel" => limits.fuel = Some(u64::MAX / 2),
        "timeout" => limits.timeout = Some(Duration::from_secs(3600)),
        _ => return Err(format!("there is no mode `{mode}`").into()),
    }
    leave_out(left_out);
    let module = Arc::new(load(&std::fs::read(image)?)?);
    // The first run compiles. Its output is thrown away.
    run(&module, limits, SysOptions::default())?;
    let stdout = Box::new(std::io::stdout());
    let (exit, time) = run(&module, limits, SysOptions::default().stdout(stdout))?;
    match exit {
        Exit::Returned(_) | Exit::Exited(0) => {
            println!("{:.6}", time.as_secs_f64());
            Ok(())
        }
        exit => Err(format!("it ended with {exit:?}").into()),
    }
}

fn run(
    module: &Arc<Module>,
    limits: Limits,
    options: SysOptions,
) -> Result<(Exit, Duration), Box<dyn Error>> {
    let mut host = Host::new();
    host.add(Sys::new(options)?);
    let mut machine = Machine::new(Arc::clone(module), host, limits)?;
    machine.set_engine(Engine::Jit);
    let start = Instant::now();
    let exit = machine.run()?;
    Ok((exit, start.elapsed()))
}

/// A module is translated or compiled as a whole when a machine first runs it; the generated source's entry returns at
/// once.
fn measure_load(image: &OsString) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(image)?;
    let start = Instant::now();
    let module = Arc::new(load(&bytes)?);
    println!("read and verify {:.6}", start.elapsed().as_secs_f64());
    for (step, engine) in [("translate", Engine::Interpreter), ("compile", Engine::Jit)] {
        let mut times = [0.0; 2];
        for time in &mut times {
            let mut host = Host::new();
            host.add(Sys::new(SysOptions::default())?);
            let mut machine = Machine::new(Arc::clone(&module), host, Limits::default())?;
            machine.set_engine(engine);
            let start = Instant::now();
            machine.run()?;
            *time = start.elapsed().as_secs_f64();
        }
        println!("{step} {:.6}", times[0] - times[1]);
    }
    Ok(())
}

fn measure_wasm(module: &OsString) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(module)?;
    let start = Instant::now();
    let image = cvm_wasm::translate(&bytes, &cvm_wasm::Options::default())?;
    println!("translate {:.6}", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let written = writer::write(&image);
    println!("write {:.6}", start.elapsed().as_secs_f64());
    drop(written);
    let start = Instant::now();
    verify(image)?;
    println!("verify {:.6}", start.elapsed().as_secs_f64());
    Ok(())
}
