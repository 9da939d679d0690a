//! An image file that is about to be damaged: where things stand in it, and how to change them.
//!
//! It finds its way with code of its own, so that a mistake of the reader's does not hide here.

use cvm_spec::image::{Image, SectionKind, writer};

/// A file and the offset at which the reader must complain.
pub(crate) struct Damaged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) offset: u64,
}

/// The bytes of a file.
#[derive(Clone)]
pub(crate) struct File(pub(crate) Vec<u8>);

impl File {
    /// The file of an image, sound or not: the writer does not check.
    pub(crate) fn of(image: &Image) -> File {
        File(writer::write(image))
    }

    /// The file of an image with one change.
    pub(crate) fn with(mut image: Image, change: impl FnOnce(&mut Image)) -> File {
        change(&mut image);
        File::of(&image)
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("4 bytes"))
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("8 bytes"))
    }

    /// Offset of a section's entry in the section table.
    pub(crate) fn entry(&self, kind: u32) -> usize {
        (0..self.u32(20) as usize)
            .map(|i| 48 + 24 * i)
            .find(|at| self.u32(*at) == kind)
            .expect("the sample has every section")
    }

    /// Offset of a section's contents.
    pub(crate) fn section(&self, kind: SectionKind) -> usize {
        self.u64(self.entry(kind as u32) + 8) as usize
    }

    /// Offset of a field: `at` bytes into record number `record` of a section.
    pub(crate) fn field(&self, kind: SectionKind, record: usize, at: usize) -> usize {
        self.section(kind) + record * kind.record_size().unwrap_or(1) + at
    }

    /// Changes a 16-bit field; the reader must complain there.
    pub(crate) fn put16(self, at: usize, value: u16) -> Damaged {
        self.put(at, &value.to_le_bytes())
    }

    /// Changes a 32-bit field; the reader must complain there.
    pub(crate) fn put32(self, at: usize, value: u32) -> Damaged {
        self.put(at, &value.to_le_bytes())
    }

    /// Changes a 64-bit field; the reader must complain there.
    pub(crate) fn put64(self, at: usize, value: u64) -> Damaged {
        self.put(at, &value.to_le_bytes())
    }

    /// Changes bytes; the reader must complain at the first.
    pub(crate) fn put(mut self, at: usize, bytes: &[u8]) -> Damaged {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self.at(at)
    }

    /// Changes a 32-bit field of a record; the reader must complain there.
    pub(crate) fn put_field(
        self,
        kind: SectionKind,
        record: usize,
        at: usize,
        value: u32,
    ) -> Damaged {
        let at = self.field(kind, record, at);
        self.put32(at, value)
    }

    /// The reader must complain about a field of a record.
    pub(crate) fn at_field(self, kind: SectionKind, record: usize, at: usize) -> Damaged {
        let at = self.field(kind, record, at);
        self.at(at)
    }

    /// Cuts the file; the reader must complain at its new end.
    pub(crate) fn cut(mut self, length: usize) -> Damaged {
        self.0.truncate(length);
        self.at(length)
    }

    /// The reader must complain at an offset.
    pub(crate) fn at(self, offset: usize) -> Damaged {
        Damaged {
            bytes: self.0,
            offset: offset as u64,
        }
    }
}

impl Damaged {
    /// The reader complains elsewhere.
    pub(crate) fn but_at(mut self, offset: usize) -> Damaged {
        self.offset = offset as u64;
        self
    }
}
