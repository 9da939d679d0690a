//! Encoding and decoding of instructions: opcode byte, then the operand, little-endian.

use byteorder::{ByteOrder, LittleEndian as LE};
use thiserror::Error;

use crate::isa::{Opcode, OperandKind};
use crate::limits::SWITCH_MAX;
use crate::pointer::ShortPointer;

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// The operation.
    pub opcode: Opcode,
    /// Its operand, of the kind that the table gives for the opcode.
    pub operand: Operand<'a>,
}

/// A decoded operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand<'a> {
    /// None.
    None,
    /// A constant (`push_b push_w push_d push_ud push_q`), extended to a cell as the opcode says.
    Constant(u64),
    /// A short pointer.
    Pointer(ShortPointer),
    /// An abort code.
    Code(u16),
    /// A jump distance in bytes from the next instruction.
    Jump(i32),
    /// Jump distances in bytes from the next instruction; the last is the default.
    Table(JumpTable<'a>),
    /// A function, type or import index, as the opcode says.
    Index(u32),
    /// A depth in cells.
    Depth(u16),
    /// Cells dropped and kept.
    Slide {
        /// Dropped.
        dropped: u16,
        /// Kept on top.
        kept: u16,
    },
    /// A size in cells.
    Cells(u32),
}

/// The jump distances of a `switch`, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JumpTable<'a>(&'a [u8]);

impl<'a> JumpTable<'a> {
    /// Number of targets, the default included.
    pub fn len(self) -> usize {
        self.0.len() / 4
    }

    /// Never true for a decoded table.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The distances in order, in bytes from the next instruction.
    pub fn distances(self) -> impl ExactSizeIterator<Item = i32> + 'a {
        self.0.chunks_exact(4).map(LE::read_i32)
    }
}

/// Why bytes are not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The byte is no opcode.
    #[error("byte {byte:#04x} is not an opcode")]
    UnknownOpcode {
        /// The byte found.
        byte: u8,
    },
    /// The text ends inside the instruction.
    #[error("`{}` needs {needed} bytes, {found} are left", opcode.mnemonic())]
    Truncated {
        /// The instruction.
        opcode: Opcode,
        /// Its length in bytes, opcode included.
        needed: usize,
        /// Bytes that are left, opcode included.
        found: usize,
    },
    /// A `switch` with no target or too many.
    #[error("`switch` has {found} targets, expected 1 to {SWITCH_MAX}")]
    SwitchSize {
        /// The count found.
        found: u32,
    },
}

/// Decodes the instruction at `at` of `text`; gives it and the offset of the next. `at` past the end is an error.
///
/// # Errors
/// If the bytes at `at` are not a whole instruction.
#[inline]
pub fn decode(text: &[u8], at: usize) -> Result<(Instruction<'_>, usize), DecodeError> {
    let rest = text.get(at..).unwrap_or(&[]);
    let Some(&byte) = rest.first() else {
        return Err(DecodeError::UnknownOpcode { byte: 0 });
    };
    let Some(opcode) = Opcode::from_byte(byte) else {
        return Err(DecodeError::UnknownOpcode { byte });
    };
    let kind = opcode.operand();
    let length = 1 + kind.size();
    let truncated = |needed| DecodeError::Truncated {
        opcode,
        needed,
        found: rest.len(),
    };
    let bytes = rest.get(1..length).ok_or_else(|| truncated(length))?;
    let mut next = at + length;
    let operand = match kind {
        OperandKind::None => Operand::None,
        OperandKind::I8 => Operand::Constant(bytes[0] as i8 as u64),
        OperandKind::I16 => Operand::Constant(LE::read_i16(bytes) as u64),
        OperandKind::I32 => Operand::Constant(LE::read_i32(bytes) as u64),
        OperandKind::U32 => Operand::Constant(u64::from(LE::read_u32(bytes))),
        OperandKind::U64 => Operand::Constant(LE::read_u64(bytes)),
        OperandKind::Pointer => Operand::Pointer(ShortPointer(LE::read_u32(bytes))),
        OperandKind::Code => Operand::Code(LE::read_u16(bytes)),
        OperandKind::Jump => Operand::Jump(LE::read_i32(bytes)),
        OperandKind::Function | OperandKind::Type | OperandKind::Import => {
            Operand::Index(LE::read_u32(bytes))
        }
        OperandKind::Depth => Operand::Depth(LE::read_u16(bytes)),
        OperandKind::Slide => Operand::Slide {
            dropped: LE::read_u16(bytes),
            kept: LE::read_u16(&bytes[2..]),
        },
        OperandKind::Cells => Operand::Cells(LE::read_u32(bytes)),
        OperandKind::Table => {
            let found = LE::read_u32(bytes);
            if found == 0 || found > SWITCH_MAX {
                return Err(DecodeError::SwitchSize { found });
            }
            let size = found as usize * 4;
            let table = rest
                .get(length..length + size)
                .ok_or_else(|| truncated(length + size))?;
            next += size;
            Operand::Table(JumpTable(table))
        }
    };
    Ok((Instruction { opcode, operand }, next))
}

