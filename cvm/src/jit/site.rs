//! What compiled code says when it raises a fault: which, and at which instruction, in one word.

use crate::memory::AccessKind;

/// A kind of fault, as compiled code knows it; the operands come beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// A load or store that was refused: base, offset, value.
    Access { width: u8, kind: AccessKind },
    /// An access outside the local object that the operand names: address in `l:`, offset, value.
    Object { width: u8, kind: AccessKind },
    /// A division or conversion: the instruction's operands.
    Arithmetic,
    /// `jmp_i`: the target.
    Jump,
    /// `call_i`, `ret_call_i`: the target, the wanted type's number.
    Call,
    /// `call_xi`: the target.
    ForeignCall,
    /// `ptr_to_host`, `ptr_from_host`: the operands.
    Translation,
    /// `brk`.
    Breakpoint,
    /// `abort`: the code.
    Abort,
    /// `halt`.
    Halt,
    /// A block's fuel is not there.
    OutOfFuel,
    /// No room for the frame in `l:`.
    LocalOverflow,
    /// No room for the frame on the native stack.
    StackOverflow,
}

impl Site {
    /// One word with the instruction's text offset in it.
    pub(super) fn pack(self, ip: u32) -> u64 {
        let access =
            |width: u8, kind| u64::from(width) << 8 | u64::from(kind == AccessKind::Write) << 16;
        let low = match self {
            Site::Access { width, kind } => access(width, kind),
            Site::Object { width, kind } => 1 | access(width, kind),
            Site::Arithmetic => 2,
            Site::Jump => 3,
            Site::Call => 4,
            Site::ForeignCall => 5,
            Site::Translation => 6,
            Site::Breakpoint => 7,
            Site::Abort => 8,
            Site::Halt => 9,
            Site::OutOfFuel => 10,
            Site::LocalOverflow => 11,
            Site::StackOverflow => 12,
        };
        u64::from(ip) << 32 | low
    }

    /// The site and the instruction's text offset.
    pub(super) fn unpack(word: u64) -> (Site, u32) {
        let width = (word >> 8) as u8;
        let kind = match word >> 16 & 1 {
            0 => AccessKind::Read,
            _ => AccessKind::Write,
        };
        let site = match word as u8 {
            0 => Site::Access { width, kind },
            1 => Site::Object { width, kind },
            2 => Site::Arithmetic,
            3 => Site::Jump,
            4 => Site::Call,
            5 => Site::ForeignCall,
            6 => Site::Translation,
            7 => Site::Breakpoint,
            8 => Site::Abort,
            9 => Site::Halt,
            10 => Site::OutOfFuel,
            11 => Site::LocalOverflow,
            _ => Site::StackOverflow,
        };
        (site, (word >> 32) as u32)
    }
}
