//! Instructions: what the [table](crate::for_each_instruction) says, as Rust types.
//!
//! An opcode is one byte, its operand has a fixed size for its kind; the only exception is `switch`, whose table
//! carries its own length. `spec/isa.md` is printed from the same rows.

use crate::fault::FaultGroup;
use crate::for_each_instruction;

/// What follows the opcode byte, always little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperandKind {
    /// Nothing.
    None,
    /// A signed 8-bit constant.
    I8,
    /// A signed 16-bit constant.
    I16,
    /// A signed 32-bit constant.
    I32,
    /// An unsigned 32-bit constant.
    U32,
    /// A 64-bit constant.
    U64,
    /// A short pointer, 32 bits: tag on top, 29 bits of offset.
    Pointer,
    /// An abort code, 16 bits.
    Code,
    /// A jump distance in bytes from the next instruction, signed 32 bits.
    Jump,
    /// A count n (u32, at least 1), then n jump distances (i32 each) from the next instruction.
    Table,
    /// A function index, 32 bits.
    Function,
    /// An index into the types section, 32 bits.
    Type,
    /// An index into the imports section, 32 bits.
    Import,
    /// A depth in cells below the top, 16 bits.
    Depth,
    /// Two cell counts, 16 bits each: dropped, kept.
    Slide,
    /// A size in cells (8 bytes each), 32 bits.
    Cells,
}

impl OperandKind {
    /// The operand's size in bytes; for [`OperandKind::Table`] the size of its count alone.
    pub const fn size(self) -> usize {
        match self {
            Self::None => 0,
            Self::I8 => 1,
            Self::I16 | Self::Code | Self::Depth => 2,
            Self::U64 => 8,
            Self::I32
            | Self::U32
            | Self::Pointer
            | Self::Jump
            | Self::Table
            | Self::Function
            | Self::Type
            | Self::Import
            | Self::Slide
            | Self::Cells => 4,
        }
    }
}

/// Where execution goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// To the operand's target.
    Jump,
    /// To the operand's target or to the next instruction.
    Branch,
    /// To one of the targets of the operand's table.
    Switch,
    /// To a `land` of the same function.
    JumpIndirect,
    /// Into another function, then to the next instruction.
    Call,
    /// Into another function, in place of this one.
    TailCall,
    /// Back to the caller.
    Return,
    /// Nowhere: the program ends.
    Stop,
}

impl Flow {
    /// Whether the next instruction in the text can follow.
    pub const fn falls_through(self) -> bool {
        matches!(self, Self::Next | Self::Branch | Self::Call)
    }
}

/// How an instruction changes the operand stack; names are listed deepest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Always the same cells.
    Fixed {
        /// What it pops.
        pops: &'static [&'static str],
        /// What it pushes.
        pushes: &'static [&'static str],
    },
    /// Depends on the operand; the text describes it.
    Dynamic(&'static str),
}

macro_rules! effect {
    (fixed($($pop:ident)* -- $($push:ident)*)) => {
        Effect::Fixed { pops: &[$(stringify!($pop)),*], pushes: &[$(stringify!($push)),*] }
    };
    (dynamic($text:literal)) => { Effect::Dynamic($text) };
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The opcode.
    pub opcode: Opcode,
    /// The mnemonic; both address forms of a memory instruction share one.
    pub mnemonic: &'static str,
    /// The operand that follows the opcode byte.
    pub operand: OperandKind,
    /// The stack effect.
    pub effect: Effect,
    /// Where execution goes next.
    pub flow: Flow,
    /// The groups of faults that it can raise.
    pub faults: &'static [FaultGroup],
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

macro_rules! define {
    ($($byte:literal $name:ident $mnemonic:literal $operand:ident $kind:ident($($effect:tt)*) $flow:ident [$($fault:ident)*] $doc:literal;)*) => {
        /// An operation. The numbers are an interface: a change is a new image version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = $doc] $name = $byte,)*
        }

        /// All rows in opcode order.
        pub static ROWS: &[Row] = &[
            $(Row {
                opcode: Opcode::$name,
                mnemonic: $mnemonic,
                operand: OperandKind::$operand,
                effect: effect!($kind($($effect)*)),
                flow: Flow::$flow,
                faults: &[$(FaultGroup::$fault),*],
                doc: $doc,
            },)*
        ];

        const BY_BYTE: [Option<Opcode>; 256] = {
            let mut table = [None; 256];
            $(table[$byte] = Some(Opcode::$name);)*
            table
        };
    };
}
for_each_instruction!(define);

/// Row number by opcode byte; 255 where there is none.
const ROW_OF: [u8; 256] = {
    let mut table = [255u8; 256];
    let mut i = 0;
    while i < ROWS.len() {
        assert!(
            table[ROWS[i].opcode as usize] == 255,
            "an opcode number is used twice"
        );
        table[ROWS[i].opcode as usize] = i as u8;
        i += 1;
    }
    table
};

/// Operand kind by opcode byte, so that the decoder needs one load.
const OPERAND_OF: [OperandKind; 256] = {
    let mut table = [OperandKind::None; 256];
    let mut i = 0;
    while i < ROWS.len() {
        table[ROWS[i].opcode as usize] = ROWS[i].operand;
        i += 1;
    }
    table
};

