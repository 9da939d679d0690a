//! Entering compiled code, and what comes of it.

#![allow(unsafe_code)]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cvm_spec::arith::{F_NAN, S_NAN};
use cvm_spec::image::Image;
use cvm_spec::pointer::OFFSET_MASK;

use crate::fault::Frame;
use crate::host::call::ImportTarget;
use crate::host::{Host, Watch};
use crate::interp::handover::Left;
use crate::interp::run::Ended;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::{Descriptor, Memory};
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
    let context = Native {
        stack_limit: stack.limit(),
        fuel: 0,
        polls: 1,
        offset_mask: OFFSET_MASK,
        text_size: image.text.len() as u64,
        entries: std::ptr::null(),
        callees: std::ptr::null(),
        local_capacity,
        host_sp: 0,
        frame: std::ptr::null(),
        raised: [0; 4],
        raise: stubs::raise as *const () as usize,
        call_out: stubs::call_out as *const () as usize,
        raise_target: raise as *const () as usize,
        targets: TARGETS,
        set_memory: memset as *const () as usize,
        nan: F_NAN,
        single_nan: u64::from(S_NAN),
        tags: std::array::from_fn(|tag| (tag as u64) << 61),
        state,
    };
    // SAFETY: the engine's words lie behind the table and are large enough.
    unsafe { native(table).write(context) };
}

/// Runs compiled code to its end.
///
/// # Safety
/// The table was set up with [`set_up`] for this stack and a state that is alive; `adapter` and `start` are of `code`
/// and fit each other; `cells` holds what the adapter passes, and has room for the results.
pub(super) unsafe fn enter(
    table: *mut Descriptor,
    image: &Image,
    code: &NativeCode,
    (adapter, start): (*const u8, *const u8),
    cells: *mut u64,
    stack: &NativeStack,
) -> Result<(), Left> {
    // SAFETY: by this function's contract; memory and state are reached through the context's pointers only while
    // compiled code runs, and by nobody else.
    unsafe {
        let native = native(table);
        (*native).entries = code.entries.as_ptr();
        (*native).callees = code.callees.as_ptr();
        if stubs::enter(table, adapter, start, cells, stack.top()) == 0 {
            return Ok(());
        }
        let state = &mut *(*native).state;
        match state.stop.take() {
            None => Ok(()),
            Some(Stop::Exit(exit)) => Err(Left::Exit(exit)),
            Some(Stop::Panic(panic)) => Err(Left::Panic(panic)),
            Some(Stop::Fault {
                fault,
                ip,
                entering,
            }) => {
                let frames = code.frames((*native).frame);
                let csp = (*state.memory).csp();
                let place = place(image, &frames, ip, entering, csp);
                Err(Left::Fault { fault, place })
            }
        }
    }
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
        self.host
            .start(&Watch::new(deadline, self.interrupt.clone()));
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
        };
        let start = self.code.callees[function as usize + 1].code;
        let way = (self.code.adapter(function_type), start);
        // SAFETY: the state outlives the call; the adapter is that of the function's type, and the cells are as many
        // as the larger of its counts.
        let (ended, fuel) = unsafe {
            set_up(table, image, self.stack, local_capacity, &raw mut state);
            (*native(table)).fuel = self.fuel.unwrap_or(0);
            let cells = cells.as_mut_ptr();
            let ended = enter(table, image, self.code, way, cells, self.stack);
            (ended, (*native(table)).fuel)
        };
        let exit = match ended {
            Ok(()) => {
                cells.truncate(results);
                Exit::Returned(cells)
            }
            Err(Left::Exit(exit)) => exit,
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
