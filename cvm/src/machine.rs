//! A machine: a verified module, its memory and its host, ready to run.

use std::sync::Arc;
use std::time::Duration;

use std::sync::atomic::{AtomicBool, Ordering};

use cvm_spec::fault::FaultCode;
use cvm_spec::image::{ExportKind, Image, ImportKind};
use thiserror::Error;

use crate::compiled::{CompiledCode, CompiledUnit, Listener};
use crate::fault::Fault;
use crate::host::call::ImportTarget;
use crate::host::{Host, HostStop};
use crate::interp::CodeOptions;
use crate::interp::foreign::Foreign;
use crate::interp::run::{Ended, Run, Stacks};
use crate::jit::tier::Tier;
use crate::jit::{self, CompileError, NativeCode, NativeStack};
use crate::memory::{Memory, MemoryError, Sizes};
use crate::profile::Profiler;
use crate::symbols::Symbols;
use crate::trace::{Step, Tracer};
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
    /// The program ended without a fault, but what it had written could not be handed on; this says why. The program
    /// could not see it: its output was still in a buffer when it ended.
    OutputFailed(String),
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
            Exit::OutputFailed(_) => 74,
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

/// What executes a program. Results do not depend on it, only speed does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Begins in the interpreter, and compiles what is hot while it runs.
    #[default]
    Auto,
    /// The interpreter.
    Interpreter,
    /// The compiler: the whole module becomes machine code before it runs.
    Jit,
}

impl Engine {
    /// Whether this build has this engine for this computer.
    pub fn is_available(self) -> bool {
        self != Engine::Jit || crate::jit::IS_PRESENT
    }
}

/// When [`Engine::Auto`] compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiering {
    /// So many calls of a function, or rounds of a loop, make it hot.
    pub threshold: u32,
    /// The program waits for the compiler, so that what is hot runs compiled at once. For tests: it makes runs
    /// repeatable, not fast.
    pub waits: bool,
    /// Bytes of text of the functions that are compiled at once: with what is hot, what it can call, as far as this reaches.
    pub unit_bytes: u32,
}

impl Default for Tiering {
    /// 3,000 calls or rounds, without waiting; 8 KiB.
    fn default() -> Tiering {
        Tiering {
            threshold: 3_000,
            waits: false,
            unit_bytes: 8 << 10,
        }
    }
}

/// What the compiler made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compilation {
    /// How many functions.
    pub functions: usize,
    /// Bytes of machine code.
    pub bytes: usize,
    /// How long it took.
    pub time: Duration,
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
    /// The compiler failed, or is not there.
    #[error("{0}")]
    Compiler(String),
    /// The image is not a program, or has no such export.
    #[error("{0}")]
    NoEntry(String),
}

/// Ends a running machine from another thread.
#[derive(Clone, Debug)]
pub struct InterruptHandle(pub(crate) Arc<std::sync::atomic::AtomicBool>);