/// Fixed (pops, pushes) by opcode byte; (255, 255) where dynamic.
const FIXED_OF: [(u8, u8); 256] = {
    let mut table = [(255, 255); 256];
    let mut i = 0;
    while i < ROWS.len() {
        if let Effect::Fixed { pops, pushes } = ROWS[i].effect {
            table[ROWS[i].opcode as usize] = (pops.len() as u8, pushes.len() as u8);
        }
        i += 1;
    }
    table
};

/// Flow by opcode byte.
const FLOW_OF: [Flow; 256] = {
    let mut table = [Flow::Stop; 256];
    let mut i = 0;
    while i < ROWS.len() {
        table[ROWS[i].opcode as usize] = ROWS[i].flow;
        i += 1;
    }
    table
};

impl Opcode {
    /// The opcode of a byte, if it is one.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        BY_BYTE[byte as usize]
    }

    /// The opcode's byte.
    #[inline]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Its row of the table.
    #[inline]
    pub const fn row(self) -> &'static Row {
        &ROWS[ROW_OF[self as usize] as usize]
    }

    /// Its mnemonic.
    #[inline]
    pub const fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }

    /// Its operand kind.
    #[inline]
    pub const fn operand(self) -> OperandKind {
        OPERAND_OF[self as usize]
    }

    /// Its control flow.
    #[inline]
    pub const fn flow(self) -> Flow {
        FLOW_OF[self as usize]
    }

    /// (pops, pushes) in cells where they do not depend on the operand.
    #[inline]
    pub const fn fixed_effect(self) -> Option<(u8, u8)> {
        let pair = FIXED_OF[self as usize];
        if pair.0 == 255 { None } else { Some(pair) }
    }

    /// Number of cells it pops where that does not depend on the operand.
    pub const fn pops(self) -> Option<u8> {
        match self.fixed_effect() {
            Some((pops, _)) => Some(pops),
            None => None,
        }
    }

    /// For a memory instruction, how it accesses memory.
    pub const fn access(self) -> Option<Access> {
        use Opcode::*;
        let (width, write, signed, immediate, indexed) = match self {
            BRead => (1, false, false, false, true),
            WRead => (2, false, false, false, true),
            DRead => (4, false, false, false, true),
            QRead => (8, false, false, false, true),
            BReadS => (1, false, true, false, true),
            WReadS => (2, false, true, false, true),
            DReadS => (4, false, true, false, true),
            IRead | FRead => (8, false, false, false, false),
            BWrite => (1, true, false, false, true),
            WWrite => (2, true, false, false, true),
            DWrite => (4, true, false, false, true),
            QWrite => (8, true, false, false, true),
            IWrite | FWrite => (8, true, false, false, false),
            BReadA => (1, false, false, true, true),
            WReadA => (2, false, false, true, true),
            DReadA => (4, false, false, true, true),
            QReadA => (8, false, false, true, true),
            BReadSA => (1, false, true, true, true),
            WReadSA => (2, false, true, true, true),
            DReadSA => (4, false, true, true, true),
            IReadA | FReadA => (8, false, false, true, false),
            BWriteA => (1, true, false, true, true),
            WWriteA => (2, true, false, true, true),
            DWriteA => (4, true, false, true, true),
            QWriteA => (8, true, false, true, true),
            IWriteA | FWriteA => (8, true, false, true, false),
            _ => return None,
        };
        Some(Access {
            width,
            write,
            signed,
            immediate,
            indexed,
        })
    }
}

/// How a memory instruction accesses memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Bytes: 1, 2, 4 or 8.
    pub width: u8,
    /// A store, else a load.
    pub write: bool,
    /// The load sign-extends to 64 bits.
    pub signed: bool,
    /// The base address is the operand, else it is popped.
    pub immediate: bool,
    /// An offset is popped and added (`b_ w_ d_ q_` forms, not `i_` and `f_`).
    pub indexed: bool,
}

/// The opcodes that share a mnemonic: the form without an address operand first. Empty for an unknown mnemonic.
pub fn opcodes_of(mnemonic: &str) -> impl Iterator<Item = Opcode> + '_ {
    ROWS.iter()
        .filter(move |row| row.mnemonic == mnemonic)
        .map(|row| row.opcode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_byte() {
        for row in ROWS {
            assert_eq!(Opcode::from_byte(row.opcode.byte()), Some(row.opcode));
            assert_eq!(row.opcode.row().mnemonic, row.mnemonic);
        }
        assert_eq!(Opcode::from_byte(0), None);
        assert_eq!(ROWS.len(), 206);
    }

    #[test]
    fn a_mnemonic_has_one_form_or_two_address_forms() {
        for row in ROWS {
            let forms: Vec<Opcode> = opcodes_of(row.mnemonic).collect();
            match forms.as_slice() {
                [one] => assert_eq!(*one, row.opcode),
                [stack, immediate] => {
                    assert!(!stack.access().is_some_and(|a| a.immediate));
                    assert!(immediate.access().is_some_and(|a| a.immediate));
                }
                _ => panic!("{} has {} forms", row.mnemonic, forms.len()),
            }
        }
    }

    #[test]
    fn memory_rows_agree_with_their_access() {
        for row in ROWS {
            let Some(access) = row.opcode.access() else {
                continue;
            };
            let Effect::Fixed { pops, pushes } = row.effect else {
                panic!("memory effects are fixed")
            };
            let expected = usize::from(!access.immediate)
                + usize::from(access.indexed)
                + usize::from(access.write);
            assert_eq!(pops.len(), expected, "{}", row.mnemonic);
            assert_eq!(pushes.len(), usize::from(!access.write), "{}", row.mnemonic);
        }
    }
}
