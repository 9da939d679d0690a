//! Sections as records: the one place where fields are cut out of bytes.

use byteorder::{ByteOrder, LittleEndian as LE};

use super::{Checked, ReadCode, broken};
use crate::image::{SectionKind, StringRef};

/// A section of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    /// Its number in the section table.
    pub(super) kind: u32,
    /// Its offset in the file.
    pub(super) offset: u64,
    /// Its contents; empty if the file does not have it.
    pub(super) bytes: &'a [u8],
}

/// One record of a section.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// Its offset in the file.
    pub(super) offset: u64,
    bytes: &'a [u8],
}

impl Record<'_> {
    /// The 16-bit field at a byte offset in the record.
    pub(super) fn u16(&self, at: usize) -> u16 {
        LE::read_u16(&self.bytes[at..])
    }

    /// The 32-bit field at a byte offset in the record.
    pub(super) fn u32(&self, at: usize) -> u32 {
        LE::read_u32(&self.bytes[at..])
    }

    /// The string reference at a byte offset in the record.
    pub(super) fn string(&self, at: usize) -> StringRef {
        StringRef {
            offset: self.u32(at),
            length: self.u32(at + 4),
        }
    }

    /// The offset in the file of the field at a byte offset in the record.
    pub(super) fn field(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// Checks a reserved 32-bit field.
    pub(super) fn reserved(&self, at: usize) -> Checked<()> {
        match self.u32(at) {
            0 => Ok(()),
            found => broken(
                ReadCode::ReservedNotZero,
                self.field(at),
                "0 in a reserved field",
                format!("{found:#x}"),
            ),
        }
    }
}

impl<'a> Section<'a> {
    /// Number of whole records; the section is of a kind that has records.
    pub(super) fn count(&self, kind: SectionKind) -> usize {
        self.bytes.len() / size_of_record(kind)
    }

    /// Whether the section is a whole number of records.
    pub(super) fn is_whole(&self, kind: SectionKind) -> bool {
        self.bytes.len().is_multiple_of(size_of_record(kind))
    }

    /// The whole records.
    pub(super) fn records(
        &self,
        kind: SectionKind,
    ) -> impl ExactSizeIterator<Item = Record<'a>> + use<'a> {
        let (offset, size) = (self.offset, size_of_record(kind));
        self.bytes
            .chunks_exact(size)
            .enumerate()
            .map(move |(i, bytes)| Record {
                offset: offset + (i * size) as u64,
                bytes,
            })
    }

    /// Reads all records with a function that may reject one.
    pub(super) fn parse<T>(
        &self,
        kind: SectionKind,
        mut parse: impl FnMut(Record<'a>) -> Checked<T>,
    ) -> Checked<Vec<T>> {
        if !self.is_whole(kind) {
            return broken(
                ReadCode::RecordSize,
                self.offset,
                format!(
                    "the {} section to be a multiple of {} bytes",
                    kind.name(),
                    size_of_record(kind)
                ),
                format!("{} bytes", self.bytes.len()),
            );
        }
        let mut parsed = allocate(self.count(kind), self.offset)?;
        for record in self.records(kind) {
            parsed.push(parse(record)?);
        }
        Ok(parsed)
    }
}

fn size_of_record(kind: SectionKind) -> usize {
    kind.record_size().expect("the kind has records")
}

/// An empty vector with room for `count` elements; the count is bounded by the file's length.
pub(super) fn allocate<T>(count: usize, offset: u64) -> Checked<Vec<T>> {
    let mut vector = Vec::new();
    match vector.try_reserve_exact(count) {
        Ok(()) => Ok(vector),
        Err(_) => broken(
            ReadCode::NoMemoryForImage,
            offset,
            format!("memory for {count} entries of {} bytes", size_of::<T>()),
            "none",
        ),
    }
}

/// A section's bytes, copied.
pub(super) fn copy(section: Section<'_>) -> Checked<Vec<u8>> {
    let mut bytes = allocate(section.bytes.len(), section.offset)?;
    bytes.extend_from_slice(section.bytes);
    Ok(bytes)
}
