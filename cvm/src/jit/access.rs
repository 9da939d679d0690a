//! Loads and stores: the check, in the cheapest form that is exact.
//!
//! | base | check |
//! |---|---|
//! | a local object | the offset against the object's size, a constant; none for a constant offset |
//! | a constant in `d:` or `b:` | the sum against the segment's size, a constant; none for a constant sum inside it |
//! | a constant elsewhere | the sum against the limit in the descriptor; several accesses with sums of one value share a check ([`super::region`]) |
//! | probably in a known segment, constant offset | `base - tag` against the limit less the offset: proves the tag too. A wrong guess takes the general way, out of line |
//! | any other | the descriptor that the tag names: its limit against the sum |
//!
//! Descriptor fields are loaded as if they never changed while the function runs, so that Cranelift moves the loads
//! out of loops. That is so: bases are fixed, the limits of `d:` and `b:` too, and that of `l:` is, whenever this
//! function runs, what its prologue made it, because callees put csp back. The one exception is the heap, which
//! grows: where it may have done so, limits are loaded again ([`super::growth`]), and in any case once more before a
//! fault.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use cvm_spec::codec::Operand;
use cvm_spec::isa::Access;
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

use crate::memory::AccessKind;
use crate::unchecked;
use crate::verify::frame::Home;

use super::context::offset;
use super::function::Lowering;
use super::plan;
use super::region::Kind;
use super::site::Site;
use super::value::{self, Cell, Form};

/// The memory side of an access: what is in registers, and what is put into memory.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) access: Access,
    /// For a load, the form of its result.
    pub(super) kind: plan::Kind,
}

/// A checked address: base, and a constant distance.
pub(super) type Address = (Value, i32);

/// What a report shows of an access.
#[derive(Clone, Copy)]
pub(super) struct Noted {
    pub(super) base: Cell,
    pub(super) offset: Cell,
    pub(super) value: Cell,
}

impl Shape {
    fn access_kind(self) -> AccessKind {
        match self.access.write {
            true => AccessKind::Write,
            false => AccessKind::Read,
        }
    }

    fn site(self) -> Site {
        Site::Access {
            width: self.access.width,
            kind: self.access_kind(),
        }
    }

    /// Offset of the limit in a descriptor.
    fn limit(self) -> i32 {
        let log = self.access.width.trailing_zeros() as i32;
        match self.access.write {
            true => offset::WRITE_LIMIT + 8 * log,
            false => offset::READ_LIMIT + 8 * log,
        }
    }
}

/// Bytes from the table to a descriptor.
fn descriptor(tag: Tag) -> i32 {
    (tag as i32) << offset::DESCRIPTOR_LOG
}

impl Lowering<'_, '_> {
    pub(super) fn access(&mut self, access: Access, operand: Operand<'_>) {
        let kind = match self.plan.loads.get(&self.number) {
            Some(plan::Kind::Float) if access.width == 8 => plan::Kind::Float,
            Some(plan::Kind::Single) if access.width == 4 && !access.signed => plan::Kind::Single,
            _ => plan::Kind::Cell,
        };
        let shape = Shape { access, kind };
        let local = match operand {
            Operand::Pointer(pointer) if pointer.tag() == Tag::Local => Some(pointer.offset()),
            _ => None,
        };
        if let Some(offset) = local
            && !access.indexed
        {
            return self.access_local(offset, shape);
        }
        self.hold_operands();
        let value = match access.write {
            true => self.pop(),
            false => Cell::constant(0),
        };
        let offset = match access.indexed {
            true => self.pop(),
            false => Cell::constant(0),
        };
        if let Some(object) = local {
            return self.access_object(object, offset, value, shape);
        }
        let base = match operand {
            Operand::Pointer(pointer) => Cell::constant(ShortPointer::widen(pointer).0),
            _ => self.pop(),
        };
        let noted = Noted {
            base,
            offset,
            value,
        };
        match (base.as_constant(), base.hint, offset.as_constant()) {
            (Some(pointer), ..)
                if self.shared.options.granted && Pointer(pointer).tag() == Tag::Absolute =>
            {
                self.access_absolute(noted, shape);
            }
            (Some(pointer), ..) => self.access_constant(Pointer(pointer), noted, shape),
            (None, Some(tag), Some(distance)) if i32::try_from(distance as i64).is_ok() => {
                self.access_guessed(tag, distance as i64 as i32, noted, shape);
            }
            _ if self.shared.options.granted => self.access_any_or_absolute(noted, shape),
            _ => self.access_any(noted, shape),
        }
    }

    // ---- local objects

