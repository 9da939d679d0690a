//! The body of one function: instructions that keep the operand stack in order on every path.

use cvm_spec::codec::shortest_push;
use cvm_spec::fault::FaultGroup;
use cvm_spec::image::{FunctionType, Image};
use cvm_spec::isa::{Effect, Flow, Opcode, OperandKind, ROWS};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::{Style, Surroundings, type_index};
use crate::random::Random;

/// The operand stack is kept below this.
const DEEPEST: u32 = 24;

/// An operand before labels have offsets.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// As [`cvm_spec::codec::encode`] takes it.
    Number(u64),
    /// A jump to a label, or the text pointer of one.
    Label(usize),
    /// A `switch` to labels.
    Table(Vec<usize>),
    /// The text pointer of a function.
    Function(usize),
}

/// An instruction before labels have offsets.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) opcode: Opcode,
    pub(super) operand: Operand,
}

/// A function's body.
#[derive(Debug)]
pub(super) struct Body {
    /// The instructions.
    pub(super) items: Vec<Item>,
    /// Label number to instruction number.
    pub(super) labels: Vec<usize>,
    /// Frame offset and size of each argument and local, in bytes.
    pub(super) objects: Vec<(u32, u32)>,
    /// How many of them are arguments.
    pub(super) args: usize,
}

struct Writer<'a> {
    random: &'a mut Random,
    around: &'a Surroundings,
    image: &'a mut Image,
    own: FunctionType,
    body: Body,
    depth: u32,
}

impl Body {
    /// The body of function `number`.
    pub(super) fn generate(
        random: &mut Random,
        around: &Surroundings,
        image: &mut Image,
        number: usize,
    ) -> Body {
        let own = around.functions[number];
        let args = usize::from(own.args);
        let mut writer = Writer {
            random,
            around,
            image,
            own,
            depth: 0,
            body: Body {
                items: Vec::new(),
                labels: Vec::new(),
                objects: (0..args as u32).map(|k| (8 * k, 8)).collect(),
                args,
            },
        };
        writer.declares();
        let rounds = writer.random.range(1, 5);
        for _ in 0..rounds {
            writer.block(3);
            if writer.random.one_in(6) {
                writer.indirect_jump();
            }
        }
        writer.leave();
        if writer.random.one_in(5) {
            writer.unreachable();
        }
        writer.body
    }
}

