//! The function under translation: emitted ops, the abstract operand stack, and copy propagation.
//!
//! Operand position p has a natural slot behind the private ones. A value on the abstract stack is in its natural
//! slot, or it is still a private local or a constant that nothing had to copy yet. Where paths meet, every value is
//! in its natural slot.

#![allow(unsafe_code)]

use cvm_spec::isa::Opcode;

use crate::interp::handlers::list::Id;
use crate::interp::op::{Op, Word};

/// A slot number of the frame.
pub(super) type Slot = u16;

/// Where an operand's value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// In its natural slot.
    Natural,
    /// In the slot of a private local.
    Local(Slot),
    /// Known.
    Constant(u64),
}

/// The op emitted last, if its result is the top operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    /// Its index.
    pub(super) op: usize,
    /// Number of ops when it had been emitted.
    pub(super) end: usize,
    /// Its result's slot.
    pub(super) result: Slot,
    /// The opcode, and whether its right operand is an immediate, if it is a binary or unary function.
    pub(super) function: Option<(Opcode, bool)>,
}

/// The whole code under translation, and the state of the current function.
pub(super) struct Builder {
    /// Ops of all functions so far.
    pub(super) ops: Vec<Op>,
    /// Text offset of each op.
    pub(super) offsets: Vec<u32>,
    /// Text offset of the instruction under translation.
    pub(super) at: u32,
    pub(super) last: Option<Last>,
    /// Index of the current block's first op.
    block: usize,
    /// Number of the handler of each op, for looking back at it.
    ids: Vec<Id>,
    /// Operands at positions below this are in their natural slots; the rest are in `values`.
    settled: usize,
    values: Vec<Value>,
    /// Number of operands that are [`Value::Local`] of each private slot.
    references: Vec<u32>,
    first_natural: Slot,
    scratch: Slot,
    /// Ops that call out are announced to a profiler.
    profiled: bool,
}

impl Builder {
    pub(super) fn new(capacity: usize, profiled: bool) -> Builder {
        Builder {
            ops: Vec::with_capacity(capacity),
            offsets: Vec::with_capacity(capacity),
            at: 0,
            last: None,
            block: 0,
            ids: Vec::with_capacity(capacity),
            settled: 0,
            values: Vec::new(),
            references: Vec::new(),
            first_natural: 0,
            scratch: 0,
            profiled,
        }
    }

    /// Begins a function with this many private slots and operands; gives the cells that its frame needs.
    pub(super) fn begin_function(&mut self, slots: u32, max_depth: u32) -> u32 {
        let first = super::first_operand_slot(slots);
        self.first_natural = first as Slot;
        self.scratch = (first + max_depth) as Slot;
        self.references.clear();
        self.references.resize(slots as usize, 0);
        self.values.clear();
        self.settled = 0;
        self.last = None;
        first + max_depth + 1
    }

    // ---- emission

    /// Emits an op.
    pub(super) fn emit(&mut self, id: Id, a: u16, b: u16, c: u32) -> usize {
        if self.profiled && calls_out(id) {
            self.emit(Id::note_out, 0, 0, 0);
        }
        self.ops.push(Op {
            word: Word {
                handler: id.handler(),
            },
            a,
            b,
            c,
        });
        self.offsets.push(self.at);
        self.ids.push(id);
        self.ops.len() - 1
    }

    /// Emits a data cell.
    pub(super) fn emit_data(&mut self, number: u64, a: u16, c: u32) -> usize {
        self.ops.push(Op {
            word: Word { number },
            a,
            b: 0,
            c,
        });
        self.offsets.push(self.at);
        self.ids.push(Id::finish);
        self.ops.len() - 1
    }

    /// The op emitted last, if it belongs to the current block.
    pub(super) fn last_of_block(&self) -> Option<(Id, Op)> {
        let index = self.ops.len().checked_sub(1)?;
        (index >= self.block).then(|| (self.ids[index], self.ops[index]))
    }

    /// The op before another one, if it belongs to the current block.
    pub(super) fn op_before(&self, op: usize) -> Option<(Id, Op)> {
        let index = op.checked_sub(1)?;
        (index >= self.block).then(|| (self.ids[index], self.ops[index]))
    }

