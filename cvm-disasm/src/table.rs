//! The section table of a file.

use cvm_spec::image::{HEADER_SIZE, SECTION_ENTRY_SIZE};

/// An entry of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Number of the section's kind.
    pub(crate) kind: u32,
    /// Byte offset in the file.
    pub(crate) offset: u64,
    /// Size in bytes.
    pub(crate) size: u64,
}

/// The section table of a file that the writer made.
pub(crate) fn section_table(file: &[u8]) -> Vec<Entry> {
    let number = |bytes: &[u8]| {
        let mut value = 0;
        for byte in bytes.iter().rev() {
            value = value << 8 | u64::from(*byte);
        }
        value
    };
    let count = file.get(20..24).map_or(0, number) as usize;
    let table = file.get(HEADER_SIZE..).unwrap_or_default();
    let entries = table.chunks_exact(SECTION_ENTRY_SIZE).take(count);
    entries
        .map(|entry| Entry {
            kind: number(&entry[..4]) as u32,
            offset: number(&entry[8..16]),
            size: number(&entry[16..]),
        })
        .collect()
}
