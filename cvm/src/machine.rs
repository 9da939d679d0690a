//! A machine: a verified module, its memory and its host, ready to run.

use std::sync::Arc;
use std::time::Duration;

use std::sync::atomic::AtomicBool;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::{ExportKind, Image, ImportKind};
use thiserror::Error;

use crate::fault::Fault;
use crate::host::{Host, HostStop};
use crate::interp::context::ImportTarget;
use crate::interp::run::{Run, Stacks};
use crate::memory::{Memory, MemoryError, Sizes};
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
    /// A C function or object that is permitted and cannot be provided.
    #[cfg(feature = "ffi")]
    #[error("{error}")]
    Foreign {
        /// Index in the imports section.
        import: u32,
        /// What is missing.
        error: Box<crate::ffi::ForeignError>,
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
///
/// A machine runs on one thread at a time; make one for each thread from the same module.
#[derive(Debug)]
pub struct Machine {
    module: Arc<Module>,
    host: Host,
    limits: Limits,
    memory: Memory,
    imports: Vec<ImportTarget>,
    stacks: Stacks,
    /// Everything foreign, with a grant. Dropped before memory and module, which it refers to.
    #[cfg(feature = "ffi")]
    foreign: Option<Box<crate::ffi::Foreign>>,
    fuel: Option<u64>,
    interrupt: Option<Arc<AtomicBool>>,
    initialised: bool,
}

impl Machine {
    /// Makes a machine: resolves the imports against the host and sets up memory.
    ///
    /// # Errors
    /// If an import cannot be resolved or memory is short.
    pub fn new(module: Arc<Module>, host: Host, limits: Limits) -> Result<Machine, MachineError> {
        let imports = resolve(module.image(), &host)?;
        let sizes = Sizes {
            local: limits.call_stack,
            max_heap: limits.max_heap,
        };
        #[cfg_attr(not(feature = "ffi"), allow(unused_mut))]
        let mut memory = Memory::new(module.image(), module.data(), sizes)?;
        #[cfg(feature = "ffi")]
        let foreign = match host.foreign.clone() {
            Some(grant) => {
                let foreign = crate::ffi::Foreign::new(&module, grant)?;
                memory.grant_absolute(foreign.is_checked());
                Some(foreign)
            }
            None => None,
        };
        Ok(Machine {
            #[cfg(feature = "ffi")]
            foreign,
            memory,
            imports,
            stacks: Stacks::new(limits.call_stack)?,
            fuel: limits.fuel,
            interrupt: None,
            initialised: false,
            module,
            host,
            limits,
        })
    }

    /// A handle that ends a run from another thread. Asking for it makes later runs look for interrupts, which costs
    /// a little at every call and loop.
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        InterruptHandle(Arc::clone(self.interrupt.get_or_insert_default()))
    }

    /// Runs the program from its entry; its initialisers, if it has any, run first.
    ///
    /// # Errors
    /// If the image is not a program.
    pub fn run(&mut self) -> Result<Exit, MachineError> {
        let entry = self.module.image().entry;
        let entry = entry.and_then(|offset| self.module.image().function_starting_at(offset));
        match entry {
            Some(function) => {
                let exit = self.run_function(function, &[]);
                Ok(self.with_leaks(exit))
            }
            None => Err(MachineError::NoEntry(
                "the image is a module, not a program: it has no entry".into(),
            )),
        }
    }

    /// Runs an exported function with these arguments, a cell each. Memory keeps its contents from call to call.
    ///
    /// # Errors
    /// If there is no such export, or it takes another number of arguments.
    pub fn call(&mut self, export: &str, args: &[u64]) -> Result<Exit, MachineError> {
        let image = self.module.image();
        let found = image
            .exports
            .iter()
            .filter(|e| e.kind == ExportKind::Function)
            .find(|e| image.string(e.name) == Some(export));
        let Some(found) = found else {
            let names = image
                .exports
                .iter()
                .filter(|e| e.kind == ExportKind::Function)
                .filter_map(|e| image.string(e.name));
            let near = near_name(export, names)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            return Err(MachineError::NoEntry(format!(
                "there is no exported function `{export}`{near}"
            )));
        };
        let function = found.value;
        let wanted = image
            .function_type(&image.functions[function as usize])
            .unwrap_or_default()
            .args;
        if args.len() != usize::from(wanted) {
            return Err(MachineError::NoEntry(format!(
                "`{export}` takes {wanted} arguments, {} were given",
                args.len()
            )));
        }
        Ok(self.run_function(function, args))
    }

    fn run_function(&mut self, function: u32, args: &[u64]) -> Exit {
        if !self.initialised {
            self.initialised = true;
            let module = Arc::clone(&self.module);
            for initialiser in &module.image().initialisers {
                match self.run_one(*initialiser, &[]) {
                    Exit::Returned(_) => {}
                    exit => return exit,
                }
            }
        }
        self.run_one(function, args)
    }

    fn run_one(&mut self, function: u32, args: &[u64]) -> Exit {
        let ended = Run {
            module: &self.module,
            memory: &mut self.memory,
            host: &mut self.host,
            imports: &self.imports,
            stacks: &mut self.stacks,
            fuel: self.fuel,
            timeout: self.limits.timeout,
            interrupt: self.interrupt.clone(),
            #[cfg(feature = "ffi")]
            foreign: self
                .foreign
                .as_deref()
                .map_or(std::ptr::null(), std::ptr::from_ref),
            #[cfg(not(feature = "ffi"))]
            foreign: std::ptr::null(),
        }
        .run(function, args);
        if let Some(fuel) = &mut self.fuel {
            *fuel = ended.fuel;
        }
        match self.host.flush() {
            Err(HostStop::BrokenPipe)
                if matches!(ended.exit, Exit::Returned(_) | Exit::Exited(_)) =>
            {
                Exit::BrokenPipe
            }
            _ => ended.exit,
        }
    }

    /// With checked foreign memory: the fault of a program that ended and left C memory behind.
    fn with_leaks(&mut self, exit: Exit) -> Exit {
        #[cfg(feature = "ffi")]
        if matches!(exit, Exit::Returned(_) | Exit::Exited(_))
            && let Some(fault) = crate::ffi::leak_fault(&mut self.memory)
        {
            return Exit::Fault(fault);
        }
        exit
    }

    /// Acts as soon as a run has to end inside a callback, before C returns: a program that only runs this machine can
    /// report and leave. Without it C returns first, and further callbacks give zero without running.
    #[cfg(feature = "ffi")]
    pub fn on_exit_in_callback(&mut self, act: impl FnMut(&Exit) + Send + 'static) {
        if let Some(foreign) = &self.foreign {
            foreign.set_at_once(Box::new(act));
        }
    }

    /// Fuel used so far, if a limit was set.
    pub fn fuel_used(&self) -> Option<u64> {
        Some(self.limits.fuel? - self.fuel?)
    }

    /// Adds fuel, if a limit was set.
    pub fn add_fuel(&mut self, amount: u64) {
        if let (Some(fuel), Some(limit)) = (&mut self.fuel, &mut self.limits.fuel) {
            *fuel = fuel.saturating_add(amount);
            *limit = limit.saturating_add(amount);
        }
    }

    /// The module that it runs.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Its memory, to be looked at and changed between runs.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Its host functions.
    pub fn host(&mut self) -> &mut Host {
        &mut self.host
    }
}

