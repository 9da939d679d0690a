//! The interpreter and C: calls out of the program, callbacks into it, and what a crash report needs.
//!
//! During a call of C, [`Context::site`] says where it was made. A callback puts two frames on the shadow stack: the one
//! that called C, as if it had called the function itself, and a sentinel that returns to [`Code::finish`]. So the end of
//! the callback ends its own run of handlers, and a backtrace finds the sentinel where C stands.

#![allow(unsafe_code)]

use std::ffi::c_void;

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::Pointer;

use super::context::{Context, ShadowFrame, Site, Stop};
use super::handlers::list;
use super::op::{Op, Slots};
use crate::fault::{Fault, RefusedAccess, Tried};
use crate::ffi::{Cause, Engine, Failure, Foreign as Calls};
use crate::machine::Exit;

pub(crate) use crate::ffi::Foreign;

/// The interpreter as callbacks see it.
pub(crate) fn engine(ctx: *mut Context) -> Engine {
    Engine {
        data: ctx.cast(),
        enter,
        raise,
        position,
        frames,
    }
}

/// Calls the foreign function of import `(*ip).c` with the cells from slot `(*ip).a` on. False if the run has to end.
///
/// # Safety
/// As for handlers; the machine has foreign access.
#[inline(never)]
pub(crate) unsafe fn call_import(ip: *const Op, fp: Slots, ctx: *mut Context, room: u32) -> bool {
    // SAFETY: the frame has room for arguments and results from slot a on, because the operand depth covers both.
    unsafe {
        let cells = fp.add((*ip).a as usize);
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

/// Notes where C is called from, and lets the program's own output out before C's.
#[inline(always)]
unsafe fn begin(ip: *const Op, fp: Slots, ctx: *mut Context, top: Slots) -> Site {
    // SAFETY: ctx is the running machine's.
    unsafe {
        let outer = (*ctx).site;
        (*ctx).site = Site { ip, fp, top };
        if (*ctx).host_ran {
            flush_host(ctx);
        }
        (*ctx).foreign_ran = true;
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
        (*ctx).host_ran = false;
        let _ = (*(*ctx).host).flush();
    }
}

/// Before a host function: lets C's output out before the program's own.
///
/// # Safety
/// ctx is the running machine's.
#[inline]
pub(crate) unsafe fn before_host(ctx: *mut Context) {
    // SAFETY: as the caller promises; no stream is given to fflush.
    unsafe {
        if (*ctx).foreign_ran {
            (*ctx).foreign_ran = false;
            libc::fflush(std::ptr::null_mut());
        }
        (*ctx).host_ran = true;
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
        let mut fault = fault_of(&*ctx, failure);
        fault.import = import;
        let image = (*(*ctx).module).image();
        let count = import
            .and_then(|import| {
                image
                    .types
                    .get(image.imports[import as usize].type_index as usize)
            })
            .map_or(0, |ty| usize::from(ty.arity().0));
        fault.operands = (0..count.min(6))
            .map(|number| ("", *cells.add(number)))
            .collect();
        (*ctx).stop = Stop::Fault {
            fault: Box::new(fault),
            op: ip,
        };
        false
    }
}

fn fault_of(ctx: &Context, failure: Failure) -> Fault {
    let mut fault = match failure.cause {
        // SAFETY: memory is the running machine's and no reference into it is alive.
        Cause::Violation(violation) => unsafe {
            Fault::of_violation(&*ctx.memory, violation, Vec::new())
        },
        Cause::Code(code) => Fault::new(code),
        Cause::Target {
            code,
            target,
            types,
        } => {
            let pointer = Pointer(target);
            // SAFETY: memory is the running machine's and no reference into it is alive.
            let segment_size = unsafe { (*ctx.memory).segment_size(pointer.tag()) };
            Fault {
                access: Some(RefusedAccess {
                    pointer,
                    width: 0,
                    segment_size,
                    tried: Tried::Call,
                }),
                types,
                ..Fault::new(code)
            }
        }
    };
    fault.message = failure.message;
    fault
}

/// The fault of what was noticed only when the run was over.
pub(crate) fn late_fault(ctx: &Context, failure: Failure) -> Fault {
    fault_of(ctx, failure)
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
    // SAFETY: the engine's data is the context of the run that called C and waits for it on this thread. The callee's frame
    // begins above everything that the frame which called C uses; a shadow frame takes at most one cell's worth of the
    // shadow stack, and two cells are left free for the two that are put there.
    unsafe {
        let callee = *(*ctx).callees.add(function as usize);
        let site = (*ctx).site;
        let frame = site.top.wrapping_add(2);
        let needed = (callee.cells as usize).max(arguments).max(results);
        if frame.wrapping_add(needed) > (*ctx).cells_end || frame < site.top {
            raise(data, FaultCode::CallStackOverflow.into());
            return stopped(ctx);
        }
        std::ptr::copy_nonoverlapping(cells, frame, arguments);
        let shadow = (*ctx).shadow;
        *shadow = ShadowFrame {
            // Behind the call and its data cell.
            ip: site.ip.add(2),
            fp: site.fp,
        };
        *shadow.add(1) = ShadowFrame {
            ip: (*(*ctx).code).finish,
            fp: frame,
        };
        (*ctx).shadow = shadow.add(2);
        (*ctx).stop = Stop::Returned;
        let table = (*(*ctx).memory).table();
        list::run(callee.code, frame, shadow.add(2), table, ctx);
        (*ctx).site = site;
        if !matches!((*ctx).stop, Stop::Returned) {
            return stopped(ctx);
        }
        (*ctx).shadow = shadow;
        std::ptr::copy_nonoverlapping(frame, cells, results);
        // C goes on: what the callback wrote comes out before it.
        if (*ctx).host_ran {
            flush_host(ctx);
        }
        (*ctx).foreign_ran = true;
        true
    }
}

/// The run has to end inside a callback. Whoever wants to know at once is told before C returns. Always false.
#[cold]
#[inline(never)]
unsafe fn stopped(ctx: *mut Context) -> bool {
    // SAFETY: as for `enter`.
    unsafe {
        let foreign: &Calls = &*(*ctx).foreign;
        if foreign.wants_exit() {
            // A host function that panicked is no exit to report.
            let Ok(exit) = super::run::exit_of(&mut *ctx) else {
                return false;
            };
            let _ = (*(*ctx).host).flush();
            libc::fflush(std::ptr::null_mut());
            foreign.leave_at_once(&exit.unwrap_or(Exit::Exited(0)));
        }
        false
    }
}

/// [`Engine::raise`].
unsafe fn raise(data: *mut c_void, failure: Failure) {
    let ctx: *mut Context = data.cast();
    // SAFETY: as for `enter`.
    unsafe {
        let fault = fault_of(&*ctx, failure);
        (*ctx).stop = Stop::Fault {
            fault: Box::new(fault),
            op: (*ctx).site.ip,
        };
    }
}

/// [`Engine::position`].
unsafe fn position(data: *mut c_void) -> u32 {
    let ctx: *const Context = data.cast();
    // SAFETY: as for `enter`; the code outlives the run.
    unsafe { (*(*ctx).code).text_offset((*ctx).site.ip).unwrap_or(0) }
}

/// [`Engine::frames`].
unsafe fn frames(data: *mut c_void, tell: &mut dyn FnMut(u32)) {
    let ctx: *const Context = data.cast();
    // SAFETY: as for `enter`; the shadow stack's frames below the top are those that calls put there.
    unsafe {
        let code = &*(*ctx).code;
        if let Some(ip) = code.text_offset((*ctx).site.ip) {
            tell(ip);
        }
        let mut frame = (*ctx).shadow;
        while frame > (*ctx).shadow_base.add(1) {
            frame = frame.sub(1);
            let ip = (*frame).ip;
            match ip == code.finish {
                true => tell(u32::MAX),
                false => {
                    if let Some(ip) = code.text_offset(ip.wrapping_sub(1)) {
                        tell(ip);
                    }
                }
            }
        }
    }
}
