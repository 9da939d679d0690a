//! Entering compiled code, and what comes of it.

#![allow(unsafe_code)]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cvm_spec::arith::{F_NAN, S_NAN};
use cvm_spec::image::Image;
use cvm_spec::pointer::OFFSET_MASK;

use crate::fault::{Fault, Frame};
use crate::host::call::ImportTarget;
use crate::host::{Host, Watch};
use crate::interp::foreign::Foreign;
use crate::interp::handover::Left;
use crate::interp::run::Ended;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::{Descriptor, Memory};
use crate::profile::{Profiler, Session, Source};
use crate::verify::Module;

use super::context::{Native, State, Stop};
use super::machine::{TARGETS, native, raise};
use super::memory::NativeStack;
use super::{NativeCode, stubs};

unsafe extern "C" {
    safe fn memset();
}

/// Sets the context behind a table up.
///
/// # Safety
/// The table is a memory's; nothing runs with it. `state` stays where it is as long as code runs.
pub(super) unsafe fn set_up(
    table: *mut Descriptor,
    image: &Image,
    stack: &NativeStack,
    local_capacity: u64,
    state: *mut State,
) {
    // SAFETY: the state is alive, and what it says of the machine holds.
    let (attention, addresses) = unsafe { foreign_words((*state).foreign, stack) };
    // SAFETY: the code that it names stays as long as code runs.
    let (entries, callees) = unsafe { (*(*state).code).tables() };
    let context = Native {
        stack_limit: stack.limit(),
        fuel: 0,
        polls: 1,
        offset_mask: OFFSET_MASK,
        text_size: image.text.len() as u64,
        entries,
        callees,
        local_capacity,
        host_sp: 0,
        frame: std::ptr::null(),
        raised: [0; 4],
        called: 0,
        raise: stubs::raise as *const () as usize,
        call_out: stubs::call_out as *const () as usize,
        raise_target: raise as *const () as usize,
        targets: TARGETS,
        set_memory: memset as *const () as usize,
        nan: F_NAN,
        single_nan: u64::from(S_NAN),
        tags: std::array::from_fn(|tag| (tag as u64) << 61),
        attention,
        addresses,
        leaf: [0; 2],
        leaf_integers: [0; 6],
        leaf_floats: [0; 8],
        refused: 0,
        table,
        state,
    };
    // SAFETY: the engine's words lie behind the table and are large enough.
    unsafe { native(table).write(context) };
}

/// Where compiled code finds what it needs for calls of C.
///
/// # Safety
/// The machine's, if it has foreign access.
unsafe fn foreign_words(foreign: *const Foreign, stack: &NativeStack) -> (*const u64, *const u64) {
    #[cfg(feature = "ffi")]
    // SAFETY: the caller's promise.
    if let Some(foreign) = unsafe { foreign.as_ref() } {
        foreign.set_native_stack(stack.range());
        let attention = std::ptr::from_ref(foreign.attention());
        return (attention.cast(), foreign.addresses());
    }
    let _ = (foreign, stack);
    (std::ptr::null(), std::ptr::null())
}

/// Tells the signal handler which machine's code runs on this thread; gives the former one.
fn set_running(table: *mut Descriptor) -> *mut Descriptor {
    #[cfg(feature = "ffi")]
    return super::callback::set_running(table);
    #[cfg(not(feature = "ffi"))]
    table
}

/// Bytes below the frame of a stub that waits for C which belong to it.
const STUB: usize = 256;