    /// Notes that the op at `op` was emitted last and pushes its result, which is in its natural slot.
    pub(super) fn push_result(&mut self, op: usize, function: Option<(Opcode, bool)>) {
        let result = self.natural(self.depth());
        self.values.push(Value::Natural);
        self.last = Some(Last {
            op,
            end: self.ops.len(),
            result,
            function,
        });
    }

    /// The op emitted last, if it made the top operand and nothing came between.
    pub(super) fn last_result(&self) -> Option<Last> {
        let last = self.last?;
        let top = self.depth().checked_sub(1)?;
        (last.end == self.ops.len()
            && self.value_at(top) == Value::Natural
            && last.result == self.natural(top))
        .then_some(last)
    }

    /// `last`, if it made this popped operand and nothing came behind it.
    pub(super) fn made(&self, last: Option<Last>, popped: Popped) -> Option<Last> {
        last.filter(|last| {
            last.end == self.ops.len()
                && popped.value == Value::Natural
                && last.result == popped.natural
        })
    }

    /// Takes the ops from `op` on away again.
    pub(super) fn unemit(&mut self, op: usize) {
        self.ops.truncate(op);
        self.offsets.truncate(op);
        self.ids.truncate(op);
        self.last = None;
    }

    /// Makes the op emitted last write to another slot.
    pub(super) fn retarget(&mut self, last: Last, slot: Slot) {
        self.ops[last.op].a = slot;
        self.last = None;
    }

    // ---- the abstract stack

    pub(super) fn depth(&self) -> usize {
        self.settled + self.values.len()
    }

    /// Natural slot of an operand position.
    pub(super) fn natural(&self, position: usize) -> Slot {
        self.first_natural + position as Slot
    }

    /// The slot that the next pushed result goes to.
    pub(super) fn next(&self) -> Slot {
        self.natural(self.depth())
    }

    fn value_at(&self, position: usize) -> Value {
        match position.checked_sub(self.settled) {
            Some(index) => self.values[index],
            None => Value::Natural,
        }
    }

    /// Forgets everything: each of `depth` operands is in its natural slot.
    pub(super) fn enter_block(&mut self, depth: u32) {
        while let Some(value) = self.values.pop() {
            self.release(value);
        }
        self.settled = depth as usize;
        self.last = None;
        self.block = self.ops.len();
    }

    pub(super) fn push(&mut self, value: Value) {
        if let Value::Local(slot) = value {
            self.references[slot as usize] += 1;
        }
        self.values.push(value);
    }

    fn release(&mut self, value: Value) {
        if let Value::Local(slot) = value {
            self.references[slot as usize] -= 1;
        }
    }

    /// Pops a value and tells where it was.
    pub(super) fn pop(&mut self) -> Popped {
        let value = self.values.pop().unwrap_or_else(|| {
            self.settled -= 1;
            Value::Natural
        });
        self.release(value);
        Popped {
            value,
            natural: self.next(),
        }
    }

    /// The value `below` operands under the top.
    pub(super) fn peek(&self, below: usize) -> (Value, Slot) {
        let position = self.depth() - 1 - below;
        (self.value_at(position), self.natural(position))
    }

    /// A slot that holds a popped value; a constant is loaded into the natural slot that it had.
    pub(super) fn slot_of(&mut self, popped: Popped) -> Slot {
        match popped.value {
            Value::Natural => popped.natural,
            Value::Local(slot) => slot,
            Value::Constant(constant) => {
                self.load_constant(popped.natural, constant);
                popped.natural
            }
        }
    }

    /// Emits `slot = constant`; gives the op's index.
    pub(super) fn load_constant(&mut self, slot: Slot, constant: u64) -> usize {
        match i32::try_from(constant as i64) {
            Ok(small) => self.emit(Id::constant, slot, 0, small as u32),
            Err(_) => {
                let op = self.emit(Id::constant_wide, slot, 0, 0);
                self.emit_data(constant, 0, 0);
                op
            }
        }
    }

    /// Puts an operand into its natural slot.
    fn settle_position(&mut self, position: usize) {
        let natural = self.natural(position);
        let value = self.value_at(position);
        match value {
            Value::Natural => return,
            Value::Local(slot) => {
                self.emit(Id::copy, natural, slot, 0);
            }
            Value::Constant(constant) => {
                self.load_constant(natural, constant);
            }
        }
        self.release(value);
        self.values[position - self.settled] = Value::Natural;
    }

