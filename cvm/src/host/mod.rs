//! Host functions: what a guest program can call in its host (`spec/host.md`).
//!
//! A [`Host`] is a set of [`HostModule`]s, each a namespace (`sys`, `plug`, …). A machine owns its host, so machines
//! share nothing. [`sys::Sys`] is the machine's own namespace; [`Host::register`] makes a host function of a closure.

pub(crate) mod call;
mod stop;
pub mod sys;
pub mod typed;
mod wasi;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::FunctionType;

use crate::memory::{Memory, Violation};
use crate::symbols::Symbols;

pub use sys::{Sys, SysOptions};
pub use typed::{HostArg, HostClosure, HostResults};
pub use wasi::Wasi;
pub use watch::Watch;

/// Why a host function does not return to the program.
#[derive(Debug)]
pub enum HostStop {
    /// The program ends with this exit status.
    Exit(u8),
    /// The program gave a pointer that it may not use.
    Violation(Violation),
    /// The host function failed; the fault `host-fault` shows the text.
    Error(String),
    /// The program ends with this fault, for example because its time is over.
    Fault(FaultCode),
    /// The output is closed: the program ends quietly.
    BrokenPipe,
}

impl From<Violation> for HostStop {
    fn from(violation: Violation) -> HostStop {
        HostStop::Violation(violation)
    }
}

impl From<String> for HostStop {
    fn from(message: String) -> HostStop {
        HostStop::Error(message)
    }
}

impl From<&str> for HostStop {
    fn from(message: &str) -> HostStop {
        HostStop::Error(message.to_string())
    }
}

/// A namespace of host functions.
pub trait HostModule: Send {
    /// The namespace, the part of the import's name before the last dot.
    fn namespace(&self) -> &str;

    /// Type and number of a function, if the namespace has it.
    fn function(&self, name: &str) -> Option<(FunctionType, u32)>;

    /// Names of all functions, for suggestions.
    fn names(&self) -> Vec<String>;

    /// Calls a function. `cells` holds the arguments, first argument first; results are written to its start. It is
    /// as long as the larger of the two counts.
    ///
    /// # Errors
    /// If the program must not go on.
    fn call(&mut self, number: u32, memory: &mut Memory, cells: &mut [u64])
    -> Result<(), HostStop>;

    /// A machine is made for a program that exports this.
    fn attach(&mut self, symbols: &Arc<Symbols>) {
        let _ = symbols;
    }

    /// A run begins, with these limits.
    fn start(&mut self, watch: &Watch) {
        let _ = watch;
    }

    /// Hands buffered output to the system; called when a run ends, however it ends.
    ///
    /// # Errors
    /// If the output is closed or fails.
    fn flush(&mut self) -> Result<(), HostStop> {
        Ok(())
    }
}

/// The host functions that a machine offers to its program.
#[derive(Default)]
pub struct Host {
    pub(crate) modules: Vec<Box<dyn HostModule>>,
    #[cfg(feature = "ffi")]
    pub(crate) foreign: Option<crate::ffi::ForeignGrant>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.modules.iter().map(|module| module.namespace()))
            .finish()
    }
}

impl Host {
    /// A host that offers nothing.
    pub fn new() -> Host {
        Host::default()
    }

    /// Grants C functions and memory that C owns. Without it a program has neither.
    #[cfg(feature = "ffi")]
    pub fn allow_foreign(&mut self, grant: crate::ffi::ForeignGrant) -> &mut Host {
        self.foreign = Some(grant);
        self
    }

    /// Whether a program may use a library of C.
    pub(crate) fn allows_library(&self, library: &str) -> bool {
        #[cfg(feature = "ffi")]
        return self
            .foreign
            .as_ref()
            .is_some_and(|grant| grant.allows(library));
        #[cfg(not(feature = "ffi"))]
        {
            let _ = library;
            false
        }
    }

    /// Tells every namespace what the program exports.
    pub(crate) fn attach(&mut self, symbols: &Arc<Symbols>) {
        for module in &mut self.modules {
            module.attach(symbols);
        }
    }

    /// Tells every namespace that a run begins.
    pub(crate) fn start(&mut self, watch: &Watch) {
        for module in &mut self.modules {
            module.start(watch);
        }
    }

    /// Flushes every namespace; the first failure counts, but all are flushed.
    pub(crate) fn flush(&mut self) -> Result<(), HostStop> {
        let mut result = Ok(());
        for module in &mut self.modules {
            result = result.and(module.flush());
        }
        result
    }

    /// Adds a namespace. Its functions hide earlier ones of the same name; other functions of the same namespace
    /// stay.
    pub fn add(&mut self, module: impl HostModule + 'static) -> &mut Host {
        self.modules.push(Box::new(module));
        self
    }

    /// Offers a closure to programs under a full name, `plug.add`; the last dot divides namespace and name.
    ///
    /// Arguments and results are cells that [`HostArg`] and [`HostResults`] convert; a first argument `&mut Memory`
    /// gives the closure access to the program's memory. A closure that returns `Result<_, HostStop>` can end the
    /// program.
    ///
    /// A closure that panics ends the run: the panic goes on through [`Machine::run`](crate::machine::Machine::run) to
    /// the embedder. Who catches it there may go on with the machine; its memory is as the program left it, and fuel is
    /// as before that run.
    ///
    /// ```
    /// use cvm::host::{Host, HostStop};
    /// use cvm::memory::Memory;
    /// use cvm_spec::pointer::Pointer;
    ///
    /// let mut host = Host::new();
    /// host.register("plug.scale", |count: i64, factor: f64| -> f64 { count as f64 * factor });
    /// host.register("plug.sum", |memory: &mut Memory, at: Pointer, n: u64| -> Result<u64, HostStop> {
    ///     Ok(memory.read(at.0, n)?.iter().map(|byte| u64::from(*byte)).sum())
    /// });
    /// ```
    pub fn register<Signature>(
        &mut self,
        name: &str,
        closure: impl HostClosure<Signature>,
    ) -> &mut Host
    where
        Signature: 'static,
    {
        self.add(typed::Registered::new(name, closure))
    }
}
