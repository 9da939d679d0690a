//! Translation of one function, instruction by instruction.

#![allow(unsafe_code)]

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::interp::CodeOptions;
use crate::interp::handlers::list::Id;
use crate::verify::blocks;
use crate::verify::body::Body;
use crate::verify::flow::{Depths, UNREACHED};
use crate::verify::frame::{Frame, Home};

use super::builder::{Builder, Last, Popped, Slot, Value};
use super::control::{Branch, Fixup, Target};
use super::select::{Shape, exchanged, leaves_low_half, opposite, pair, shape};
use super::{Land, TypeNumbers};

/// What the translation of one function needs and gives.
pub(super) struct Translation<'t, 'a> {
    pub(super) image: &'a Image,
    pub(super) body: &'t Body<'a>,
    pub(super) frame: &'t Frame,
    pub(super) depths: &'t Depths,
    pub(super) function: u32,
    pub(super) function_type: FunctionType,
    pub(super) options: CodeOptions,
    pub(super) builder: &'t mut Builder,
    /// (data cell, function number): places that get a function's first op, its cells in the op before.
    pub(super) calls: &'t mut Vec<(usize, u32)>,
    pub(super) lands: &'t mut Vec<(Land, usize)>,
    /// How many counters the code uses so far.
    pub(super) counters: &'t mut usize,
    pub(super) types: &'t mut TypeNumbers,
    /// Number of `declare` instructions before the one under translation.
    pub(super) declared: usize,
    /// First op of each instruction that is translated.
    pub(super) op_of: Vec<usize>,
    /// The function's conditional branches, in order.
    pub(super) branches: Vec<Branch>,
    /// An instruction that was translated with the one before it.
    pub(super) taken: Option<usize>,
}

impl Translation<'_, '_> {
    /// Emits the function; gives the index of its first op and the cells that its frame needs.
    pub(super) fn run(mut self) -> (usize, u32) {
        let leaders = blocks::leaders(self.body, self.depths);
        let cells = self
            .builder
            .begin_function(self.frame.slots, self.depths.max);
        let first_op = self.builder.ops.len();
        self.builder.at = self.body.start;
        if self.options.counted {
            self.builder.emit(Id::count_call, 0, 0, self.function);
        }
        self.emit_prologue();

        self.op_of = vec![usize::MAX; self.body.instructions.len()];
        let mut fixups = Vec::new();
        let mut fresh = true;
        let mut falls_in = false;
        for number in 0..self.body.instructions.len() {
            let (at, instruction) = self.body.instructions[number];
            let depth = self.depths.before[number];
            if depth == UNREACHED {
                falls_in = false;
                self.declared += usize::from(instruction.opcode == Opcode::Declare);
                continue;
            }
            let leader = leaders[number];
            if leader.target || !falls_in {
                if falls_in {
                    self.builder.settle();
                }
                self.builder.enter_block(depth);
                fresh &= number == 0 && !leader.target;
            }
            self.builder.at = at;
            self.op_of[number] = self.builder.ops.len();
            if instruction.opcode == Opcode::Land {
                let land = Land {
                    text: at,
                    function: self.function,
                    op: std::ptr::null(),
                };
                self.lands.push((land, self.op_of[number]));
            }
            if self.options.counted && leader.loop_head {
                let counter = *self.counters as u32;
                *self.counters += 1;
                self.builder.emit(Id::count_round, 0, 0, counter);
                self.builder.emit_data(u64::from(at), 0, self.function);
                self.builder.last = None;
            }
            if self.options.metered && leader.block {
                let cost = blocks::cost(self.body, self.depths, &leaders, number);
                self.builder.emit(Id::charge_fuel, 0, 0, cost);
                self.builder.last = None;
            }
            if self.options.polled && (leader.loop_head || number == 0) {
                self.builder.emit(Id::poll, 0, 0, 0);
                self.builder.last = None;
            }
            if self.options.traced {
                self.builder.settle();
                let first = self.builder.natural(0);
                self.builder.emit(Id::trace, first, 0, depth);
                let frame = u64::from(self.frame.local_size);
                self.builder.emit_data(frame, 0, 0);
                self.builder.last = None;
            }
            fresh &= matches!(instruction.opcode, Opcode::Declare | Opcode::Nop);
            if self.taken != Some(number) {
                let next = leaders.get(number + 1);
                let goes_on = next.is_some_and(|next| !next.target && !next.block);
                self.instruction(number, &instruction, (fresh, goes_on), &mut fixups);
            }
            falls_in = instruction.opcode.flow().falls_through();
        }
        for fixup in fixups {
            let target = match fixup.target {
                Target::Instruction(number) => self.op_of[number],
                Target::Op(op) => op,
            };
            let distance =
                (target as i64 - fixup.from as i64) * size_of::<crate::interp::op::Op>() as i64;
            self.builder.ops[fixup.cell].c = distance as i32 as u32;
        }
        (first_op, cells)
    }