    /// Puts all operands into their natural slots.
    pub(super) fn settle(&mut self) {
        let depth = self.depth();
        for position in self.settled..depth {
            self.settle_position(position);
        }
        self.settled = depth;
        self.values.clear();
    }

    /// Puts the top `count` operands into their natural slots; gives the first one's.
    pub(super) fn settle_top(&mut self, count: usize) -> Slot {
        let depth = self.depth();
        let first = depth - count;
        for position in first.max(self.settled)..depth {
            self.settle_position(position);
        }
        self.natural(first)
    }

    /// Before a private local changes: puts operands that still refer to it into their natural slots.
    pub(super) fn settle_local(&mut self, slot: Slot) {
        if self.references[slot as usize] == 0 {
            return;
        }
        for position in self.settled..self.depth() {
            if self.value_at(position) == Value::Local(slot) {
                self.settle_position(position);
            }
        }
    }

    /// Drops `count` operands.
    pub(super) fn drop_top(&mut self, count: usize) {
        for _ in 0..count {
            self.pop();
        }
    }

    /// Drops `count` operands after [`Builder::settle`].
    pub(super) fn drop_settled(&mut self, count: usize) {
        debug_assert!(self.values.is_empty());
        self.settled -= count;
        self.last = None;
    }

    /// Pushes `count` operands that are in their natural slots.
    pub(super) fn push_natural(&mut self, count: usize) {
        for _ in 0..count {
            self.values.push(Value::Natural);
        }
        self.last = None;
    }

    /// Replaces the operands from position `first` on by those at the positions in `sources`.
    pub(super) fn permute(&mut self, first: usize, sources: &[usize]) {
        let new: Vec<Value> = sources
            .iter()
            .map(|source| self.value_at(*source))
            .collect();
        let mut moves = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            if new[index] == Value::Natural && *source != first + index {
                moves.push((self.natural(first + index), self.natural(*source)));
            }
        }
        self.drop_top(self.depth() - first);
        self.move_in_parallel(moves);
        for value in new {
            self.push(value);
        }
        self.last = None;
    }

    /// Emits copies (to, from) as if all happened at once.
    fn move_in_parallel(&mut self, mut moves: Vec<(Slot, Slot)>) {
        while !moves.is_empty() {
            let free = moves
                .iter()
                .position(|(to, _)| moves.iter().all(|(_, from)| from != to));
            match free {
                Some(index) => {
                    let (to, from) = moves.swap_remove(index);
                    self.emit(Id::copy, to, from, 0);
                }
                None => {
                    // Only cycles are left: break one by keeping a source in the scratch slot.
                    let from = moves[0].1;
                    self.emit(Id::copy, self.scratch, from, 0);
                    for entry in &mut moves {
                        if entry.1 == from {
                            entry.1 = self.scratch;
                        }
                    }
                }
            }
        }
    }
}

/// A value that was popped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Popped {
    pub(super) value: Value,
    /// The natural slot that it had.
    pub(super) natural: Slot,
}

impl Popped {
    /// The constant, if it is one that fits a sign-extended 32-bit operand.
    pub(super) fn small(self) -> Option<i32> {
        match self.value {
            Value::Constant(constant) => i32::try_from(constant as i64).ok(),
            _ => None,
        }
    }
}

/// Whether a handler calls functions that may take long, so that a profiler cannot tell from the registers where the
/// interpreter is.
fn calls_out(id: Id) -> bool {
    matches!(
        id,
        Id::call_import
            | Id::call_foreign
            | Id::call_foreign_pointer
            | Id::call_words_0
            | Id::call_words_1
            | Id::call_words_2
            | Id::call_words_3
            | Id::call_words_4
            | Id::call_words_5
            | Id::call_words_6
            | Id::call_doubles_1
            | Id::call_doubles_2
            | Id::call_doubles_3
            | Id::call_doubles_4
            | Id::foreign_object
            | Id::mem_copy
            | Id::mem_fill
            | Id::mem_compare
            | Id::heap_grow
            | Id::ptr_to_host
            | Id::ptr_from_host
            | Id::enter_local
            | Id::leave_local
            | Id::zero
            | Id::zero_local
            | Id::move_slots
            | Id::return_slots
            | Id::tail_call
            | Id::tail_call_indirect
    )
}
