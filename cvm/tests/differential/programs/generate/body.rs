//! One function: statements that follow each other, and what they know of their surroundings.

use cvm_spec::image::FunctionType;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{ShortPointer, Tag};

use super::{Item, Program};
use crate::programs::random::Random;

/// An argument or a declared object.
#[derive(Clone, Copy)]
pub(super) struct Object {
    pub(super) offset: u32,
    pub(super) cells: u32,
}

/// A loop around what is generated now.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    /// Where `continue` leads, where `break` does, and the depth at both.
    pub(super) again: usize,
    pub(super) end: usize,
    pub(super) depth: usize,
}

/// A function in the making.
pub(super) struct Body<'r, 'b> {
    pub(super) random: &'r mut Random<'b>,
    pub(super) items: Vec<Item>,
    labels: usize,
    /// Operands at this place.
    pub(super) depth: usize,
    pub(super) objects: Vec<Object>,
    /// Locals that count rounds and are not written by anything else.
    pub(super) counters: Vec<u32>,
    pub(super) loops: Vec<Loop>,
    pub(super) lands: Vec<usize>,
    pub(super) types: &'r [FunctionType],
    pub(super) own: usize,
    pub(super) is_deep: bool,
    /// Frame offset of the next object.
    next_offset: u32,
    budget: usize,
}

/// Items of function `own`, and labels of `land`s in it.
pub(super) fn body(
    random: &mut Random<'_>,
    types: &[FunctionType],
    own: usize,
    program: &Program,
) -> (Vec<Item>, Vec<usize>) {
    // Many small functions, few large ones.
    let most = random.pick(&[3, 4, 6, 8, 12, 30]);
    let budget = 3 + random.below(most);
    let mut body = Body {
        random,
        items: Vec::new(),
        labels: 0,
        depth: 0,
        objects: Vec::new(),
        counters: Vec::new(),
        loops: Vec::new(),
        lands: Vec::new(),
        types,
        own,
        is_deep: program.is_deep,
        next_offset: 0,
        budget,
    };
    let mut offset = 0;
    for _ in 0..types[own].args {
        body.objects.push(Object { offset, cells: 1 });
        offset += 8;
    }
    for _ in 0..body.random.below(3) {
        body.plain(Opcode::Declare, 1);
        body.counters.push(offset);
        offset += 8;
    }
    // Perhaps the function begins anew, with its objects declared again.
    let again = (body.random.one_in(6))
        .then(|| body.counters.pop())
        .flatten();
    let start = body.label();
    body.place(start);
    for _ in 0..body.random.below(5) {
        let cells = match body.random.below(40) {
            0 => 66 + body.random.below(10) as u32,
            1..=12 => 1 + body.random.below(5) as u32,
            _ => 1,
        };
        body.plain(Opcode::Declare, u64::from(cells));
        body.objects.push(Object { offset, cells });
        offset += 8 * cells;
    }
    body.next_offset = offset;
    while body.budget > 0 {
        body.statement(0, 0);
    }
    if let Some(counter) = again {
        body.begin_again(start, counter);
    }
    body.leave();
    (body.items, body.lands)
}

/// An operand that is a short pointer.
pub(super) fn short(tag: Tag, offset: u32) -> u64 {
    u64::from(ShortPointer::new(tag, offset).expect("fits").0)
}

impl Body<'_, '_> {
    pub(super) fn plain(&mut self, opcode: Opcode, operand: u64) {
        self.items.push(Item::Plain(opcode, operand));
    }

    pub(super) fn label(&mut self) -> usize {
        self.labels += 1;
        self.labels - 1
    }

    pub(super) fn place(&mut self, label: usize) {
        self.items.push(Item::Label(label));
    }

    pub(super) fn jump(&mut self, opcode: Opcode, label: usize) {
        self.items.push(Item::Jump(opcode, label));
    }

    /// One statement that keeps the operands below `floor` and may change the depth above it.
    pub(super) fn statement(&mut self, floor: usize, nesting: usize) {
        self.budget = self.budget.saturating_sub(1);
        match self.random.below(28) {
            0 if nesting < 4 => self.conditional(nesting),
            1 | 2 if nesting < 3 => self.repeat(floor, nesting),
            3 if nesting < 3 => self.switch(nesting),
            4 => self.call(floor),
            5..=8 => self.memory(floor),
            9..=11 => self.local(floor),
            12 => self.bulk(),
            13 => self.heap(),
            14 => self.shuffle(floor),
            15 if floor == 0 => self.land(),
            16 if !self.loops.is_empty() => self.leave_loop(floor),
            17 => self.host(floor),
            18 if self.random.one_in(4) => self.declare_again(),
            19 | 20 => self.record(),
            _ => self.compute(floor),
        }
    }

    /// A block that keeps the operands below `floor`, and after which the depth is what it was.
    pub(super) fn block_above(&mut self, floor: usize, nesting: usize) {
        let depth = self.depth;
        for _ in 0..self.random.below(5) {
            self.statement(floor, nesting);
        }
        self.settle(depth);
    }

    /// A block that keeps all operands.
    pub(super) fn block(&mut self, nesting: usize) {
        self.block_above(self.depth, nesting);
    }

    /// Goes back to the start, so many times.
    fn begin_again(&mut self, start: usize, counter: u32) {
        let counter = short(Tag::Local, counter);
        let rounds = 1 + self.random.below(3) as u64;
        self.settle(0);
        self.plain(Opcode::IReadA, counter);
        self.plain(Opcode::PushB, 1);
        self.plain(Opcode::IAdd, 0);
        self.plain(Opcode::Dup, 0);
        self.plain(Opcode::IWriteA, counter);
        self.plain(Opcode::PushB, rounds);
        self.plain(Opcode::ILt, 0);
        self.jump(Opcode::Jnz, start);
    }

    fn declare_again(&mut self) {
        // An object of its own, declared in the middle of the function, perhaps in a loop.
        let offset = self.next_offset;
        let cells = 1 + self.random.below(3) as u32;
        self.plain(Opcode::Declare, u64::from(cells));
        self.objects.push(Object { offset, cells });
        self.next_offset += 8 * cells;
    }

    pub(super) fn object(&mut self) -> Option<Object> {
        let number = self.random.below(self.objects.len().max(1));
        self.objects.get(number).copied()
    }
}
