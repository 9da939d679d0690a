//! Loads, stores, bulk instructions, the heap, locals; pointers that are good, at an edge, or wild.

use cvm_spec::codec::shortest_push;
use cvm_spec::isa::{Opcode, ROWS};
use cvm_spec::pointer::{HEAP_PAGE, OFFSET_MASK, Pointer, Tag};

use super::body::{Body, short};
use super::{BSS, DATA, POINTERS};

impl Body<'_, '_> {
    pub(super) fn read_local(&mut self) {
        let Some(object) = self.object() else {
            return self.push();
        };
        let cell = self.random.below(object.cells as usize) as u32;
        let opcode = self.random.pick(&[Opcode::IReadA, Opcode::FReadA]);
        self.plain(opcode, short(Tag::Local, object.offset + 8 * cell));
        self.depth += 1;
    }

    pub(super) fn local(&mut self, floor: usize) {
        let object = match self.object() {
            Some(object) if !self.random.one_in(2) => object,
            _ => return self.read_local(),
        };
        self.need(floor, 1);
        let cell = self.random.below(object.cells as usize) as u32;
        let opcode = self.random.pick(&[Opcode::IWriteA, Opcode::FWriteA]);
        self.plain(opcode, short(Tag::Local, object.offset + 8 * cell));
        self.depth -= 1;
    }

    /// Pushes a pointer, most often a good one.
    pub(super) fn pointer(&mut self, write: bool) {
        match self.random.below(70) {
            0 => return self.wild_pointer(),
            1..=4 => return self.edge_pointer(),
            5..=11 => return self.stored_pointer(),
            _ => {}
        }
        self.depth += 1;
        match self.random.below(5) {
            0 if !write || self.random.one_in(30) => self.plain(Opcode::PushA, short(Tag::Data, 0)),
            1 if !self.objects.is_empty() => {
                let object = self.object().expect("there is one");
                self.plain(Opcode::PushA, short(Tag::Local, object.offset));
            }
            2 => self.plain(Opcode::PushA, short(Tag::Heap, 0)),
            _ => {
                let offset = self.random.below(POINTERS as usize - 80) as u32;
                self.plain(Opcode::PushA, short(Tag::Bss, offset));
            }
        }
        if self.random.one_in(8) {
            let distance = self.random.below(9) as u64;
            self.plain(shortest_push(distance), distance);
            let opcode = self.random.pick(&[Opcode::IAdd, Opcode::IAdd, Opcode::IOr]);
            self.plain(opcode, 0);
        }
    }

    /// Any tag, any offset.
    fn wild_pointer(&mut self) {
        let tag = self.random.pick(&Tag::ALL);
        let random = self.random.next();
        let offset = match self.random.below(6) {
            0 => random & OFFSET_MASK,
            1 => random & 0xffff_ffff_ffff,
            2 => OFFSET_MASK - (random & 15),
            3 => random & 0xff,
            4 => self
                .random
                .pick(&[0, 1 << 47, 1 << 48, 65535, 65536, OFFSET_MASK & !0xffff]),
            _ => random & 0xf_ffff,
        };
        self.plain(Opcode::PushQ, Pointer::new(tag, offset).0);
        self.depth += 1;
    }

    /// Near a segment's end, or so far up that only a negative offset leads back.
    fn edge_pointer(&mut self) {
        let (tag, size) = self.random.pick(&[
            (Tag::Data, u64::from(DATA)),
            (Tag::Bss, u64::from(BSS)),
            (Tag::Bss, u64::from(BSS)),
            (Tag::Heap, HEAP_PAGE),
            (Tag::Heap, 2 * HEAP_PAGE),
            (Tag::Local, 16),
        ]);
        let before = self.random.pick(&[8, 8, 7, 7, 4, 3, 2, 1, 0, 5, 9, 16]);
        let offset = size.saturating_sub(before);
        self.depth += 1;
        if tag == Tag::Local || self.random.one_in(2) {
            return self.plain(Opcode::PushQ, Pointer::new(tag, offset).0);
        }
        self.plain(Opcode::PushA, short(tag, offset as u32));
        if self.random.one_in(2) {
            // Not a constant when code is made.
            self.plain(Opcode::HeapSize, 0);
            self.plain(Opcode::PushB, 3);
            self.plain(Opcode::IUgt, 0);
            self.plain(Opcode::IAdd, 0);
        }
    }

