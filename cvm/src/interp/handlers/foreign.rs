//! Calls of C, and objects of C libraries. The data cell behind a call says how many cells from slot a on it uses.

use cvm_spec::fault::FaultCode;

use super::call::refuse_call;
use super::{handlers, slot};
use crate::interp::foreign;
use crate::interp::op::{goto, stop};

handlers! {
    /// Calls the C function of import c; arguments and results are in the slots from a on.
    fn call_foreign(ip, fp, shadow, table, ctx) {
        if foreign::call_import(ip, fp, ctx, (*ip.add(1)).c) {
            goto(ip.add(2), fp, shadow, table, ctx)
        } else {
            stop()
        }
    }

    /// Calls the C function that slot b points to, by the foreign type c; arguments and results are in the slots from a
    /// on.
    fn call_foreign_pointer(ip, fp, shadow, table, ctx) {
        if (*ctx).foreign.is_null() {
            return refuse_call(ip, ctx, FaultCode::AbsoluteAccess, slot!(fp, (*ip).b));
        }
        if foreign::call_pointer(ip, fp, ctx, (*ip.add(1)).c) {
            goto(ip.add(2), fp, shadow, table, ctx)
        } else {
            stop()
        }
    }

    /// a = address of the object that import c names.
    fn foreign_object(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = (*(*ctx).foreign).object((*ip).c);
        goto(ip.add(1), fp, shadow, table, ctx)
    }
}
