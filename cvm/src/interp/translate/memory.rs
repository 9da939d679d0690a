//! Translation of loads and stores: which address form each becomes.

#![allow(unsafe_code)]

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::isa::{Access, Opcode};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

use crate::interp::handlers::list::Id;
use crate::verify::frame::{Home, Object};

use super::builder::{Popped, Slot, Value};
use super::function::Translation;
use super::select::{Load, Store};

/// An offset in the heap.
#[derive(Clone, Copy)]
enum Address {
    /// A slot and a distance.
    Distance(Slot, u32),
    /// A slot and a constant, as a sum of 32 bits.
    Sum(Slot, u32),
    /// A slot times the access's width and a constant, in 32 bits.
    Scaled(Slot, u32),
    /// Two slots, as a sum of 32 bits.
    Slots(Slot, Slot),
}

/// The slot that a stored value is loaded into right before the access, if it is a constant.
fn loaded_to(value: Popped) -> Option<Slot> {
    match value.value {
        Value::Constant(_) => Some(value.natural),
        Value::Natural | Value::Local(_) => None,
    }
}

impl Translation<'_, '_> {
    /// The constant short pointer that a base is, if it is one.
    fn constant_base(base: Popped) -> Option<u32> {
        let Value::Constant(value) = base.value else {
            return None;
        };
        let pointer = Pointer(value);
        let offset = u32::try_from(pointer.offset()).ok()?;
        ShortPointer::new(pointer.tag(), offset).map(|short| short.0)
    }

    pub(super) fn load(&mut self, instruction: &Instruction<'_>, load: Load) {
        let access = instruction.opcode.access().expect("a load is an access");
        let zero = Popped {
            value: Value::Constant(0),
            natural: 0,
        };
        if let Operand::Pointer(pointer) = instruction.operand {
            if pointer.tag() == Tag::Local {
                return self.load_local(pointer.offset(), access, load);
            }
            if !access.indexed && pointer.tag() != Tag::Absolute {
                let result = self.builder.next();
                let op = self.builder.emit(Id::load_constant, result, 0, pointer.0);
                return self.builder.push_result(op, None);
            }
            if access.indexed
                && let Some(address) = self.heap_address(pointer, access.width, None)
            {
                return self.load_from_heap(address, load);
            }
            let (offset, scaled) = if access.indexed {
                self.pop_offset(access.width, None)
            } else {
                (zero, false)
            };
            return self.load_from_constant(pointer.0, offset, scaled, load);
        }
        let (offset, scaled) = if access.indexed {
            self.pop_offset(access.width, None)
        } else {
            (zero, false)
        };
        let base = self.builder.pop();
        if let Some(short) = Self::constant_base(base) {
            return self.load_from_constant(short, offset, scaled, load);
        }
        let base = self.builder.slot_of(base);
        let (id, offset) = match offset.small() {
            Some(small) => (load.rk, small as u32),
            None => {
                let id = if scaled { load.rs } else { load.rr };
                (id, u32::from(self.builder.slot_of(offset)))
            }
        };
        let result = self.builder.next();
        let op = self.builder.emit(id, result, base, offset);
        self.builder.push_result(op, None);
    }

    /// Pops an offset. If it was just computed as an index times the access's width, the multiplication is taken
    /// away and the index given instead, with true; unless the index is where a constant will be `loaded` before the
    /// access.
    fn pop_offset(&mut self, width: u8, loaded: Option<Slot>) -> (Popped, bool) {
        let last = self.builder.last_result();
        let offset = self.builder.pop();
        let Some((last, (opcode, true))) = last.and_then(|last| Some((last, last.function?)))
        else {
            return (offset, false);
        };
        let op = self.builder.ops[last.op];
        let is_scale = match opcode {
            Opcode::IMul => op.c == u32::from(width),
            Opcode::IShl => op.c == width.trailing_zeros(),
            _ => false,
        };
        if !is_scale || width == 1 || loaded == Some(op.b) {
            return (offset, false);
        }
        self.builder.unemit(last.op);
        // The index is in a private slot or in the natural one that the product would have had.
        let index = Popped {
            value: Value::Local(op.b),
            natural: offset.natural,
        };
        (index, true)
    }

