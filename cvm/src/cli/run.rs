//! `cvm run`.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cvm::host::Host;
use cvm::host::sys::{Stdin, Sys, SysOptions};
use cvm::machine::{self, Exit, Limits, Machine, MachineError};
use cvm::report::Problem;
use cvm_spec::pointer::Tag;

use super::Failure;
use super::arguments::{Engine, Format, Run};
use super::console::{Console, output_failed};
use super::foreign;
use super::input::{Input, Program};
use super::invoke;
use super::log::Log;
use super::output::Output;
use super::perf_map;
use super::profile::ProfileFile;
use super::trace;

pub(super) fn run(arguments: &Run, console: &Console) -> Result<u8, Failure> {
    let engine = match arguments.engine {
        Engine::Auto => machine::Engine::Auto,
        Engine::Jit => machine::Engine::Jit,
        Engine::Interp => machine::Engine::Interpreter,
    };
    if !engine.is_available() {
        let message = "this build has no compiler: `--engine jit` is not available";
        return Err(Problem::new("usage", message)
            .hint("leave --engine out, or use `--engine interp`")
            .into());
    }
    let log = Log::wanted()?;
    let profile = arguments.profile.as_deref().map(ProfileFile::create);
    let profile = profile.transpose()?;
    let Some((path, program_args)) = arguments.program.split_first() else {
        return Err(Problem::new("usage", "which program? `cvm run PROGRAM`").into());
    };
    let program = Input::read(Path::new(path), console)?;
    let program = program.link(&arguments.library, &arguments.define, console)?;
    let program = program.verify(console)?;
    let report = |problem: Problem| {
        console.problem_in(&problem, program.reporter());
        Failure::Reported(problem.exit_status)
    };
    #[cfg(not(feature = "ffi"))]
    if let Some(problem) = foreign::unavailable(program.module.image(), arguments) {
        return Err(report(problem));
    }
    let output = Output::default();
    let mut host = Host::new();
    let sys = sys(arguments, path, program_args, &output)?;
    host.add(sys.wasi().map_err(|error| {
        Problem::new(
            "missing-file",
            format!("cannot open the granted directories: {error}"),
        )
    })?);
    host.add(sys);
    host.add(output.clone());
    #[cfg(feature = "ffi")]
    foreign::allow(&mut host, arguments);
    let limits = limits(arguments);
    let refused = |error: &MachineError| report(Problem::from(error));
    let mut machine =
        Machine::new(Arc::clone(&program.module), host, limits).map_err(|e| refused(&e))?;
    #[cfg(feature = "ffi")]
    if profile.is_none() {
        foreign::report_at_once(&mut machine, arguments, &program, console);
    }
    machine.set_engine(engine);
    if let Some(profile) = &profile {
        profile.start(&mut machine);
    }
    if arguments.perf_map {
        perf_map::start(&mut machine)?;
    }
    let trace = match &arguments.trace {
        None => trace::Failed::default(),
        Some(file) => {
            let at_once = arguments.allow_ffi.is_some();
            trace::start(&mut machine, file.as_deref(), &program, at_once)?
        }
    };
    let start = Instant::now();
    let exit = match &arguments.invoke {
        None => machine.run().map_err(|e| refused(&e))?,
        Some(name) => invoke::call(&mut machine, name, program_args)?,
    };
    let elapsed = start.elapsed();
    machine.clear_tracer();
    if let Some(problem) = trace.take() {
        return Err(problem.into());
    }
    let status = finish(&exit, arguments, &program, &output, console)?;
    if let Some(profile) = profile {
        profile.write(&mut machine, &program)?;
    }
    log.write(&machine, start, console);
    if arguments.stats {
        print_stats(&mut machine, elapsed, status, console);
    }
    // The process ends: the system takes its memory back as a whole, faster than piece by piece.
    std::mem::forget(machine);
    Ok(status)
}