/// Finds what every import names.
fn resolve(image: &Image, host: &Host) -> Result<Vec<ImportTarget>, MachineError> {
    let text = |reference| image.string(reference).unwrap_or_default();
    let mut targets = Vec::with_capacity(image.imports.len());
    for (number, import) in image.imports.iter().enumerate() {
        let number = number as u32;
        let (module, name) = (text(import.module), text(import.name));
        let full = if module.is_empty() {
            name.to_string()
        } else {
            format!("{module}.{name}")
        };
        match import.kind {
            ImportKind::Host => {}
            ImportKind::Foreign | ImportKind::ForeignData if host.allows_library(module) => {
                // [`crate::ffi`] provides it; nothing asks for it here.
                targets.push(ImportTarget::NONE);
                continue;
            }
            ImportKind::Foreign | ImportKind::ForeignData => {
                return Err(MachineError::NotPermitted {
                    import: number,
                    library: module.to_string(),
                    name: name.to_string(),
                    flag: format!("--allow-ffi={module}"),
                });
            }
            ImportKind::Module | ImportKind::ModuleData => {
                return Err(MachineError::Unsupported {
                    import: number,
                    name: full,
                    reason: "it names a function of another module, and this machine runs single modules".into(),
                });
            }
        }
        let found = host
            .modules
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, candidate)| candidate.namespace() == module)
            .find_map(|(index, candidate)| Some((index, candidate.function(name)?)));
        let Some((index, (function_type, function))) = found else {
            let names: Vec<String> = host
                .modules
                .iter()
                .flat_map(|m| {
                    m.names()
                        .into_iter()
                        .map(|n| format!("{}.{n}", m.namespace()))
                })
                .collect();
            return Err(MachineError::MissingImport {
                import: number,
                suggestion: near_name(&full, names.iter().map(String::as_str)).map(str::to_string),
                name: full,
            });
        };
        let wanted = image
            .types
            .get(import.type_index as usize)
            .map_or((0, 0), cvm_spec::image::Type::arity);
        if wanted != (function_type.args, function_type.results) {
            return Err(MachineError::ImportType {
                import: number,
                name: full,
                wanted,
                found: (function_type.args, function_type.results),
            });
        }
        targets.push(ImportTarget {
            module: index,
            number: function,
            args: wanted.0,
            results: wanted.1,
        });
    }
    Ok(targets)
}

/// The nearest of some names, if one is near enough to be a misspelling.
pub(crate) fn near_name<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wanted.chars().count() / 3).max(1);
    names
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}
