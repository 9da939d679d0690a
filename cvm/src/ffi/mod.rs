//! Foreign functions: calling C, being called by C, and memory that C owns (`spec/ffi.md`).
//!
//! A [`ForeignGrant`] given to a [`Host`](crate::host::Host) is the only way to any of it: without one, nothing of this
//! module runs. When a machine is made, every foreign import is found and its call prepared (`plan`, `shim`); a call
//! converts and checks arguments (`convert`), calls, and converts the result (`call`).
//!
//! Invariants:
//! - no environment variable, no file and nothing in an image widens a grant;
//! - while C runs, no reference into the machine's memory is alive, because C may write there and call back;
//! - a machine calls C on one thread at a time, and callbacks on any other are refused;
//! - signal handlers touch nothing but the place that `absolute` knows, and what `crash` keeps for them.

#![allow(unsafe_code)]

pub(crate) mod absolute;
mod call;
mod callback;
mod checked;
mod convert;
mod crash;
mod errno;
mod grant;
mod library;
mod plan;
mod shim;
pub(crate) mod signal;
mod thunk;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::{Scalar, Signature};
use cvm_spec::image::{IMPORT_LEAF, Image, ImportKind, Type};

use crate::machine::{Exit, MachineError};
use crate::memory::Memory;
use crate::verify::Module;
use callback::{Callback, StackRange};
use plan::Plan;

pub(crate) use call::inside;
pub(crate) use checked::{Records, leak_fault};
pub(crate) use convert::Failure;
pub(crate) use convert::call_fault;
pub use crash::{CrashFormat, report_crashes};
pub use grant::ForeignGrant;
pub use library::ForeignError;
use library::Libraries;
pub(crate) use library::symbol_at;
pub(crate) use shim::{Form, Register, Return};

/// In [`Attention::state`]: the run has to end, what for is with the engine.
const PENDING: u32 = 1;
/// In [`Attention::state`]: a callback came on another thread.
const STRANGER: u32 = 2;
/// In [`Attention::state`]: a leaf function called back.
const LEAF: u32 = 4;

/// What has to be looked at before and after a call of C: nothing, if both are 0.
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub(crate) struct Attention {
    state: AtomicU32,
    /// Not 0 if a host function ran since C did: both write to the same standard output.
    host_ran: AtomicU32,
}

/// A C function that compiled code called by itself and that is running, and what is known of its arguments: each kind
/// in the order of the signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) import: u32,
    pub(crate) integers: [Option<u64>; 6],
    pub(crate) floats: [Option<u64>; 8],
}

/// What a callback needs of the engine that called C.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    /// The engine's own state.
    pub(crate) data: *mut c_void,
    /// Runs a function on top of the frames that called C: number, cells (arguments in, results out), their counts.
    /// False if the run has to end; the engine knows why.
    pub(crate) enter: unsafe fn(*mut c_void, u32, *mut u64, usize, usize) -> bool,
    /// Ends the run with a fault at the call of C that is going on.
    pub(crate) raise: unsafe fn(*mut c_void, Failure),
    /// Text offset of the call of C that is going on.
    pub(crate) position: unsafe fn(*mut c_void) -> u32,
    /// Tells the text offsets of all frames, innermost first, with `u32::MAX` where C stands between; as a signal
    /// handler may do it.
    pub(crate) frames: unsafe fn(*mut c_void, &mut dyn FnMut(u32)),
    /// The C function that compiled code called by itself, if the code at this place with this stack pointer is in it; as
    /// a signal handler may find it out.
    pub(crate) active: unsafe fn(*mut c_void, u64, u64) -> Option<Active>,
}

/// A foreign import that was found.
#[derive(Debug)]
struct Function {
    plan: *const Plan,
    /// The function, or the object.
    address: *const c_void,
    name: String,
    library: String,
    /// It promised not to call back.
    is_leaf: bool,
}

/// What the interpreter needs to call an import by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quick {
    /// Null if the call has to be made by [`Foreign::call_import`].
    pub(crate) address: *const c_void,
    pub(crate) returned: Return,
}

type AtOnce = Box<dyn FnMut(&Exit) + Send>;

