//! Branches, loops of all shapes, `switch`, and jumps through text pointers.

use cvm_spec::codec::shortest_push;
use cvm_spec::isa::{Opcode, ROWS};
use cvm_spec::pointer::Tag;

use super::body::{Body, Loop, short};
use super::{DATA, Item, TABLE};

impl Body<'_, '_> {
    /// What the branch behind it pops: a comparison of cells above `floor`, or what two paths computed.
    fn condition(&mut self, floor: usize, rarely: bool) {
        if self.random.one_in(10) {
            return self.joined(rarely);
        }
        self.comparison(floor, rarely);
        self.depth -= 1;
    }

    /// A condition that is computed on one path and known, or computed too, on another, as `and` and `or` are.
    fn joined(&mut self, rarely: bool) {
        let depth = self.depth;
        let (other, end) = (self.label(), self.label());
        self.comparison(depth, false);
        self.depth = depth;
        let branch = self.random.pick(&[Opcode::Jz, Opcode::Jnz]);
        self.jump(branch, other);
        for is_last in [false, true] {
            self.depth = depth;
            if self.random.one_in(2) {
                self.comparison(depth, rarely);
            } else {
                let truth = if rarely {
                    0
                } else {
                    self.random.below(2) as u64
                };
                self.push_constant(truth);
            }
            if !is_last {
                self.jump(Opcode::Jmp, end);
                self.place(other);
            }
        }
        self.place(end);
        self.depth = depth;
    }

    /// Pushes the truth of a comparison.
    fn comparison(&mut self, floor: usize, rarely: bool) {
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
    }

    pub(super) fn conditional(&mut self, nesting: usize) {
        self.condition(self.depth, false);
        let (other, end) = (self.label(), self.label());
        let branch = self.random.pick(&[Opcode::Jz, Opcode::Jnz]);
        self.jump(branch, other);
        self.block(nesting + 1);
        if self.random.one_in(2) {
            self.jump(Opcode::Jmp, end);
            self.place(other);
            self.block(nesting + 1);
        } else {
            self.place(other);
        }
        self.place(end);
    }

    /// A loop. Some that end when a comparison says so may run until fuel does.
    pub(super) fn repeat(&mut self, floor: usize, nesting: usize) {
        // Operands that the rounds hand on to each other, and change.
        let carried = self.random.below(3).min(self.depth - floor);
        let floor = self.depth - carried;
        let (head, again, end) = (self.label(), self.label(), self.label());
        self.loops.push(Loop {
            again,
            end,
            depth: self.depth,
        });
        match self.counters.pop() {
            Some(counter) if !self.random.one_in(6) => {
                self.count(counter, floor, nesting, head);
                self.counters.push(counter);
            }
            counter => {
                self.until(floor, nesting, head);
                self.counters.extend(counter);
            }
        }
        self.loops.pop();
    }

    /// A loop that ends when a comparison says so.
    fn until(&mut self, floor: usize, nesting: usize, head: usize) {
        let Loop { again, end, .. } = *self.loops.last().expect("it was entered");
        // Perhaps entered in its middle: then it has two ways in.
        let middle = self.label();
        let entered_inside = self.random.one_in(6);
        if entered_inside {
            self.jump(Opcode::Jmp, middle);
        }
        self.place(head);
        self.block_above(floor, nesting + 1);
        self.place(middle);
        self.block_above(floor, nesting + 1);
        self.place(again);
        let holds = self.random.one_in(30);
        self.condition(self.depth, !holds);
        self.jump(if holds { Opcode::Jz } else { Opcode::Jnz }, head);
        self.place(end);
    }

    /// A loop that counts a local up or down, in steps, tested at its top or at its end.
    fn count(&mut self, counter: u32, floor: usize, nesting: usize, head: usize) {
        let Loop { again, end, .. } = *self.loops.last().expect("it was entered");
        let counter = short(Tag::Local, counter);
        let rounds = self.random.pick(&[0, 1, 2, 3, 3, 5, 7, 12]);
        let step: u64 = self.random.pick(&[1, 1, 1, 2, 3, 8]);
        let down = self.random.one_in(3);
        let (first, last) = match down {
            true => (rounds * step, 0),
            false => (0, rounds * step),
        };
        let test = match (down, self.random.below(5)) {
            (_, 0) => Opcode::INe,
            (_, 4) => Opcode::DNe,
            (true, 1) => Opcode::DGt,
            (true, 2) => Opcode::IUgt,
            (true, _) => Opcode::IGt,
            (false, 1) => Opcode::DUlt,
            (false, 2) => Opcode::IUlt,
            (false, _) => self.random.pick(&[Opcode::ILt, Opcode::DLt, Opcode::ILe]),
        };
        let is_tested_first = self.random.one_in(2);
        // Without a start, the counter goes on where an earlier loop left it.
        if !self.random.one_in(8) {
            // A test of the low half does not see the high one.
            let is_narrow = test.mnemonic().starts_with("d_") && self.random.one_in(2);
            let high = if is_narrow { 5 << 32 } else { 0 };
            self.plain(shortest_push(first | high), first | high);
            self.plain(Opcode::IWriteA, counter);
        }
        let is_branched_out = self.random.one_in(3);
        // Pushes what the branch tests; gives the branches that leave the loop and that stay.
        let compare = |body: &mut Self| {
            body.plain(Opcode::IReadA, counter);
            match test {
                Opcode::INe if last == 0 => {}
                Opcode::DNe if last == 0 => {
                    body.plain(Opcode::DEqz, 0);
                    return (Opcode::Jnz, Opcode::Jz);
                }
                _ => {
                    body.plain(Opcode::PushW, last);
                    body.plain(test, 0);
                }
            }
            (Opcode::Jz, Opcode::Jnz)
        };
        self.place(head);
        if is_tested_first {
            let (leaves, _) = compare(self);
            self.jump(leaves, end);
        }
        self.block_above(floor, nesting + 1);
        self.place(again);
        self.plain(Opcode::IReadA, counter);
        let adds = self.random.one_in(2);
        let added = if down && adds {
            step.wrapping_neg()
        } else {
            step
        };
        self.plain(Opcode::PushB, added);
        let add = match (down && !adds, self.random.one_in(4)) {
            (true, true) => Opcode::DSub,
            (true, false) => Opcode::ISub,
            (false, true) => Opcode::DAdd,
            (false, false) => Opcode::IAdd,
        };
        self.plain(add, 0);
        self.plain(Opcode::IWriteA, counter);
        if is_tested_first {
            self.jump(Opcode::Jmp, head);
        } else if is_branched_out {
            let (leaves, _) = compare(self);
            self.jump(leaves, end);
            self.jump(Opcode::Jmp, head);
        } else {
            let (_, stays) = compare(self);
            self.jump(stays, head);
        }
        self.place(end);
    }