    pub(super) fn target(&self, number: usize, distance: i32) -> Option<usize> {
        self.body.target(number, distance)
    }

    /// Sets the frame up: room in `l:`, private locals zero, arguments with an address stored there.
    fn emit_prologue(&mut self) {
        let args = u32::from(self.function_type.args);
        if self.frame.local_size != 0 {
            self.builder
                .emit(Id::enter_local, 0, 0, self.frame.local_size);
        }
        match self.frame.slots - args {
            0 => {}
            1 => {
                self.builder.emit(Id::constant, args as Slot, 0, 0);
            }
            count => {
                self.builder.emit(Id::zero, args as Slot, 0, count);
            }
        }
        for argument in 0..args {
            if let Home::Address(address) = self.frame.objects[argument as usize].home {
                let distance = self.distance(address);
                self.builder
                    .emit(Id::store_local, argument as Slot, 0, distance);
            }
        }
    }

    /// Bytes from csp down to an address of this frame.
    pub(super) fn distance(&self, address: u32) -> u32 {
        self.frame.local_size - address
    }

    fn instruction(
        &mut self,
        number: usize,
        instruction: &Instruction<'_>,
        (fresh, goes_on): (bool, bool),
        fixups: &mut Vec<Fixup>,
    ) {
        let opcode = instruction.opcode;
        if opcode == Opcode::Dup && goes_on && !self.options.traced && self.tee(number) {
            return;
        }
        match shape(opcode) {
            Shape::Binary {
                register,
                immediate,
                fold,
            } => self.binary(opcode, register, immediate, fold),
            Shape::Unary { register, fold } => self.unary(opcode, register, fold),
            Shape::Ternary(id) => self.ternary(id),
            Shape::Load(load) => self.load(instruction, load),
            Shape::Store(store) => self.store(instruction, store),
            Shape::Other => self.other(number, instruction, fresh, fixups),
        }
    }

    fn binary(
        &mut self,
        opcode: Opcode,
        register: Id,
        immediate: Id,
        fold: fn(u64, u64) -> Result<u64, cvm_spec::fault::FaultCode>,
    ) {
        let last = self.builder.last;
        let right = self.builder.pop();
        let left = self.builder.pop();
        if let (Value::Constant(a), Value::Constant(b)) = (left.value, right.value)
            && let Ok(value) = fold(a, b)
        {
            self.builder.push(Value::Constant(value));
            return;
        }
        if let Some(small) = right.small() {
            let slot = self.builder.slot_of(left);
            let result = self.builder.next();
            let op = self.builder.emit(immediate, result, slot, small as u32);
            self.builder.push_result(op, Some((opcode, true)));
            return;
        }
        if let (Some(small), Some(opcode)) = (left.small(), exchanged(opcode))
            && let Shape::Binary { immediate, .. } = shape(opcode)
        {
            let slot = self.builder.slot_of(right);
            let result = self.builder.next();
            let op = self.builder.emit(immediate, result, slot, small as u32);
            self.builder.push_result(op, Some((opcode, true)));
            return;
        }
        if let Some(op) = self.pair(opcode, left, right, last) {
            self.builder.push_result(op, None);
            return;
        }
        let left = self.builder.slot_of(left);
        let right = self.builder.slot_of(right);
        let result = self.builder.next();
        let op = self.builder.emit(register, result, left, u32::from(right));
        self.builder.push_result(op, Some((opcode, false)));
    }

