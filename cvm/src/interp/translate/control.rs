//! Translation of jumps, branches, calls and returns.

#![allow(unsafe_code)]

use cvm_spec::codec::Instruction;
use cvm_spec::image::ImportKind;
use cvm_spec::isa::Opcode;

use crate::interp::foreign::Form;
use crate::interp::handlers::list::Id;
use crate::verify::flow::effect;

use super::builder::{Builder, Last, Value};
use super::condition::{Condition, EmittedBranch};
use super::function::Translation;

/// The handlers of calls of C with so many integers.
const WORDS: [Id; 7] = [
    Id::call_words_0,
    Id::call_words_1,
    Id::call_words_2,
    Id::call_words_3,
    Id::call_words_4,
    Id::call_words_5,
    Id::call_words_6,
];

/// The handlers of calls of C with one value of type double or more.
const DOUBLES: [Id; 4] = [
    Id::call_doubles_1,
    Id::call_doubles_2,
    Id::call_doubles_3,
    Id::call_doubles_4,
];

/// A jump whose distance is not known yet: the op or data cell, the op that distances count from, and the target.
pub(super) struct Fixup {
    pub(super) cell: usize,
    pub(super) from: usize,
    pub(super) target: Target,
}

/// Where a jump leads.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// To the first op of an instruction.
    Instruction(usize),
    /// To this op.
    Op(usize),
}

/// A conditional branch that was emitted.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// Its op.
    op: usize,
    /// The op behind it and its data.
    next: usize,
    condition: Condition,
    /// The instruction that it leads to.
    target: usize,
}

impl Translation<'_, '_> {
    pub(super) fn fix(
        &self,
        fixups: &mut Vec<Fixup>,
        cell: usize,
        from: usize,
        number: usize,
        distance: i32,
    ) {
        let target = self
            .target(number, distance)
            .expect("the verifier checked jump targets");
        fixups.push(Fixup {
            cell,
            from,
            target: Target::Instruction(target),
        });
    }

    /// `jmp`. A jump back to a loop's test becomes the opposite test, which saves a jump in every round.
    pub(super) fn jump(&mut self, number: usize, distance: i32, fixups: &mut Vec<Fixup>) {
        self.builder.settle();
        let head = self
            .target(number, distance)
            .map(|target| self.op_of[target]);
        let test = head.and_then(|head| {
            let found = self
                .branches
                .binary_search_by_key(&head, |branch| branch.op);
            found.ok().map(|index| self.branches[index])
        });
        if let Some(test) = test {
            let op = self.builder.emit_branch(test.condition.opposite()).op;
            fixups.push(Fixup {
                cell: op,
                from: op,
                target: Target::Op(test.next),
            });
            let op = self.builder.emit(Id::jump, 0, 0, 0);
            fixups.push(Fixup {
                cell: op,
                from: op,
                target: Target::Instruction(test.target),
            });
            return;
        }
        let op = self.builder.emit(Id::jump, 0, 0, 0);
        self.fix(fixups, op, op, number, distance);
    }

    /// `jz` (`holds` false) and `jnz` (`holds` true), fused with a comparison right before.
    pub(super) fn branch(
        &mut self,
        number: usize,
        distance: i32,
        holds: bool,
        fixups: &mut Vec<Fixup>,
    ) {
        let last = self.builder.last_result();
        let condition = self.builder.pop();
        if let Value::Constant(constant) = condition.value {
            self.builder.settle();
            if (constant != 0) == holds {
                let op = self.builder.emit(Id::jump, 0, 0, 0);
                self.fix(fixups, op, op, number, distance);
            }
            return;
        }
        let condition = match last.and_then(|last| self.comparison(last, holds)) {
            Some(condition) => {
                self.builder.settle();
                condition
            }
            None => {
                let slot = self.builder.slot_of(condition);
                self.builder.settle();
                Condition::test(slot, holds)
            }
        };
        let EmittedBranch { op, is_plain } = self.builder.emit_branch(condition);
        self.fix(fixups, op, op, number, distance);
        if is_plain {
            let target = self
                .target(number, distance)
                .expect("the verifier checked jump targets");
            self.branches.push(Branch {
                op,
                next: self.builder.ops.len(),
                condition,
                target,
            });
        }
    }

    /// The comparison emitted last, which is taken away again, as the condition of a branch.
    fn comparison(&mut self, last: Last, holds: bool) -> Option<Condition> {
        let (opcode, is_immediate) = last.function?;
        let op = self.builder.ops[last.op];
        let condition = Condition::of_comparison(opcode, holds, &op, is_immediate)?;
        self.builder.unemit(last.op);
        Some(condition)
    }

