//! The map: functions, objects and constants with address, size and source line.

use crate::diagnostic::Span;
use cvm_spec::pointer::Tag;

/// What a symbol of the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKind {
    /// A function: address and size in the text segment.
    Function,
    /// A data or bss object.
    Object,
    /// A constant: `value` is all there is.
    Constant,
    /// An import: `value` is its index.
    Import,
}

/// A symbol for the map, recorded by the assembler in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSymbol {
    /// What it is.
    pub kind: MapKind,
    /// Its name.
    pub name: String,
    /// The segment of a function (text) or object (data, bss); text for the other kinds, where it means nothing.
    pub segment: Tag,
    /// Offset in the segment, value of a constant, index of an import.
    pub value: u64,
    /// Bytes, for functions and objects.
    pub size: u32,
    /// Where it is defined.
    pub span: Span,
}
