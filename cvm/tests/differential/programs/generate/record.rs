//! Accesses as programs that were translated from C make them: an address of 32 bits in a local, and fields around it.

use cvm_spec::isa::{Opcode, ROWS, Row};
use cvm_spec::pointer::{HEAP_PAGE, Tag};

use super::BSS;
use super::body::{Body, short};

impl Body<'_, '_> {
    /// Some accesses to fields of one record.
    pub(super) fn record(&mut self) {
        let Some(object) = self.object() else {
            return;
        };
        let local = short(Tag::Local, object.offset);
        let (tag, size) = match self.random.below(4) {
            0 => (Tag::Bss, u64::from(BSS)),
            _ => (Tag::Heap, HEAP_PAGE),
        };
        if !self.random.one_in(4) {
            self.address(size);
            self.plain(Opcode::IWriteA, local);
            self.depth -= 1;
        }
        let rows: Vec<_> = ROWS.iter().filter(|row| is_indexed(row)).collect();
        for _ in 0..2 + self.random.below(4) {
            let row = rows[self.random.below(rows.len())];
            self.field(row, local, tag);
            if self.random.one_in(12) {
                // The record moves on, as in a loop over an array.
                self.plain(Opcode::IReadA, local);
                self.depth += 1;
                let step = self.random.pick(&[8, 24, (-8i64) as u64]);
                self.add(step);
                self.plain(Opcode::IWriteA, local);
                self.depth -= 1;
            }
        }
    }

    /// Pushes the record's address.
    fn address(&mut self, size: u64) {
        let value = match self.random.below(40) {
            0 => (self.random.below(64) as u64).wrapping_neg(),
            1 | 2 => u64::from(u32::MAX) - self.random.below(64) as u64,
            3 => size - self.random.below(48) as u64,
            4 => self.random.below(32) as u64,
            5 => 1 << 32 | self.random.below(128) as u64,
            _ => 48 + 8 * self.random.below(16) as u64,
        };
        self.push_constant(value);
        if self.random.one_in(2) {
            // Not a constant when code is made.
            self.plain(Opcode::HeapSize, 0);
            self.plain(Opcode::PushD, 1 << 30);
            self.plain(Opcode::IUgt, 0);
            let opcode = self
                .random
                .pick(&[Opcode::IAdd, Opcode::DAdd, Opcode::DAdd]);
            self.plain(opcode, 0);
        }
    }

    /// Adds a constant to the top, with 32 bits.
    fn add(&mut self, value: u64) {
        self.push_constant(value);
        let opcode = match self.random.one_in(12) {
            true => Opcode::IAdd,
            false => Opcode::DAdd,
        };
        self.plain(opcode, 0);
        self.depth -= 1;
    }

    /// Pushes the local, or a constant, plus something computed: the operand on the right is above the one on the left.
    fn sum(&mut self, local: u64) {
        match self.random.one_in(2) {
            true => {
                self.plain(Opcode::IReadA, local);
                self.depth += 1;
            }
            false => self.push_constant(64),
        }
        // 0 or 1, and a multiple of 8 from that.
        self.plain(Opcode::HeapSize, 0);
        self.plain(Opcode::PushB, 1);
        self.plain(Opcode::IUgt, 0);
        let (opcode, operand) = self.random.pick(&[
            (Opcode::IShl, 3),
            (Opcode::DShl, 2),
            (Opcode::DAdd, 7),
            (Opcode::IMul, 16),
        ]);
        self.plain(Opcode::PushB, operand);
        self.plain(opcode, 0);
        let joined = self
            .random
            .pick(&[Opcode::DAdd, Opcode::DAdd, Opcode::IAdd, Opcode::IMul]);
        self.plain(joined, 0);
    }

    /// One access, whose result goes into another local or nowhere.
    fn field(&mut self, row: &Row, local: u64, tag: Tag) {
        match self.random.below(8) {
            0 => self.sum(local),
            1 | 2 => {
                self.plain(Opcode::IReadA, local);
                self.depth += 1;
            }
            _ => {
                self.plain(Opcode::IReadA, local);
                self.depth += 1;
                let distance = 8 * self.random.below(13) as i64 - 48;
                self.add(distance as u64);
            }
        }
        let access = row.opcode.access();
        let is_write = access.is_some_and(|access| access.write);
        if is_write && self.random.one_in(3) {
            // One that does not fit an instruction.
            let value = self.random.next();
            self.push_constant(value);
        } else if is_write {
            self.push();
        }
        let base = self.random.pick(&[0, 0, 8, 16, 40]);
        self.plain(row.opcode, short(tag, base));
        if is_write {
            self.depth -= 2;
            return;
        }
        match self.object() {
            Some(object) if self.random.one_in(2) => {
                self.plain(Opcode::IWriteA, short(Tag::Local, object.offset));
            }
            _ => self.plain(Opcode::Drop, 0),
        }
        self.depth -= 1;
    }
}

/// Loads and stores with an address in the instruction and an offset on the stack.
fn is_indexed(row: &Row) -> bool {
    let access = row.opcode.access();
    access.is_some_and(|access| access.indexed && access.immediate)
}
