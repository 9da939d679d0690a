//! Host functions: what a guest program can call in its host (`spec/host.md`).
//!
//! A [`Host`] is a set of [`HostModule`]s, each a namespace (`sys`, `plug`, …). A machine owns its host, so machines
//! share nothing.

use cvm_spec::image::FunctionType;

use crate::memory::{Memory, Violation};

/// Why a host function does not return to the program.
#[derive(Debug)]
pub enum HostStop {
    /// The program ends with this exit status.
    Exit(u8),
    /// The program gave a pointer that it may not use.
    Violation(Violation),
    /// The host function failed; the fault `host-fault` shows the text.
    Error(String),
    /// The output is closed: the program ends quietly.
    BrokenPipe,
}

impl From<Violation> for HostStop {
    fn from(violation: Violation) -> HostStop {
        HostStop::Violation(violation)
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

    /// Flushes every namespace; the first failure counts, but all are flushed.
    pub(crate) fn flush(&mut self) -> Result<(), HostStop> {
        let mut result = Ok(());
        for module in &mut self.modules {
            result = result.and(module.flush());
        }
        result
    }

    /// Adds a namespace. A later one of the same name hides the earlier one.
    pub fn add(&mut self, module: impl HostModule + 'static) -> &mut Host {
        self.modules.push(Box::new(module));
        self
    }
}