    /// A pointer that lies in bss: perhaps one into a frame that has returned.
    fn stored_pointer(&mut self) {
        let place = short(Tag::Bss, POINTERS + 8 * self.random.below(3) as u32);
        if self.random.one_in(3) {
            // Store it first.
            match self.object() {
                Some(object) if self.random.one_in(2) => {
                    self.plain(Opcode::PushA, short(Tag::Local, object.offset));
                }
                _ => {
                    let tag = self.random.pick(&[Tag::Bss, Tag::Heap, Tag::Heap]);
                    let offset = self.random.below(128) as u32;
                    self.plain(Opcode::PushA, short(tag, offset));
                }
            }
            self.plain(Opcode::IWriteA, place);
        }
        self.plain(Opcode::IReadA, place);
        self.depth += 1;
    }

    /// Pushes an offset, most often one that fits.
    fn offset(&mut self) {
        if self.random.one_in(30) {
            // From memory, where small numbers lie, some of them negative.
            let at = self.random.below(48) as u64;
            self.push_constant(at);
            let opcode = self.random.pick(&[
                Opcode::BReadSA,
                Opcode::BReadSA,
                Opcode::BReadA,
                Opcode::WReadSA,
            ]);
            return self.plain(opcode, short(Tag::Bss, 0));
        }
        let value = match self.random.below(150) {
            0 => self.random.next(),
            1 => (self.random.below(16) as u64).wrapping_neg(),
            2 => HEAP_PAGE - self.random.below(10) as u64,
            3 => u64::from(BSS) - self.random.below(10) as u64,
            4 => self
                .random
                .pick(&[1 << 31, 1 << 32, (1 << 31) - 1, 1 << 61, 1 << 63]),
            5..=8 => self.random.below(80) as u64,
            // Objects have 8 bytes or more: a small offset often fits, for narrow accesses.
            9..=40 => self.random.below(8) as u64,
            _ => 0,
        };
        self.push_constant(value);
        // An offset that is not a constant when code is made.
        match self.random.below(6) {
            0 | 1 => {
                self.plain(Opcode::HeapSize, 0);
                self.plain(Opcode::PushB, 1);
                self.plain(Opcode::IUgt, 0);
                self.plain(Opcode::IAdd, 0);
                self.scale();
            }
            2 => {
                // Something with an upper bound.
                self.read_local();
                let mask = self.random.pick(&[7, 3, 15, 63]);
                self.plain(Opcode::PushB, mask);
                self.plain(Opcode::IAnd, 0);
                self.plain(Opcode::IAdd, 0);
                self.depth -= 1;
            }
            _ => {}
        }
    }

