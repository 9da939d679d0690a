//! Pointers and segments (`spec/machine.md`, "Pointers").
//!
//! A pointer is a cell. Bits 63 to 61 are the tag, an index into the segment descriptor table; the low 61 bits are
//! the offset. A *short pointer* is the same in 32 bits: tag in bits 31 to 29, offset in the low 29.

use std::fmt;

/// Bits of offset in a pointer.
pub const OFFSET_BITS: u32 = 61;
/// The offset part of a pointer.
pub const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;
/// Bits of offset in a short pointer.
pub const SHORT_OFFSET_BITS: u32 = 29;
/// The largest offset in a short pointer, in bytes.
pub const SHORT_OFFSET_MAX: u32 = (1 << SHORT_OFFSET_BITS) - 1;
/// Absolute addresses below this many bytes are reported as null pointers.
pub const NULL_PAGE: u64 = 64 * 1024;
/// The heap's page size in bytes.
pub const HEAP_PAGE: u64 = 64 * 1024;

/// A segment's tag: the index into the descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tag {
    /// 000: a C pointer, as it is.
    Absolute = 0,
    /// 001: program text; can be jumped to, never read or written.
    Text = 1,
    /// 010: constants; read only.
    Data = 2,
    /// 011: zeroed or initialised variables; read and write.
    Bss = 3,
    /// 100: the addressable part of the call stack; read and write.
    Local = 4,
    /// 101: the heap that the machine manages; read and write.
    Heap = 5,
    /// 110: reserved; every access faults.
    Reserved = 6,
    /// 111: the upper half of the address space; every access faults.
    Upper = 7,
}

impl Tag {
    /// All tags in order.
    pub const ALL: [Tag; 8] = [
        Tag::Absolute,
        Tag::Text,
        Tag::Data,
        Tag::Bss,
        Tag::Local,
        Tag::Heap,
        Tag::Reserved,
        Tag::Upper,
    ];

    /// The tag of the low three bits.
    #[inline]
    pub const fn from_bits(bits: u8) -> Tag {
        Self::ALL[(bits & 7) as usize]
    }

    /// The prefix in assembly, without the colon; `None` for 110 and 111, which cannot be written.
    pub const fn prefix(self) -> Option<char> {
        Some(match self {
            Tag::Absolute => 'a',
            Tag::Text => 't',
            Tag::Data => 'd',
            Tag::Bss => 'b',
            Tag::Local => 'l',
            Tag::Heap => 'h',
            Tag::Reserved | Tag::Upper => return None,
        })
    }

    /// The tag of an assembly prefix.
    pub const fn from_prefix(prefix: char) -> Option<Tag> {
        Some(match prefix {
            'a' => Tag::Absolute,
            't' => Tag::Text,
            'd' => Tag::Data,
            'b' => Tag::Bss,
            'l' => Tag::Local,
            'h' => Tag::Heap,
            _ => return None,
        })
    }

    /// The segment's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Tag::Absolute => "absolute",
            Tag::Text => "text",
            Tag::Data => "data",
            Tag::Bss => "bss",
            Tag::Local => "local",
            Tag::Heap => "heap",
            Tag::Reserved => "reserved",
            Tag::Upper => "upper half",
        }
    }

    /// The segment's policy as `r`, `w`, `x` letters, `-` for none; absolute memory is `rw` only once granted.
    pub const fn policy(self) -> &'static str {
        match self {
            Tag::Text => "x",
            Tag::Data => "r",
            Tag::Bss | Tag::Local | Tag::Heap => "rw",
            Tag::Absolute | Tag::Reserved | Tag::Upper => "-",
        }
    }
}

/// A 64-bit pointer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer(pub u64);

impl Pointer {
    /// A pointer to `offset` (below 2^61) in a segment.
    #[inline]
    pub const fn new(tag: Tag, offset: u64) -> Pointer {
        Pointer((tag as u64) << OFFSET_BITS | (offset & OFFSET_MASK))
    }

    /// Its tag.
    #[inline]
    pub const fn tag(self) -> Tag {
        Tag::from_bits((self.0 >> OFFSET_BITS) as u8)
    }

    /// Its offset in bytes.
    #[inline]
    pub const fn offset(self) -> u64 {
        self.0 & OFFSET_MASK
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag().prefix() {
            Some(prefix) => write!(f, "{prefix}:{:#x}", self.offset()),
            None => write!(f, "{:#018x}", self.0),
        }
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A 32-bit pointer as it stands in an operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortPointer(pub u32);

impl ShortPointer {
    /// A short pointer, if the offset fits 29 bits.
    pub const fn new(tag: Tag, offset: u32) -> Option<ShortPointer> {
        if offset > SHORT_OFFSET_MAX {
            return None;
        }
        Some(ShortPointer((tag as u32) << SHORT_OFFSET_BITS | offset))
    }

    /// Its tag.
    #[inline]
    pub const fn tag(self) -> Tag {
        Tag::from_bits((self.0 >> SHORT_OFFSET_BITS) as u8)
    }

    /// Its offset in bytes.
    #[inline]
    pub const fn offset(self) -> u32 {
        self.0 & SHORT_OFFSET_MAX
    }

    /// The 64-bit pointer that it stands for (`l:` offsets are relative to fp and need resolving first).
    #[inline]
    pub const fn widen(self) -> Pointer {
        Pointer::new(self.tag(), self.offset() as u64)
    }
}

impl fmt::Display for ShortPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag().prefix() {
            Some(prefix) => write!(f, "{prefix}:{}", self.offset()),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for ShortPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_pointer_widens_to_the_same_tag_and_offset() {
        for tag in Tag::ALL {
            for offset in [0, 1, 4096, SHORT_OFFSET_MAX] {
                let short = ShortPointer::new(tag, offset).expect("fits");
                assert_eq!(short.widen().tag(), tag);
                assert_eq!(short.widen().offset(), u64::from(offset));
            }
            assert_eq!(ShortPointer::new(tag, SHORT_OFFSET_MAX + 1), None);
        }
    }

    #[test]
    fn prefixes_round_trip() {
        for tag in Tag::ALL {
            if let Some(prefix) = tag.prefix() {
                assert_eq!(Tag::from_prefix(prefix), Some(tag));
            }
        }
    }
}
