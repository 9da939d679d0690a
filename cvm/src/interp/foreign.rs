//! The interpreter and C: calls out of the program, callbacks into it, and what a crash report needs.
//!
//! During a call of C, [`Context::site`] says where it was made. A callback runs on top of it ([`super::nested`]).

#![allow(unsafe_code)]

use std::ffi::c_void;

use cvm_spec::fault::FaultCode;

use super::context::{Context, Site, Stop};
use super::handover::Left;
use super::nested::{self, Nested};
use super::op::{Op, Slots};
use crate::fault::Fault;
use crate::ffi::{Active, Engine, Failure, Foreign as Calls, Register, Return, call_fault};
use crate::jit;
use crate::jit::callback::tell_frames;
use crate::jit::segment::Segment;

pub(crate) use crate::ffi::{Foreign, Form, direct_form};

/// The interpreter as callbacks see it.
pub(crate) fn engine(ctx: *mut Context) -> Engine {
    Engine {
        data: ctx.cast(),
        enter,
        raise,
        position,
        frames,
        active,
    }
}

/// Calls the foreign function of import `(*ip).c` with the cells from slot `(*ip).a` on. False if the run has to end.
///
/// # Safety
/// As for handlers; the machine has foreign access.
#[inline(never)]
pub(crate) unsafe fn call_import(ip: *const Op, fp: Slots, ctx: *mut Context, room: u32) -> bool {
    // SAFETY: as the caller promises.
    unsafe { call_with_cells(ip, fp, ctx, fp.add((*ip).a as usize), room) }
}

/// Calls the foreign function of import `(*ip).c` with these cells.
///
/// # Safety
/// As for [`call_import`].
unsafe fn call_with_cells(
    ip: *const Op,
    fp: Slots,
    ctx: *mut Context,
    cells: *mut u64,
    room: u32,
) -> bool {
    // SAFETY: the frame has room for arguments and results in the cells, because the operand depth covers both.
    unsafe {
        let outer = begin(ip, fp, ctx, cells.add(room as usize));
        let goes_on = (*(*ctx).foreign).call_import((*ctx).memory, (*ip).c, cells);
        end(ctx, outer);
        goes_on || failed(ip, ctx, Some((*ip).c), cells)
    }
}

/// Calls the C function that slot `(*ip).b` points to, by type `(*ip).c`.
///
/// # Safety
/// As for [`call_import`].
#[inline(never)]
pub(crate) unsafe fn call_pointer(ip: *const Op, fp: Slots, ctx: *mut Context, room: u32) -> bool {
    // SAFETY: as above; the target lies above the arguments and below `room`.
    unsafe {
        let cells = fp.add((*ip).a as usize);
        let target = *fp.add((*ip).b as usize);
        let outer = begin(ip, fp, ctx, cells.add(room as usize));
        let foreign = &*(*ctx).foreign;
        let goes_on = foreign.call_pointer((*ctx).memory, (*ip).c, target, cells);
        end(ctx, outer);
        goes_on || failed(ip, ctx, None, cells)
    }
}

/// Slot of an argument, by the data cell of a quick call.
#[inline(always)]
unsafe fn source<const NUMBER: usize>(data: *const Op) -> usize {
    // SAFETY: data cells of such calls hold numbers.
    unsafe {
        match NUMBER {
            0..4 => ((*data).word.number >> (16 * NUMBER)) as u16 as usize,
            4 => (*data).a as usize,
            _ => (*data).b as usize,
        }
    }
}

/// A quick call that cannot be one: because of `errno`, of recorded allocations, or of output that goes first.
#[inline(never)]
unsafe fn call_slowly(ip: *const Op, fp: Slots, ctx: *mut Context, cells: *mut u64) -> bool {
    // SAFETY: as for `call_import`; a function without a result has a slot to spare.
    unsafe {
        let goes_on = call_with_cells(ip, fp, ctx, cells, (*ip.add(1)).c);
        if goes_on {
            *fp.add((*ip).a as usize) = *cells;
        }
        goes_on
    }
}

