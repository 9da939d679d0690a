//! Compiled code and C: runs for callbacks, on top of the frames that wait for C ([`super::segment`]), and what a crash
//! report needs.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::ImportKind;
use cvm_spec::isa::Opcode;

use crate::ffi::{Active, Engine, Failure, Foreign};
use crate::interp::handover::Left;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::Descriptor;

use super::context::{Native, State, Stop};
use super::machine::native;
use super::run::enter_function;
use super::segment::Segment;
use super::stubs::INTEGERS_SAVED;

/// The compiler's code as callbacks see it, in a run without the interpreter.
pub(super) fn engine(table: *mut Descriptor) -> Engine {
    Engine {
        data: table.cast(),
        enter,
        raise,
        position,
        frames,
        active: active_of,
    }
}

unsafe fn state<'r>(table: *mut Descriptor) -> &'r mut State {
    // SAFETY: the engine's data is the table of a run that called C and waits for it on this thread.
    unsafe { &mut *(*native(table)).state }
}

unsafe fn foreign<'r>(table: *mut Descriptor) -> &'r Foreign {
    // SAFETY: an engine is only known to a machine that has foreign access.
    unsafe { &*state(table).foreign }
}

/// [`Engine::enter`].
unsafe fn enter(data: *mut c_void, function: u32, cells: *mut u64, _: usize, _: usize) -> bool {
    let table: *mut Descriptor = data.cast();
    // SAFETY: as for `state`. The cells have room for the larger of both counts, by the contract of `Engine`.
    unsafe {
        let segment = Segment::waiting(table);
        segment.suspend(table);
        state(table).segments = &raw const segment;
        let ended = enter_function(table, function, cells);
        state(table).segments = segment.outer;
        let ended = ended.map_err(|left| stop_of(table, &segment, left));
        segment.resume(table);
        match ended {
            Ok(()) => {
                flush_host(table);
                true
            }
            Err(stop) => {
                end_in_callback(table, stop);
                false
            }
        }
    }
}

/// What was written by the host's functions comes out before C goes on.
unsafe fn flush_host(table: *mut Descriptor) {
    // SAFETY: as for `state`; the host is the run's, and no reference to it is alive.
    unsafe {
        if foreign(table).host_ran() {
            foreign(table).set_host_ran(false);
            let _ = (*state(table).host).flush();
        }
    }
}

/// Why compiled code that ran for a callback was left, with a fault located in the whole stack of calls.
unsafe fn stop_of(table: *mut Descriptor, segment: &Segment, left: Left) -> Stop {
    match left {
        Left::Exit(exit) => Stop::Exit(exit),
        Left::Panic(panic) => Stop::Panic(panic),
        Left::Pending => Stop::Pending,
        // SAFETY: all segments wait.
        Left::Fault { fault, place } => unsafe {
            Stop::Exit(located(table, segment, *fault, place))
        },
    }
}

/// A fault in a callback, whose frames are in `place`; `segment` is the innermost that waits.
unsafe fn located(
    table: *mut Descriptor,
    segment: *const Segment,
    fault: crate::fault::Fault,
    mut place: Place,
) -> Exit {
    // SAFETY: segments are on the stacks of callbacks that wait, and so are the frames; the image is the run's.
    unsafe {
        let image = &*state(table).image;
        let mut next = segment;
        while let Some(segment) = next.as_ref() {
            segment.add_to(image, &mut place);
            next = segment.outer;
        }
        Exit::Fault(Box::new(locate(image, fault, place)))
    }
}

/// The run ends inside a callback: keeps why, and tells whoever wants to know at once.
unsafe fn end_in_callback(table: *mut Descriptor, stop: Stop) {
    // SAFETY: as for `state`.
    unsafe {
        if let Stop::Exit(exit) = &stop
            && foreign(table).wants_exit()
        {
            let _ = (*state(table).host).flush();
            libc::fflush(std::ptr::null_mut());
            foreign(table).leave_at_once(exit);
        }
        if !matches!(stop, Stop::Pending) {
            state(table).pending = Some(stop);
        }
    }
}

/// [`Engine::raise`].
unsafe fn raise(data: *mut c_void, failure: Failure) {
    let table: *mut Descriptor = data.cast();
    // SAFETY: as for `state`.
    unsafe {
        let segment = Segment::waiting(table);
        let memory = &*state(table).memory;
        let place = segment.place(&*state(table).image, memory.csp());
        let fault = failure.into_fault(memory);
        let exit = located(table, segment.outer, fault, place);
        state(table).pending = Some(Stop::Exit(exit));
    }
}

/// [`Engine::position`].
unsafe fn position(data: *mut c_void) -> u32 {
    // SAFETY: as for `state`; C was called by compiled code.
    unsafe { Segment::waiting(data.cast()).position().unwrap_or(0) }
}

