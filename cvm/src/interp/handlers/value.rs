//! Values: arithmetic, copies and constants.

use super::{handlers, slot};
use crate::interp::op::goto;

/// `a = op(b, c)` and `a = op(b, immediate)` of a pure binary function.
macro_rules! binary {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _r>](ip, fp, shadow, table, ctx) {
                slot!(fp, (*ip).a) = arith::$op(slot!(fp, (*ip).b), slot!(fp, (*ip).c));
                goto(ip.add(1), fp, shadow, table, ctx)
            }
            fn [<$op _i>](ip, fp, shadow, table, ctx) {
                slot!(fp, (*ip).a) = arith::$op(slot!(fp, (*ip).b), (*ip).c as i32 as u64);
                goto(ip.add(1), fp, shadow, table, ctx)
            }
        )* } }
    };
}

/// The same for functions that can fault.
macro_rules! faulting_binary {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _r>](ip, fp, shadow, table, ctx) {
                let (x, y) = (slot!(fp, (*ip).b), slot!(fp, (*ip).c));
                match arith::$op(x, y) {
                    Ok(value) => {
                        slot!(fp, (*ip).a) = value;
                        goto(ip.add(1), fp, shadow, table, ctx)
                    }
                    Err(code) => raise_code(ip, ctx, code, x, y),
                }
            }
            fn [<$op _i>](ip, fp, shadow, table, ctx) {
                let (x, y) = (slot!(fp, (*ip).b), (*ip).c as i32 as u64);
                match arith::$op(x, y) {
                    Ok(value) => {
                        slot!(fp, (*ip).a) = value;
                        goto(ip.add(1), fp, shadow, table, ctx)
                    }
                    Err(code) => raise_code(ip, ctx, code, x, y),
                }
            }
        )* } }
    };
}

/// `a = op(b)` of a pure function.
macro_rules! unary {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _r>](ip, fp, shadow, table, ctx) {
                slot!(fp, (*ip).a) = arith::$op(slot!(fp, (*ip).b));
                goto(ip.add(1), fp, shadow, table, ctx)
            }
        )* } }
    };
}

/// `a = op(b)` of a function that can fault.
macro_rules! faulting_unary {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _r>](ip, fp, shadow, table, ctx) {
                let x = slot!(fp, (*ip).b);
                match arith::$op(x) {
                    Ok(value) => {
                        slot!(fp, (*ip).a) = value;
                        goto(ip.add(1), fp, shadow, table, ctx)
                    }
                    Err(code) => raise_code(ip, ctx, code, x, 0),
                }
            }
        )* } }
    };
}

/// `a = op(b, c low half, c high half)`.
macro_rules! ternary {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _r>](ip, fp, shadow, table, ctx) {
                let c = (*ip).c;
                slot!(fp, (*ip).a) = arith::$op(slot!(fp, (*ip).b), slot!(fp, c & 0xffff), slot!(fp, c >> 16));
                goto(ip.add(1), fp, shadow, table, ctx)
            }
        )* } }
    };
}

/// Two functions in one: `a = second(b, first(x, y))`, in which x is the slot in c's low half, and y the slot (`_r`) or
/// signed immediate (`_i`) in the high half; with `_left`, `a = second(first(x, y), b)`.
macro_rules! pairs {
    ($($first:ident $second:ident;)*) => {
        pastey::paste! { handlers! { $(
            fn [<$first _ $second _r>](ip, fp, shadow, table, ctx) {
                let c = (*ip).c;
                let inner = arith::$first(slot!(fp, c & 0xffff), slot!(fp, c >> 16));
                slot!(fp, (*ip).a) = arith::$second(slot!(fp, (*ip).b), inner);
                goto(ip.add(1), fp, shadow, table, ctx)
            }
            fn [<$first _ $second _i>](ip, fp, shadow, table, ctx) {
                let c = (*ip).c;
                let inner = arith::$first(slot!(fp, c & 0xffff), (c as i32 >> 16) as u64);
                slot!(fp, (*ip).a) = arith::$second(slot!(fp, (*ip).b), inner);
                goto(ip.add(1), fp, shadow, table, ctx)
            }
        )* } }
    };
}
macro_rules! left_pairs {
    ($($first:ident $second:ident;)*) => {
        pastey::paste! { handlers! { $(
            fn [<$first _ $second _left_r>](ip, fp, shadow, table, ctx) {
                let c = (*ip).c;
                let inner = arith::$first(slot!(fp, c & 0xffff), slot!(fp, c >> 16));
                slot!(fp, (*ip).a) = arith::$second(inner, slot!(fp, (*ip).b));
                goto(ip.add(1), fp, shadow, table, ctx)
            }
            fn [<$first _ $second _left_i>](ip, fp, shadow, table, ctx) {
                let c = (*ip).c;
                let inner = arith::$first(slot!(fp, c & 0xffff), (c as i32 >> 16) as u64);
                slot!(fp, (*ip).a) = arith::$second(inner, slot!(fp, (*ip).b));
                goto(ip.add(1), fp, shadow, table, ctx)
            }
        )* } }
    };
}
pub(crate) use {binary, faulting_binary, faulting_unary, left_pairs, pairs, ternary, unary};

handlers! {
    /// a = b
    fn copy(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = slot!(fp, (*ip).b);
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = c, sign-extended
    fn constant(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = (*ip).c as i32 as u64;
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// a = the data cell's 64 bits
    fn constant_wide(ip, fp, shadow, table, ctx) {
        slot!(fp, (*ip).a) = (*ip.add(1)).word.number;
        goto(ip.add(2), fp, shadow, table, ctx)
    }

    /// Moves the c slots from b on to those from a on.
    fn move_slots(ip, fp, shadow, table, ctx) {
        std::ptr::copy(fp.add((*ip).b as usize), fp.add((*ip).a as usize), (*ip).c as usize);
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// Zeroes c slots from a on.
    fn zero(ip, fp, shadow, table, ctx) {
        let first = fp.add((*ip).a as usize);
        // One after the other: for so few cells a call of `memset` takes longer.
        for number in 0..(*ip).c as usize {
            first.add(number).write_volatile(0);
        }
        goto(ip.add(1), fp, shadow, table, ctx)
    }
}