    fn scale(&mut self) {
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

    /// Moves the offset that was pushed last so far that base plus offset wraps around, and the base back.
    fn wrap_around(&mut self) {
        let far = self
            .random
            .pick(&[1 << 40, 1 << 60, OFFSET_MASK - 300, 4096]);
        // base offset -- base+far offset-far
        self.plain(Opcode::PushQ, far);
        self.plain(Opcode::ISub, 0);
        self.plain(Opcode::Swap, 0);
        self.plain(Opcode::PushQ, far);
        self.plain(Opcode::IAdd, 0);
        self.plain(Opcode::Swap, 0);
    }

    /// A load or store.
    pub(super) fn memory(&mut self, floor: usize) {
        let rows: Vec<_> = ROWS
            .iter()
            .filter(|row| row.opcode.access().is_some())
            .collect();
        let row = rows[self.random.below(rows.len())];
        let access = row.opcode.access().expect("filtered");
        let mut operand = 0;
        if access.immediate {
            operand = self.immediate(access.indexed, access.write);
        } else {
            self.pointer(access.write);
        }
        if access.indexed {
            self.offset();
            if !access.immediate && self.random.one_in(40) {
                self.wrap_around();
            }
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

    /// An address in the instruction, one that the verifier accepts.
    fn immediate(&mut self, indexed: bool, write: bool) -> u64 {
        let tag = self
            .random
            .pick(&[Tag::Data, Tag::Bss, Tag::Bss, Tag::Heap, Tag::Local]);
        let tag = match tag {
            Tag::Local if self.objects.is_empty() => Tag::Bss,
            Tag::Data if write && (!indexed || !self.random.one_in(20)) => Tag::Bss,
            // A constant access must lie in what the heap has at first, which may be nothing.
            Tag::Heap if !indexed => Tag::Bss,
            tag => tag,
        };
        if self.random.one_in(80) {
            return short(Tag::Absolute, self.random.below(1 << 20) as u32);
        }
        // With an offset on the stack, the base may be at the very end.
        let at_end = indexed && self.random.one_in(30);
        match tag {
            Tag::Local => {
                let object = self.object().expect("there is one");
                let inside = self.random.below(8 * object.cells as usize - 7) as u32;
                short(tag, object.offset + if indexed { 0 } else { inside })
            }
            Tag::Data if at_end => short(tag, DATA),
            Tag::Bss if at_end => short(tag, BSS),
            Tag::Data => short(tag, self.random.below(DATA as usize - 7) as u32),
            Tag::Bss if self.random.one_in(20) => short(tag, BSS - 8),
            Tag::Bss => short(tag, self.random.below(POINTERS as usize - 7) as u32),
            _ => short(tag, self.random.below(HEAP_PAGE as usize - 7) as u32),
        }
    }

    pub(super) fn heap(&mut self) {
        if self.random.one_in(100) {
            // Without a grant of foreign access these fault.
            self.pointer(false);
            return match self.random.one_in(2) {
                true => self.plain(Opcode::PtrFromHost, 0),
                false => {
                    self.plain(Opcode::PushB, 8);
                    self.plain(Opcode::PtrToHost, 0);
                }
            };
        }
        if self.random.one_in(2) {
            self.plain(Opcode::HeapSize, 0);
        } else {
            let pages = self.random.pick(&[0, 0, 1, 1, 2, 1 << 48, u64::MAX]);
            self.plain(shortest_push(pages), pages);
            self.plain(Opcode::HeapGrow, 0);
        }
        self.depth += 1;
    }

    pub(super) fn bulk(&mut self) {
        let opcode = self
            .random
            .pick(&[Opcode::MemFill, Opcode::MemCopy, Opcode::MemCompare]);
        if self.random.one_in(3) && opcode != Opcode::MemFill {
            // Ranges that overlap.
            let at = self.random.below(40) as u32;
            let other = (at + self.random.below(17) as u32).saturating_sub(8);
            let tag = self.random.pick(&[Tag::Bss, Tag::Heap]);
            self.plain(Opcode::PushA, short(tag, at));
            self.plain(Opcode::PushA, short(tag, other));
            self.depth += 2;
        } else {
            self.pointer(opcode != Opcode::MemCompare);
            if opcode == Opcode::MemFill {
                self.push();
            } else {
                self.pointer(false);
            }
        }
        let length = self.length();
        self.push_constant(length);
        self.plain(opcode, 0);
        self.depth -= if opcode == Opcode::MemCompare { 2 } else { 3 };
    }

    /// The length of a range, most often a small one.
    pub(super) fn length(&mut self) -> u64 {
        match self.random.below(40) {
            0 => self.random.next(),
            1 => u64::MAX - self.random.below(20) as u64,
            2 => self
                .random
                .pick(&[u64::from(BSS), HEAP_PAGE, HEAP_PAGE + 1, 1 << 61]),
            3..=5 => self.random.below(60) as u64,
            _ => self.random.below(9) as u64,
        }
    }
}