/// [`Engine::frames`].
unsafe fn frames(data: *mut c_void, tell: &mut dyn FnMut(u32)) {
    // SAFETY: as for `state`.
    unsafe { tell_frames(data.cast(), tell) };
}

/// The frames that wait for C or called a leaf function, and in a run of compiled code alone those further out.
///
/// # Safety
/// The table is that of a run in which compiled code calls C. Fit for a signal handler.
pub(crate) unsafe fn tell_frames(table: *mut Descriptor, tell: &mut dyn FnMut(u32)) {
    // SAFETY: the caller's promise.
    unsafe {
        let native = native(table);
        let mut segment = Segment::waiting(table);
        if segment.frame.is_null() {
            // A leaf function: its caller left its own frame, which has no return address of the call in it.
            let [ip, frame] = (*native).leaf;
            tell(ip as u32);
            segment.frame = frame as *const [u64; 2];
        }
        segment.tell(tell);
        let mut next = segment.outer;
        while let Some(segment) = next.as_ref() {
            tell(u32::MAX);
            segment.tell(tell);
            next = segment.outer;
        }
    }
}

/// [`Engine::active`].
unsafe fn active_of(data: *mut c_void, pc: u64, sp: u64) -> Option<Active> {
    // SAFETY: as for `state`.
    unsafe { active(data.cast(), pc, sp) }
}

/// The C function that compiled code called directly and that runs at `pc`, with its stack pointer, if it is one.
///
/// # Safety
/// The table is that of a run in which compiled code was entered. Fit for a signal handler.
pub(crate) unsafe fn active(table: *mut Descriptor, pc: u64, sp: u64) -> Option<Active> {
    // SAFETY: the caller's promise; code and image are the run's.
    unsafe {
        let native: &Native = &*native(table);
        let state = &*native.state;
        let code = state.code.as_ref()?;
        if code.unit_at(pc).is_some() {
            return None;
        }
        let image = &*state.image;
        let (low, high) = (*state.stack).range();
        let on_native_stack = (low..high).contains(&sp);
        let ip = match on_native_stack {
            true => native.leaf[0] as u32,
            false => Segment::waiting(table).position()?,
        };
        let (instruction, _) = decode(&image.text, ip as usize).ok()?;
        let (Opcode::CallX, Operand::Index(import)) = (instruction.opcode, instruction.operand)
        else {
            return None;
        };
        if image.imports.get(import as usize)?.kind != ImportKind::Foreign {
            return None;
        }
        let saved: *const u64 = native.frame.cast();
        if on_native_stack {
            return Some(Active {
                import,
                integers: native.leaf_integers.map(Some),
                floats: native.leaf_floats.map(Some),
            });
        }
        // The stub left as many words below its frame pointer.
        let word = |number: usize| (!saved.is_null()).then(|| *saved.sub(1 + number));
        Some(Active {
            import,
            integers: std::array::from_fn(word),
            floats: std::array::from_fn(|number| word(INTEGERS_SAVED + number)),
        })
    }
}

thread_local! {
    /// The table of the machine whose compiled code runs on this thread.
    static RUNNING: Cell<*mut Descriptor> = const { Cell::new(std::ptr::null_mut()) };
}

/// Notes whose compiled code runs on this thread; gives what was noted before.
pub(super) fn set_running(table: *mut Descriptor) -> *mut Descriptor {
    RUNNING.replace(table)
}

/// What [`set_running`] noted.
#[cfg(feature = "profile")]
pub(super) fn running() -> *mut Descriptor {
    RUNNING.get()
}

/// Tells the frames that wait for C in a run of compiled code alone.
///
/// # Safety
/// The state is that of such a run. Fit for a signal handler.
#[cfg(feature = "profile")]
pub(super) unsafe fn tell_segments(state: &State, tell: &mut dyn FnMut(u32)) {
    let mut next = state.segments;
    // SAFETY: segments are on the stacks of callbacks that wait.
    unsafe {
        while let Some(segment) = next.as_ref() {
            segment.tell(tell);
            next = segment.outer;
        }
    }
}

/// Where compiled code goes on behind a load that the system refused, if `pc` is one: behind it, after noting that.
///
/// # Safety
/// Called in a signal handler, with the place that the signal interrupted on this thread.
pub(crate) unsafe fn skip_refused(pc: u64) -> Option<u64> {
    let table = RUNNING.get();
    if table.is_null() {
        return None;
    }
    // SAFETY: the table is noted only while its code runs; code and context stay as long.
    unsafe {
        let native = native(table);
        let length = (*(*native).state).code.as_ref()?.refusable(pc)?;
        (*native).refused = 1;
        Some(pc + u64::from(length))
    }
}