    pub(super) fn call(&mut self, instruction: &Instruction<'_>, index: u32) {
        let opcode = instruction.opcode;
        let (pops, pushes) = effect(self.image, self.function_type, opcode, instruction.operand);
        let (mut pops, pushes) = (pops as usize, pushes as usize);
        let mut target = 0;
        if matches!(opcode, Opcode::CallI | Opcode::RetCallI | Opcode::CallXi) {
            let popped = self.builder.pop();
            target = self.builder.slot_of(popped);
            pops -= 1;
        }
        if opcode == Opcode::CallX && self.call_quickly(index, pops, pushes) {
            return;
        }
        let first = self.builder.settle_top(pops);
        match opcode {
            Opcode::Call => {
                self.builder.emit(Id::call, first, 0, 0);
                let cell = self.builder.emit_data(0, 0, 0);
                self.calls.push((cell, index));
            }
            Opcode::CallI => {
                let wanted = self.types.number(self.image, index);
                self.builder.emit(Id::call_indirect, first, target, wanted);
            }
            Opcode::RetCall => {
                if self.frame.local_size != 0 {
                    self.builder
                        .emit(Id::leave_local, 0, 0, self.frame.local_size);
                }
                self.builder.emit(Id::tail_call, first, pops as u16, 0);
                let cell = self.builder.emit_data(0, 0, 0);
                self.calls.push((cell, index));
            }
            Opcode::RetCallI => {
                let wanted = self.types.number(self.image, index);
                self.builder
                    .emit(Id::tail_call_indirect, first, pops as u16, wanted);
                self.builder.emit_data(0, target, self.frame.local_size);
            }
            Opcode::CallX => match self.image.imports[index as usize].kind {
                ImportKind::Foreign => {
                    self.builder.emit(Id::call_foreign, first, 0, index);
                    self.builder.emit_data(0, 0, pops.max(pushes) as u32);
                }
                ImportKind::ForeignData => {
                    self.builder.emit(Id::foreign_object, first, 0, index);
                }
                ImportKind::Host | ImportKind::Module | ImportKind::ModuleData => {
                    self.builder.emit(Id::call_import, first, 0, index);
                }
            },
            _ => {
                self.builder
                    .emit(Id::call_foreign_pointer, first, target, index);
                // The target stands behind the arguments and is needed for reports until the call is over.
                let used = (pops + 1).max(pushes);
                self.builder.emit_data(0, 0, used as u32);
            }
        }
        self.builder.drop_top(pops);
        self.builder.push_natural(pushes);
    }

    /// A call of C with arguments from wherever they are, if they are C values as they are.
    fn call_quickly(&mut self, index: u32, pops: usize, pushes: usize) -> bool {
        let import = &self.image.imports[index as usize];
        if import.kind != ImportKind::Foreign {
            return false;
        }
        let id = match self.types.form(self.image, import.type_index) {
            Some(Form::Words(count)) => WORDS.get(count),
            Some(Form::Doubles(count)) => DOUBLES.get(count.wrapping_sub(1)),
            None => None,
        };
        let Some(id) = id else {
            return false;
        };
        let mut popped = [None; WORDS.len()];
        for place in popped[..pops].iter_mut().rev() {
            *place = Some(self.builder.pop());
        }
        let first = self.builder.next();
        let mut slots = [0; 6];
        for (slot, popped) in slots.iter_mut().zip(popped.into_iter().flatten()) {
            *slot = self.builder.slot_of(popped);
        }
        let [a, b, c, d, e, f] = slots;
        let packed = [d, c, b, a].map(u64::from);
        let packed = packed.iter().fold(0, |word, slot| word << 16 | slot);
        let op = self.builder.emit(*id, first, first, index);
        let cell = self
            .builder
            .emit_data(packed, e, pops.max(pushes).max(1) as u32);
        self.builder.ops[cell].b = f;
        match pushes {
            0 => self.builder.push_natural(0),
            _ => self.builder.push_result(op, None),
        }
        true
    }

    pub(super) fn return_results(&mut self) {
        let results = usize::from(self.function_type.results);
        let leave = |builder: &mut Builder, size| {
            if size != 0 {
                builder.emit(Id::leave_local, 0, 0, size);
            }
        };
        let size = self.frame.local_size;
        match results {
            0 => {
                leave(self.builder, size);
                self.builder.emit(Id::return_none, 0, 0, 0);
            }
            1 => {
                let result = self.builder.pop();
                if let Some(small) = result.small() {
                    leave(self.builder, size);
                    self.builder.emit(Id::return_constant, 0, 0, small as u32);
                } else {
                    let slot = self.builder.slot_of(result);
                    leave(self.builder, size);
                    self.builder.emit(Id::return_slot, slot, 0, 0);
                }
            }
            _ => {
                let first = self.builder.settle_top(results);
                leave(self.builder, size);
                self.builder
                    .emit(Id::return_slots, first, results as u16, 0);
            }
        }
    }
}
