//! Random programs that verify: structured control flow over random instruction sequences, with constants, pointers
//! and offsets chosen so that most accesses hit and some miss.

use cvm_spec::codec::{encode, encode_switch, shortest_push};
use cvm_spec::image::{Extent, Function, FunctionType, Image, Type};
use cvm_spec::isa::{Effect, Flow, Opcode, OperandKind, ROWS};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

/// A small deterministic generator (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const DATA: u32 = 64;
const BSS: u32 = 256;
const HEAP: u64 = 65536;

#[derive(Clone, Copy)]
struct Object {
    offset: u32,
    cells: u32,
}

enum Item {
    Plain(Opcode, u64),
    Jump(Opcode, usize),
    Switch(Vec<usize>),
    Label(usize),
    /// `push_a` of a `land`, a label of this function.
    PushLand(usize),
}

struct Body<'r> {
    random: &'r mut Random,
    items: Vec<Item>,
    labels: usize,
    depth: usize,
    objects: Vec<Object>,
    types: &'r [FunctionType],
    own: usize,
    budget: usize,
}

/// A program from a seed. Its last function is the entry and has one result.
pub(crate) fn program(random: &mut Random) -> Image {
    let count = 2 + random.below(4);
    let mut types: Vec<FunctionType> = (0..count)
        .map(|_| FunctionType {
            args: random.below(4) as u16,
            results: random.below(4) as u16,
            brand: 0,
        })
        .collect();
    types.push(FunctionType {
        args: 0,
        results: 1,
        brand: 0,
    });
    let mut image = Image {
        owns_heap: true,
        heap_first: HEAP,
        heap_largest: 2 * HEAP,
        bss_size: BSS,
        types: types.iter().map(|t| Type::Function(*t)).collect(),
        data: (0..DATA).map(|_| random.next() as u8).collect(),
        bss_init: vec![Extent {
            offset: 8,
            bytes: (0..32).map(|_| random.next() as u8).collect(),
        }],
        ..Image::default()
    };
    let bodies: Vec<Vec<Item>> = (0..types.len())
        .map(|own| body(random, &types, own))
        .collect();
    // Function starts first: `push_a t:` operands need them, and sizes do not depend on operands.
    let mut start = 0;
    let starts: Vec<u32> = bodies
        .iter()
        .map(|items| {
            let this = start;
            start += items.iter().map(size).sum::<u32>();
            this
        })
        .collect();
    for (own, items) in bodies.iter().enumerate() {
        let begin = image.text.len() as u32;
        assert_eq!(begin, starts[own]);
        lay_out(&mut image.text, items, &starts);
        image.functions.push(Function {
            start: begin,
            size: image.text.len() as u32 - begin,
            type_index: own as u32,
        });
    }
    image.entry = image.functions.last().map(|f| f.start);
    image
}

fn size(item: &Item) -> u32 {
    match item {
        Item::Plain(opcode, _) => 1 + opcode.operand().size() as u32,
        Item::Jump(..) | Item::PushLand(_) => 5,
        Item::Switch(targets) => 5 + 4 * targets.len() as u32,
        Item::Label(_) => 0,
    }
}

fn lay_out(text: &mut Vec<u8>, items: &[Item], starts: &[u32]) {
    let begin = text.len() as u32;
    let mut labels = std::collections::HashMap::new();
    let mut at = begin;
    for item in items {
        if let Item::Label(label) = item {
            labels.insert(*label, at);
        }
        at += size(item);
    }
    for item in items {
        let next = text.len() as u32 + size(item);
        let distance = |label: &usize| labels[label].wrapping_sub(next) as i32;
        match item {
            Item::Plain(Opcode::PushA, operand) if *operand >> 32 != 0 => {
                // A function's entry: its number stands in the low half.
                let pointer =
                    ShortPointer::new(Tag::Text, starts[*operand as u32 as usize]).expect("fits");
                encode(text, Opcode::PushA, u64::from(pointer.0));
            }
            Item::Plain(opcode, operand) => encode(text, *opcode, *operand),
            Item::Jump(opcode, label) => encode(text, *opcode, distance(label) as u64),
            Item::Switch(targets) => encode_switch(text, targets.iter().map(distance)),
            Item::PushLand(label) => {
                let pointer = ShortPointer::new(Tag::Text, labels[label]).expect("fits");
                encode(text, Opcode::PushA, u64::from(pointer.0));
            }
            Item::Label(_) => {}
        }
    }
}