    /// `i_read l:x` and the like, inside one object.
    fn access_local(&mut self, offset: u32, shape: Shape) {
        let (object, inside) = self.object(offset);
        match object.home {
            Home::Slot(slot) if shape.access.write => {
                let value = self.pop();
                self.write_slot(slot, value);
            }
            Home::Slot(slot) => {
                let value = self.read_slot(slot);
                self.stack.push(value);
            }
            Home::Address(address) => {
                let base = self.local().base;
                let value = match shape.access.write {
                    true => self.pop(),
                    false => Cell::constant(0),
                };
                self.finish((base, (address + inside) as i32), value, shape);
            }
        }
    }

    /// `q_read l:buf` and the like: a computed offset in the object that the operand names.
    fn access_object(&mut self, offset: u32, index: Cell, value: Cell, shape: Shape) {
        let (object, _) = self.object(offset);
        let Home::Address(address) = object.home else {
            unreachable!("an object that is indexed has an address")
        };
        let base = self.local().base;
        let limit = u64::from(object.size) - u64::from(shape.access.width) + 1;
        if let Some(index) = index.as_constant()
            && index < limit
        {
            return self.finish((base, address as i32 + index as i32), value, shape);
        }
        let offset = self.cell(index);
        if index.bound < limit || unchecked::accesses() {
            let host = self.b.ins().iadd(base, offset);
            return self.finish((host, address as i32), value, shape);
        }
        let last = self.constant(limit);
        let is_outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, offset, last);
        let site = Site::Object {
            width: shape.access.width,
            kind: shape.access_kind(),
        };
        self.raise_if(is_outside, site, |lowering| {
            let fp = lowering.local().fp;
            let start = lowering.b.ins().iadd_imm_s(fp, i64::from(address));
            let value = lowering.cell(value);
            [start, offset, value]
        });
        let host = self.b.ins().iadd(base, offset);
        self.finish((host, address as i32), value, shape);
    }

    // ---- constant bases

    fn access_constant(&mut self, pointer: Pointer, noted: Noted, shape: Shape) {
        let tag = pointer.tag();
        let image = self.shared.image;
        let width = u64::from(shape.access.width);
        // The size that the segment always has, at least, where the policy allows the access.
        let (present, is_fixed) = match tag {
            Tag::Data if !shape.access.write => (image.data.len() as u64, true),
            Tag::Bss => (u64::from(image.bss_size), true),
            Tag::Heap => (image.heap_first, false),
            _ => (0, false),
        };
        if let Some(offset) = noted.offset.as_constant() {
            let sum = pointer.offset().wrapping_add(offset);
            let is_inside = sum.checked_add(width).is_some_and(|end| end <= present);
            if let (true, Ok(distance)) = (is_inside, i32::try_from(sum)) {
                let base = self.load_fixed(self.table, descriptor(tag) + offset::BASE);
                return self.finish((base, distance), noted.value, shape);
            }
        }
        let offset = self.cell(noted.offset);
        let furthest = pointer.offset().checked_add(noted.offset.bound);
        let furthest = furthest.and_then(|furthest| furthest.checked_add(width));
        if let (true, Ok(start)) = (
            furthest.is_some_and(|furthest| furthest <= present),
            i32::try_from(pointer.offset()),
        ) {
            let base = self.load_fixed(self.table, descriptor(tag) + offset::BASE);
            let host = self.b.ins().iadd(base, offset);
            return self.finish((host, start), noted.value, shape);
        }
        if let Ok(start) = i32::try_from(pointer.offset())
            && (is_fixed || tag == Tag::Heap)
            && self.region.shares()
        {
            let size = is_fixed.then_some(present);
            let segment = (tag, size);
            let width = shape.access.width;
            let address = self.shared_address(Kind::Indexed, segment, offset, start, width);
            return self.finish(address, noted.value, shape);
        }
        let start = self.constant(pointer.offset());
        let sum = match pointer.offset() {
            0 => offset,
            _ => self.b.ins().iadd(offset, start),
        };
        if is_fixed {
            let limit = self.constant((present + 1).saturating_sub(width));
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, sum, limit);
            self.refuse_if(is_outside, noted, shape);
        } else {
            let at = descriptor(tag) + shape.limit();
            let table = self.limits_of(tag);
            let limit = self.load_fixed(table, at);
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, sum, limit);
            match tag {
                Tag::Heap => {
                    self.refuse_unless_grown(is_outside, sum, (self.table, at), noted, shape)
                }
                _ => self.refuse_if(is_outside, noted, shape),
            }
        }
        let base = self.load_fixed(self.table, descriptor(tag) + offset::BASE);
        let address = match i32::try_from(pointer.offset()) {
            Ok(start) => (self.b.ins().iadd(base, offset), start),
            Err(_) => (self.b.ins().iadd(base, sum), 0),
        };
        self.finish(address, noted.value, shape);
    }

    // ---- computed bases

    /// The base probably has this tag.
    fn access_guessed(&mut self, tag: Tag, distance: i32, noted: Noted, shape: Shape) {
        let image = self.shared.image;
        let width = u64::from(shape.access.width);
        let base = self.cell(noted.base);
        if self.region.shares() && !(tag == Tag::Data && shape.access.write) {
            let size = match tag {
                Tag::Data => Some(image.data.len() as u64),
                Tag::Bss => Some(u64::from(image.bss_size)),
                _ => None,
            };
            let segment = (tag, size);
            let width = shape.access.width;
            let address = self.shared_address(Kind::Guessed, segment, base, distance, width);
            return self.finish(address, noted.value, shape);
        }
        let tags = self.load_fixed(self.table, offset::TAGS + 8 * tag as i32);
        // With another tag this is 2^61 or more, and so above every limit.
        let relative = self.b.ins().isub(base, tags);
        let size = match tag {
            Tag::Data if !shape.access.write => Some(image.data.len() as u64),
            Tag::Data => Some(0),
            Tag::Bss => Some(u64::from(image.bss_size)),
            _ => None,
        };
        let positive = u64::try_from(distance).unwrap_or(0);
        let limit = match size {
            Some(size) => self.constant((size + 1).saturating_sub(width).saturating_sub(positive)),
            None => {
                let table = self.limits_of(tag);
                let limit = self.load_fixed(table, descriptor(tag) + shape.limit());
                match positive {
                    0 => limit,
                    _ => {
                        let positive = self.constant(positive);
                        let at_least = self.b.ins().umax(limit, positive);
                        self.b.ins().isub(at_least, positive)
                    }
                }
            }
        };
        // A negative distance is added: with another tag the sum is still far above every limit.
        let compared = match distance {
            0.. => relative,
            _ => self.b.ins().iadd_imm_s(relative, i64::from(distance)),
        };
        let is_outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, compared, limit);
        let segment = self.load_fixed(self.table, descriptor(tag) + offset::BASE);
        let host = self.b.ins().iadd(segment, relative);
        if unchecked::accesses() {
            return self.finish((host, distance), noted.value, shape);
        }
        if self.shared.options.granted {
            return self.access_guessed_or_absolute(is_outside, (host, distance), noted, shape);
        }
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        // The access itself stands where both ways meet, in a block that dominates what follows: values that it needs
        // are computed there, once.
        let address = self.b.append_block_param(next, I64);
        self.b
            .ins()
            .brif(is_outside, cold, &[], next, &[host.into()]);
        self.begin(cold);
        self.is_cold = true;
        let (other, _) = self.check_any(noted, shape, false);
        self.is_cold = false;
        let other = self.b.ins().iadd_imm_s(other, -i64::from(distance));
        self.b.ins().jump(next, &[other.into()]);
        self.begin(next);
        self.finish((address, distance), noted.value, shape);
    }

    /// Nothing is known about the base.
    fn access_any(&mut self, noted: Noted, shape: Shape) {
        let address = self.check_any(noted, shape, true);
        self.finish(address, noted.value, shape);
    }

    /// Checks with the descriptor that the base's tag names.
    pub(super) fn check_any(&mut self, noted: Noted, shape: Shape, may_be_stale: bool) -> Address {
        let base = self.cell(noted.base);
        let offset = self.cell(noted.offset);
        let tag = self.b.ins().ushr_imm_u(base, 61);
        let index = self.b.ins().ishl_imm_u(tag, offset::DESCRIPTOR_LOG);
        let descriptor = self.b.ins().iadd(self.table, index);
        let mask = self.load_fixed(self.table, offset::OFFSET_MASK);
        let start = self.b.ins().band(base, mask);
        let sum = self.b.ins().iadd(start, offset);
        if may_be_stale {
            let table = self.limits();
            let known = self.b.ins().iadd(table, index);
            let limit = self.load_fixed(known, shape.limit());
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, sum, limit);
            let at = (descriptor, shape.limit());
            self.refuse_unless_grown(is_outside, sum, at, noted, shape);
        } else {
            let flags = self.machine();
            let limit = self.b.ins().load(I64, flags, descriptor, shape.limit());
            let is_outside = self
                .b
                .ins()
                .icmp(IntCC::UnsignedGreaterThanOrEqual, sum, limit);
            self.refuse_if(is_outside, noted, shape);
        }
        let segment = self.load_fixed(descriptor, offset::BASE);
        // In this order, so that what depends on the base alone leaves loops that it does not change in.
        let first = self.b.ins().iadd(segment, start);
        let host = self.b.ins().iadd(first, offset);
        (host, 0)
    }

    fn refuse_if(&mut self, condition: Value, noted: Noted, shape: Shape) {
        if unchecked::accesses() {
            return;
        }
        self.raise_if(condition, shape.site(), |lowering| lowering.report(noted));
    }

    /// If the condition holds, compares with the limit as it is now, and faults if that does not help.
    fn refuse_unless_grown(
        &mut self,
        condition: Value,
        sum: Value,
        (descriptor, at): (Value, i32),
        noted: Noted,
        shape: Shape,
    ) {
        if unchecked::accesses() {
            return;
        }
        let cold = self.b.create_block();
        let fault = self.b.create_block();
        let next = self.b.create_block();
        self.b.set_cold_block(cold);
        self.b.set_cold_block(fault);
        self.b.ins().brif(condition, cold, &[], next, &[]);
        self.begin(cold);
        let flags = self.machine();
        let limit = self.b.ins().load(I64, flags, descriptor, at);
        let is_outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, sum, limit);
        self.b.ins().brif(is_outside, fault, &[], next, &[]);
        self.begin(fault);
        let operands = self.report(noted);
        self.raise(shape.site(), operands);
        self.b.ins().jump(next, &[]);
        self.begin(next);
    }

    fn report(&mut self, noted: Noted) -> [Value; 3] {
        [noted.base, noted.offset, noted.value].map(|cell| self.cell(cell))
    }

    // ---- the access itself

    /// Loads and pushes, or stores.
    fn finish(&mut self, address: Address, value: Cell, shape: Shape) {
        if let Some(result) = self.perform(address, value, shape) {
            self.push_loaded(result, shape);
        }
    }

    pub(super) fn push_loaded(&mut self, value: Value, shape: Shape) {
        let is_pointer = shape.access.width == 8 && self.shared.uses_heap;
        let hint = is_pointer.then_some(Tag::Heap);
        let cell = Cell::float(shape.kind, value, false).hinted(hint);
        let bound = match shape.access {
            Access { signed: true, .. } => u64::MAX,
            Access { width, .. } => u64::MAX >> (64 - 8 * u32::from(width)),
        };
        self.stack.push(cell.bounded(bound));
    }

    /// Loads, or stores.
    pub(super) fn perform(
        &mut self,
        (base, distance): Address,
        value: Cell,
        shape: Shape,
    ) -> Option<Value> {
        let Access { width, write, .. } = shape.access;
        if write {
            self.store(base, distance, value, width);
            return None;
        }
        let flags = self.guest();
        Some(self.load(flags, (base, distance), shape))
    }

    /// Loads.
    pub(super) fn load(
        &mut self,
        flags: MemFlagsData,
        (base, distance): Address,
        shape: Shape,
    ) -> Value {
        let Access { width, signed, .. } = shape.access;
        match (shape.kind, width, signed) {
            (plan::Kind::Float, ..) => self.b.ins().load(F64, flags, base, distance),
            (plan::Kind::Single, ..) => self.b.ins().load(F32, flags, base, distance),
            (_, 1, false) => self.b.ins().uload8(I64, flags, base, distance),
            (_, 1, true) => self.b.ins().sload8(I64, flags, base, distance),
            (_, 2, false) => self.b.ins().uload16(I64, flags, base, distance),
            (_, 2, true) => self.b.ins().sload16(I64, flags, base, distance),
            (_, 4, false) => {
                let low = self.b.ins().load(I32, flags, base, distance);
                self.b.ins().uextend(I64, low)
            }
            (_, 4, true) => {
                let low = self.b.ins().load(I32, flags, base, distance);
                self.b.ins().sextend(I64, low)
            }
            _ => self.b.ins().load(I64, flags, base, distance),
        }
    }

    fn store(&mut self, base: Value, distance: i32, cell: Cell, width: u8) {
        let flags = self.guest();
        let value = match (cell.form, width) {
            (Form::Float { .. }, 8) => value::float(&mut self.b, cell, true),
            (Form::Single { .. }, 4) => value::single(&mut self.b, cell, true),
            (_, 8) => self.cell(cell),
            (_, 4) => value::word(&mut self.b, cell),
            (Form::Truth(value), 1) => value,
            _ => {
                let word = self.cell(cell);
                let ty = if width == 1 { I8 } else { I16 };
                self.b.ins().ireduce(ty, word)
            }
        };
        self.b.ins().store(flags, value, base, distance);
    }
}
