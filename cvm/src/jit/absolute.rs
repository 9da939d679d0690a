//! Loads and stores in a program with foreign access, where a pointer may be C's.
//!
//! What has tag 000 goes another way than tagged pointers: nothing is known of what lies there, so the system may refuse
//! the access. Both ways meet behind the access, not before it.
//!
//! A load is made in place. If it is refused, the signal handler sets a word of the context, skips the load, and lets the
//! code go on ([`skip`]); the code looks at the word after each such load. Stores call the routines of
//! [`crate::ffi::absolute`], because Cranelift leaves out stores that it believes to change nothing. Whatever does not
//! go well is done once more by the machine, which knows how to fault. With records of allocations, and where no user
//! memory can be, the machine does it at once.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, Signature, Type, Value,
};
use cranelift_codegen::isa::CallConv;
use cvm_spec::pointer::NULL_PAGE;

#[cfg(feature = "ffi")]
use crate::ffi::absolute;
use crate::memory::USER_LIMIT;

use super::access::{Address, Noted, Shape};
use super::context::{CallOut, offset};
use super::function::Lowering;
use super::plan::Kind;

impl Lowering<'_, '_> {
    /// Nothing is known about the base.
    pub(super) fn access_any_or_absolute(&mut self, noted: Noted, shape: Shape) {
        let done = self.meeting_point(shape);
        self.both_ways(noted, shape, done);
        self.meet(done, shape);
    }

    /// The base is probably tagged; if `is_other` does not hold, `address` is that of the access.
    pub(super) fn access_guessed_or_absolute(
        &mut self,
        is_other: Value,
        address: Address,
        noted: Noted,
        shape: Shape,
    ) {
        let (other, guessed) = (self.b.create_block(), self.b.create_block());
        let done = self.meeting_point(shape);
        self.b.set_cold_block(other);
        self.b.ins().brif(is_other, other, &[], guessed, &[]);
        self.begin(other);
        self.is_cold = true;
        self.both_ways(noted, shape, done);
        self.is_cold = false;
        self.begin(guessed);
        let value = self.perform(address, noted.value, shape);
        self.go(done, value);
        self.meet(done, shape);
    }

    /// A constant absolute address.
    pub(super) fn access_absolute(&mut self, noted: Noted, shape: Shape) {
        if let Some(value) = self.perform_absolute(noted, shape) {
            self.push_loaded(value, shape);
        }
    }

    /// Ends the block with both ways, which go on at `done`.
    fn both_ways(&mut self, noted: Noted, shape: Shape, done: Block) {
        let (absolute, tagged) = (self.b.create_block(), self.b.create_block());
        let base = self.cell(noted.base);
        let tag = self.b.ins().ushr_imm_u(base, 61);
        let is_tagged = self.b.ins().icmp_imm_s(IntCC::NotEqual, tag, 0);
        self.b.ins().brif(is_tagged, tagged, &[], absolute, &[]);
        self.begin(absolute);
        let value = self.perform_absolute(noted, shape);
        self.go(done, value);
        self.begin(tagged);
        let address = self.check_any(noted, shape, !self.is_cold);
        let value = self.perform(address, noted.value, shape);
        self.go(done, value);
    }

    /// The block where both ways meet, with the loaded value.
    fn meeting_point(&mut self, shape: Shape) -> Block {
        let done = self.b.create_block();
        if !shape.access.write {
            self.b.append_block_param(done, loaded_type(shape));
        }
        done
    }

    fn go(&mut self, done: Block, value: Option<Value>) {
        match value {
            Some(value) => self.b.ins().jump(done, &[BlockArg::Value(value)]),
            None => self.b.ins().jump(done, &[]),
        };
    }

    fn meet(&mut self, done: Block, shape: Shape) {
        self.begin(done);
        if let Some(value) = self.b.block_params(done).first().copied() {
            self.push_loaded(value, shape);
        }
    }

