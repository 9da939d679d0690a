//! How handlers report a fault: out of line and with scalars only, so that the common path stays short and keeps its
//! tail call.
//!
//! The operands noted here are values by position; [`crate::interp::locate`] names them from the instruction table.

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::Pointer;

use crate::fault::{Fault, RefusedAccess, Tried};
use crate::interp::context::{Context, Stop};
use crate::interp::op::{Flow, Op, stop};
use crate::memory::Violation;

/// Notes a fault as the reason to stop; the machine adds registers and backtrace.
#[cold]
#[inline(never)]
pub(crate) unsafe fn note(ip: *const Op, ctx: *mut Context, fault: Fault) {
    // SAFETY: ctx is the running machine's context.
    unsafe {
        (*ctx).stop = Stop::Fault {
            fault: Box::new(fault),
            op: ip,
        };
    }
}

/// Stops with a fault.
#[cold]
#[inline(never)]
unsafe fn raise(ip: *const Op, ctx: *mut Context, fault: Fault) -> Flow {
    // SAFETY: ctx is the running machine's context.
    unsafe { note(ip, ctx, fault) };
    stop()
}

/// A fault of an instruction with one or two operands.
#[cold]
#[inline(never)]
pub(crate) unsafe fn raise_code(
    ip: *const Op,
    ctx: *mut Context,
    code: FaultCode,
    x: u64,
    y: u64,
) -> Flow {
    let fault = Fault {
        operands: vec![("", x), ("", y)],
        ..Fault::new(code)
    };
    // SAFETY: ctx is the running machine's context.
    unsafe { raise(ip, ctx, fault) }
}

/// Notes the fault of a violation.
#[cold]
#[inline(never)]
pub(crate) unsafe fn note_violation(
    ip: *const Op,
    ctx: *mut Context,
    violation: Violation,
    operands: Vec<(&'static str, u64)>,
) {
    // SAFETY: ctx and its memory belong to the running machine.
    let fault = unsafe {
        Fault {
            operands,
            ..(*ctx).fault_of(violation)
        }
    };
    // SAFETY: ctx is the running machine's context.
    unsafe { note(ip, ctx, fault) }
}

/// Stops with the fault of a refused jump or indirect call.
#[cold]
#[inline(never)]
pub(crate) unsafe fn refuse_target(
    ip: *const Op,
    ctx: *mut Context,
    code: FaultCode,
    target: u64,
    types: Option<[(u16, u16, u32); 2]>,
) -> Flow {
    let pointer = Pointer(target);
    let tried = match code {
        FaultCode::JumpToNonText | FaultCode::JumpToNonLand => Tried::Jump,
        _ => Tried::Call,
    };
    // SAFETY: ctx and its memory belong to the running machine.
    let segment_size = unsafe { (*(*ctx).memory).segment_size(pointer.tag()) };
    let fault = Fault {
        access: Some(RefusedAccess {
            pointer,
            width: 0,
            segment_size,
            tried,
        }),
        operands: vec![("target", target)],
        types,
        ..Fault::new(code)
    };
    // SAFETY: ctx is the running machine's context.
    unsafe { raise(ip, ctx, fault) }
}