fn body(random: &mut Random, types: &[FunctionType], own: usize) -> Vec<Item> {
    let budget = 10 + random.below(60);
    let mut body = Body {
        random,
        items: Vec::new(),
        labels: 0,
        depth: 0,
        objects: Vec::new(),
        types,
        own,
        budget,
    };
    let mut offset = 0;
    for _ in 0..types[own].args {
        body.objects.push(Object { offset, cells: 1 });
        offset += 8;
    }
    for _ in 0..body.random.below(5) {
        let cells = if body.random.one_in(3) {
            1 + body.random.below(5) as u32
        } else {
            1
        };
        body.plain(Opcode::Declare, u64::from(cells));
        body.objects.push(Object { offset, cells });
        offset += 8 * cells;
    }
    while body.budget > 0 {
        body.statement(0, 0);
    }
    body.leave();
    body.items
}

impl Body<'_> {
    fn plain(&mut self, opcode: Opcode, operand: u64) {
        self.items.push(Item::Plain(opcode, operand));
    }

    fn label(&mut self) -> usize {
        self.labels += 1;
        self.labels - 1
    }

    /// One statement that keeps the operands below `floor` and may change the depth above it.
    fn statement(&mut self, floor: usize, nesting: usize) {
        self.budget = self.budget.saturating_sub(1);
        match self.random.below(20) {
            0 if nesting < 4 => self.conditional(nesting),
            1 if nesting < 3 => self.repeat(nesting),
            2 if nesting < 3 => self.switch(nesting),
            3 => self.call(floor),
            4..=6 => self.memory(floor),
            7 | 8 => self.local(floor),
            9 => self.bulk(floor),
            10 => self.shuffle(floor),
            11 if floor == 0 && nesting == 0 => self.land(),
            _ => self.compute(floor),
        }
    }

    /// A block after which the depth is what it was.
    fn block(&mut self, nesting: usize) {
        let depth = self.depth;
        for _ in 0..self.random.below(5) {
            self.statement(depth, nesting);
        }
        while self.depth > depth {
            self.plain(Opcode::Drop, 0);
            self.depth -= 1;
        }
    }

    fn push(&mut self) {
        let value = self.constant();
        self.plain(shortest_push(value), value);
        self.depth += 1;
    }

    fn constant(&mut self) -> u64 {
        match self.random.below(8) {
            0 => self.random.next(),
            1 => self.random.pick(&[
                0,
                1,
                u64::MAX,
                1 << 63,
                0x7fff_ffff,
                0x8000_0000,
                0xffff_ffff,
                32767,
                32768,
            ]),
            2 => (self.random.below(100) as f64 * 0.75 - 20.0).to_bits(),
            3 => u64::from((self.random.below(100) as f32 * 0.75 - 20.0).to_bits()),
            4 => self.random.pick(&[
                f64::NAN.to_bits(),
                f64::INFINITY.to_bits(),
                (-0.0f64).to_bits(),
                0x7fc0_0000,
                0x8000_0000,
            ]),
            _ => self.random.below(300) as u64,
        }
    }

    /// Makes sure that `count` operands lie above `floor`.
    fn need(&mut self, floor: usize, count: usize) {
        while self.depth < floor + count {
            if self.random.one_in(2) && !self.objects.is_empty() {
                self.read_local();
            } else {
                self.push();
            }
        }
    }

    fn read_local(&mut self) {
        let object = self.random.pick(&self.objects.clone());
        let cell = self.random.below(object.cells as usize) as u32;
        let opcode = self.random.pick(&[Opcode::IReadA, Opcode::FReadA]);
        self.plain(opcode, short(Tag::Local, object.offset + 8 * cell));
        self.depth += 1;
    }

    fn compute(&mut self, floor: usize) {
        if self.random.one_in(4) {
            return self.push();
        }
        let rows: Vec<_> = ROWS.iter().filter(|row| is_pure(row.opcode)).collect();
        let mut row = rows[self.random.below(rows.len())];
        while !row.faults.is_empty() && !self.random.one_in(30) {
            row = rows[self.random.below(rows.len())];
        }
        let (pops, pushes) = row.opcode.fixed_effect().expect("pure effects are fixed");
        self.need(floor, usize::from(pops));
        self.plain(row.opcode, 0);
        self.depth = self.depth - usize::from(pops) + usize::from(pushes);
    }

    fn shuffle(&mut self, floor: usize) {
        match self.random.below(7) {
            0 => self.fixed(Opcode::Drop, floor),
            1 => self.fixed(Opcode::Dup, floor),
            2 => self.fixed(Opcode::Swap, floor),
            3 => self.fixed(Opcode::Over, floor),
            4 => self.fixed(Opcode::Rot, floor),
            5 => {
                self.need(floor, 1);
                let below = self.random.below((self.depth).min(5)) as u64;
                self.plain(Opcode::Pick, below);
                self.depth += 1;
            }
            _ => {
                let most = if self.random.one_in(4) { 9 } else { 4 };
                let (dropped, kept) = (self.random.below(3), self.random.below(most));
                self.need(floor, dropped + kept);
                self.plain(Opcode::Slide, dropped as u64 | (kept as u64) << 16);
                self.depth -= dropped;
            }
        }
    }

    fn fixed(&mut self, opcode: Opcode, floor: usize) {
        let (pops, pushes) = opcode.fixed_effect().expect("its effect is fixed");
        self.need(floor, usize::from(pops));
        self.plain(opcode, 0);
        self.depth = self.depth - usize::from(pops) + usize::from(pushes);
    }

    /// Pushes a pointer, most often a good one.
    fn pointer(&mut self, write: bool) {
        self.depth += 1;
        if self.random.one_in(60) {
            let tag = self.random.pick(&Tag::ALL);
            let value = Pointer::new(tag, self.random.below(1 << 20) as u64).0;
            return self.plain(Opcode::PushQ, value);
        }
        match self.random.below(5) {
            0 if !write || self.random.one_in(20) => self.plain(Opcode::PushA, short(Tag::Data, 0)),
            1 if !self.objects.is_empty() => {
                let object = self.random.pick(&self.objects.clone());
                self.plain(Opcode::PushA, short(Tag::Local, object.offset));
            }
            2 => self.plain(Opcode::PushA, short(Tag::Heap, 0)),
            _ => {
                let offset = self.random.below(BSS as usize / 2) as u32;
                self.plain(Opcode::PushA, short(Tag::Bss, offset));
            }
        }
    }

    fn offset(&mut self) {
        self.depth += 1;
        let value = match self.random.below(150) {
            0 => self.random.next(),
            1 => (self.random.below(16) as u64).wrapping_neg(),
            2 => 65536 - self.random.below(10) as u64,
            3..=6 => self.random.below(80) as u64,
            // Objects have 8 bytes or more: a small offset often fits, for narrow accesses.
            7..=40 => self.random.below(8) as u64,
            _ => 0,
        };
        self.plain(shortest_push(value), value);
        // An offset that is not a constant at translation time.
        if self.random.one_in(2) {
            self.plain(Opcode::HeapSize, 0);
            self.plain(Opcode::PushB, 1);
            self.plain(Opcode::IUgt, 0);
            self.plain(Opcode::IAdd, 0);
            match self.random.below(6) {
                0 => {
                    let width = self.random.pick(&[2, 4, 8]);
                    self.plain(Opcode::PushB, width);
                    self.plain(Opcode::IMul, 0);
                }
                1 => {
                    let log = self.random.pick(&[1, 2, 3]);
                    self.plain(Opcode::PushB, log);
                    self.plain(Opcode::IShl, 0);
                }
                _ => {}
            }
        }
    }

    fn memory(&mut self, floor: usize) {
        let rows: Vec<_> = ROWS
            .iter()
            .filter(|row| row.opcode.access().is_some())
            .collect();
        let row = rows[self.random.below(rows.len())];
        let access = row.opcode.access().expect("filtered");
        let mut operand = 0;
        if access.immediate {
            let tag = self
                .random
                .pick(&[Tag::Data, Tag::Bss, Tag::Bss, Tag::Heap, Tag::Local]);
            let tag = if tag == Tag::Local && self.objects.is_empty() {
                Tag::Bss
            } else {
                tag
            };
            let tag = if tag == Tag::Data && access.write {
                Tag::Bss
            } else {
                tag
            };
            operand = match tag {
                Tag::Local if access.indexed => {
                    let object = self.random.pick(&self.objects.clone());
                    short(Tag::Local, object.offset)
                }
                Tag::Local => {
                    let object = self.random.pick(&self.objects.clone());
                    let inside = self.random.below(8 * object.cells as usize - 7) as u32;
                    short(Tag::Local, object.offset + inside)
                }
                Tag::Data => short(Tag::Data, self.random.below(DATA as usize - 7) as u32),
                Tag::Bss => short(Tag::Bss, self.random.below(BSS as usize - 7) as u32),
                _ => short(Tag::Heap, self.random.below(HEAP as usize - 7) as u32),
            };
        } else {
            self.pointer(access.write);
        }
        if access.indexed {
            self.offset();
        }
        if access.write {
            if self.random.one_in(2) && self.depth > floor + 2 {
                // A value from below, so that it is not always a constant.
                let below = self.random.below(self.depth.min(4)) as u64;
                self.plain(Opcode::Pick, below);
                self.depth += 1;
            } else {
                self.push();
            }
        }
        self.plain(row.opcode, operand);
        let (pops, pushes) = row.opcode.fixed_effect().expect("memory effects are fixed");
        self.depth = self.depth - usize::from(pops) + usize::from(pushes);
    }

    fn local(&mut self, floor: usize) {
        if self.objects.is_empty() || self.random.one_in(2) {
            if self.objects.is_empty() {
                return self.push();
            }
            return self.read_local();
        }
        self.need(floor, 1);
        let object = self.random.pick(&self.objects.clone());
        let cell = self.random.below(object.cells as usize) as u32;
        self.plain(Opcode::IWriteA, short(Tag::Local, object.offset + 8 * cell));
        self.depth -= 1;
    }

    fn bulk(&mut self, floor: usize) {
        match self.random.below(5) {
            0 => self.fixed(Opcode::HeapSize, floor),
            1 => {
                let pages = self.random.pick(&[0, 0, 1, 2, u64::MAX]);
                self.plain(shortest_push(pages), pages);
                self.plain(Opcode::HeapGrow, 0);
                self.depth += 1;
            }
            kind => {
                let opcode = [Opcode::MemFill, Opcode::MemCopy, Opcode::MemCompare][kind - 2];
                self.pointer(opcode != Opcode::MemCompare);
                if opcode == Opcode::MemFill {
                    self.push();
                } else {
                    self.pointer(false);
                }
                let most = if self.random.one_in(20) { 60 } else { 9 };
                let length = self.random.below(most) as u64;
                self.plain(shortest_push(length), length);
                self.plain(opcode, 0);
                self.depth -= 2;
                if opcode == Opcode::MemCompare {
                    self.depth += 1;
                }
            }
        }
    }

    /// A comparison of cells above `floor`, whose result the branch behind it pops.
    fn condition(&mut self, floor: usize, rarely: bool) {
        let compares: Vec<_> = ROWS
            .iter()
            .map(|row| row.opcode)
            .filter(|opcode| matches!(opcode.byte(), 0x80..=0x8a | 0xa3..=0xad | 0xc0..=0xcd))
            .collect();
        let mut opcode = self.random.pick(&compares);
        if rarely && !self.random.one_in(20) {
            opcode = self
                .random
                .pick(&[Opcode::IEq, Opcode::DEq, Opcode::FEq, Opcode::SEq]);
            self.push();
        }
        self.fixed(opcode, floor);
        if !rarely && self.random.one_in(6) {
            self.plain(Opcode::IEqz, 0);
        }
        self.depth -= 1;
    }

    fn conditional(&mut self, nesting: usize) {
        let floor = self.depth;
        self.condition(floor, false);
        let (other, end) = (self.label(), self.label());
        let branch = self.random.pick(&[Opcode::Jz, Opcode::Jnz]);
        self.items.push(Item::Jump(branch, other));
        self.block(nesting + 1);
        if self.random.one_in(2) {
            self.items.push(Item::Jump(Opcode::Jmp, end));
            self.items.push(Item::Label(other));
            self.block(nesting + 1);
            self.items.push(Item::Label(end));
        } else {
            self.items.push(Item::Label(other));
            self.items.push(Item::Label(end));
        }
    }

    /// A loop that ends when a comparison says so, or when fuel runs out.
    fn repeat(&mut self, nesting: usize) {
        if self.random.one_in(2) && !self.objects.is_empty() {
            return self.count(nesting);
        }
        let head = self.label();
        self.items.push(Item::Label(head));
        self.block(nesting + 1);
        let floor = self.depth;
        let holds = self.random.one_in(30);
        self.condition(floor, !holds);
        let branch = if holds { Opcode::Jz } else { Opcode::Jnz };
        self.items.push(Item::Jump(branch, head));
    }

    /// A loop that counts a local up, tested at its top or at its end.
    fn count(&mut self, nesting: usize) {
        let object = self.random.pick(&self.objects.clone());
        let counter = short(Tag::Local, object.offset);
        let (head, end) = (self.label(), self.label());
        let less = self.random.pick(&[
            Opcode::ILt,
            Opcode::IUlt,
            Opcode::IUle,
            Opcode::DLt,
            Opcode::DUle,
            Opcode::INe,
        ]);
        let add = self.random.pick(&[Opcode::IAdd, Opcode::DAdd]);
        let limit = self.random.below(6) as u64;
        let is_tested_first = self.random.one_in(2);
        let uses_local = self.random.one_in(2);
        let limit_object = self.random.pick(&self.objects.clone());
        let test = |body: &mut Self| {
            body.plain(Opcode::IReadA, counter);
            if uses_local {
                body.plain(Opcode::IReadA, short(Tag::Local, limit_object.offset));
            } else {
                body.plain(Opcode::PushB, limit);
            }
            body.plain(less, 0);
        };
        if !self.random.one_in(5) {
            self.plain(Opcode::PushB, 0);
            self.plain(Opcode::IWriteA, counter);
        }
        self.items.push(Item::Label(head));
        if is_tested_first {
            test(self);
            self.items.push(Item::Jump(Opcode::Jz, end));
        }
        self.block(nesting + 1);
        self.plain(Opcode::IReadA, counter);
        self.plain(Opcode::PushB, 1);
        self.plain(add, 0);
        self.plain(Opcode::IWriteA, counter);
        if is_tested_first {
            self.items.push(Item::Jump(Opcode::Jmp, head));
        } else {
            test(self);
            self.items.push(Item::Jump(Opcode::Jnz, head));
        }
        self.items.push(Item::Label(end));
    }

    fn switch(&mut self, nesting: usize) {
        let count = 1 + self.random.below(4);
        let end = self.label();
        let targets: Vec<usize> = (0..count).map(|_| self.label()).collect();
        let floor = self.depth;
        self.need(floor, 1);
        if self.random.one_in(2) {
            self.plain(Opcode::PushB, 3);
            self.plain(Opcode::IAnd, 0);
        }
        self.depth -= 1;
        self.items.push(Item::Switch(targets.clone()));
        for target in targets {
            self.items.push(Item::Label(target));
            self.block(nesting + 1);
            if self.random.one_in(2) {
                self.items.push(Item::Jump(Opcode::Jmp, end));
                // Code that no path reaches, unless the next label follows at once.
                if self.random.one_in(4) {
                    self.plain(Opcode::Nop, 0);
                }
            }
        }
        self.items.push(Item::Label(end));
    }

    fn call(&mut self, floor: usize) {
        // Mostly functions further up, so that recursion has an end.
        let callees = if self.own > 0 && !self.random.one_in(40) {
            self.own
        } else {
            self.types.len()
        };
        let callee = self.random.below(callees);
        let FunctionType { args, results, .. } = self.types[callee];
        self.need(floor, usize::from(args));
        if self.random.one_in(3) {
            let wanted = if self.random.one_in(15) {
                self.random.below(self.types.len())
            } else {
                callee
            };
            let FunctionType { args, results, .. } = self.types[wanted];
            self.need(floor, usize::from(args));
            self.plain(Opcode::PushA, callee as u64 | 1 << 32);
            if self.random.one_in(15) {
                self.plain(Opcode::PushB, 1);
                self.plain(Opcode::IAdd, 0);
            }
            self.plain(Opcode::CallI, wanted as u64);
            self.depth = self.depth - usize::from(args) + usize::from(results);
            return;
        }
        self.plain(Opcode::Call, callee as u64);
        self.depth = self.depth - usize::from(args) + usize::from(results);
    }

    /// A jump through a text pointer to a `land` right behind, on an empty stack.
    fn land(&mut self) {
        while self.depth > 0 {
            self.plain(Opcode::Drop, 0);
            self.depth -= 1;
        }
        let land = self.label();
        self.items.push(Item::PushLand(land));
        if self.random.one_in(10) {
            self.plain(Opcode::PushB, 1);
            self.plain(Opcode::ISub, 0);
        }
        self.plain(Opcode::JmpI, 0);
        self.items.push(Item::Label(land));
        self.plain(Opcode::Land, 0);
    }

    /// Ends the function.
    fn leave(&mut self) {
        let results = usize::from(self.types[self.own].results);
        let same: Vec<usize> = (0..self.types.len())
            .filter(|f| self.types[*f].results == self.types[self.own].results)
            .collect();
        let same: Vec<usize> = same
            .into_iter()
            .filter(|f| *f < self.own || self.own == 0)
            .collect();
        if !same.is_empty() && self.random.one_in(6) {
            let callee = self.random.pick(&same);
            self.need(0, usize::from(self.types[callee].args));
            if self.random.one_in(2) {
                self.plain(Opcode::PushA, callee as u64 | 1 << 32);
                self.plain(Opcode::RetCallI, callee as u64);
            } else {
                self.plain(Opcode::RetCall, callee as u64);
            }
            return;
        }
        self.need(0, results);
        match self.random.below(200) {
            0 => self.plain(Opcode::Halt, 0),
            1 => self.plain(Opcode::Abort, 7),
            _ => self.plain(Opcode::Ret, 0),
        }
    }
}

fn short(tag: Tag, offset: u32) -> u64 {
    u64::from(ShortPointer::new(tag, offset).expect("fits").0)
}

/// Pops and pushes cells and does nothing else.
fn is_pure(opcode: Opcode) -> bool {
    let row = opcode.row();
    row.operand == OperandKind::None
        && row.flow == Flow::Next
        && opcode.access().is_none()
        && matches!(row.effect, Effect::Fixed { .. })
        && (opcode.byte() >= 0x60 || opcode == Opcode::Select)
}
