//! Jumps, fused compare-and-branch, switches, and the ops that count fuel and poll.

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{Pointer, Tag};

use super::fault::{raise_code, refuse_target};
use super::{at_distance, handlers, slot};
use crate::interp::op::goto;

/// Jump to c if `op(a, b)` holds: b a slot (`_jr`) or a 16-bit immediate (`_ji`), or the data cell's constant (`_jw`).
macro_rules! compare_branches {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _jr>](ip, fp, shadow, table, ctx) {
                if arith::$op(slot!(fp, (*ip).a), slot!(fp, (*ip).b)) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
            fn [<$op _ji>](ip, fp, shadow, table, ctx) {
                if arith::$op(slot!(fp, (*ip).a), (*ip).b as i16 as u64) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
            fn [<$op _jw>](ip, fp, shadow, table, ctx) {
                if arith::$op(slot!(fp, (*ip).a), (*ip.add(1)).word.number) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(2), fp, shadow, table, ctx)
                }
            }
        )* } }
    };
}

/// Jump to c if the float comparison `op(a, b)` holds (`_jr`) or does not (`_nr`).
macro_rules! float_branches {
    ($($op:ident)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _jr>](ip, fp, shadow, table, ctx) {
                if arith::$op(slot!(fp, (*ip).a), slot!(fp, (*ip).b)) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
            fn [<$op _nr>](ip, fp, shadow, table, ctx) {
                if arith::$op(slot!(fp, (*ip).a), slot!(fp, (*ip).b)) == 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
        )* } }
    };
}

/// The end of a counting loop: a = a + step, then jump to c if `op(a, limit)` holds. `_jr_inc` and `_ji_inc` step by 1
/// up to the slot or 16-bit immediate b. The others have a data cell: the step is slot b (`_step_r_`) or the data cell's
/// c (`_step_i_`), the limit the slot that the data cell's a names (`_r`) or its 64 bits (`_w`).
macro_rules! counting_branches {
    ($($op:ident $add:ident;)*) => {
        pastey::paste! { handlers! { $(
            fn [<$op _jr_inc>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), 1);
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, slot!(fp, (*ip).b)) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
            fn [<$op _ji_inc>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), 1);
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, (*ip).b as i16 as u64) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(1), fp, shadow, table, ctx)
                }
            }
            fn [<$op _step_r_r>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), slot!(fp, (*ip).b));
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, slot!(fp, (*ip.add(1)).a)) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(2), fp, shadow, table, ctx)
                }
            }
            fn [<$op _step_r_w>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), slot!(fp, (*ip).b));
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, (*ip.add(1)).word.number) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(2), fp, shadow, table, ctx)
                }
            }
            fn [<$op _step_i_r>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), (*ip.add(1)).c as i32 as u64);
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, slot!(fp, (*ip.add(1)).a)) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(2), fp, shadow, table, ctx)
                }
            }
            fn [<$op _step_i_w>](ip, fp, shadow, table, ctx) {
                let count = arith::$add(slot!(fp, (*ip).a), (*ip.add(1)).c as i32 as u64);
                slot!(fp, (*ip).a) = count;
                if arith::$op(count, (*ip.add(1)).word.number) != 0 {
                    goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
                } else {
                    goto(ip.add(2), fp, shadow, table, ctx)
                }
            }
        )* } }
    };
}
pub(crate) use {compare_branches, counting_branches, float_branches};

handlers! {
    /// Jump to c.
    fn jump(ip, fp, shadow, table, ctx) {
        goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
    }

    /// Jump to c if a is 0.
    fn jump_zero(ip, fp, shadow, table, ctx) {
        if slot!(fp, (*ip).a) == 0 {
            goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
        } else {
            goto(ip.add(1), fp, shadow, table, ctx)
        }
    }

    /// Jump to c if a is not 0.
    fn jump_nonzero(ip, fp, shadow, table, ctx) {
        if slot!(fp, (*ip).a) != 0 {
            goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
        } else {
            goto(ip.add(1), fp, shadow, table, ctx)
        }
    }

    /// Jump to c if the low 32 bits of a are 0.
    fn jump_zero_d(ip, fp, shadow, table, ctx) {
        if slot!(fp, (*ip).a) as u32 == 0 {
            goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
        } else {
            goto(ip.add(1), fp, shadow, table, ctx)
        }
    }

    /// Jump to c if the low 32 bits of a are not 0.
    fn jump_nonzero_d(ip, fp, shadow, table, ctx) {
        if slot!(fp, (*ip).a) as u32 != 0 {
            goto(at_distance!(ip, (*ip).c), fp, shadow, table, ctx)
        } else {
            goto(ip.add(1), fp, shadow, table, ctx)
        }
    }

    /// Jump to the distance in data cell number min(a, c - 1); distances count from this op.
    fn switch(ip, fp, shadow, table, ctx) {
        let last = u64::from((*ip).c) - 1;
        let index = slot!(fp, (*ip).a).min(last);
        let cell = ip.add(1 + index as usize);
        goto(at_distance!(ip, (*cell).c), fp, shadow, table, ctx)
    }

    /// `jmp_i`: jump to the `land` of function c that the pointer a names.
    fn jump_indirect(ip, fp, shadow, table, ctx) {
        let target = slot!(fp, (*ip).a);
        let pointer = Pointer(target);
        if pointer.tag() != Tag::Text {
            return refuse_target(ip, ctx, FaultCode::JumpToNonText, target);
        }
        let lands = &*(*ctx).lands;
        match lands.binary_search_by_key(&pointer.offset(), |land| u64::from(land.text)) {
            Ok(found) if lands[found].function == (*ip).c => goto(lands[found].op, fp, shadow, table, ctx),
            _ => refuse_target(ip, ctx, FaultCode::JumpToNonLand, target),
        }
    }

    /// Charges a block's c units of fuel.
    fn charge_fuel(ip, fp, shadow, table, ctx) {
        let cost = u64::from((*ip).c);
        if (*ctx).fuel >= cost {
            (*ctx).fuel -= cost;
            goto(ip.add(1), fp, shadow, table, ctx)
        } else {
            raise_code(ip, ctx, FaultCode::OutOfFuel, 0, 0)
        }
    }

    /// Looks at the time limit and the interrupt flag now and then.
    fn poll(ip, fp, shadow, table, ctx) {
        (*ctx).polls -= 1;
        if (*ctx).polls == 0
            && let Some(code) = (*ctx).poll()
        {
            return raise_code(ip, ctx, code, 0, 0);
        }
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// `brk`.
    fn breakpoint(ip, fp, shadow, table, ctx) {
        raise_code(ip, ctx, FaultCode::Breakpoint, 0, 0)
    }

    /// `abort c`.
    fn abort(ip, fp, shadow, table, ctx) {
        raise_code(ip, ctx, FaultCode::AbortCalled, u64::from((*ip).c), 0)
    }
}
