//! Places that are patched when the name that they need is known.

use cvm_spec::pointer::Tag;

use super::expression::Stored;
use super::names::Name;
use super::place::Place;

/// What is patched, in which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// A short pointer in the text, with this tag.
    ShortPointer(Tag),
    /// The four bytes of a `push_d` that may become a `push_ud`.
    Push,
    /// A constant of this many bytes in the text; negative for signed ones.
    Constant(i8),
    /// Bytes in data or bss.
    Number {
        /// The segment.
        segment: Tag,
        /// How many.
        width: u8,
    },
    /// A 64-bit pointer with this tag in data or bss.
    Pointer {
        /// The segment of the place.
        segment: Tag,
        /// The tag of the pointer.
        tag: Tag,
    },
}

/// A place whose value depends on what comes later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixup {
    /// What is patched.
    pub(super) patch: Patch,
    /// Offset of the place: in the text, in data, or in the bytes of bss.
    pub(super) at: u32,
    /// Its value.
    pub(super) value: Stored,
    /// Where the operand was read.
    pub(super) place: Place,
}

/// A call of a function or import that was not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallFixup {
    /// Text offset of the opcode.
    pub(super) at: u32,
    /// What is called, or the type of an indirect call.
    pub(super) name: Name,
    /// Where the name was read.
    pub(super) place: Place,
    /// Where the mnemonic was read.
    pub(super) instruction: Place,
    /// Cells on the operand stack, or less than 0 where that is not known.
    pub(super) depth: i32,
}

/// A jump whose label was not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct JumpFixup {
    /// Text offset of the distance.
    pub(super) at: u32,
    /// Text offset of the next instruction, from which the distance counts.
    pub(super) next: u32,
    /// The label.
    pub(super) target: JumpTarget,
    /// Where it was read.
    pub(super) place: Place,
}

/// A label that a jump names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JumpTarget {
    /// A local label, by its index.
    Local(u32),
    /// A global name.
    Global(Name),
}