/// Everything foreign of one machine. It does not move: callbacks point to it.
pub(crate) struct Foreign {
    module: Arc<Module>,
    /// By import index; those of other kinds are empty.
    functions: Vec<Function>,
    /// By import index.
    quick: Box<[Quick]>,
    /// By type index; function types have none.
    plans: Vec<Option<Box<Plan>>>,
    /// By function and number of the callback type.
    callbacks: RefCell<HashMap<(u32, usize), Callback>>,
    libraries: Libraries,
    grant: ForeignGrant,
    errno: Option<Arc<AtomicI32>>,
    is_careful: bool,
    is_checked: bool,
    engine: Cell<Option<Engine>>,
    memory: Cell<*mut Memory>,
    /// The thread that runs the machine, by [`callback::this_thread`]; 0 between runs.
    thread: AtomicUsize,
    attention: Attention,
    /// Where on its stack that thread can run callbacks; empty until one came.
    stack: Cell<StackRange>,
    /// By import: addresses of functions and objects, for compiled code.
    addresses: Box<[u64]>,
    /// Addresses of the stack that compiled code calls leaf functions on.
    native_stack: Cell<(u64, u64)>,
    failure: RefCell<Option<Failure>>,
    inside: Cell<u32>,
    /// Cells of the call that is going on, and how many of them are arguments.
    cells: Cell<*mut u64>,
    arguments: Cell<usize>,
    /// The function that a C pointer named last.
    target: Cell<u64>,
    at_once: RefCell<Option<AtOnce>>,
}

// SAFETY: the raw pointers refer to what the same value owns (plans, callbacks) or to code and objects of libraries that it
// keeps open. Engine and memory are only set while a run is going on, and a run stays on its thread.
unsafe impl Send for Foreign {}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign")
            .field("functions", &self.functions)
            .finish_non_exhaustive()
    }
}

impl Foreign {
    /// Finds and prepares everything foreign in a module.
    pub(crate) fn new(
        module: &Arc<Module>,
        grant: ForeignGrant,
    ) -> Result<Box<Foreign>, MachineError> {
        let image = module.image();
        let mut plans = Vec::with_capacity(image.types.len());
        let mut callback_types = Vec::new();
        for ty in &image.types {
            plans.push(match ty {
                Type::Function(_) => None,
                Type::Foreign { signature, .. } => {
                    let text = image.string(*signature).unwrap_or_default();
                    let mut plan = Signature::parse(text)
                        .ok()
                        .and_then(|signature| Plan::new(&signature).ok())
                        .ok_or_else(|| unsupported(image, plans.len()))?;
                    plan.number_callbacks(&mut callback_types);
                    Some(Box::new(plan))
                }
            });
        }
        let mut libraries = Libraries::new(&grant);
        let mut functions = Vec::with_capacity(image.imports.len());
        for (number, import) in image.imports.iter().enumerate() {
            let text = |reference| image.string(reference).unwrap_or_default();
            let (library, name) = (text(import.module), text(import.name));
            let is_foreign = matches!(import.kind, ImportKind::Foreign | ImportKind::ForeignData);
            let address = match is_foreign {
                true => libraries.symbol(library, name, &grant).map_err(|error| {
                    MachineError::Foreign {
                        import: number as u32,
                        error: Box::new(error),
                    }
                })?,
                false => std::ptr::null(),
            };
            let plan = plans.get(import.type_index as usize);
            functions.push(Function {
                plan: plan
                    .and_then(|plan| plan.as_deref())
                    .map_or(std::ptr::null(), std::ptr::from_ref),
                address,
                name: name.to_string(),
                library: library.to_string(),
                is_leaf: import.flags & IMPORT_LEAF != 0,
            });
        }
        let uses_errno = uses_errno(image);
        let addresses = functions.iter().map(|function| function.address as u64);
        let addresses = addresses.collect();
        signal::install_once();
        let is_checked = grant.is_checked();
        let is_careful = uses_errno || is_checked;
        // SAFETY: the plans are alive.
        let quick = |function: &Function| match unsafe { function.plan.as_ref() } {
            Some(plan) if plan.form().is_some() && !is_careful => Quick {
                address: function.address,
                returned: plan.returned(),
            },
            _ => Quick {
                address: std::ptr::null(),
                returned: Return::Nothing,
            },
        };
        let quick = functions.iter().map(quick).collect();
        Ok(Box::new(Foreign {
            module: Arc::clone(module),
            functions,
            quick,
            plans,
            addresses,
            callbacks: RefCell::default(),
            libraries,
            errno: uses_errno.then(Arc::default),
            is_careful,
            is_checked,
            grant,
            engine: Cell::new(None),
            memory: Cell::new(std::ptr::null_mut()),
            thread: AtomicUsize::new(0),
            attention: Attention::default(),
            stack: Cell::default(),
            native_stack: Cell::new((0, 0)),
            failure: RefCell::new(None),
            inside: Cell::new(inside::NONE),
            cells: Cell::new(std::ptr::null_mut()),
            arguments: Cell::new(0),
            target: Cell::new(0),
            at_once: RefCell::new(None),
        }))
    }

