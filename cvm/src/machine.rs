//! A machine: a verified module, its memory and its host, ready to run.

use std::sync::Arc;
use std::time::Duration;

use cvm_spec::fault::FaultCode;
use thiserror::Error;

use crate::fault::Fault;
use crate::host::Host;
use crate::memory::MemoryError;
use crate::verify::Module;

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Fuel: instructions that may run, charged block by block. `None` for no limit (and no cost).
    pub fuel: Option<u64>,
    /// Wall-clock time.
    pub timeout: Option<Duration>,
    /// Most bytes that the heap may grow to.
    pub max_heap: u64,
    /// Bytes of call stack; at most one frame for each 16 bytes.
    pub call_stack: u64,
}

impl Default for Limits {
    /// No fuel or time limit, 4 GiB of heap, 16 MiB of call stack.
    fn default() -> Limits {
        Limits {
            fuel: None,
            timeout: None,
            max_heap: 4 << 30,
            call_stack: 16 << 20,
        }
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Exit {
    /// The function returned; its results, first result first.
    Returned(Vec<u64>),
    /// The program ended itself, by `halt` (0) or `sys.exit`.
    Exited(u8),
    /// The output was closed by its reader; the program was ended quietly.
    BrokenPipe,
    /// The program did something wrong.
    Fault(Box<Fault>),
}

impl Exit {
    /// The exit status of `cvm run` (`spec/machine.md`, "Exit status").
    pub fn status(&self) -> u8 {
        match self {
            Exit::Returned(results) => results.first().map_or(0, |cell| *cell as u8),
            Exit::Exited(status) => *status,
            Exit::BrokenPipe => 0,
            Exit::Fault(fault) => fault.exit_status(),
        }
    }

    /// The fault's code, if it is one.
    pub fn fault_code(&self) -> Option<FaultCode> {
        match self {
            Exit::Fault(fault) => Some(fault.code),
            _ => None,
        }
    }
}

/// Why a module cannot be made a machine.
#[derive(Debug, Error)]
pub enum MachineError {
    /// An import that nothing provides.
    #[error("import `{name}` is not provided{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    MissingImport {
        /// Index in the imports section.
        import: u32,
        /// Full name.
        name: String,
        /// A near name that exists.
        suggestion: Option<String>,
    },
    /// An import whose type is not that of the function found.
    #[error("import `{name}` has type ({} -> {}), the host's function has ({} -> {})", wanted.0, wanted.1, found.0, found.1)]
    ImportType {
        /// Index in the imports section.
        import: u32,
        /// Full name.
        name: String,
        /// (args, results) that the program declares.
        wanted: (u16, u16),
        /// (args, results) of the host's function.
        found: (u16, u16),
    },
    /// An import that needs a permission.
    #[error("import `{name}` of `{library}` needs foreign access; allow it with {flag}")]
    NotPermitted {
        /// Index in the imports section.
        import: u32,
        /// The library.
        library: String,
        /// The function's name.
        name: String,
        /// The flag that would allow it.
        flag: String,
    },
    /// A kind of import that this machine cannot resolve.
    #[error("import `{name}`: {reason}")]
    Unsupported {
        /// Index in the imports section.
        import: u32,
        /// Full name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The host has not enough memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The image is not a program, or has no such export.
    #[error("{0}")]
    NoEntry(String),
}

/// Ends a running machine from another thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(pub(crate) Arc<std::sync::atomic::AtomicBool>);

impl InterruptHandle {
    /// The run ends with the fault `interrupted` at its next call or loop end. Works if [`Machine`] was made
    /// interruptible.
    pub fn interrupt(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    module: Arc<Module>,
    host: Host,
    limits: Limits,
}

impl Machine {
    /// Makes a machine: resolves the imports against the host and sets up memory.
    ///
    /// # Errors
    /// If an import cannot be resolved or memory is short.
    pub fn new(module: Arc<Module>, host: Host, limits: Limits) -> Result<Machine, MachineError> {
        Ok(Machine {
            module,
            host,
            limits,
        })
    }

    /// Runs the program from its entry.
    ///
    /// # Errors
    /// If the image is not a program.
    pub fn run(&mut self) -> Result<Exit, MachineError> {
        let _ = (&self.module, &self.host, &self.limits);
        Err(MachineError::NoEntry("not written yet".into()))
    }

    /// Runs an exported function with these arguments, a cell each.
    ///
    /// # Errors
    /// If there is no such export, or it takes another number of arguments.
    pub fn call(&mut self, export: &str, _args: &[u64]) -> Result<Exit, MachineError> {
        Err(MachineError::NoEntry(format!("no export `{export}`")))
    }

    /// Fuel used so far, if a limit was set.
    pub fn fuel_used(&self) -> Option<u64> {
        None
    }

    /// The module that it runs.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }
}
