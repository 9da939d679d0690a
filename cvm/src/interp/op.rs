//! The register form: what an instruction of the interpreter looks like, and how one continues with the next.
//!
//! An [`Op`] is 16 bytes: the address of its handler, two 16-bit and one 32-bit operand. Cell slots are numbered from
//! the frame's first cell. An op may be followed by a *data cell*, an `Op` that is never executed and carries more
//! operands. A handler gets the address of its op, the frame, the top of the shadow stack, the segment descriptor
//! table and the [`Context`], all in registers; it ends with a call in tail position to the next op's handler, which the compiler turns into a jump. With the
//! feature `loop-dispatch` the same bodies return to a `loop { match }` instead.

#![allow(unsafe_code)]

use crate::memory::Descriptor;

use super::context::{Context, ShadowFrame};

/// An instruction of the register form.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Op {
    /// The handler's address (its number with `loop-dispatch`), or a data cell's 64-bit operand.
    pub(crate) word: Word,
    /// First operand, in most ops the slot of the result.
    pub(crate) a: u16,
    /// Second operand.
    pub(crate) b: u16,
    /// Third operand: a slot, an immediate, a short pointer, or a distance in bytes to another op.
    pub(crate) c: u32,
}

/// A handler's address or 64 bits of data.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union Word {
    pub(crate) handler: Handler,
    pub(crate) number: u64,
    pub(crate) op: *const Op,
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SAFETY: every field is 8 initialised bytes without provenance requirements when read as an integer.
        write!(f, "{:#x}", unsafe { self.number })
    }
}

/// Slots of a frame.
pub(crate) type Slots = *mut u64;

/// Why the handlers stopped is in [`Context::stop`]; this only says that they did.
#[cfg(not(feature = "loop-dispatch"))]
pub(crate) type Flow = ();

/// Where to go on; a null `ip` means stop.
#[cfg(feature = "loop-dispatch")]
pub(crate) type Flow = (*const Op, Slots, *mut ShadowFrame);

/// A handler.
#[cfg(not(feature = "loop-dispatch"))]
pub(crate) type Handler =
    unsafe fn(*const Op, Slots, *mut ShadowFrame, *mut Descriptor, *mut Context) -> Flow;

/// A handler's number.
#[cfg(feature = "loop-dispatch")]
pub(crate) type Handler = u64;

/// Continues with the op at `ip`.
///
/// # Safety
/// `ip` is an executable op of the code that is running, `fp` its frame; both pointers are those the handler got.
#[inline(always)]
pub(crate) unsafe fn goto(
    ip: *const Op,
    fp: Slots,
    shadow: *mut ShadowFrame,
    table: *mut Descriptor,
    ctx: *mut Context,
) -> Flow {
    #[cfg(not(feature = "loop-dispatch"))]
    {
        // SAFETY: the caller vouches that ip is an executable op, so its word is a handler.
        unsafe { ((*ip).word.handler)(ip, fp, shadow, table, ctx) }
    }
    #[cfg(feature = "loop-dispatch")]
    {
        let _ = (table, ctx);
        (ip, fp, shadow)
    }
}

/// Ends the run; the reason is in [`Context::stop`].
#[inline(always)]
pub(crate) fn stop() -> Flow {
    #[cfg(feature = "loop-dispatch")]
    {
        (std::ptr::null(), std::ptr::null_mut(), std::ptr::null_mut())
    }
}