impl Writer<'_> {
    fn emit(&mut self, opcode: Opcode, operand: Operand) {
        self.body.items.push(Item { opcode, operand });
    }

    fn op(&mut self, opcode: Opcode) {
        self.emit(opcode, Operand::Number(0));
    }

    fn new_label(&mut self) -> usize {
        self.body.labels.push(usize::MAX);
        self.body.labels.len() - 1
    }

    fn place(&mut self, label: usize) {
        self.body.labels[label] = self.body.items.len();
    }

    fn here(&mut self) -> usize {
        let label = self.new_label();
        self.place(label);
        label
    }

    fn constant(&mut self, value: u64) {
        let opcode = match self.around.style {
            Style::Free if self.random.one_in(4) => Opcode::PushQ,
            _ => shortest_push(value),
        };
        self.emit(opcode, Operand::Number(value));
        self.depth += 1;
    }

    fn declares(&mut self) {
        for _ in 0..self.random.below(5) {
            let cells = match self.random.below(3) {
                0 => self.random.range(2, 9),
                _ => 1,
            };
            let start = self
                .body
                .objects
                .last()
                .map_or(0, |(offset, size)| offset + size);
            self.body.objects.push((start, 8 * cells as u32));
            self.emit(Opcode::Declare, Operand::Number(cells));
        }
    }

    /// A few statements and structures, after which the stack is as deep as before.
    fn block(&mut self, nesting: u32) {
        let before = self.depth;
        for _ in 0..self.random.range(1, 8) {
            match self.random.below(14) {
                0 if nesting > 0 => self.branch(nesting - 1),
                1 if nesting > 0 => self.repeat(nesting - 1),
                2 if nesting > 0 => self.switch(nesting - 1),
                3 => self.call(),
                _ => self.simple(),
            }
        }
        self.settle(before);
    }

    /// Pushes or drops until the stack is this deep.
    fn settle(&mut self, depth: u32) {
        while self.depth > depth {
            let extra = self.depth - depth;
            let kept = depth.min(2);
            if extra > 1 && self.random.one_in(3) {
                let operand = u64::from(extra) | u64::from(kept) << 16;
                self.emit(Opcode::Slide, Operand::Number(operand));
                self.depth = depth;
            } else {
                self.op(Opcode::Drop);
                self.depth -= 1;
            }
        }
        while self.depth < depth {
            let value = self.random.cell();
            self.constant(value);
        }
    }

    fn condition(&mut self) {
        let before = self.depth;
        for _ in 0..self.random.range(1, 3) {
            self.simple();
        }
        if self.random.one_in(2) {
            self.settle(before + 2);
            let compare = self.random.pick(&[
                Opcode::IEq,
                Opcode::INe,
                Opcode::ILt,
                Opcode::IUge,
                Opcode::DLe,
                Opcode::DUgt,
                Opcode::FLt,
                Opcode::FNe,
                Opcode::SGe,
            ]);
            self.op(compare);
            self.depth -= 1;
            if self.random.one_in(3) {
                self.op(Opcode::IEqz);
            }
        } else {
            self.settle(before + 1);
        }
    }

    fn jump_if(&mut self, label: usize) {
        let opcode = self.random.pick(&[Opcode::Jz, Opcode::Jnz]);
        self.emit(opcode, Operand::Label(label));
        self.depth -= 1;
    }

    fn branch(&mut self, nesting: u32) {
        self.condition();
        let otherwise = self.new_label();
        self.jump_if(otherwise);
        self.block(nesting);
        if self.random.one_in(2) {
            let end = self.new_label();
            self.emit(Opcode::Jmp, Operand::Label(end));
            self.place(otherwise);
            self.block(nesting);
            self.place(end);
        } else {
            self.place(otherwise);
        }
        // A label needs an instruction behind it.
        self.op(Opcode::Nop);
    }

    fn repeat(&mut self, nesting: u32) {
        let again = self.here();
        self.block(nesting);
        self.condition();
        self.jump_if(again);
    }

    fn switch(&mut self, nesting: u32) {
        self.condition();
        let ways = self.random.range(1, 4) as usize;
        let labels: Vec<usize> = (0..ways).map(|_| self.new_label()).collect();
        let end = self.new_label();
        let targets = (0..self.random.range(1, 6))
            .map(|_| self.random.pick(&labels))
            .collect();
        self.emit(Opcode::Switch, Operand::Table(targets));
        self.depth -= 1;
        for label in labels {
            self.place(label);
            self.block(nesting);
            if self.random.one_in(2) {
                self.emit(Opcode::Jmp, Operand::Label(end));
            }
        }
        self.place(end);
        self.op(Opcode::Nop);
    }

    /// `jmp_i` to a `land`; only with an empty stack.
    fn indirect_jump(&mut self) {
        self.settle(0);
        let place = self.new_label();
        self.emit(Opcode::PushA, Operand::Label(place));
        self.op(Opcode::JmpI);
        if self.random.one_in(2) {
            self.op(Opcode::Nop);
        }
        self.place(place);
        self.op(Opcode::Land);
        self.depth = 0;
    }

    fn call(&mut self) {
        let (args, results) = match self.random.below(4) {
            0 if !self.around.imports.is_empty() => {
                let import = self.random.below(self.around.imports.len() as u64);
                let (args, results) = self.around.imports[import as usize];
                self.arguments(args);
                self.emit(Opcode::CallX, Operand::Number(import));
                (args, results)
            }
            1 => {
                let callee = self.random.below(self.around.functions.len() as u64) as usize;
                let wanted = self.around.functions[callee];
                self.arguments(wanted.args);
                self.emit(Opcode::PushA, Operand::Function(callee));
                let index = u64::from(type_index(self.image, wanted));
                self.emit(Opcode::CallI, Operand::Number(index));
                (wanted.args, wanted.results)
            }
            _ => {
                let callee = self.random.below(self.around.functions.len() as u64);
                let wanted = self.around.functions[callee as usize];
                self.arguments(wanted.args);
                self.emit(Opcode::Call, Operand::Number(callee));
                (wanted.args, wanted.results)
            }
        };
        self.depth = self.depth - u32::from(args) + u32::from(results);
    }

    /// Makes sure that there are this many cells to pop.
    fn arguments(&mut self, count: u16) {
        let wanted = self.depth.max(u32::from(count));
        self.settle(wanted);
        if self.random.one_in(2) {
            for _ in 0..count {
                self.value();
            }
        }
    }

    /// Pushes something that is probably of use: a local, a small number, a pointer.
    fn value(&mut self) {
        match self.random.below(4) {
            0 if !self.body.objects.is_empty() => {
                let object = self.random.pick(&self.body.objects);
                self.local_access(Opcode::IReadA, object);
                self.depth += 1;
            }
            1 => self.pointer(None),
            _ => {
                let value = self.random.cell();
                self.constant(value);
            }
        }
    }

    fn pointer(&mut self, write: Option<bool>) {
        let pointer = self.address(write);
        self.emit(Opcode::PushA, Operand::Number(u64::from(pointer.0)));
        self.depth += 1;
    }

    /// An address that may stand in an operand; for a write, if possible not in data.
    fn address(&mut self, write: Option<bool>) -> ShortPointer {
        let at =
            |tag, offset| ShortPointer::new(tag, offset).expect("generated segments are small");
        // Mostly with room behind it.
        let room = if self.random.one_in(8) { 0 } else { 16 };
        let below = |size: u32| u64::from(size.saturating_sub(room)) + 1;
        match self.random.below(5) {
            0 | 1 if !self.body.objects.is_empty() => {
                let (offset, _) = self.random.pick(&self.body.objects);
                at(Tag::Local, offset)
            }
            2 if write != Some(true) || self.random.one_in(8) => {
                let offset = self.random.below(below(self.around.data_size));
                at(Tag::Data, offset as u32)
            }
            3 if self.around.heap.0 > 0 => {
                let offset = self.random.below(below(self.around.heap.0));
                at(Tag::Heap, offset as u32)
            }
            _ => {
                let offset = self.random.below(below(self.around.bss_size));
                at(Tag::Bss, offset as u32)
            }
        }
    }

    fn local_access(&mut self, opcode: Opcode, (offset, size): (u32, u32)) {
        let inside = self.random.below(u64::from(size) - 7) as u32;
        // Cells are read whole more often than across.
        let inside = if self.random.one_in(6) {
            inside
        } else {
            inside & !7
        };
        let pointer = ShortPointer::new(Tag::Local, offset + inside).expect("frames are small");
        self.emit(opcode, Operand::Number(u64::from(pointer.0)));
    }

    /// An instruction of the table that goes on with the next one.
    fn simple(&mut self) {
        let row = loop {
            let row = &ROWS[self.random.below(ROWS.len() as u64) as usize];
            let unwanted = matches!(
                row.opcode,
                Opcode::Land | Opcode::Declare | Opcode::Brk | Opcode::CallXi
            );
            // Most of these fault on random operands, and a program that faults at once shows little.
            let bulk = [Opcode::MemCopy, Opcode::MemFill, Opcode::MemCompare];
            let rare = matches!(row.opcode, Opcode::PtrToHost | Opcode::PtrFromHost)
                || bulk.contains(&row.opcode)
                || row.faults.contains(&FaultGroup::Conversion);
            if row.flow == Flow::Next && !unwanted && (!rare || self.random.one_in(20)) {
                break row;
            }
        };
        if let Effect::Fixed { pops, pushes } = row.effect {
            let (pops, pushes) = (pops.len() as u32, pushes.len() as u32);
            if self.depth + pushes > DEEPEST + pops {
                self.settle(DEEPEST / 2);
            }
            if row.opcode.access().is_some() {
                return self.memory(row.opcode);
            }
            while self.depth < pops {
                self.value();
            }
            if matches!(
                row.operand,
                OperandKind::I8
                    | OperandKind::I16
                    | OperandKind::I32
                    | OperandKind::U32
                    | OperandKind::U64
            ) {
                let value = self.random.cell();
                return match self.around.style {
                    Style::Canonical => self.constant(value),
                    Style::Free => {
                        self.emit(row.opcode, Operand::Number(value));
                        self.depth += 1;
                    }
                };
            }
            if row.opcode == Opcode::PushA {
                return self.pointer(None);
            }
            let divides = [FaultGroup::Divide, FaultGroup::DivideUnsigned];
            let is_division = row.faults.iter().any(|group| divides.contains(group));
            if is_division && !self.random.one_in(8) {
                let divisor = self.random.range(1, 12);
                self.constant(divisor);
                self.op(Opcode::Swap);
                self.op(Opcode::Drop);
                self.depth -= 1;
            }
            self.op(row.opcode);
            self.depth = self.depth - pops + pushes;
            return;
        }
        match row.opcode {
            Opcode::Pick => {
                self.settle(self.depth.max(1));
                let depth = self.random.below(u64::from(self.depth));
                self.emit(Opcode::Pick, Operand::Number(depth));
                self.depth += 1;
            }
            _ => {
                let dropped = self.random.below(u64::from(self.depth) + 1);
                let kept = self.random.below(u64::from(self.depth) - dropped + 1);
                self.emit(Opcode::Slide, Operand::Number(dropped | kept << 16));
                self.depth -= dropped as u32;
            }
        }
    }

    /// A memory access, most often one that is allowed.
    fn memory(&mut self, opcode: Opcode) {
        let access = opcode.access().expect("the caller looked");
        if access.immediate && !access.indexed {
            return self.constant_access(opcode, access.write);
        }
        if !access.immediate {
            self.pointer(Some(access.write));
        }
        if access.indexed {
            let offset = match self.random.below(8) {
                0 => self.random.cell(),
                _ => self.random.below(9),
            };
            self.constant(offset);
        }
        if access.write {
            self.value();
            self.depth -= 1;
        }
        if access.indexed {
            self.depth -= 1;
        }
        if access.immediate {
            let pointer = self.address(Some(access.write));
            self.emit(opcode, Operand::Number(u64::from(pointer.0)));
        } else {
            self.op(opcode);
            self.depth -= 1;
        }
        self.depth += u32::from(!access.write);
    }

    /// `i_` and `f_` with a constant address, which the verifier checks.
    fn constant_access(&mut self, opcode: Opcode, write: bool) {
        if write {
            self.value();
            self.depth -= 1;
        } else {
            self.depth += 1;
        }
        let at = |tag, offset: u64| {
            let pointer = ShortPointer::new(tag, offset as u32).expect("segments are small");
            Operand::Number(u64::from(pointer.0))
        };
        let (data, bss) = (self.around.data_size, self.around.bss_size);
        let heap = self.around.heap.0;
        let operand = match self.random.below(6) {
            0 if data >= 8 && !write => at(Tag::Data, self.random.below(u64::from(data) - 7)),
            1 if bss >= 8 => at(Tag::Bss, self.random.below(u64::from(bss) - 7)),
            2 if heap >= 8 => at(Tag::Heap, self.random.below(u64::from(heap) - 7)),
            _ if self.body.objects.is_empty() => at(Tag::Absolute, self.random.below(1 << 17)),
            _ => {
                let object = self.random.pick(&self.body.objects);
                return self.local_access(opcode, object);
            }
        };
        self.emit(opcode, operand);
    }

    /// The end of the function.
    fn leave(&mut self) {
        let results = u32::from(self.own.results);
        match self.random.below(12) {
            0 => self.op(Opcode::Halt),
            1 => {
                let code = self.random.below(65536);
                self.emit(Opcode::Abort, Operand::Number(code));
            }
            2 | 3 => {
                let same: Vec<usize> = (0..self.around.functions.len())
                    .filter(|n| self.around.functions[*n].results == self.own.results)
                    .collect();
                let callee = self.random.pick(&same);
                let wanted = self.around.functions[callee];
                self.arguments(wanted.args);
                if self.random.one_in(2) {
                    self.emit(Opcode::RetCall, Operand::Number(callee as u64));
                } else {
                    self.emit(Opcode::PushA, Operand::Function(callee));
                    let index = u64::from(type_index(self.image, wanted));
                    self.emit(Opcode::RetCallI, Operand::Number(index));
                }
            }
            _ => {
                self.settle(self.depth.max(results));
                for _ in 0..results {
                    self.value();
                }
                self.op(Opcode::Ret);
            }
        }
    }

    /// Code that nothing reaches: it must decode, and has no depth.
    fn unreachable(&mut self) {
        for _ in 0..self.random.range(1, 5) {
            let opcode = self.random.pick(&[
                Opcode::Drop,
                Opcode::IAdd,
                Opcode::Ret,
                Opcode::Swap,
                Opcode::Nop,
            ]);
            self.op(opcode);
        }
    }
}
