//! The handlers: one small function for each op of the register form.
//!
//! Families (arithmetic with registers or an immediate, memory by address form, fused compare-and-branch) are
//! generated from the pure functions in [`cvm_spec::arith`]; the rest are written out. [`list`] names all of them.
//!
//! Invariants, established by the verifier and the translator:
//! - slot operands lie inside the frame that the call checked room for;
//! - distances lead to executable ops of the same function;
//! - a handler touches guest memory only behind a check of the descriptor table, or at a constant address that the
//!   verifier checked.

#![allow(unsafe_code)]

pub(crate) mod absolute;
pub(crate) mod branch;
pub(crate) mod call;
pub(crate) mod fault;
pub(crate) mod foreign;
pub(crate) mod list;
pub(crate) mod memory;
pub(crate) mod refuse;
pub(crate) mod tier;
pub(crate) mod trace;
pub(crate) mod value;

#[cfg(all(
    test,
    target_arch = "x86_64",
    target_os = "linux",
    not(feature = "loop-dispatch")
))]
mod tail_calls;

/// Defines handlers. The body is an expression of type `Flow` in which reads of slots and ops are allowed.
macro_rules! handlers {
    ($($(#[$meta:meta])* fn $name:ident($ip:ident, $fp:ident, $shadow:ident, $table:ident, $ctx:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            #[cfg_attr(feature = "loop-dispatch", inline(always))]
            pub(crate) unsafe fn $name(
                $ip: *const $crate::interp::op::Op,
                $fp: $crate::interp::op::Slots,
                $shadow: *mut $crate::interp::context::ShadowFrame,
                $table: *mut $crate::memory::Descriptor,
                $ctx: *mut $crate::interp::context::Context,
            ) -> $crate::interp::op::Flow {
                let _ = ($ip, $fp, $shadow, $table, $ctx);
                // SAFETY: the module's invariants: operands of translated code lie inside the frame and the code, and
                // table and ctx are those of the running machine, to which the run has exclusive access.
                unsafe { $body }
            }
        )*
    };
}
pub(crate) use handlers;

/// Reads a slot.
macro_rules! slot {
    ($fp:expr, $number:expr) => {
        *$fp.add($number as usize)
    };
}
pub(crate) use slot;

/// The op at a distance in bytes.
macro_rules! at_distance {
    ($ip:expr, $distance:expr) => {
        $ip.byte_offset($distance as i32 as isize)
    };
}
pub(crate) use at_distance;
