//! The header and the section table.

use byteorder::{ByteOrder, LittleEndian as LE};

use super::record::Section;
use super::{Checked, ReadCode, broken};
use crate::image::{
    FLAG_OWNS_HEAP, HEADER_SIZE, Image, MAGIC, NO_ENTRY, OPTIONAL, SECTION_ENTRY_SIZE, SectionKind,
    VERSION,
};
use crate::limits::{HEAP_MAX, SECTIONS_MAX, SEGMENT_MAX};
use crate::pointer::HEAP_PAGE;

/// Offsets of the header's fields.
pub(super) mod at {
    pub(in super::super) const VERSION: u64 = 6;
    pub(in super::super) const FLAGS: u64 = 8;
    pub(in super::super) const FEATURES: u64 = 12;
    pub(in super::super) const ENTRY: u64 = 16;
    pub(in super::super) const SECTIONS: u64 = 20;
    pub(in super::super) const BSS_SIZE: u64 = 24;
    pub(in super::super) const HEAP_FIRST: u64 = 32;
    pub(in super::super) const HEAP_LARGEST: u64 = 40;
}

/// The header's fields that concern the image.
pub(super) struct Header {
    owns_heap: bool,
    entry: Option<u32>,
    bss_size: u32,
    heap_first: u64,
    heap_largest: u64,
}

/// The file cut into sections.
pub(super) struct Layout<'a> {
    pub(super) header: Header,
    /// In file order, which is the order of kinds.
    sections: Vec<Section<'a>>,
    file_size: u64,
}

impl<'a> Layout<'a> {
    pub(super) fn read(file: &'a [u8]) -> Checked<Self> {
        check_magic(file)?;
        let Some(bytes) = file.get(..HEADER_SIZE) else {
            return broken(
                ReadCode::TruncatedHeader,
                file.len() as u64,
                format!("a header of {HEADER_SIZE} bytes"),
                format!("the file's end after {}", file.len()),
            );
        };
        let header = read_header(bytes)?;
        let sections = read_table(file, LE::read_u32(&bytes[at::SECTIONS as usize..]))?;
        Ok(Layout {
            header,
            sections,
            file_size: file.len() as u64,
        })
    }

    /// The section of a kind; without bytes, at the end of the file, if there is none.
    pub(super) fn section(&self, kind: SectionKind) -> Section<'a> {
        let kind = kind as u32;
        match self.sections.binary_search_by_key(&kind, |s| s.kind) {
            Ok(index) => self.sections[index],
            Err(_) => Section {
                kind,
                offset: self.file_size,
                bytes: &[],
            },
        }
    }

    /// The sections whose kind this version does not know; all are optional.
    pub(super) fn unknown(&self) -> impl Iterator<Item = Section<'a>> + '_ {
        self.sections
            .iter()
            .copied()
            .filter(|section| SectionKind::from_number(section.kind).is_none())
    }
}

impl Header {
    /// An image with the header's fields and nothing else.
    pub(super) fn image(&self) -> Image {
        Image {
            owns_heap: self.owns_heap,
            entry: self.entry,
            bss_size: self.bss_size,
            heap_first: self.heap_first,
            heap_largest: self.heap_largest,
            ..Image::default()
        }
    }
}

fn check_magic(file: &[u8]) -> Checked<()> {
    let found = &file[..file.len().min(MAGIC.len())];
    if *found == MAGIC[..found.len()] {
        return Ok(());
    }
    let first_difference = found.iter().zip(MAGIC).position(|(a, b)| *a != b);
    broken(
        ReadCode::BadMagic,
        first_difference.unwrap_or(0) as u64,
        "the magic bytes 89 43 56 4D 0D 0A of a CVM image",
        describe(file),
    )
}