    /// Pops the offset of an access to the heap, together with the 32-bit sum or product that it was just computed as;
    /// nothing, and nothing is popped, if the access is not to the heap or there is a better form. Where a constant will be
    /// `loaded` before the access, there must be no operand of the sum or product.
    fn heap_address(
        &mut self,
        pointer: ShortPointer,
        width: u8,
        loaded: Option<Slot>,
    ) -> Option<Address> {
        if pointer.tag() != Tag::Heap {
            return None;
        }
        let (top, natural) = self.builder.peek(0);
        if let Value::Constant(_) = top {
            return None;
        }
        let log = width.trailing_zeros();
        let made = self
            .builder
            .last_result()
            .and_then(|last| Some((last.op, last.function?)));
        if let Some((at, (opcode, is_immediate))) = made {
            let op = self.builder.ops[at];
            let is_free = |slot: Slot| loaded != Some(slot);
            match (opcode, is_immediate) {
                (Opcode::DAdd, true) if pointer.offset() == 0 && is_free(op.b) => {
                    self.builder.pop();
                    let scaled = self.builder.op_before(at).filter(|(id, shift)| {
                        *id == Id::d_shl_i
                            && shift.a == op.b
                            && op.b == natural
                            && shift.c == log
                            && is_free(shift.b)
                    });
                    return Some(match scaled {
                        Some((_, shift)) => {
                            self.builder.unemit(at - 1);
                            Address::Scaled(shift.b, op.c)
                        }
                        None => {
                            self.builder.unemit(at);
                            Address::Sum(op.b, op.c)
                        }
                    });
                }
                (Opcode::DAdd, false)
                    if pointer.offset() == 0 && is_free(op.b) && is_free(op.c as Slot) =>
                {
                    self.builder.pop();
                    self.builder.unemit(at);
                    return Some(Address::Slots(op.b, op.c as Slot));
                }
                (Opcode::DShl, true) if pointer.offset() == 0 && op.c == log && is_free(op.b) => {
                    self.builder.pop();
                    self.builder.unemit(at);
                    return Some(Address::Scaled(op.b, 0));
                }
                // Products of 64 bits have forms of their own.
                (Opcode::IMul | Opcode::IShl, true) => return None,
                _ => {}
            }
        }
        let offset = self.builder.pop();
        let slot = self.builder.slot_of(offset);
        Some(Address::Distance(slot, pointer.offset()))
    }

    fn load_from_heap(&mut self, address: Address, load: Load) {
        let (id, slot, c) = match address {
            Address::Distance(slot, distance) => (load.hr, slot, distance),
            Address::Sum(slot, constant) => (load.hw, slot, constant),
            Address::Scaled(slot, constant) => (load.hs, slot, constant),
            Address::Slots(one, other) => (load.hww, one, u32::from(other)),
        };
        let result = self.builder.next();
        let op = self.builder.emit(id, result, slot, c);
        self.builder.push_result(op, None);
    }

    fn store_to_heap(&mut self, address: Address, value: Popped, store: Store) {
        let tiny = value.small().and_then(|small| i16::try_from(small).ok());
        let (immediate, register, slot, c) = match address {
            Address::Distance(slot, distance) => (store.hri, store.hrr, slot, distance),
            Address::Sum(slot, constant) => (store.hwi, store.hwr, slot, constant),
            Address::Scaled(slot, constant) => (store.hsi, store.hsr, slot, constant),
            Address::Slots(one, other) => {
                let value = self.builder.slot_of(value);
                self.builder.emit(store.hwwr, one, other, u32::from(value));
                return;
            }
        };
        match tiny {
            Some(tiny) => self.builder.emit(immediate, slot, tiny as u16, c),
            None => {
                let value = self.builder.slot_of(value);
                self.builder.emit(register, slot, value, c)
            }
        };
    }

    fn load_from_constant(&mut self, short: u32, offset: Popped, scaled: bool, load: Load) {
        let result = self.builder.next();
        if let Value::Constant(offset) = offset.value {
            let op = self.builder.emit(load.kc, result, 0, short);
            self.builder.emit_data(offset, 0, 0);
            return self.builder.push_result(op, None);
        }
        let offset = self.builder.slot_of(offset);
        let id = if scaled { load.ks } else { load.kr };
        let op = self.builder.emit(id, result, offset, short);
        self.builder.push_result(op, None);
    }

    /// The object that holds a frame offset, and the offset's distance in it.
    pub(super) fn object(&self, offset: u32) -> (Object, u32) {
        let number = self
            .frame
            .containing(offset)
            .expect("the verifier checked local operands");
        let object = self.frame.objects[number];
        (object, offset - object.offset)
    }

    fn load_local(&mut self, offset: u32, access: Access, load: Load) {
        let (object, inside) = self.object(offset);
        match object.home {
            Home::Slot(slot) => self.builder.push(Value::Local(slot as Slot)),
            Home::Address(address) if !access.indexed => {
                let distance = self.distance(address + inside);
                let result = self.builder.next();
                let op = self.builder.emit(Id::load_local, result, 0, distance);
                self.builder.push_result(op, None);
            }
            Home::Address(address) => {
                let index = self.builder.pop();
                let index = self.builder.slot_of(index);
                let result = self.builder.next();
                let distance = self.distance(address);
                let op = self.builder.emit(load.object, result, index, distance);
                self.builder
                    .emit_data(u64::from(object.size) - u64::from(access.width) + 1, 0, 0);
                self.builder.push_result(op, None);
            }
        }
    }

