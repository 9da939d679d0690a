//! How handlers report a fault: out of line and with scalars only, so that the common path stays short and keeps its
//! tail call.
//!
//! The operands noted here are values by position; [`crate::interp::locate`] names them from the instruction table.

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{Pointer, Tag};

use crate::fault::{Fault, RefusedAccess, Tried};
use crate::interp::context::{Context, Stop};
use crate::interp::op::{Flow, Op, stop};
use crate::memory::{AccessKind, Violation};

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

/// What an access is, in one register: the logarithm of its width, its direction, whether a load extends the sign, and
/// how many ops further the next one is.
#[derive(Clone, Copy)]
pub(crate) struct Shape(u32);

impl Shape {
    const WRITE: u32 = 1 << 4;
    const SIGNED: u32 = 1 << 5;
    const STEP: u32 = 8;

    /// A load of `1 << log` bytes.
    pub(crate) const fn load(log: u32, signed: bool, step: u32) -> Shape {
        let signed = if signed { Self::SIGNED } else { 0 };
        Shape(log | signed | step << Self::STEP)
    }

    /// A store of `1 << log` bytes.
    pub(crate) const fn store(log: u32, step: u32) -> Shape {
        Shape(log | Self::WRITE | step << Self::STEP)
    }

    /// A load of `width` bytes, for reports only.
    pub(crate) const fn read(width: u32) -> Shape {
        Shape::load(width.trailing_zeros(), false, 0)
    }

    /// A store of `width` bytes, for reports only.
    pub(crate) const fn write(width: u32) -> Shape {
        Shape::store(width.trailing_zeros(), 0)
    }

    /// Logarithm of the width.
    #[inline]
    pub(crate) const fn log(self) -> u32 {
        self.0 & 3
    }

    /// Ops to the next one.
    #[inline]
    pub(crate) const fn step(self) -> usize {
        (self.0 >> Self::STEP) as usize
    }

    /// What a load makes of the zero-extended value.
    #[inline]
    pub(crate) const fn extend(self, value: u64) -> u64 {
        if self.0 & Self::SIGNED == 0 {
            return value;
        }
        let unused = 64 - (8 << self.log());
        ((value << unused) as i64 >> unused) as u64
    }

    const fn width(self) -> u64 {
        1 << self.log()
    }

    const fn kind(self) -> AccessKind {
        if self.0 & Self::WRITE == 0 {
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
    violation: Violation,
) -> Flow {
    let operands = vec![("base", base), ("offset", offset), ("v", value)];
    // SAFETY: ctx is the running machine's context.
    unsafe { note_violation(ip, ctx, violation, operands) };
    stop()
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
    let violation = Violation {
        code: match shape.kind() {
            AccessKind::Read => FaultCode::ReadOutsideObject,
            AccessKind::Write => FaultCode::WriteOutsideObject,
        },
        pointer: Pointer::new(Tag::Local, address.wrapping_add(offset)),
        width: shape.width(),
        kind: shape.kind(),
    };
    let operands = vec![("base", address), ("offset", offset), ("v", value)];
    // SAFETY: ctx is the running machine's context.
    unsafe { note_violation(ip, ctx, violation, operands) };
    stop()
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