    /// Joins a binary function with the one that made one of its operands right before, if there is an op for both.
    fn pair(
        &mut self,
        opcode: Opcode,
        left: Popped,
        right: Popped,
        last: Option<Last>,
    ) -> Option<usize> {
        let (first, other, first_is_left) = match self.builder.made(last, right) {
            Some(first) => (first, left, false),
            None => (self.builder.made(last, left)?, right, true),
        };
        let (function, is_immediate) = first.function?;
        let pair = pair(function, opcode, first_is_left)?;
        let other = match other.value {
            Value::Natural => other.natural,
            Value::Local(slot) => slot,
            Value::Constant(_) => return None,
        };
        let inner = self.builder.ops[first.op];
        let (id, y) = if is_immediate {
            (pair.immediate, i16::try_from(inner.c as i32).ok()? as u16)
        } else {
            (pair.register, inner.c as Slot)
        };
        self.builder.unemit(first.op);
        let result = self.builder.next();
        let operands = u32::from(inner.b) | u32::from(y) << 16;
        Some(self.builder.emit(id, result, other, operands))
    }

    fn unary(
        &mut self,
        opcode: Opcode,
        id: Id,
        fold: fn(u64) -> Result<u64, cvm_spec::fault::FaultCode>,
    ) {
        let last = self.builder.last;
        let operand = self.builder.pop();
        if let Value::Constant(a) = operand.value
            && let Ok(value) = fold(a)
        {
            self.builder.push(Value::Constant(value));
            return;
        }
        if let Some(made) = self.builder.made(last, operand)
            && let Some(function) = made.function
            && self.joins(opcode, made.op, function)
        {
            return;
        }
        let slot = self.builder.slot_of(operand);
        let result = self.builder.next();
        let op = self.builder.emit(id, result, slot, 0);
        self.builder.push_result(op, Some((opcode, false)));
    }

    /// Joins a test for zero with the comparison before it, and clearing an upper half with what has none; the operand is
    /// popped.
    fn joins(&mut self, opcode: Opcode, op: usize, function: (Opcode, bool)) -> bool {
        let (first, is_immediate) = function;
        let inner = self.builder.ops[op];
        match opcode {
            Opcode::IZextD if leaves_low_half(first) => {
                self.builder.push_result(op, Some(function))
            }
            Opcode::IEqz | Opcode::DEqz => {
                let tests_zero = matches!(first, Opcode::IEqz | Opcode::DEqz);
                let Some(opposite) = opposite(first) else {
                    return false;
                };
                let Shape::Binary {
                    register,
                    immediate,
                    ..
                } = shape(opposite)
                else {
                    return false;
                };
                self.builder.unemit(op);
                let result = self.builder.next();
                let (id, right) = match (tests_zero, is_immediate) {
                    (true, _) => (immediate, 0),
                    (false, true) => (immediate, inner.c),
                    (false, false) => (register, inner.c),
                };
                let op = self.builder.emit(id, result, inner.b, right);
                let function = (opposite, tests_zero || is_immediate);
                self.builder.push_result(op, Some(function));
            }
            _ => return false,
        }
        true
    }

    /// `dup` and a store into a private local: the local has the value, and the operand that stays is the local.
    fn tee(&mut self, number: usize) -> bool {
        let Some((_, next)) = self.body.instructions.get(number + 1) else {
            return false;
        };
        let (Opcode::IWriteA | Opcode::FWriteA, Operand::Pointer(pointer)) =
            (next.opcode, next.operand)
        else {
            return false;
        };
        if pointer.tag() != Tag::Local {
            return false;
        }
        let (object, _) = self.object(pointer.offset());
        let Home::Slot(slot) = object.home else {
            return false;
        };
        self.assign(slot as Slot);
        self.builder.push(Value::Local(slot as Slot));
        self.builder.last = None;
        self.taken = Some(number + 1);
        true
    }

