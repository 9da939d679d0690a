//! Calls of C, and objects of C libraries. The data cell behind a call says how many cells from slot a on it uses.

use cvm_spec::fault::FaultCode;

use super::call::refuse_call;
use super::{handlers, slot};
use crate::interp::foreign;
use crate::interp::op::{goto, stop};

macro_rules! quick_calls {
    ($($name:ident)*) => {
        handlers! {
            $(
                /// Calls the C function of import c with the arguments in the slots that the data cell names; a = result.
                fn $name(ip, fp, shadow, table, ctx) {
                    if foreign::$name(ip, fp, ctx) {
                        goto(ip.add(2), fp, shadow, table, ctx)
                    } else {
                        stop()
                    }
                }
            )*
        }
    };
}

quick_calls! {
    call_words_0 call_words_1 call_words_2 call_words_3 call_words_4 call_words_5 call_words_6
    call_doubles_1 call_doubles_2 call_doubles_3 call_doubles_4
}

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