/// Runs compiled code to its end, on top of the frames that wait for C, if there are any.
///
/// # Safety
/// The table was set up with [`set_up`] for this stack and a state that is alive; `adapter` and `start` are of its code
/// and fit each other; `cells` holds what the adapter passes, and has room for the results.
pub(super) unsafe fn enter(
    table: *mut Descriptor,
    image: &Image,
    (adapter, start): (*const u8, *const u8),
    cells: *mut u64,
    stack: *const NativeStack,
) -> Result<(), Left> {
    // SAFETY: by this function's contract; memory and state are reached through the context's pointers only while
    // compiled code runs, and by nobody else.
    unsafe {
        let native = native(table);
        let state = (*native).state;
        let outer_table = set_running(table);
        let suspended: *mut u8 = (*state).suspended.cast_mut().cast();
        let top = match suspended.is_null() {
            true => (*stack).top(),
            false => suspended.sub(STUB).map_addr(|address| address & !15),
        };
        let is_left = stubs::enter(table, adapter, start, cells, top) != 0;
        let stopped = match is_left {
            true => (*state).stop.take(),
            false => None,
        };
        let ended = match stopped {
            None => Ok(()),
            Some(Stop::Exit(exit)) => Err(Left::Exit(exit)),
            Some(Stop::Panic(panic)) => Err(Left::Panic(panic)),
            Some(Stop::Pending) => Err(Left::Pending),
            Some(Stop::Fault {
                fault,
                ip,
                entering,
            }) => {
                let frames = (*(*state).code).frames((*native).frame);
                let csp = (*(*state).memory).csp();
                let place = place(image, &frames, ip, entering, csp);
                Err(Left::Fault { fault, place })
            }
        };
        (*native).frame = std::ptr::null();
        set_running(outer_table);
        ended
    }
}

/// Runs a function of the code that runs, for a callback.
///
/// # Safety
/// The table is that of a run of compiled code alone that waits for C; there are cells for arguments and results.
#[cfg(feature = "ffi")]
pub(super) unsafe fn enter_function(
    table: *mut Descriptor,
    function: u32,
    cells: *mut u64,
) -> Result<(), Left> {
    // SAFETY: the caller's promise; a run of compiled code alone has every function in its code.
    unsafe {
        let state = (*native(table)).state;
        let (image, code, stack) = (&*(*state).image, &*(*state).code, (*state).stack);
        let way = way_into(code, image, function);
        enter(table, image, way, cells, stack)
    }
}

/// The way into a function of code that has all of them.
fn way_into(code: &NativeCode, image: &Image, function: u32) -> (*const u8, *const u8) {
    let way = code.way_into(image, function);
    way.expect("every function was compiled")
}

/// The place of a fault. `frames` are the text offsets of the calls that compiled frames are in, innermost first; the
/// first one's is that of the call out or fault itself, if it is known.
fn place(
    image: &Image,
    frames: &[Option<u32>],
    ip: Option<u32>,
    entering: bool,
    csp: u64,
) -> Place {
    let (innermost, callers) = match frames.split_first() {
        Some((first, rest)) => (*first, rest),
        None => (None, frames),
    };
    let (ip, callers) = match (entering, callers.split_first()) {
        // The function was not entered: the fault is its caller's call.
        (true, Some((Some(call), rest))) => (Some(*call), rest),
        _ => (ip.or(innermost), callers),
    };
    let frame_of = |ip: u32| {
        Some(Frame {
            function: image.function_at(ip)?,
            ip,
            foreign: None,
        })
    };
    Place {
        ip,
        csp,
        callers: callers.iter().filter_map(|ip| frame_of((*ip)?)).collect(),
        targets: Vec::new(),
    }
}

/// Tells the foreign part of a machine, if it has one, that a run begins.
///
/// # Safety
/// The machine's; the table was set up and stays until [`end_foreign`].
unsafe fn begin_foreign(foreign: *const Foreign, table: *mut Descriptor) {
    #[cfg(feature = "ffi")]
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(foreign) = foreign.as_ref() {
            let memory = (*(*native(table)).state).memory;
            foreign.begin_run(super::callback::engine(table), memory);
        }
    }
    let _ = (foreign, table);
}

/// Tells it that the run is over; gives the fault that is only noticed now.
///
/// # Safety
/// As for [`begin_foreign`].
unsafe fn end_foreign(foreign: *const Foreign, memory: &Memory) -> Option<Box<Fault>> {
    #[cfg(feature = "ffi")]
    // SAFETY: the caller's promise.
    if let Some(foreign) = unsafe { foreign.as_ref() } {
        let late = foreign.end_run()?;
        return Some(Box::new(late.into_fault(memory)));
    }
    let _ = (foreign, memory);
    None
}