    fn ternary(&mut self, id: Id) {
        let third = self.builder.pop();
        let second = self.builder.pop();
        let first = self.builder.pop();
        let [first, second, third] = [first, second, third].map(|v| self.builder.slot_of(v));
        let result = self.builder.next();
        let op = self.builder.emit(
            id,
            result,
            first,
            u32::from(second) | u32::from(third) << 16,
        );
        self.builder.push_result(op, None);
    }

    fn other(
        &mut self,
        number: usize,
        instruction: &Instruction<'_>,
        fresh: bool,
        fixups: &mut Vec<Fixup>,
    ) {
        match (instruction.opcode, instruction.operand) {
            (Opcode::Nop | Opcode::Land, _) => {}
            (Opcode::Declare, _) => self.declare(fresh),
            (Opcode::Halt, _) => {
                self.builder.emit(Id::halt, 0, 0, 0);
            }
            (Opcode::Brk, _) => {
                self.builder.emit(Id::breakpoint, 0, 0, 0);
            }
            (Opcode::Abort, Operand::Code(code)) => {
                self.builder.emit(Id::abort, 0, 0, u32::from(code));
            }
            (
                Opcode::PushB | Opcode::PushW | Opcode::PushD | Opcode::PushUd | Opcode::PushQ,
                Operand::Constant(constant),
            ) => self.builder.push(Value::Constant(constant)),
            (Opcode::PushA, Operand::Pointer(pointer)) => self.push_address(pointer),
            (Opcode::Drop, _) => self.builder.drop_top(1),
            (Opcode::Dup, _) => self.pick(0),
            (Opcode::Over, _) => self.pick(1),
            (Opcode::Pick, Operand::Depth(below)) => self.pick(usize::from(below)),
            (Opcode::Swap, _) => self.rearrange(2, &[1, 0]),
            (Opcode::Rot, _) => self.rearrange(3, &[1, 2, 0]),
            (Opcode::Slide, Operand::Slide { dropped, kept }) => {
                self.slide(usize::from(dropped), usize::from(kept));
            }
            (Opcode::MemCopy, _) => self.bulk(Id::mem_copy, 0),
            (Opcode::MemFill, _) => self.bulk(Id::mem_fill, 0),
            (Opcode::MemCompare, _) => self.bulk(Id::mem_compare, 1),
            (Opcode::HeapSize, _) => {
                let result = self.builder.next();
                let op = self.builder.emit(Id::heap_size, result, 0, 0);
                self.builder.push_result(op, None);
            }
            (Opcode::HeapGrow, _) => {
                let pages = self.builder.pop();
                let pages = self.builder.slot_of(pages);
                let result = self.builder.next();
                let op = self.builder.emit(Id::heap_grow, result, pages, 0);
                self.builder.push_result(op, None);
            }
            (Opcode::PtrToHost, _) => {
                let length = self.builder.pop();
                let pointer = self.builder.pop();
                let pointer = self.builder.slot_of(pointer);
                let length = self.builder.slot_of(length);
                let result = self.builder.next();
                let op = self
                    .builder
                    .emit(Id::ptr_to_host, result, pointer, u32::from(length));
                self.builder.push_result(op, None);
            }
            (Opcode::PtrFromHost, _) => {
                let host = self.builder.pop();
                let host = self.builder.slot_of(host);
                let result = self.builder.next();
                let op = self.builder.emit(Id::ptr_from_host, result, host, 0);
                self.builder.push_result(op, None);
            }
            (Opcode::Jmp, Operand::Jump(distance)) => self.jump(number, distance, fixups),
            (Opcode::Jz, Operand::Jump(distance)) => self.branch(number, distance, false, fixups),
            (Opcode::Jnz, Operand::Jump(distance)) => self.branch(number, distance, true, fixups),
            (Opcode::Switch, Operand::Table(table)) => {
                let index = self.builder.pop();
                let index = self.builder.slot_of(index);
                self.builder.settle();
                let op = self.builder.emit(Id::switch, index, 0, table.len() as u32);
                for distance in table.distances() {
                    let cell = self.builder.emit_data(0, 0, 0);
                    self.fix(fixups, cell, op, number, distance);
                }
            }
            (Opcode::JmpI, _) => {
                let target = self.builder.pop();
                let target = self.builder.slot_of(target);
                self.builder
                    .emit(Id::jump_indirect, target, 0, self.function);
            }
            (
                Opcode::Call
                | Opcode::CallI
                | Opcode::CallX
                | Opcode::CallXi
                | Opcode::RetCall
                | Opcode::RetCallI,
                Operand::Index(index),
            ) => self.call(instruction, index),
            (Opcode::Ret, _) => self.return_results(),
            (opcode, operand) => {
                unreachable!("`{}` does not decode with {operand:?}", opcode.mnemonic())
            }
        }
    }