    /// Out of a loop around, or on with its next round, perhaps out of several at once.
    pub(super) fn leave_loop(&mut self, floor: usize) {
        let around = self.random.pick(&self.loops.clone());
        let depth = self.depth;
        if depth < around.depth {
            return;
        }
        self.condition(floor.max(depth), false);
        let stays = self.label();
        let branch = self.random.pick(&[Opcode::Jz, Opcode::Jnz]);
        let target = if self.random.one_in(2) {
            around.end
        } else {
            around.again
        };
        if depth == around.depth {
            // The branch itself leads out.
            return self.jump(branch, target);
        }
        self.jump(branch, stays);
        self.settle(around.depth);
        self.jump(Opcode::Jmp, target);
        self.place(stays);
        self.depth = depth;
    }

    pub(super) fn switch(&mut self, nesting: usize) {
        let count = 1 + self.random.below(4);
        let end = self.label();
        let targets: Vec<usize> = (0..count).map(|_| self.label()).collect();
        self.need(self.depth, 1);
        if self.random.one_in(2) {
            self.plain(Opcode::PushB, 3);
            self.plain(Opcode::IAnd, 0);
        }
        self.depth -= 1;
        let mut listed = targets.clone();
        if self.random.one_in(3) {
            // Two entries lead to one place, or out.
            listed.push(self.random.pick(&[targets[0], end]));
        }
        if let Some(around) = self.loops.last()
            && around.depth == self.depth
            && self.random.one_in(3)
        {
            listed[0] = self.random.pick(&[around.end, around.again]);
        }
        self.items.push(Item::Switch(listed.clone()));
        for target in targets {
            self.place(target);
            if !listed.contains(&target) {
                // Only reached from the block before, if at all.
                self.plain(Opcode::Nop, 0);
            }
            self.block(nesting + 1);
            if self.random.one_in(2) {
                self.jump(Opcode::Jmp, end);
                // Code that no path reaches, unless the next label follows at once.
                if self.random.one_in(4) {
                    self.plain(Opcode::Nop, 0);
                }
            }
        }
        self.place(end);
    }

    /// A jump through a text pointer to one of some `land`s, on an empty stack.
    pub(super) fn land(&mut self) {
        if self.loops.iter().any(|around| around.depth > 0) {
            return;
        }
        self.settle(0);
        let lands: Vec<usize> = (0..1 + self.random.below(3))
            .map(|_| self.label())
            .collect();
        let end = self.label();
        self.lands.extend(&lands);
        match self.random.below(8) {
            0 => {
                // From the table in data, which holds lands of other functions too.
                self.read_local();
                self.plain(Opcode::PushB, u64::from(TABLE) - 1);
                self.plain(Opcode::IAnd, 0);
                self.plain(Opcode::PushB, 8);
                self.plain(Opcode::IMul, 0);
                self.plain(Opcode::QReadA, short(Tag::Data, DATA - 8 * TABLE));
                self.depth = 0;
            }
            1 if lands.len() > 1 => {
                self.items.push(Item::PushLand(lands[0]));
                self.items.push(Item::PushLand(lands[1]));
                self.depth = 2;
                self.read_local();
                self.plain(Opcode::Select, 0);
                self.depth = 0;
            }
            _ => {
                self.items.push(Item::PushLand(lands[0]));
                if self.random.one_in(20) {
                    let wrong = self
                        .random
                        .pick(&[Opcode::ISub, Opcode::IXor, Opcode::IUle]);
                    self.plain(Opcode::PushB, 1);
                    self.plain(wrong, 0);
                }
            }
        }
        self.plain(Opcode::JmpI, 0);
        for land in lands {
            self.place(land);
            self.plain(Opcode::Land, 0);
            for _ in 0..self.random.below(3) {
                self.compute(0);
            }
            self.settle(0);
            if self.random.one_in(2) {
                self.jump(Opcode::Jmp, end);
            }
        }
        self.place(end);
    }
}