/// A run of a function in compiled code alone.
pub(crate) struct Run<'m> {
    pub(crate) module: &'m Module,
    pub(crate) code: &'m NativeCode,
    pub(crate) memory: &'m mut Memory,
    pub(crate) host: &'m mut Host,
    pub(crate) imports: &'m [ImportTarget],
    pub(crate) stack: &'m mut NativeStack,
    pub(crate) fuel: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) interrupt: Option<Arc<AtomicBool>>,
    pub(crate) foreign: *const Foreign,
    pub(crate) profiler: Option<*mut Profiler>,
}

impl Run<'_> {
    /// Runs a function to its end.
    pub(crate) fn run(self, function: u32, args: &[u64]) -> Ended {
        let image = self.module.image();
        let record = &image.functions[function as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        let csp = self.memory.csp();
        let table = self.memory.table();
        let deadline = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let watch = Watch::new(deadline, self.interrupt.clone());
        #[cfg(feature = "ffi")]
        // SAFETY: the machine's, which outlives the run.
        let watch = match unsafe { self.foreign.as_ref() } {
            Some(foreign) => watch.with_errno(foreign.errno()),
            None => watch,
        };
        self.host.start(&watch);
        let results = usize::from(function_type.results);
        let mut cells = args.to_vec();
        cells.resize(args.len().max(results), 0);
        let local_capacity = self.memory.local_capacity();
        let memory: *mut Memory = self.memory;
        let mut state = State {
            memory,
            host: self.host,
            imports: self.imports.as_ptr(),
            metered: self.fuel.is_some(),
            text: image.text.as_slice(),
            deadline,
            interrupt: self.interrupt.unwrap_or_default(),
            stop: None,
            image,
            code: self.code,
            stack: self.stack,
            foreign: self.foreign,
            suspended: std::ptr::null(),
            interpreter: std::ptr::null_mut(),
            segments: std::ptr::null(),
            pending: None,
        };
        let way = way_into(self.code, image, function);
        // SAFETY: the state outlives the call; the adapter is that of the function's type, and the cells are as many
        // as the larger of its counts.
        let (ended, fuel) = unsafe {
            set_up(table, image, self.stack, local_capacity, &raw mut state);
            (*native(table)).fuel = self.fuel.unwrap_or(0);
            let cells = cells.as_mut_ptr();
            begin_foreign(self.foreign, table);
            let session = Session::begin(self.profiler, Source::Compiled(table));
            let ended = enter(table, image, way, cells, self.stack);
            drop(session);
            let ended = ended.map_err(|left| match (left, state.pending.take()) {
                (Left::Pending, Some(Stop::Exit(exit))) => Left::Exit(exit),
                (Left::Pending, Some(Stop::Panic(panic))) => Left::Panic(panic),
                (left, _) => left,
            });
            let late = end_foreign(self.foreign, &*memory);
            let ended = match (ended, late) {
                (Ok(()), Some(fault)) => Err(Left::Exit(Exit::Fault(fault))),
                (ended, _) => ended,
            };
            (ended, (*native(table)).fuel)
        };
        let exit = match ended {
            Ok(()) => {
                cells.truncate(results);
                Exit::Returned(cells)
            }
            Err(Left::Exit(exit)) => exit,
            Err(Left::Pending) => unreachable!("a callback that ends the run says why"),
            Err(Left::Fault { fault, place }) => {
                Exit::Fault(Box::new(locate(image, *fault, place)))
            }
            Err(Left::Panic(panic)) => {
                // SAFETY: code was left, so nothing else refers to memory.
                unsafe { (*memory).pop_locals_to(csp) };
                resume_unwind(panic)
            }
        };
        // SAFETY: as above.
        unsafe { (*memory).pop_locals_to(csp) };
        Ended { exit, fuel }
    }
}