    /// Zeroes the object of a `declare`, unless it is still zero from the function's start.
    fn declare(&mut self, fresh: bool) {
        let number = usize::from(self.function_type.args) + self.declared;
        self.declared += 1;
        if fresh {
            return;
        }
        let object = self.frame.objects[number];
        match object.home {
            Home::Slot(slot) => {
                self.builder.settle_local(slot as Slot);
                self.builder.load_constant(slot as Slot, 0);
            }
            Home::Address(address) => {
                let distance = self.distance(address);
                self.builder.emit(Id::zero_local, 0, 0, distance);
                self.builder.emit_data(u64::from(object.size), 0, 0);
            }
        }
    }

    fn push_address(&mut self, pointer: ShortPointer) {
        if pointer.tag() != Tag::Local {
            self.builder.push(Value::Constant(pointer.widen().0));
            return;
        }
        let (object, _) = self.object(pointer.offset());
        let Home::Address(address) = object.home else {
            unreachable!("an object whose address is pushed has one")
        };
        let result = self.builder.next();
        let distance = self.distance(address);
        let op = self.builder.emit(Id::local_address, result, 0, distance);
        self.builder.push_result(op, None);
    }

    fn pick(&mut self, below: usize) {
        match self.builder.peek(below) {
            (Value::Natural, slot) => {
                let result = self.builder.next();
                let op = self.builder.emit(Id::copy, result, slot, 0);
                self.builder.push_result(op, None);
            }
            (value, _) => self.builder.push(value),
        }
    }

    /// Replaces the top `count` operands by those at the given positions among them.
    fn rearrange(&mut self, count: usize, sources: &[usize]) {
        let first = self.builder.depth() - count;
        let sources: Vec<usize> = sources.iter().map(|source| first + source).collect();
        self.builder.permute(first, &sources);
    }

    /// `slide`. Many kept operands move in one op, so that neither the code nor the time to make it grows with them.
    fn slide(&mut self, dropped: usize, kept: usize) {
        const FEW: usize = 4;
        if kept <= FEW {
            let sources: Vec<usize> = (dropped..dropped + kept).collect();
            return self.rearrange(dropped + kept, &sources);
        }
        self.builder.settle();
        let first = self.builder.depth() - kept;
        let (to, from) = (
            self.builder.natural(first - dropped),
            self.builder.natural(first),
        );
        self.builder.emit(Id::move_slots, to, from, kept as u32);
        self.builder.drop_settled(dropped);
    }

    fn bulk(&mut self, id: Id, results: usize) {
        let first = self.builder.settle_top(3);
        self.builder.emit(id, first, 0, 0);
        self.builder.drop_top(3);
        self.builder.push_natural(results);
    }
}