    pub(super) fn store(&mut self, instruction: &Instruction<'_>, store: Store) {
        let access = instruction.opcode.access().expect("a store is an access");
        let zero = Popped {
            value: Value::Constant(0),
            natural: 0,
        };
        if let Operand::Pointer(pointer) = instruction.operand {
            if pointer.tag() == Tag::Local {
                return self.store_local(pointer.offset(), access, store);
            }
            let value = self.builder.pop();
            let loaded = loaded_to(value);
            if !access.indexed && pointer.tag() != Tag::Absolute {
                let value = self.builder.slot_of(value);
                self.builder.emit(Id::store_constant, value, 0, pointer.0);
                return;
            }
            if access.indexed
                && let Some(address) = self.heap_address(pointer, access.width, loaded)
            {
                return self.store_to_heap(address, value, store);
            }
            let (offset, scaled) = if access.indexed {
                self.pop_offset(access.width, loaded)
            } else {
                (zero, false)
            };
            return self.store_to_constant(pointer.0, (offset, scaled), value, store);
        }
        let value = self.builder.pop();
        let loaded = loaded_to(value);
        let (offset, scaled) = if access.indexed {
            self.pop_offset(access.width, loaded)
        } else {
            (zero, false)
        };
        let base = self.builder.pop();
        if let Some(short) = Self::constant_base(base) {
            return self.store_to_constant(short, (offset, scaled), value, store);
        }
        let base = self.builder.slot_of(base);
        match offset.small() {
            Some(small) => {
                let value = self.builder.slot_of(value);
                self.builder.emit(store.rkr, base, value, small as u32);
            }
            None => {
                let offset = self.builder.slot_of(offset);
                let value = self.builder.slot_of(value);
                let id = if scaled { store.rsr } else { store.rrr };
                self.builder.emit(id, base, offset, u32::from(value));
            }
        }
    }

    fn store_to_constant(
        &mut self,
        short: u32,
        (offset, scaled): (Popped, bool),
        value: Popped,
        store: Store,
    ) {
        if let Value::Constant(offset) = offset.value {
            let value = self.builder.slot_of(value);
            self.builder.emit(store.kcr, value, 0, short);
            self.builder.emit_data(offset, 0, 0);
            return;
        }
        let offset = self.builder.slot_of(offset);
        match value.small().and_then(|small| i16::try_from(small).ok()) {
            Some(tiny) => {
                let id = if scaled { store.ksi } else { store.kri };
                self.builder.emit(id, offset, tiny as u16, short);
            }
            None => {
                let value = self.builder.slot_of(value);
                let id = if scaled { store.ksr } else { store.krr };
                self.builder.emit(id, offset, value, short);
            }
        }
    }

    fn store_local(&mut self, offset: u32, access: Access, store: Store) {
        let (object, inside) = self.object(offset);
        match object.home {
            Home::Slot(slot) => self.assign(slot as Slot),
            Home::Address(address) if !access.indexed => {
                let value = self.builder.pop();
                let value = self.builder.slot_of(value);
                let distance = self.distance(address + inside);
                self.builder.emit(Id::store_local, value, 0, distance);
            }
            Home::Address(address) => {
                let value = self.builder.pop();
                let index = self.builder.pop();
                let index = self.builder.slot_of(index);
                let value = self.builder.slot_of(value);
                let distance = self.distance(address);
                self.builder.emit(store.object, index, value, distance);
                self.builder
                    .emit_data(u64::from(object.size) - u64::from(access.width) + 1, 0, 0);
            }
        }
    }

    /// Pops a value into a private local.
    pub(super) fn assign(&mut self, slot: Slot) {
        let last = self.builder.last_result();
        let value = self.builder.pop();
        if value.value == Value::Local(slot) {
            return;
        }
        let before = self.builder.ops.len();
        self.builder.settle_local(slot);
        match (value.value, last) {
            (Value::Natural, Some(last)) if before == self.builder.ops.len() => {
                self.builder.retarget(last, slot);
            }
            (Value::Natural, _) => {
                self.builder.emit(Id::copy, slot, value.natural, 0);
            }
            (Value::Local(from), _) => {
                self.builder.emit(Id::copy, slot, from, 0);
            }
            (Value::Constant(constant), _) => {
                self.builder.load_constant(slot, constant);
            }
        }
    }
}