    /// Where `errno` is kept, if the program asks for it.
    pub(crate) fn errno(&self) -> Option<Arc<AtomicI32>> {
        self.errno.clone()
    }

    /// Whether allocations are recorded.
    pub(crate) fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// What to do as soon as a run has to end inside a callback, before C returns.
    pub(crate) fn set_at_once(&self, act: AtOnce) {
        *self.at_once.borrow_mut() = Some(act);
    }

    /// Whether someone wants to know at once how a run ends.
    pub(crate) fn wants_exit(&self) -> bool {
        self.at_once.borrow().is_some()
    }

    /// A run ended inside a callback.
    pub(crate) fn leave_at_once(&self, exit: &Exit) {
        if let Some(act) = &mut *self.at_once.borrow_mut() {
            act(exit);
        }
    }

    /// A run begins on this thread.
    ///
    /// # Safety
    /// Until [`Foreign::end_run`], the engine's data and the memory stay where they are.
    pub(crate) unsafe fn begin_run(&self, engine: Engine, memory: *mut Memory) {
        signal::prepare_thread();
        self.engine.set(Some(engine));
        self.memory.set(memory);
        self.thread
            .store(callback::this_thread(), Ordering::Relaxed);
        self.inside.set(inside::NONE);
        self.attention.state.fetch_and(!PENDING, Ordering::Relaxed);
        self.attention.host_ran.store(1, Ordering::Relaxed);
        crash::begin(self);
    }

    /// The run is over; what a callback on another thread did in the meantime is its fault.
    pub(crate) fn end_run(&self) -> Option<Failure> {
        crash::end(self);
        // SAFETY: flushes the C library's own output; no stream is given.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        self.engine.set(None);
        self.memory.set(std::ptr::null_mut());
        self.thread.store(0, Ordering::Relaxed);
        self.stack.set(StackRange::default());
        let state = self.attention.state.swap(0, Ordering::Relaxed);
        let failure = self.failure.borrow_mut().take();
        failure.or(refused_callback(state).map(Failure::from))
    }

    /// Why the last call failed, if the call itself did.
    pub(crate) fn take_failure(&self) -> Option<Failure> {
        self.failure.borrow_mut().take()
    }

    /// Address of an imported object.
    pub(crate) fn object(&self, import: u32) -> u64 {
        self.functions
            .get(import as usize)
            .map_or(0, |function| function.address as u64)
    }

    /// The plan of a foreign type.
    fn plan(&self, type_index: u32) -> &Plan {
        self.plans[type_index as usize]
            .as_deref()
            .expect("the verifier checked that the type is a foreign one")
    }

    /// What has to be looked at before and after a call of C.
    pub(crate) fn attention(&self) -> &Attention {
        &self.attention
    }

    /// Whether a host function ran since C did.
    #[inline]
    pub(crate) fn host_ran(&self) -> bool {
        self.attention.host_ran.load(Ordering::Relaxed) != 0
    }

    /// Notes which of the two ran last.
    #[inline]
    pub(crate) fn set_host_ran(&self, host_ran: bool) {
        self.attention
            .host_ran
            .store(host_ran.into(), Ordering::Relaxed);
    }

    /// By import: addresses of functions and objects.
    pub(crate) fn addresses(&self) -> *const u64 {
        self.addresses.as_ptr()
    }

    /// What the last call through a pointer called.
    pub(crate) fn target(&self) -> u64 {
        self.target.get()
    }

