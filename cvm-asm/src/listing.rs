//! The listing: every source line with the place and bytes of what it became.

use crate::diagnostic::Span;
use cvm_spec::pointer::Tag;

/// What one statement became. The assembler records them in source order: a macro's or included file's statements
/// stand behind the statement that brought them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingEntry {
    /// The statement.
    pub span: Span,
    /// The segment that it puts bytes into: text, data or bss.
    pub segment: Tag,
    /// Offset of its first byte in the segment.
    pub offset: u32,
    /// How many bytes.
    pub size: u32,
    /// How many macro expansions and repetitions it stands in; 0 for text of the file itself.
    pub depth: u16,
}