fn limits(arguments: &Run) -> Limits {
    let defaults = Limits::default();
    Limits {
        fuel: arguments.fuel,
        timeout: arguments.timeout,
        max_heap: arguments.max_heap.unwrap_or(defaults.max_heap),
        call_stack: arguments.call_stack.unwrap_or(defaults.call_stack),
    }
}

/// The namespace `sys` as the flags describe it.
fn sys(
    arguments: &Run,
    program: &OsString,
    program_args: &[OsString],
    output: &Output,
) -> Result<Sys, Failure> {
    let mut options = SysOptions::default()
        .name(program.as_bytes())
        .args(program_args.iter().map(|arg| arg.as_bytes()))
        .stdin(Stdin::Process);
    if arguments.env_all {
        for (name, value) in std::env::vars_os() {
            options = options.env(name.into_vec(), value.into_vec());
        }
    }
    for (name, value) in &arguments.env {
        let present = || std::env::var_os(name).map(OsStringExt::into_vec);
        let given = value.as_ref().map(|value| value.as_bytes().to_vec());
        // A variable that is not set stays unset.
        if let Some(value) = given.or_else(present) {
            options = options.env(name.as_bytes(), value);
        }
    }
    for grant in &arguments.dir {
        options = options.dir(grant.clone());
    }
    let stdout = output.stream(io::stdout().as_fd())?;
    options = match io::stdout().is_terminal() {
        true => options.stdout_by_line(stdout),
        false => options.stdout(stdout),
    };
    options = options.stderr(output.stream(io::stderr().as_fd())?);
    Sys::new(options).map_err(|error| {
        Problem::new("missing-file", error.to_string())
            .hint("directories given with --dir must exist")
            .into()
    })
}

/// Reports how the run ended; the exit status.
fn finish(
    exit: &Exit,
    arguments: &Run,
    program: &Program,
    output: &Output,
    console: &Console,
) -> Result<u8, Failure> {
    if let Exit::Fault(fault) = exit {
        console.fault(fault, program.reporter());
        return Ok(exit.status());
    }
    let failed = output.take().or_else(|| match exit {
        Exit::OutputFailed(reason) => Some(io::Error::other(reason.clone())),
        _ => None,
    });
    if let Some(error) = &failed {
        console.problem(&output_failed(error));
    }
    let mut status = exit.status();
    if let (Exit::Returned(results), Some(name)) = (exit, &arguments.invoke) {
        let lines = invoke::results(program.module.image(), name, results);
        status = console.print(lines.as_bytes())?;
    }
    Ok(match failed {
        Some(error) if status == 0 => output_failed(&error).exit_status,
        _ => status,
    })
}

fn print_stats(machine: &mut Machine, elapsed: Duration, status: u8, console: &Console) {
    let fuel = machine.fuel_used();
    let heap = machine.memory().segment_size(Tag::Heap);
    console.message(&match console.format {
        Format::Text => {
            let fuel = fuel.map_or(String::new(), |fuel| format!(", {fuel} fuel"));
            let compiled = machine.compilation().map_or(String::new(), |compiled| {
                format!(
                    ", compiled {} functions to {} bytes in {:.3?}",
                    compiled.functions, compiled.bytes, compiled.time
                )
            });
            format!(
                "stats: {elapsed:.3?}{fuel}, {heap} bytes of heap{compiled}, exit status {status}\n"
            )
        }
        Format::Json => {
            let object = serde_json::json!({
                "version": 1,
                "type": "stats",
                "nanoseconds": elapsed.as_nanos().to_string(),
                "fuel": fuel.map(|fuel| fuel.to_string()),
                "heap": heap.to_string(),
                "compiled": machine.compilation().map(|compiled| serde_json::json!({
                    "functions": compiled.functions,
                    "bytes": compiled.bytes,
                    "nanoseconds": compiled.time.as_nanos().to_string(),
                })),
                "exit_status": status,
            });
            format!("{object}\n")
        }
    });
}