/// What a file that is no image looks like.
fn describe(file: &[u8]) -> String {
    let known: &[(&[u8], &str)] = &[
        (
            b"\x89CVM\n",
            "a CVM image damaged by a transfer in text mode (CR LF became LF): copy it in binary mode",
        ),
        (
            b"\x89CVM\r\r\n",
            "a CVM image damaged by a transfer in text mode (LF became CR LF): copy it in binary mode",
        ),
        (
            b"\tCVM",
            "a CVM image whose eighth bits were cleared: copy it in binary mode",
        ),
        (
            b"\xC2\x89CVM",
            "a CVM image that was converted to UTF-8: copy it in binary mode",
        ),
        (
            b"\xEF\xBF\xBDCVM",
            "a CVM image that was converted to UTF-8: copy it in binary mode",
        ),
        (
            b"\x7fELF",
            "an ELF file, a program for this computer and not for CVM",
        ),
        (b"\0asm", "a WebAssembly module"),
        (b"MZ", "a Windows program"),
        (b"!<arch>", "an archive of object files"),
        (b"\xCA\xFE\xBA\xBE", "a Java class file"),
        (b"#!", "a script"),
        (b"\x1f\x8b", "a gzip file: unpack it first"),
        (b"PK\x03\x04", "a zip file: unpack it first"),
    ];
    for (start, what) in known {
        if file.starts_with(start) {
            return (*what).to_owned();
        }
    }
    let start = &file[..file.len().min(256)];
    let is_text = start
        .iter()
        .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..));
    if is_text && start.windows(7).any(|bytes| bytes == b"(module") {
        return "WebAssembly as text: `wat2wasm` makes a module of it".to_owned();
    }
    if is_text {
        return "text: assemble a .cvma file first (cvm-asm), or run it as `cvm run FILE.cvma`"
            .to_owned();
    }
    let hex: Vec<String> = start.iter().take(6).map(|b| format!("{b:02X}")).collect();
    hex.join(" ")
}

fn read_header(bytes: &[u8]) -> Checked<Header> {
    let u32_at = |at: u64| LE::read_u32(&bytes[at as usize..]);
    let u64_at = |at: u64| LE::read_u64(&bytes[at as usize..]);

    let version = LE::read_u16(&bytes[at::VERSION as usize..]);
    if version != VERSION {
        let expected = format!("image version {VERSION}");
        return broken(ReadCode::UnsupportedVersion, at::VERSION, expected, version);
    }
    let flags = u32_at(at::FLAGS);
    if flags & !FLAG_OWNS_HEAP != 0 {
        let found = format!("{flags:#x}");
        return broken(ReadCode::UnknownFlags, at::FLAGS, "flags 0 or 1", found);
    }
    let features = u32_at(at::FEATURES);
    if features != 0 {
        let found = format!("{features:#x}");
        let expected = "no required features (this version knows none)";
        return broken(ReadCode::UnknownFeatures, at::FEATURES, expected, found);
    }
    let bss_size = u64_at(at::BSS_SIZE);
    if bss_size > SEGMENT_MAX {
        return broken(
            ReadCode::BssTooLarge,
            at::BSS_SIZE,
            format!("at most {SEGMENT_MAX} bytes of bss"),
            bss_size,
        );
    }
    let owns_heap = flags & FLAG_OWNS_HEAP != 0;
    let (first, largest) = (u64_at(at::HEAP_FIRST), u64_at(at::HEAP_LARGEST));
    for (offset, size) in [(at::HEAP_FIRST, first), (at::HEAP_LARGEST, largest)] {
        check_heap_size(owns_heap, offset, size)?;
    }
    if largest != 0 && first > largest {
        return broken(
            ReadCode::HeapOrder,
            at::HEAP_FIRST,
            format!("a first heap size of at most {largest}"),
            first,
        );
    }
    Ok(Header {
        owns_heap,
        entry: Some(u32_at(at::ENTRY)).filter(|entry| *entry != NO_ENTRY),
        bss_size: bss_size as u32,
        heap_first: first,
        heap_largest: largest,
    })
}

fn check_heap_size(owns_heap: bool, offset: u64, size: u64) -> Checked<()> {
    if !owns_heap && size != 0 {
        let expected = "0, because the image does not own the heap";
        return broken(ReadCode::HeapNotOwned, offset, expected, size);
    }
    if !size.is_multiple_of(HEAP_PAGE) {
        let expected = format!("a multiple of {HEAP_PAGE} bytes");
        return broken(ReadCode::HeapAlignment, offset, expected, size);
    }
    if size > HEAP_MAX {
        let expected = format!("at most {HEAP_MAX} bytes");
        return broken(ReadCode::HeapTooLarge, offset, expected, size);
    }
    Ok(())
}