    /// An access to memory of C.
    fn perform_absolute(&mut self, noted: Noted, shape: Shape) -> Option<Value> {
        if self.shared.options.checked {
            return self.perform_by_machine(noted, shape);
        }
        let done = self.meeting_point(shape);
        let (direct, slow) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let (base, offset) = (self.cell(noted.base), self.cell(noted.offset));
        let address = match noted.offset.as_constant() {
            Some(0) => base,
            _ => self.b.ins().iadd(base, offset),
        };
        let above = self.b.ins().iadd_imm_s(address, -(NULL_PAGE as i64));
        let room = USER_LIMIT - NULL_PAGE - u64::from(shape.access.width) + 1;
        let room = self.constant(room);
        let is_nowhere = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, above, room);
        self.b.ins().brif(is_nowhere, slow, &[], direct, &[]);
        self.begin(direct);
        let (value, refused) = match shape.access.write {
            true => (None, self.store_directly(address, noted, shape)),
            false => {
                let (value, refused) = self.load_directly(address, shape);
                (Some(value), refused)
            }
        };
        let arguments: Vec<BlockArg> = value.into_iter().map(BlockArg::Value).collect();
        self.b.ins().brif(refused, slow, &[], done, &arguments);
        self.begin(slow);
        let value = self.perform_by_machine(noted, shape);
        self.go(done, value);
        self.begin(done);
        self.b.block_params(done).first().copied()
    }

    /// A load that may be refused; the value, and whether it was.
    fn load_directly(&mut self, address: Value, shape: Shape) -> (Value, Value) {
        let flags = self.guest_of_c();
        let value = self.load(flags, (address, 0), shape);
        // Not to be moved or left out, as a plain load of a word that nothing here changes would be.
        let place = self
            .b
            .ins()
            .iadd_imm_s(self.table, i64::from(offset::REFUSED));
        let refused = self
            .b
            .ins()
            .atomic_load(I64, MemFlagsData::trusted(), place);
        (value, refused)
    }

    /// A store that may be refused: whether it was.
    fn store_directly(&mut self, address: Value, noted: Noted, shape: Shape) -> Value {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(I64); 2];
        signature.returns = vec![AbiParam::new(I64); 2];
        let signature = self.import_signature(signature);
        let value = self.cell(noted.value);
        let routine = self.constant(store_routine(shape.access.width) as u64);
        let inst = self
            .b
            .ins()
            .call_indirect(signature, routine, &[address, value]);
        self.b.inst_results(inst)[1]
    }

    /// An access by the machine.
    fn perform_by_machine(&mut self, noted: Noted, shape: Shape) -> Option<Value> {
        let log = self.constant(u64::from(shape.access.width.trailing_zeros()));
        let base = self.cell(noted.base);
        let offset = self.cell(noted.offset);
        if shape.access.write {
            let value = self.cell(noted.value);
            self.call_machine(CallOut::StoreAbsolute, [base, offset, value, log]);
            return None;
        }
        let value = self.call_machine(CallOut::LoadAbsolute, [base, offset, log, log]);
        let flags = MemFlagsData::new();
        Some(
            match (shape.kind, shape.access.width, shape.access.signed) {
                (Kind::Float, ..) => self.b.ins().bitcast(F64, flags, value),
                (Kind::Single, ..) => {
                    let low = self.b.ins().ireduce(I32, value);
                    self.b.ins().bitcast(F32, flags, low)
                }
                (_, width @ 1..=4, true) => {
                    let narrow = match width {
                        1 => I8,
                        2 => I16,
                        _ => I32,
                    };
                    let low = self.b.ins().ireduce(narrow, value);
                    self.b.ins().sextend(I64, low)
                }
                _ => value,
            },
        )
    }
}

/// The routine that stores so many bytes.
fn store_routine(width: u8) -> usize {
    #[cfg(feature = "ffi")]
    return match width {
        1 => absolute::store_1 as *const () as usize,
        2 => absolute::store_2 as *const () as usize,
        4 => absolute::store_4 as *const () as usize,
        _ => absolute::store_8 as *const () as usize,
    };
    #[cfg(not(feature = "ffi"))]
    unreachable!("this build grants nothing, not even {width} bytes")
}

/// The length of the load at the start of some code, if it is one of those that stand for an access to memory of C: a
/// `mov` into a register, extended or not, integer or float.
pub(super) fn load_length(code: &[u8]) -> Option<u8> {
    let byte = |at: usize| code.get(at).copied();
    let mut at = 0;
    while matches!(byte(at)?, 0x66 | 0xf2 | 0xf3) {
        at += 1;
    }
    let is_load = match byte(at)? {
        0xc5 => {
            at += 2;
            matches!(byte(at)?, 0x10 | 0x6e | 0x7e)
        }
        0xc4 => {
            at += 3;
            matches!(byte(at)?, 0x10 | 0x6e | 0x7e)
        }
        first => {
            at += usize::from((0x40..=0x4f).contains(&first));
            match byte(at)? {
                0x0f => {
                    at += 1;
                    matches!(byte(at)?, 0x10 | 0xb6 | 0xb7 | 0xbe | 0xbf)
                }
                other => matches!(other, 0x63 | 0x8b),
            }
        }
    };
    at += 1;
    let operand = byte(at)?;
    at += 1;
    let (mode, register) = (operand >> 6, operand & 7);
    let mut distance = match mode {
        0 => 0,
        1 => 1,
        2 => 4,
        _ => return None,
    };
    if register == 4 {
        let has_no_base = byte(at)? & 7 == 5;
        at += 1;
        if mode == 0 && has_no_base {
            distance = 4;
        }
    } else if mode == 0 && register == 5 {
        distance = 4;
    }
    is_load.then_some((at + distance) as u8)
}

fn loaded_type(shape: Shape) -> Type {
    match shape.kind {
        Kind::Cell => I64,
        Kind::Float => F64,
        Kind::Single => F32,
    }
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::load_length;

    #[test]
    fn lengths_of_loads_are_those_of_a_disassembler() {
        let opcodes: &[&[u8]] = &[
            &[0x8b],
            &[0x48, 0x8b],
            &[0x4c, 0x8b],
            &[0x48, 0x63],
            &[0x0f, 0xb6],
            &[0x48, 0x0f, 0xb6],
            &[0x0f, 0xb7],
            &[0x48, 0x0f, 0xbe],
            &[0x4d, 0x0f, 0xbf],
            &[0xf2, 0x0f, 0x10],
            &[0xf3, 0x44, 0x0f, 0x10],
            &[0xc5, 0xfb, 0x10],
            &[0xc4, 0xc1, 0x7a, 0x10],
        ];
        for opcode in opcodes {
            for operand in (0..=0xbfu8).chain([0xc0]) {
                for index in [0x24, 0x25, 0x65, 0x00, 0xcd] {
                    let mut code = opcode.to_vec();
                    code.extend([operand, index, 1, 2, 3, 4, 5]);
                    let wanted = Decoder::new(64, &code, DecoderOptions::NONE).decode();
                    let found = load_length(&code);
                    match operand {
                        0xc0 => assert_eq!(found, None),
                        _ => assert_eq!(found.map(usize::from), Some(wanted.len()), "{code:x?}"),
                    }
                }
            }
        }
        // What stores or computes is none.
        assert_eq!(load_length(&[0x89, 0x07]), None);
        assert_eq!(load_length(&[0x03, 0x07]), None);
        assert_eq!(load_length(&[0x48]), None);
    }
}