    /// Where the stack is that compiled code calls leaf functions on.
    pub(crate) fn set_native_stack(&self, range: (u64, u64)) {
        self.native_stack.set(range);
    }

    /// Whether the function at an address may be called: with a list of libraries, it must be in one of them.
    fn grants_target(&self, target: u64) -> Result<(), String> {
        if self.grant.is_unlimited() || self.is_own_function(target) {
            return Ok(());
        }
        self.libraries.grants_target(target)
    }

    fn is_own_function(&self, target: u64) -> bool {
        self.function_of(target) != target
    }

    /// Argument cells of a call that is going on.
    fn argument_count(&self, inside: u32) -> usize {
        match self.functions.get(inside as usize) {
            // SAFETY: plans are owned by this value.
            Some(function) if !function.plan.is_null() => unsafe { (*function.plan).arg_cells },
            _ => self.arguments.get(),
        }
    }

    /// Calls back with the first argument cells of a call that compiled code made, as far as they are known.
    fn registers(&self, active: &Active, count: usize, act: &mut dyn FnMut(u64)) {
        let Some(function) = self.functions.get(active.import as usize) else {
            return;
        };
        // SAFETY: plans are owned by this value.
        let Some(plan) = (unsafe { function.plan.as_ref() }) else {
            return;
        };
        let (mut integers, mut floats) = (active.integers.iter(), active.floats.iter());
        for argument in plan.args.iter().take(count) {
            let is_float = matches!(argument.shape, plan::Shape::One(kind) if kind.is_float());
            let value = match is_float {
                true => floats.next(),
                false => integers.next(),
            };
            if let Some(Some(value)) = value {
                let value = match argument.shape {
                    plan::Shape::One(plan::Kind::Scalar(Scalar::F32)) => *value as u32 as u64,
                    _ => *value,
                };
                act(value);
            }
        }
    }

    /// Name of the function that is being called, for reports: symbol and library.
    fn name_of(&self, inside: u32) -> (&str, &str) {
        match self.functions.get(inside as usize) {
            Some(function) => (&function.name, &function.library),
            None => ("a function that a pointer names", ""),
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        crash::end(self);
    }
}

/// Whether a program asks for `errno`.
pub(crate) fn uses_errno(image: &Image) -> bool {
    image.imports.iter().any(|import| {
        import.kind == ImportKind::Host
            && image.string(import.module) == Some("sys")
            && image.string(import.name) == Some("errno")
    })
}

/// The types of a C function that compiled code may call without this module: kinds of the arguments and of the result.
/// `None` if an argument has to be checked, or the call takes more than registers.
pub(crate) fn plain_signature(
    image: &Image,
    type_index: u32,
) -> Option<(Vec<Scalar>, Option<Scalar>)> {
    let Some(Type::Foreign { signature, .. }) = image.types.get(type_index as usize) else {
        return None;
    };
    let signature = Signature::parse(image.string(*signature)?).ok()?;
    Plan::new(&signature).ok()?.plain()
}

/// What the cells of a call are to C, if they are C values as they are.
pub(crate) fn direct_form(image: &Image, type_index: u32) -> Option<Form> {
    let Some(Type::Foreign { signature, .. }) = image.types.get(type_index as usize) else {
        return None;
    };
    let signature = Signature::parse(image.string(*signature)?).ok()?;
    Plan::new(&signature).ok()?.form()
}

/// The fault of a callback that was refused, by [`Attention::state`].
fn refused_callback(state: u32) -> Option<FaultCode> {
    if state & LEAF != 0 {
        Some(FaultCode::LeafCalledBack)
    } else if state & STRANGER != 0 {
        Some(FaultCode::CallbackOnOtherThread)
    } else {
        None
    }
}

fn unsupported(image: &Image, type_index: usize) -> MachineError {
    let import = image
        .imports
        .iter()
        .position(|import| import.type_index as usize == type_index);
    let name = import
        .and_then(|import| image.string(image.imports[import].name))
        .unwrap_or("a foreign type");
    MachineError::Unsupported {
        import: import.unwrap_or(0) as u32,
        name: name.to_string(),
        reason: "the C calling convention of this host has no form for its signature".into(),
    }
}
