//! Conditional branches: a comparison and the branch behind it become one op, and so does the step of a loop's counter
//! right before them.

#![allow(unsafe_code)]

use cvm_spec::isa::Opcode;

use crate::interp::handlers::list::Id;
use crate::interp::op::Op;

use super::builder::{Builder, Slot};
use super::select::{Counting, Fused, counting, fuse};

/// What a conditional branch tests.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    /// The handlers that branch if it holds.
    holds: Fused,
    /// The handlers that branch if it does not.
    fails: Fused,
    left: Slot,
    right: Right,
}

/// The right side of a comparison.
#[derive(Clone, Copy)]
enum Right {
    /// There is none: one slot is tested.
    Nothing,
    Slot(Slot),
    Constant(u64),
}

/// How a counter was stepped.
#[derive(Clone, Copy)]
enum Step {
    Immediate(i32),
    Slot(Slot),
}

/// A branch that was emitted.
#[derive(Clone, Copy)]
pub(super) struct EmittedBranch {
    /// Its op, whose operand c is the distance to its target.
    pub(super) op: usize,
    /// Whether the op does nothing but test and branch.
    pub(super) is_plain: bool,
}

impl Condition {
    /// Tests one slot: for not being 0 (`holds`), or for being 0.
    pub(super) fn test(slot: Slot, holds: bool) -> Condition {
        let (nonzero, zero) = (Fused::Test(Id::jump_nonzero), Fused::Test(Id::jump_zero));
        let (holds, fails) = if holds {
            (nonzero, zero)
        } else {
            (zero, nonzero)
        };
        Condition {
            holds,
            fails,
            left: slot,
            right: Right::Nothing,
        }
    }

    /// The comparison that an op makes, if a branch can make it as well.
    pub(super) fn of_comparison(
        opcode: Opcode,
        holds: bool,
        op: &Op,
        is_immediate: bool,
    ) -> Option<Condition> {
        let (holds, fails) = (fuse(opcode, holds)?, fuse(opcode, !holds)?);
        let right = match holds {
            Fused::Test(_) => Right::Nothing,
            Fused::Float(_) if is_immediate => return None,
            _ if is_immediate => Right::Constant(op.c as i32 as u64),
            _ => Right::Slot(op.c as Slot),
        };
        Some(Condition {
            holds,
            fails,
            left: op.b,
            right,
        })
    }

    /// The opposite test.
    pub(super) fn opposite(self) -> Condition {
        Condition {
            holds: self.fails,
            fails: self.holds,
            ..self
        }
    }

    /// How a loop that ends in this test counts, and up to where.
    fn counting(self) -> Option<(Counting, Right)> {
        match self.holds {
            Fused::Integer { register, .. } => Some((counting(register)?, self.right)),
            Fused::Test(Id::jump_nonzero) => Some((counting(Id::i_ne_jr)?, Right::Constant(0))),
            Fused::Test(Id::jump_nonzero_d) => Some((counting(Id::d_ne_jr)?, Right::Constant(0))),
            Fused::Test(_) | Fused::Float(_) => None,
        }
    }
}

impl Builder {
    /// Emits a branch that is taken if the condition holds; its distance is not known yet.
    pub(super) fn emit_branch(&mut self, condition: Condition) -> EmittedBranch {
        if let Some((counting, limit)) = condition.counting()
            && let Some(step) = self.take_step(&counting, condition.left)
        {
            return EmittedBranch {
                op: self.emit_counting(&counting, condition.left, step, limit),
                is_plain: false,
            };
        }
        let left = condition.left;
        let op = match (condition.holds, condition.right) {
            (Fused::Integer { register: id, .. } | Fused::Float(id), Right::Slot(right)) => {
                self.emit(id, left, right, 0)
            }
            (
                Fused::Integer {
                    immediate, wide, ..
                },
                Right::Constant(constant),
            ) => match i16::try_from(constant as i64) {
                Ok(small) => self.emit(immediate, left, small as u16, 0),
                Err(_) => {
                    let op = self.emit(wide, left, 0, 0);
                    self.emit_data(constant, 0, 0);
                    op
                }
            },
            (Fused::Test(id) | Fused::Float(id) | Fused::Integer { register: id, .. }, _) => {
                self.emit(id, left, 0, 0)
            }
        };
        EmittedBranch { op, is_plain: true }
    }

    /// If the block's last op steps `counter`, takes it away and tells how.
    fn take_step(&mut self, counting: &Counting, counter: Slot) -> Option<Step> {
        let (id, op) = self.last_of_block()?;
        if op.a != counter {
            return None;
        }
        let other = op.c as Slot;
        let step = if id == counting.add && op.b == counter {
            Step::Immediate(op.c as i32)
        } else if id == counting.sub && op.b == counter {
            Step::Immediate((op.c as i32).checked_neg()?)
        } else if id == counting.add_slot && op.b == counter {
            Step::Slot(other)
        } else if id == counting.add_slot && other == counter {
            Step::Slot(op.b)
        } else {
            return None;
        };
        self.unemit(self.ops.len() - 1);
        Some(step)
    }

    fn emit_counting(
        &mut self,
        counting: &Counting,
        counter: Slot,
        step: Step,
        limit: Right,
    ) -> usize {
        if let Step::Immediate(1) = step {
            match limit {
                Right::Slot(limit) => return self.emit(counting.by_one_to_slot, counter, limit, 0),
                Right::Constant(constant) => {
                    if let Ok(small) = i16::try_from(constant as i64) {
                        return self.emit(counting.by_one_to_immediate, counter, small as u16, 0);
                    }
                }
                Right::Nothing => {}
            }
        }
        let (limit_slot, limit_constant) = match limit {
            Right::Slot(slot) => (Some(slot), 0),
            Right::Constant(constant) => (None, constant),
            Right::Nothing => (None, 0),
        };
        let (id, step_slot, step) = match (step, limit_slot) {
            (Step::Slot(slot), Some(_)) => (counting.by_slot_to_slot, slot, 0),
            (Step::Slot(slot), None) => (counting.by_slot_to_constant, slot, 0),
            (Step::Immediate(step), Some(_)) => (counting.by_immediate_to_slot, 0, step),
            (Step::Immediate(step), None) => (counting.by_immediate_to_constant, 0, step),
        };
        let op = self.emit(id, counter, step_slot, 0);
        self.emit_data(limit_constant, limit_slot.unwrap_or(0), step as u32);
        op
    }
}
