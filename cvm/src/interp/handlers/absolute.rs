//! Loads and stores that the descriptor table refused: what a granted absolute address needs, out of line, or a fault.
//!
//! These are the cold ends of the handlers in [`super::memory`], with the same arguments, so that a handler only jumps
//! here. They read the operands again, do the access if it may be done, and continue with the next op as the handler
//! would have done.

use super::refuse::{Form, Operands, Shape, operands, refuse};
use super::slot;
use crate::interp::context::{Context, ShadowFrame};
use crate::interp::op::{Flow, Op, Slots, goto};
use crate::memory::Descriptor;

/// A load of `1 << LOG` bytes.
#[cold]
#[inline(never)]
pub(crate) unsafe fn load_beyond<const FORM: u8, const LOG: u32, const SIGNED: bool>(
    ip: *const Op,
    fp: Slots,
    shadow: *mut ShadowFrame,
    table: *mut Descriptor,
    ctx: *mut Context,
) -> Flow {
    let form = const { Form::of(FORM) };
    // SAFETY: the module's invariants; memory is the running machine's and no reference into it is alive.
    unsafe {
        (*ctx).out = ip;
        let Operands { base, offset, .. } = operands(ip, fp, form, LOG, 0);
        match (*(*ctx).memory).load_absolute(base, offset, LOG) {
            Ok(value) => {
                let unused = const { 64 - (8 << LOG) };
                slot!(fp, (*ip).a) = match SIGNED {
                    true => ((value << unused) as i64 >> unused) as u64,
                    false => value,
                };
                goto(ip.add(form.step()), fp, shadow, table, ctx)
            }
            Err(_) => refuse(ip, fp, ctx, form, Shape::read(1 << LOG)),
        }
    }
}

/// A store of `1 << LOG` bytes.
#[cold]
#[inline(never)]
pub(crate) unsafe fn store_beyond<const FORM: u8, const LOG: u32>(
    ip: *const Op,
    fp: Slots,
    shadow: *mut ShadowFrame,
    table: *mut Descriptor,
    ctx: *mut Context,
) -> Flow {
    let form = const { Form::of(FORM) };
    // SAFETY: as for loads.
    unsafe {
        (*ctx).out = ip;
        let Operands {
            base,
            offset,
            value,
        } = operands(ip, fp, form, LOG, 0);
        match (*(*ctx).memory).store_absolute(base, offset, value, LOG) {
            Ok(()) => goto(ip.add(form.step()), fp, shadow, table, ctx),
            Err(_) => refuse(ip, fp, ctx, form, Shape::write(1 << LOG)),
        }
    }
}