impl InterruptHandle {
    /// The run that is going on ends with the fault `interrupted` at its next call or loop end, or, if none is, the
    /// next one at its first. Runs after that are not interrupted.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A machine.
///
/// A machine runs on one thread at a time; make one for each thread from the same module.
#[derive(Debug)]
pub struct Machine {
    /// Everything foreign, with a grant. Dropped before memory and module, which it refers to.
    #[cfg(feature = "ffi")]
    foreign: Option<Box<crate::ffi::Foreign>>,
    module: Arc<Module>,
    symbols: Arc<Symbols>,
    host: Host,
    limits: Limits,
    memory: Memory,
    imports: Vec<ImportTarget>,
    stacks: Stacks,
    engine: Engine,
    native_stack: Option<NativeStack>,
    tier: Option<Tier>,
    tiering: Tiering,
    fuel: Option<u64>,
    interrupt: Option<Arc<AtomicBool>>,
    tracer: Option<Tracer>,
    listener: Option<Listener>,
    #[cfg(feature = "profile")]
    profiler: Option<Box<crate::profile::Profiler>>,
    initialised: bool,
}

impl Machine {
    /// Makes a machine: resolves the imports against the host and sets up memory.
    ///
    /// # Errors
    /// If an import cannot be resolved or memory is short.
    pub fn new(
        module: Arc<Module>,
        mut host: Host,
        limits: Limits,
    ) -> Result<Machine, MachineError> {
        let imports = resolve(module.image(), &host)?;
        let symbols = Arc::new(Symbols::of_image(module.image()));
        host.attach(&symbols);
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
            engine: Engine::default(),
            native_stack: None,
            tier: None,
            tiering: Tiering::default(),
            fuel: limits.fuel,
            interrupt: None,
            tracer: None,
            listener: None,
            #[cfg(feature = "profile")]
            profiler: None,
            initialised: false,
            module,
            symbols,
            host,
            limits,
        })
    }

    /// Chooses the engine of later runs; before that it is [`Engine::Auto`].
    pub fn set_engine(&mut self, engine: Engine) {
        self.engine = engine;
    }

    /// Chooses when [`Engine::Auto`] compiles in later runs.
    pub fn set_tiering(&mut self, tiering: Tiering) {
        self.tiering = tiering;
        self.tier = None;
    }

    /// Tells `tell` of every instruction of later runs, right before it runs; what it answers can end the run. Such runs
    /// are the interpreter's, whatever the engine ([`crate::trace`]).
    pub fn set_tracer(
        &mut self,
        tell: impl FnMut(&Step<'_>) -> Result<(), HostStop> + Send + 'static,
    ) {
        self.tracer = Some(Tracer::new(tell));
        self.tier = None;
    }

    /// Tells `tell` of machine code that is made for later runs, before it runs. It may be called on another thread. With
    /// [`Engine::Jit`] it is told everything at once, when the first run begins.
    pub fn on_compiled(&mut self, tell: impl Fn(&[CompiledCode]) + Send + Sync + 'static) {
        self.listener = Some(Listener(Arc::new(tell)));
    }

    /// Chooses whether later runs are profiled ([`crate::profile`]). Their code is made anew.
    #[cfg(feature = "profile")]
    pub fn set_profiled(&mut self, profiled: bool) {
        self.profiler = profiled.then(|| Box::new(Profiler::new()));
        self.tier = None;
    }

    /// What was seen of the runs since [`Machine::set_profiled`] or the last time; `None` if they are not profiled.
    ///
    /// # Errors
    /// If the system gave no timer.
    #[cfg(feature = "profile")]
    pub fn take_profile(&mut self) -> Option<std::io::Result<crate::profile::Profile>> {
        Some(self.profiler.as_mut()?.take())
    }

    /// Ends what [`Machine::set_tracer`] began, and drops what tells.
    pub fn clear_tracer(&mut self) {
        self.tracer = None;
        self.tier = None;
    }

    /// A handle that ends a run from another thread. Asking for it makes later runs look for interrupts, which costs
    /// a little at every call and loop.
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        // Later runs use other code, with counters of its own.
        self.tier = None;
        InterruptHandle(Arc::clone(self.interrupt.get_or_insert_default()))
    }

    /// Runs the program from its entry; its initialisers, if it has any, run first.
    ///
    /// # Errors
    /// If the image is not a program, or cannot be compiled for [`Engine::Jit`].
    pub fn run(&mut self) -> Result<Exit, MachineError> {
        let entry = self.module.image().entry;
        let entry = entry.and_then(|offset| self.module.image().function_starting_at(offset));
        match entry {
            Some(function) => {
                let exit = self.run_function(function, &[])?;
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
    /// If there is no such export, it takes another number of arguments, or the image cannot be compiled for
    /// [`Engine::Jit`].
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
            let noun = if wanted == 1 { "argument" } else { "arguments" };
            return Err(MachineError::NoEntry(format!(
                "`{export}` takes {wanted} {noun}, {} given",
                args.len()
            )));
        }
        self.run_function(function, args)
    }

    /// Runs the image's initialisers, unless they have run: [`Machine::run`] and [`Machine::call`] do it first. The exit
    /// is that of the initialiser that did not return, or a return without results.
    ///
    /// # Errors
    /// If the image cannot be compiled for [`Engine::Jit`].
    pub fn initialise(&mut self) -> Result<Exit, MachineError> {
        if !self.initialised {
            self.initialised = true;
            let module = Arc::clone(&self.module);
            for initialiser in &module.image().initialisers {
                match self.run_one(*initialiser, &[])? {
                    Exit::Returned(_) => {}
                    Exit::Fault(mut fault) => {
                        fault.initialiser = Some(*initialiser);
                        return Ok(Exit::Fault(fault));
                    }
                    exit => return Ok(exit),
                }
            }
        }
        Ok(Exit::Returned(Vec::new()))
    }

    fn run_function(&mut self, function: u32, args: &[u64]) -> Result<Exit, MachineError> {
        match self.initialise()? {
            Exit::Returned(_) => self.run_one(function, args),
            exit => Ok(exit),
        }
    }

    fn run_one(&mut self, function: u32, args: &[u64]) -> Result<Exit, MachineError> {
        // A host function that panicked left its callers' frames behind.
        self.memory.pop_locals_to(0);
        let ended = match self.engine {
            _ if self.tracer.is_some() => self.interpret(function, args, false),
            Engine::Jit if self.is_too_large() => self.interpret(function, args, true),
            Engine::Jit => self.run_compiled(function, args)?,
            Engine::Auto => self.interpret(function, args, jit::IS_PRESENT),
            Engine::Interpreter => self.interpret(function, args, false),
        };
        if let Some(fuel) = &mut self.fuel {
            *fuel = ended.fuel;
        }
        if let (Some(FaultCode::Interrupted), Some(flag)) =
            (ended.exit.fault_code(), &self.interrupt)
        {
            flag.store(false, Ordering::Relaxed);
        }
        Ok(match self.host.flush() {
            Err(stop) if matches!(ended.exit, Exit::Returned(_) | Exit::Exited(_)) => {
                not_flushed(stop)
            }
            _ => ended.exit,
        })
    }

    /// What is compiled into the code besides the program.
    fn code_options(&self) -> CodeOptions {
        CodeOptions {
            metered: self.fuel.is_some(),
            polled: self.limits.timeout.is_some() || self.interrupt.is_some(),
            counted: false,
            granted: self.memory.grants_absolute(),
            checked: self.is_checked(),
            profiled: self.profiles() && self.tracer.is_none(),
            traced: self.tracer.is_some(),
        }
    }

    /// Whether a function is beyond the compiler's limits. Then what can be compiled is, when it is hot.
    fn is_too_large(&self) -> bool {
        let code = self.module.native_code(self.code_options());
        code.is_err_and(CompileError::is_too_large)
    }

    /// Whether allocations of C memory are recorded.
    fn is_checked(&self) -> bool {
        #[cfg(feature = "ffi")]
        let is_checked = self.foreign.as_ref().is_some_and(|f| f.is_checked());
        #[cfg(not(feature = "ffi"))]
        let is_checked = false;
        is_checked
    }

    /// Whether later runs are profiled.
    fn profiles(&self) -> bool {
        #[cfg(feature = "profile")]
        return self.profiler.is_some();
        #[cfg(not(feature = "profile"))]
        false
    }

    /// Where a run's samples go.
    fn profiler(&mut self) -> Option<*mut Profiler> {
        #[cfg(feature = "profile")]
        return self.profiler.as_deref_mut().map(std::ptr::from_mut);
        #[cfg(not(feature = "profile"))]
        None
    }

    /// Everything foreign, for a run; null without a grant.
    fn foreign(&self) -> *const Foreign {
        #[cfg(feature = "ffi")]
        if let Some(foreign) = &self.foreign {
            return &raw const **foreign;
        }
        std::ptr::null()
    }

    fn run_compiled(&mut self, function: u32, args: &[u64]) -> Result<Ended, MachineError> {
        let foreign = self.foreign();
        let profiler = self.profiler();
        let code = self
            .module
            .native_code(self.code_options())
            .map_err(|error| MachineError::Compiler(error.to_string()))?;
        if let Some(Listener(tell)) = self.listener.take() {
            tell(&code.pieces(self.module.image()));
        }
        let stack = match &mut self.native_stack {
            Some(stack) => stack,
            none => none.insert(jit::native_stack(self.limits.call_stack).map_err(|source| {
                MemoryError {
                    segment: "call stack",
                    size: self.limits.call_stack,
                    source,
                }
            })?),
        };
        let run = jit::run::Run {
            module: &self.module,
            code,
            memory: &mut self.memory,
            host: &mut self.host,
            imports: &self.imports,
            stack,
            fuel: self.fuel,
            timeout: self.limits.timeout,
            interrupt: self.interrupt.clone(),
            foreign,
            profiler,
        };
        Ok(run.run(function, args))
    }

    fn interpret(&mut self, function: u32, args: &[u64], counted: bool) -> Ended {
        let foreign = self.foreign();
        let profiler = self.profiler();
        let plain = self.code_options();
        let options = CodeOptions { counted, ..plain };
        if counted && let Some(listener) = &self.listener {
            self.module.published(plain).set_listener(Some(listener));
        }
        let tier = counted.then(|| {
            self.tier.get_or_insert_with(|| {
                let counters = self.module.code(options).counters;
                let call_stack = self.limits.call_stack;
                Tier::new(&self.module, plain, counters, call_stack, self.tiering)
            })
        });
        Run {
            options,
            tier,
            module: &self.module,
            memory: &mut self.memory,
            host: &mut self.host,
            imports: &self.imports,
            stacks: &mut self.stacks,
            fuel: self.fuel,
            timeout: self.limits.timeout,
            interrupt: self.interrupt.clone(),
            foreign,
            tracer: self.tracer.as_mut(),
            profiler,
        }
        .run(function, args)
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

    /// What the compiler made for this machine's runs, if it was used.
    pub fn compilation(&self) -> Option<Compilation> {
        if self.engine == Engine::Auto || self.engine == Engine::Jit && self.is_too_large() {
            return Some(self.module.published(self.code_options()).compilation());
        }
        let code = self.module.compiled(self.code_options())?;
        Some(Compilation {
            functions: code.functions(),
            bytes: code.size(),
            time: code.time(),
        })
    }

    /// The same, unit by unit, and what could not be compiled.
    pub fn compiled_units(&self) -> Vec<CompiledUnit> {
        let whole = self.module.compiled(self.code_options());
        let whole = whole.filter(|_| self.engine == Engine::Jit);
        let hot = self.module.published(self.code_options()).units();
        whole.map(NativeCode::unit).into_iter().chain(hot).collect()
    }

    /// Adds fuel, if a limit was set.
    pub fn add_fuel(&mut self, amount: u64) {
        if let (Some(fuel), Some(limit)) = (&mut self.fuel, &mut self.limits.fuel) {
            *fuel = fuel.saturating_add(amount);
            *limit = limit.saturating_add(amount);
        }
    }

    /// The addresses of what the program and its modules export.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The module that it runs.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Its memory, to be looked at and changed between runs.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// What its engine that chooses knows.
    #[cfg(test)]
    #[cfg(all(feature = "jit", target_arch = "x86_64", unix))]
    pub(crate) fn tier(&self) -> Option<&Tier> {
        self.tier.as_ref()
    }

    /// Its host functions.
    pub fn host(&mut self) -> &mut Host {
        &mut self.host
    }
}

/// How a run ended whose program did all that it should, but whose output did not get away.
fn not_flushed(stop: HostStop) -> Exit {
    Exit::OutputFailed(match stop {
        HostStop::BrokenPipe => return Exit::BrokenPipe,
        HostStop::Exit(status) => return Exit::Exited(status),
        HostStop::Error(message) => message,
        HostStop::Fault(code) => code.title().to_string(),
        HostStop::Violation(violation) => violation.code.title().to_string(),
    })
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
                    reason: "it belongs to another module, and the program was not linked with it"
                        .into(),
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
