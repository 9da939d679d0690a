//! Loads and stores that the descriptor table refused: what a granted absolute address needs, out of line, or a fault.
//!
//! These are the cold ends of the handlers in [`super::memory`]. They get the access in registers, do it if it may be
//! done, and continue with the next op as the handler would have done.

use super::fault::{Shape, refuse};
use super::slot;
use crate::interp::context::Context;
use crate::interp::op::{Flow, Op, Slots, goto};

/// A load. The shape says how wide it is, how it is extended, and how far the next op is.
#[cold]
#[inline(never)]
pub(crate) unsafe fn load_beyond(
    ip: *const Op,
    fp: Slots,
    ctx: *mut Context,
    base: u64,
    offset: u64,
    shape: Shape,
) -> Flow {
    // SAFETY: the module's invariants; memory is the running machine's and no reference into it is alive.
    unsafe {
        match (*(*ctx).memory).load_absolute(base, offset, shape.log()) {
            Ok(value) => {
                slot!(fp, (*ip).a) = shape.extend(value);
                goto(ip.add(shape.step()), fp, (*(*ctx).memory).table(), ctx)
            }
            Err(violation) => refuse(ip, ctx, base, offset, 0, violation),
        }
    }
}

/// A store of the value in [`Context::value`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn store_beyond(
    ip: *const Op,
    fp: Slots,
    ctx: *mut Context,
    base: u64,
    offset: u64,
    shape: Shape,
) -> Flow {
    // SAFETY: as for loads.
    unsafe {
        let value = (*ctx).value;
        match (*(*ctx).memory).store_absolute(base, offset, value, shape.log()) {
            Ok(()) => goto(ip.add(shape.step()), fp, (*(*ctx).memory).table(), ctx),
            Err(violation) => refuse(ip, ctx, base, offset, value, violation),
        }
    }
}
