//! The bss-init section: extents of variable length.

use byteorder::{ByteOrder, LittleEndian as LE};

use super::layout::Layout;
use super::record::{Section, allocate};
use super::{Checked, ReadCode, broken};
use crate::image::{Extent, SectionKind};

/// Bytes in front of an extent's contents: offset and length.
const EXTENT_HEADER: usize = 8;

pub(super) fn read(layout: &Layout<'_>, bss_size: u32) -> Checked<Vec<Extent>> {
    let section = layout.section(SectionKind::BssInit);
    let mut extents = Vec::new();
    let (mut at, mut end) = (0, 0);
    while at < section.bytes.len() {
        let extent = read_extent(section, at, end, bss_size)?;
        end = u64::from(extent.offset) + extent.bytes.len() as u64;
        at += EXTENT_HEADER + extent.bytes.len();
        extents.push(extent);
    }
    Ok(extents)
}

/// Reads the extent at `at` of the section; the one before it ends at `end` of bss.
fn read_extent(section: Section<'_>, at: usize, end: u64, bss_size: u32) -> Checked<Extent> {
    let file_offset = section.offset + at as u64;
    let rest = &section.bytes[at..];
    let Some((header, contents)) = rest.split_at_checked(EXTENT_HEADER) else {
        let expected = format!("an extent's offset and length, {EXTENT_HEADER} bytes");
        let found = format!("{} bytes", rest.len());
        return broken(ReadCode::ExtentTruncated, file_offset, expected, found);
    };
    let (offset, length) = (LE::read_u32(header), LE::read_u32(&header[4..]));
    if length == 0 {
        let expected = "an extent of at least 1 byte";
        return broken(ReadCode::ExtentEmpty, file_offset + 4, expected, 0);
    }
    let Some(contents) = contents.get(..length as usize) else {
        return broken(
            ReadCode::ExtentTruncated,
            file_offset + 4,
            format!("an extent of at most {} bytes", contents.len()),
            length,
        );
    };
    if u64::from(offset) < end {
        let expected = format!("an extent at bss offset {end} or above");
        return broken(ReadCode::ExtentOrder, file_offset, expected, offset);
    }
    let extent_end = u64::from(offset) + u64::from(length);
    if extent_end > u64::from(bss_size) {
        return broken(
            ReadCode::ExtentOutsideBss,
            file_offset,
            format!("an extent inside the {bss_size} bytes of bss"),
            format!("bss bytes {offset} to {extent_end}"),
        );
    }
    let mut bytes = allocate(contents.len(), file_offset)?;
    bytes.extend_from_slice(contents);
    Ok(Extent { offset, bytes })
}