fn read_table(file: &[u8], count: u32) -> Checked<Vec<Section<'_>>> {
    if count > SECTIONS_MAX {
        let expected = format!("at most {SECTIONS_MAX} sections");
        return broken(ReadCode::TooManySections, at::SECTIONS, expected, count);
    }
    let table_end = HEADER_SIZE + count as usize * SECTION_ENTRY_SIZE;
    let Some(table) = file.get(HEADER_SIZE..table_end) else {
        return broken(
            ReadCode::TruncatedTable,
            file.len() as u64,
            format!("a section table of {count} entries, up to byte {table_end}"),
            "the file's end",
        );
    };
    let mut sections: Vec<Section<'_>> = Vec::with_capacity(count as usize);
    let mut end = table_end as u64;
    for (i, entry) in table.chunks_exact(SECTION_ENTRY_SIZE).enumerate() {
        let offset = (HEADER_SIZE + i * SECTION_ENTRY_SIZE) as u64;
        let previous = sections.last().map(|section| section.kind);
        let section = read_entry(file, entry, offset, previous, end)?;
        end = section.offset + section.bytes.len() as u64;
        sections.push(section);
    }
    if end != file.len() as u64 {
        return broken(
            ReadCode::TrailingBytes,
            end,
            "the file's end behind the last section",
            format!("{} more bytes", file.len() as u64 - end),
        );
    }
    Ok(sections)
}

/// Checks one entry of the section table, which stands at `offset`; the section before it ends at `end`.
fn read_entry<'a>(
    file: &'a [u8],
    entry: &[u8],
    offset: u64,
    previous: Option<u32>,
    end: u64,
) -> Checked<Section<'a>> {
    let kind = LE::read_u32(entry);
    let reserved = LE::read_u32(&entry[4..]);
    let (start, size) = (LE::read_u64(&entry[8..]), LE::read_u64(&entry[16..]));
    let known = SectionKind::from_number(kind);
    if known.is_none() && kind & OPTIONAL == 0 {
        let expected = "a section kind from 1 to 14, or an optional one";
        return broken(ReadCode::UnknownSection, offset, expected, kind);
    }
    match previous {
        Some(previous) if previous == kind => {
            let expected = "each kind of section once";
            let found = format!("a second section of kind {kind:#x}");
            return broken(ReadCode::DuplicateSection, offset, expected, found);
        }
        Some(previous) if previous > kind => {
            let expected = format!("a kind above {previous:#x}, that of the section before");
            return broken(
                ReadCode::SectionOrder,
                offset,
                expected,
                format!("{kind:#x}"),
            );
        }
        _ => {}
    }
    if reserved != 0 {
        let expected = "0 in a reserved field";
        let found = format!("{reserved:#x}");
        return broken(ReadCode::ReservedNotZero, offset + 4, expected, found);
    }
    if size == 0 {
        let expected = "a section of at least 1 byte";
        return broken(ReadCode::EmptySection, offset + 16, expected, 0);
    }
    let largest = match known {
        Some(SectionKind::Text | SectionKind::Data) => SEGMENT_MAX,
        _ => u64::from(u32::MAX),
    };
    if size > largest && start.checked_add(size).is_some() {
        let expected = format!("a section of at most {largest} bytes");
        return broken(ReadCode::SectionTooLarge, offset + 16, expected, size);
    }
    let Some(section_end) = start.checked_add(size) else {
        let expected = "offset and size that add up to less than 2^64";
        let found = format!("{start:#x} + {size:#x}");
        return broken(ReadCode::SectionOverflow, offset + 8, expected, found);
    };
    if start < end {
        let expected = format!("the section at byte {end}, where the one before ends");
        return broken(ReadCode::SectionOverlap, offset + 8, expected, start);
    }
    let bytes = usize::try_from(start)
        .ok()
        .zip(usize::try_from(section_end).ok());
    let Some(bytes) = bytes.and_then(|(start, end)| file.get(start..end)) else {
        return broken(
            ReadCode::SectionOutsideFile,
            offset + 8,
            format!("a section inside the file of {} bytes", file.len()),
            format!("bytes {start} to {section_end}"),
        );
    };
    if start > end {
        let expected = format!("the section at byte {end}, where the one before ends");
        return broken(ReadCode::SectionGap, offset + 8, expected, start);
    }
    Ok(Section {
        kind,
        offset: start,
        bytes,
    })
}