macro_rules! quick_calls {
    ($($name:ident $register:ident ($($number:literal)*);)*) => {
        $(
            /// Calls the C function of import `(*ip).c`, whose arguments are in the slots that the data cell names, with
            /// the result in slot `(*ip).a`. The arguments are left in the slots from `(*ip).b` on, for reports.
            ///
            /// # Safety
            /// As for [`call_import`]; the import's form is this one.
            #[inline(always)]
            pub(crate) unsafe fn $name(ip: *const Op, fp: Slots, ctx: *mut Context) -> bool {
                type Function = unsafe extern "C" fn($(quick_calls!(@type $register $number)),*) -> $register;
                // SAFETY: the slots are the frame's, the function is that of the import, and no reference into memory
                // is alive while C runs. What `site` was before matters to nobody but a call.
                unsafe {
                    let data = ip.add(1);
                    let cells = fp.add((*ip).b as usize);
                    $(*cells.add($number) = *fp.add(source::<$number>(data));)*
                    let foreign = &*(*ctx).foreign;
                    let Some(quick) = foreign.begin_quick((*ip).c, cells) else {
                        return call_slowly(ip, fp, ctx, cells);
                    };
                    (*ctx).site = Site { ip, fp, top: cells.add((*data).c as usize) };
                    let function: Function = std::mem::transmute(quick.address);
                    let value = function($($register::of(*cells.add($number))),*).cell();
                    // C may have taken long: the next poll looks at the clock.
                    (*ctx).polls = 1;
                    if !foreign.end_quick() {
                        return failed(ip, ctx, Some((*ip).c), cells);
                    }
                    *fp.add((*ip).a as usize) = match quick.returned {
                        Return::Signed32 => value as i32 as u64,
                        Return::Unsigned32 => u64::from(value as u32),
                        Return::Nothing | Return::Word => value,
                    };
                    true
                }
            }
        )*
    };
    (@type $register:ident $number:literal) => { $register };
}

quick_calls! {
    call_words_0 u64 ();
    call_words_1 u64 (0);
    call_words_2 u64 (0 1);
    call_words_3 u64 (0 1 2);
    call_words_4 u64 (0 1 2 3);
    call_words_5 u64 (0 1 2 3 4);
    call_words_6 u64 (0 1 2 3 4 5);
    call_doubles_1 f64 (0);
    call_doubles_2 f64 (0 1);
    call_doubles_3 f64 (0 1 2);
    call_doubles_4 f64 (0 1 2 3);
}

/// Notes where C is called from, and lets the program's own output out before C's.
#[inline(always)]
unsafe fn begin(ip: *const Op, fp: Slots, ctx: *mut Context, top: Slots) -> Site {
    // SAFETY: ctx is the running machine's.
    unsafe {
        let outer = (*ctx).site;
        (*ctx).site = Site { ip, fp, top };
        if (*(*ctx).foreign).host_ran() {
            flush_host(ctx);
        }
        outer
    }
}

#[inline(always)]
unsafe fn end(ctx: *mut Context, outer: Site) {
    // SAFETY: ctx is the running machine's. C may have taken long: the next poll looks at the clock.
    unsafe {
        (*ctx).site = outer;
        (*ctx).polls = 1;
    }
}

#[cold]
#[inline(never)]
unsafe fn flush_host(ctx: *mut Context) {
    // SAFETY: ctx and its host are the running machine's. An error shows up again when the host flushes at the end.
    unsafe {
        (*(*ctx).foreign).set_host_ran(false);
        let _ = (*(*ctx).host).flush();
    }
}

/// Before a host function: lets C's output out before the program's own.
///
/// # Safety
/// The machine's, if it has foreign access.
#[inline]
pub(crate) unsafe fn before_host(foreign: *const Foreign) {
    // SAFETY: as the caller promises; no stream is given to fflush.
    unsafe {
        if let Some(foreign) = foreign.as_ref()
            && !foreign.host_ran()
        {
            foreign.set_host_ran(true);
            libc::fflush(std::ptr::null_mut());
        }
    }
}

/// A call did not end well: the fault, unless a callback has said already why the run ends. Always false.
#[cold]
#[inline(never)]
unsafe fn failed(ip: *const Op, ctx: *mut Context, import: Option<u32>, cells: *const u64) -> bool {
    // SAFETY: ctx is the running machine's; the argument cells are there as long as no result was written.
    unsafe {
        let Some(failure) = (*(*ctx).foreign).take_failure() else {
            return false;
        };
        let (image, memory) = ((*(*ctx).module).image(), &*(*ctx).memory);
        let fault = call_fault(image, memory, failure, import, cells);
        (*ctx).stop = Stop::Fault {
            fault: Box::new(fault),
            op: ip,
        };
        false
    }
}

