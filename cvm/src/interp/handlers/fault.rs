//! How handlers report a fault: out of line and with scalars only, so that the common path stays short and keeps its
//! tail call.
//!
//! The operands noted here are values by position; [`crate::locate`] names them from the instruction table.

use cvm_spec::fault::FaultCode;

use crate::fault::Fault;
use crate::interp::context::{Context, Stop};
use crate::interp::op::{Flow, Op, stop};
use crate::memory::AccessKind;

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
    // SAFETY: ctx is the running machine's context.
    unsafe { raise(ip, ctx, Fault::of_operands(code, x, y)) }
}

/// Width and direction of an access in one register.
#[derive(Clone, Copy)]
pub(crate) struct Shape(u32);

impl Shape {
    /// A load of `width` bytes.
    pub(crate) const fn read(width: u32) -> Shape {
        Shape(width)
    }

    /// A store of `width` bytes.
    pub(crate) const fn write(width: u32) -> Shape {
        Shape(width | 1 << 16)
    }

    const fn width(self) -> u64 {
        (self.0 & 0xffff) as u64
    }

    const fn kind(self) -> AccessKind {
        if self.0 >> 16 == 0 {
            AccessKind::Read
        } else {
            AccessKind::Write
        }
    }
}

/// Stops with the fault of a refused load or store.
#[cold]
#[inline(never)]
pub(crate) unsafe fn refuse(
    ip: *const Op,
    ctx: *mut Context,
    base: u64,
    offset: u64,
    value: u64,
    shape: Shape,
) -> Flow {
    // SAFETY: ctx and its memory belong to the running machine.
    unsafe {
        let memory = &*(*ctx).memory;
        let fault = Fault::of_access(memory, (base, offset, value), shape.width(), shape.kind());
        raise(ip, ctx, fault)
    }
}

/// Stops with the fault of an access outside the local object that the operand names; `address` is the object's
/// offset in the `l:` segment.
#[cold]
#[inline(never)]
pub(crate) unsafe fn refuse_object(
    ip: *const Op,
    ctx: *mut Context,
    address: u64,
    offset: u64,
    value: u64,
    shape: Shape,
) -> Flow {
    // SAFETY: ctx and its memory belong to the running machine.
    unsafe {
        let memory = &*(*ctx).memory;
        let fault = Fault::of_object(
            memory,
            (address, offset, value),
            shape.width(),
            shape.kind(),
        );
        raise(ip, ctx, fault)
    }
}

/// Stops with the fault of a refused jump or indirect call.
#[cold]
#[inline(never)]
pub(crate) unsafe fn refuse_target(
    ip: *const Op,
    ctx: *mut Context,
    code: FaultCode,
    target: u64,
) -> Flow {
    // SAFETY: ctx and its memory belong to the running machine.
    unsafe {
        let fault = Fault::of_target(&*(*ctx).memory, code, target);
        raise(ip, ctx, fault)
    }
}
