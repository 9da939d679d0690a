//! Loads and stores that are refused: the operands are read again here, out of line, so that nothing has to be kept for
//! this path in the common one.

use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

use super::fault::note;
use super::slot;
use crate::fault::Fault;
use crate::interp::context::Context;
use crate::interp::op::{Flow, Op, Slots, stop};
use crate::memory::AccessKind;

/// Width and direction of an access.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    width: u8,
    kind: AccessKind,
}

impl Shape {
    /// A load of `width` bytes.
    pub(crate) const fn read(width: u8) -> Shape {
        Shape {
            width,
            kind: AccessKind::Read,
        }
    }

    /// A store of `width` bytes.
    pub(crate) const fn write(width: u8) -> Shape {
        Shape {
            width,
            kind: AccessKind::Write,
        }
    }
}

/// Where a load or store has its operands: the ends of the handlers' names, which [`super::memory`] explains.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Form {
    Rr,
    Rk,
    Rs,
    Kr,
    Ks,
    Kc,
    Or,
    Hr,
    Hw,
    Hs,
    Hww,
    Rrr,
    Rkr,
    Rsr,
    Krr,
    Kri,
    Ksr,
    Ksi,
    Kcr,
    Orr,
    Hrr,
    Hri,
    Hwr,
    Hwi,
    Hsr,
    Hsi,
    Hwwr,
}

impl Form {
    /// All forms, by number.
    const ALL: [Form; 27] = [
        Form::Rr,
        Form::Rk,
        Form::Rs,
        Form::Kr,
        Form::Ks,
        Form::Kc,
        Form::Or,
        Form::Hr,
        Form::Hw,
        Form::Hs,
        Form::Hww,
        Form::Rrr,
        Form::Rkr,
        Form::Rsr,
        Form::Krr,
        Form::Kri,
        Form::Ksr,
        Form::Ksi,
        Form::Kcr,
        Form::Orr,
        Form::Hrr,
        Form::Hri,
        Form::Hwr,
        Form::Hwi,
        Form::Hsr,
        Form::Hsi,
        Form::Hwwr,
    ];

    /// The form of a number.
    pub(crate) const fn of(number: u8) -> Form {
        Self::ALL[number as usize]
    }

    /// How many ops further the next one is: one with a data cell takes two.
    pub(crate) const fn step(self) -> usize {
        match self {
            Form::Kc | Form::Kcr | Form::Or | Form::Orr => 2,
            _ => 1,
        }
    }
}

/// The operands of an access.
pub(crate) struct Operands {
    pub(crate) base: u64,
    pub(crate) offset: u64,
    /// What a store writes, else 0.
    pub(crate) value: u64,
}

/// Reads the operands of the op at `ip`.
///
/// # Safety
/// `ip` is an op of this form, and `fp` its frame.
#[inline(always)]
pub(crate) unsafe fn operands(
    ip: *const Op,
    fp: Slots,
    form: Form,
    scale: u32,
    csp: u64,
) -> Operands {
    // SAFETY: the operands of translated code lie inside the frame and the code.
    unsafe {
        let op = &*ip;
        let short = ShortPointer(op.c).widen().0;
        let a = || slot!(fp, op.a);
        let b = || slot!(fp, op.b);
        let c = || slot!(fp, op.c);
        let wide = || (*ip.add(1)).word.number;
        let object = csp.wrapping_sub(u64::from(op.c));
        let tiny = op.b as i16 as u64;
        let small = op.c as i32 as u64;
        let heap = Pointer::new(Tag::Heap, 0).0;
        let inside = heap | u64::from(op.c);
        // A sum of 32 bits.
        let sum = |one: u64, other: u32| u64::from((one as u32).wrapping_add(other));
        let (base, offset, value) = match form {
            Form::Hr => (inside, b(), 0),
            Form::Hw => (heap, sum(b(), op.c), 0),
            Form::Hs => (heap, sum(b() << scale, op.c), 0),
            Form::Hww => (heap, sum(b(), c() as u32), 0),
            Form::Hrr => (inside, a(), b()),
            Form::Hri => (inside, a(), tiny),
            Form::Hwr => (heap, sum(a(), op.c), b()),
            Form::Hwi => (heap, sum(a(), op.c), tiny),
            Form::Hsr => (heap, sum(a() << scale, op.c), b()),
            Form::Hsi => (heap, sum(a() << scale, op.c), tiny),
            Form::Hwwr => (heap, sum(a(), b() as u32), c()),
            Form::Rr => (b(), c(), 0),
            Form::Rk => (b(), small, 0),
            Form::Rs => (b(), c() << scale, 0),
            Form::Kr => (short, b(), 0),
            Form::Ks => (short, b() << scale, 0),
            Form::Kc => (short, wide(), 0),
            Form::Or => (object, b(), 0),
            Form::Rrr => (a(), b(), c()),
            Form::Rkr => (a(), small, b()),
            Form::Rsr => (a(), b() << scale, c()),
            Form::Krr => (short, a(), b()),
            Form::Kri => (short, a(), tiny),
            Form::Ksr => (short, a() << scale, b()),
            Form::Ksi => (short, a() << scale, tiny),
            Form::Kcr => (short, wide(), a()),
            Form::Orr => (object, a(), b()),
        };
        Operands {
            base,
            offset,
            value,
        }
    }
}

/// Stops with the fault of the refused load or store at `ip`.
#[cold]
#[inline(never)]
pub(crate) unsafe fn refuse(
    ip: *const Op,
    fp: Slots,
    ctx: *mut Context,
    form: Form,
    shape: Shape,
) -> Flow {
    let Shape { width, kind } = shape;
    // SAFETY: ctx and its memory belong to the running machine; ip and fp are those of the handler.
    unsafe {
        let memory = &*(*ctx).memory;
        let Operands {
            base,
            offset,
            value,
        } = operands(ip, fp, form, width.trailing_zeros(), memory.csp());
        let (noted, width) = ((base, offset, value), u64::from(width));
        let fault = match form {
            Form::Or | Form::Orr => Fault::of_object(memory, noted, width, kind),
            _ => Fault::of_access(memory, noted, width, kind),
        };
        note(ip, ctx, fault);
    }
    stop()
}