/// The fault of what was noticed only when the run was over.
pub(crate) fn late_fault(ctx: &Context, failure: Failure) -> Fault {
    // SAFETY: memory is the running machine's and no reference into it is alive.
    failure.into_fault(unsafe { &*ctx.memory })
}

/// [`Engine::enter`].
unsafe fn enter(
    data: *mut c_void,
    function: u32,
    cells: *mut u64,
    arguments: usize,
    results: usize,
) -> bool {
    let ctx: *mut Context = data.cast();
    // SAFETY: the engine's data is the context of the run that called C and waits for it on this thread.
    unsafe {
        match nested::call_back(ctx, function, cells, (arguments, results)) {
            Nested::Returned => {
                // C goes on: what the callback wrote comes out before it.
                if (*(*ctx).foreign).host_ran() {
                    flush_host(ctx);
                }
                true
            }
            Nested::NoRoom => {
                raise(data, FaultCode::CallStackOverflow.into());
                if let Err(panic) = super::run::exit_of(&mut *ctx) {
                    (*ctx).stop = Stop::Compiled(Left::Panic(panic));
                }
                tell_stopped(ctx);
                false
            }
            Nested::Stopped => {
                tell_stopped(ctx);
                false
            }
        }
    }
}

/// The run has to end inside a callback, and the context says how. Whoever wants to know at once is told before C returns.
#[cold]
#[inline(never)]
unsafe fn tell_stopped(ctx: *mut Context) {
    // SAFETY: as for `enter`.
    unsafe {
        let foreign: &Calls = &*(*ctx).foreign;
        if let Stop::Exit(exit) = &(*ctx).stop
            && foreign.wants_exit()
        {
            let _ = (*(*ctx).host).flush();
            libc::fflush(std::ptr::null_mut());
            foreign.leave_at_once(exit);
        }
    }
}

/// [`Engine::raise`].
unsafe fn raise(data: *mut c_void, failure: Failure) {
    let ctx: *mut Context = data.cast();
    // SAFETY: as for `enter`.
    unsafe {
        let memory = &*(*ctx).memory;
        let fault = Box::new(failure.into_fault(memory));
        (*ctx).stop = match (*ctx).site.is_compiled() {
            true => {
                let image = (*(*ctx).module).image();
                let place = Segment::waiting(memory.table()).place(image, memory.csp());
                Stop::Compiled(Left::Fault { fault, place })
            }
            false => Stop::Fault {
                fault,
                op: (*ctx).site.ip,
            },
        };
    }
}

/// [`Engine::position`].
unsafe fn position(data: *mut c_void) -> u32 {
    let ctx: *const Context = data.cast();
    // SAFETY: as for `enter`; the code outlives the run.
    unsafe {
        let position = match (*ctx).site.is_compiled() {
            true => Segment::waiting((*(*ctx).memory).table()).position(),
            false => (*(*ctx).code).text_offset((*ctx).site.ip),
        };
        position.unwrap_or(0)
    }
}

/// [`Engine::frames`].
unsafe fn frames(data: *mut c_void, tell: &mut dyn FnMut(u32)) {
    let ctx: *const Context = data.cast();
    // SAFETY: as for `enter`; the shadow stack's frames below the top are those that calls put there.
    unsafe {
        let code = &*(*ctx).code;
        if (*ctx).site.is_compiled() {
            tell_frames((*(*ctx).memory).table(), tell);
        } else if let Some(ip) = code.text_offset((*ctx).site.ip) {
            tell(ip);
        }
        let mut frame = (*ctx).shadow;
        while frame > (*ctx).shadow_base.add(1) {
            frame = frame.sub(1);
            let ip = (*frame).ip;
            if ip.is_null() {
                (*(*frame).fp.cast::<Segment>()).tell(tell);
            } else if ip == code.finish {
                tell(u32::MAX);
            } else if let Some(ip) = code.text_offset(ip.wrapping_sub(1)) {
                tell(ip);
            }
        }
    }
}

/// [`Engine::active`].
unsafe fn active(data: *mut c_void, pc: u64, sp: u64) -> Option<Active> {
    let ctx: *const Context = data.cast();
    // SAFETY: as for `enter`; only compiled code calls C by itself.
    unsafe {
        let is_compiled = (*ctx).site.is_compiled();
        is_compiled.then(|| jit::callback::active((*(*ctx).memory).table(), pc, sp))?
    }
}