/// Appends an instruction whose operand is a plain number: constants are truncated to the operand's size, indices,
/// codes, depths and cell counts too; a [`OperandKind::Slide`] takes `dropped | kept << 16`. Jumps are distances.
/// [`OperandKind::Table`] has [`encode_switch`].
#[inline]
pub fn encode(text: &mut Vec<u8>, opcode: Opcode, operand: u64) {
    let size = match opcode.operand() {
        OperandKind::Table => 0,
        kind => kind.size(),
    };
    // As long as the longest instruction and then cut: a copy of known size is two stores.
    let mut bytes = [opcode.byte(); 9];
    bytes[1..].copy_from_slice(&operand.to_le_bytes());
    let start = text.len();
    text.extend_from_slice(&bytes);
    text.truncate(start + 1 + size);
}

/// Appends a `switch` with these jump distances.
pub fn encode_switch(text: &mut Vec<u8>, distances: impl ExactSizeIterator<Item = i32>) {
    text.push(Opcode::Switch.byte());
    text.extend_from_slice(&(distances.len() as u32).to_le_bytes());
    for distance in distances {
        text.extend_from_slice(&distance.to_le_bytes());
    }
}

/// Encodes a decoded instruction again; for every instruction `decode` gives, the bytes are the same.
pub fn encode_instruction(text: &mut Vec<u8>, instruction: &Instruction<'_>) {
    let opcode = instruction.opcode;
    match instruction.operand {
        Operand::None => encode(text, opcode, 0),
        Operand::Constant(value) => encode(text, opcode, value),
        Operand::Pointer(pointer) => encode(text, opcode, u64::from(pointer.0)),
        Operand::Code(code) => encode(text, opcode, u64::from(code)),
        Operand::Jump(distance) => encode(text, opcode, distance as u64),
        Operand::Table(table) => encode_switch(text, table.distances()),
        Operand::Index(index) => encode(text, opcode, u64::from(index)),
        Operand::Depth(depth) => encode(text, opcode, u64::from(depth)),
        Operand::Slide { dropped, kept } => {
            encode(text, opcode, u64::from(dropped) | u64::from(kept) << 16);
        }
        Operand::Cells(cells) => encode(text, opcode, u64::from(cells)),
    }
}

/// The opcode with the shortest encoding that pushes this constant.
#[inline]
pub const fn shortest_push(value: u64) -> Opcode {
    let signed = value as i64;
    if signed == signed as i8 as i64 {
        Opcode::PushB
    } else if signed == signed as i16 as i64 {
        Opcode::PushW
    } else if signed == signed as i32 as i64 {
        Opcode::PushD
    } else if value == value as u32 as u64 {
        Opcode::PushUd
    } else {
        Opcode::PushQ
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::ROWS;
    use proptest::prelude::*;

    #[test]
    fn every_opcode_decodes_what_it_encodes() {
        for row in ROWS {
            let mut text = Vec::new();
            if row.operand == OperandKind::Table {
                encode_switch(&mut text, [1, -2, 3].into_iter());
            } else {
                encode(&mut text, row.opcode, 0x8123_4567_89ab_cdef);
            }
            let (instruction, next) = decode(&text, 0).expect("decodes");
            assert_eq!(next, text.len());
            let mut again = Vec::new();
            encode_instruction(&mut again, &instruction);
            assert_eq!(again, text, "{}", row.mnemonic);
            for cut in 1..text.len() {
                assert!(decode(&text[..cut], 0).is_err(), "{} cut", row.mnemonic);
            }
        }
    }

    #[test]
    fn the_shortest_push_keeps_the_value() {
        for value in [
            0,
            127,
            128,
            u64::MAX,
            -129i64 as u64,
            32767,
            32768,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            i64::MIN as u64,
        ] {
            let mut text = Vec::new();
            encode(&mut text, shortest_push(value), value);
            let (instruction, _) = decode(&text, 0).expect("decodes");
            assert_eq!(instruction.operand, Operand::Constant(value));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic_and_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((instruction, next)) = decode(&bytes, 0) {
                let mut again = Vec::new();
                encode_instruction(&mut again, &instruction);
                prop_assert_eq!(&again[..], &bytes[..next]);
            }
        }
    }
}
