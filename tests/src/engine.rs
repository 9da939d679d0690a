//! Running a module on every engine, and what can be seen of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cvm::fault::Fault;
use cvm::ffi::ForeignGrant;
use cvm::host::Host;
use cvm::host::sys::{Capture, DirGrant, Stdin, Sys, SysOptions};
use cvm::machine::{self, Exit, Limits, Machine, MachineError, Tiering};
use cvm::report::{Problem, Reporter};
use cvm::verify::Module;
use tempfile::TempDir;

use crate::case::{Case, Run};

/// Most bytes that a run may write to one stream.
const OUTPUT_MAX: usize = 16 << 20;

/// Fuel of a run that a case gives none: enough for every example, and an end to every hang.
pub const DEFAULT_FUEL: u64 = 4_000_000_000;
/// Time of a run that a case gives none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// A way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter, counting fuel.
    Metered,
    /// The interpreter, watching the clock.
    Timed,
    /// The interpreter without any limit; only used once another engine has shown that the program ends.
    Plain,
    /// The compiler, counting fuel.
    JitMetered,
    /// The compiler, watching the clock.
    JitTimed,
    /// The compiler without any limit.
    Jit,
    /// The interpreter and the compiler in turns, counting fuel.
    AutoMetered,
    /// The interpreter and the compiler in turns.
    Auto,
}

impl Engine {
    /// Every engine; a hang is caught by the first.
    pub const ALL: [Engine; 8] = [
        Engine::Metered,
        Engine::Timed,
        Engine::Plain,
        Engine::JitMetered,
        Engine::JitTimed,
        Engine::Jit,
        Engine::AutoMetered,
        Engine::Auto,
    ];

    /// What executes the program.
    fn of_machine(self) -> machine::Engine {
        match self {
            Engine::Metered | Engine::Timed | Engine::Plain => machine::Engine::Interpreter,
            Engine::JitMetered | Engine::JitTimed | Engine::Jit => machine::Engine::Jit,
            Engine::AutoMetered | Engine::Auto => machine::Engine::Auto,
        }
    }

    fn is_metered(self) -> bool {
        matches!(
            self,
            Engine::Metered | Engine::JitMetered | Engine::AutoMetered
        )
    }

    fn is_timed(self) -> bool {
        matches!(self, Engine::Timed | Engine::JitTimed)
    }

    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Metered => "interp with fuel",
            Engine::Timed => "interp with timeout",
            Engine::Plain => "interp",
            Engine::JitMetered => "jit with fuel",
            Engine::JitTimed => "jit with timeout",
            Engine::Jit => "jit",
            Engine::AutoMetered => "auto with fuel",
            Engine::Auto => "auto",
        }
    }

    /// Whether it can show what a run asks for: a fuel limit needs fuel, a time limit a clock.
    pub fn suits(self, run: &Run) -> bool {
        let suits = match (self.is_metered(), self.is_timed()) {
            (true, _) => run.timeout.is_none() && !run.is_unmetered,
            (_, true) => run.fuel.is_none(),
            _ => run.fuel.is_none() && run.timeout.is_none(),
        };
        let is_left_out =
            run.is_interpreter_only && self.of_machine() != machine::Engine::Interpreter;
        suits && !is_left_out && self.of_machine().is_available()
    }

    fn limits(self, run: &Run) -> Limits {
        let defaults = Limits::default();
        Limits {
            fuel: self.is_metered().then(|| run.fuel.unwrap_or(DEFAULT_FUEL)),
            timeout: self
                .is_timed()
                .then(|| run.timeout.unwrap_or(DEFAULT_TIMEOUT)),
            max_heap: run.max_heap.unwrap_or(defaults.max_heap),
            call_stack: run.call_stack.unwrap_or(defaults.call_stack),
        }
    }
}

/// What can be seen of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Exit status.
    pub status: u8,
    /// The fault, if it ended with one.
    pub fault: Option<Box<Fault>>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Fuel used, by engines that count it.
    pub fuel: Option<u64>,
}

/// Runs a module once.
///
/// # Errors
/// If the machine refuses the module, or the case's files cannot be prepared.
pub fn run(
    engine: Engine,
    module: &Arc<Module>,
    case: &Case,
    run: &Run,
) -> Result<Observation, String> {
    let output = Capture::new(OUTPUT_MAX);
    let errors = Capture::new(OUTPUT_MAX);
    let scratch = TempDir::new().map_err(|error| error.to_string())?;
    let mut options = SysOptions::default()
        .args(run.args.clone())
        .stdin(Stdin::bytes(run.stdin.clone()))
        .stdout(output.clone())
        .stderr(errors.clone());
    for (name, value) in &run.env {
        options = options.env(name.as_str(), value.as_str());
    }
    for (number, dir) in run.dirs.iter().enumerate() {
        let host = scratch.path().join(number.to_string());
        copy_folder(
            dir.folder.as_ref().map(|name| case.folder().join(name)),
            &host,
        )?;
        let grant = DirGrant::new(host).named(dir.guest.as_str());
        options = options.dir(if dir.read_only {
            grant.read_only()
        } else {
            grant
        });
    }
    let mut host = Host::new();
    host.add(Sys::new(options).map_err(|error| error.to_string())?);
    if let Some(libraries) = &run.foreign {
        let grant = match libraries.is_empty() {
            true => ForeignGrant::all(),
            false => ForeignGrant::libraries(libraries.clone()),
        };
        let grant = grant.search_in([crate::c_library::folder()?]);
        host.allow_foreign(match run.check_foreign {
            true => grant.checked(),
            false => grant,
        });
    }
    let mut machine = Machine::new(Arc::clone(module), host, engine.limits(run))
        .map_err(|error| message_of(&error))?;
    machine.set_engine(engine.of_machine());
    // Hot at the second call or round, and compiled at once: so that every place where the engines change is tried.
    machine.set_tiering(Tiering {
        threshold: 2,
        waits: true,
        // Each function alone, so that the engines call each other, or with what it calls.
        unit_bytes: match engine {
            Engine::AutoMetered => 0,
            _ => Tiering::default().unit_bytes,
        },
    });
    let exit = machine.run().map_err(|error| error.to_string())?;
    let fuel = machine.fuel_used();
    let status = exit.status();
    let fault = match exit {
        Exit::Fault(fault) => Some(fault),
        _ => None,
    };
    Ok(Observation {
        status,
        fault,
        stdout: output.bytes(),
        stderr: errors.bytes(),
        fuel,
    })
}

/// An error with all that its report says.
fn message_of(error: &MachineError) -> String {
    let report = Reporter::new().problem_text(&Problem::from(error));
    format!("{error}\n{report}")
}

/// A copy, so that no run changes the files of a case; an empty folder without a source.
fn copy_folder(from: Option<PathBuf>, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", to.display());
    std::fs::create_dir(to).map_err(failed)?;
    let Some(from) = from else {
        return Ok(());
    };
    for entry in std::fs::read_dir(&from).map_err(|e| format!("{}: {e}", from.display()))? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(Some(entry.path()), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}
