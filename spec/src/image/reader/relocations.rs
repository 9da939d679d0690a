//! The relocations section.

use super::debug::object_fits;
use super::layout::Layout;
use super::record::Record;
use super::{Checked, ReadCode, broken};
use crate::image::{Extent, Image, Relocation, RelocationKind, SectionKind, SymbolKind};
use crate::pointer::{ShortPointer, Tag};

/// Reads the relocations; the image is complete but for them.
pub(super) fn read(layout: &Layout<'_>, image: &Image) -> Checked<Vec<Relocation>> {
    let section = layout.section(SectionKind::Relocations);
    let mut places = Places {
        image,
        last: (0, 0, 0),
        extents: image.bss_init.iter(),
        extent: None,
    };
    section.parse(SectionKind::Relocations, |record| {
        let relocation = read_relocation(record)?;
        places.check(record, &relocation)?;
        let size = target_size(record, &relocation, image)?;
        if relocation.addend > size {
            return broken(
                ReadCode::RelocationAddend,
                record.field(16),
                format!("an addend from 0 to {size}"),
                relocation.addend,
            );
        }
        Ok(relocation)
    })
}

fn read_relocation(record: Record<'_>) -> Checked<Relocation> {
    let Some(kind) = RelocationKind::from_number(record.u32(0)) else {
        let expected = "a relocation kind from 1 to 5";
        return broken(
            ReadCode::UnknownRelocationKind,
            record.offset,
            expected,
            record.u32(0),
        );
    };
    let is_pointer = matches!(kind, RelocationKind::ShortPointer | RelocationKind::Pointer);
    let segment = match record.u32(4) {
        1 => Tag::Text,
        2 if is_pointer => Tag::Data,
        3 if is_pointer => Tag::Bss,
        found => {
            let expected = match is_pointer {
                true => "segment 1 (text), 2 (data) or 3 (bss)",
                false => "segment 1 (text)",
            };
            return broken(
                ReadCode::RelocationSegment,
                record.field(4),
                expected,
                found,
            );
        }
    };
    Ok(Relocation {
        kind,
        segment,
        offset: record.u32(8),
        target: record.u32(12),
        addend: record.u32(16),
    })
}

/// Walks over the places in order.
struct Places<'a> {
    image: &'a Image,
    /// Segment, start and end of the last place.
    last: (u8, u64, u64),
    extents: std::slice::Iter<'a, Extent>,
    /// The extent of bss contents that the walk has reached.
    extent: Option<&'a Extent>,
}

impl Places<'_> {
    fn check(&mut self, record: Record<'_>, relocation: &Relocation) -> Checked<()> {
        let start = u64::from(relocation.offset);
        let end = start + u64::from(relocation.kind.place_size());
        let segment = relocation.segment as u8;
        let (last_segment, last_start, last_end) = self.last;
        if segment < last_segment {
            let expected = format!("a relocation of segment {last_segment} or above");
            return broken(
                ReadCode::RelocationOrder,
                record.field(4),
                expected,
                segment,
            );
        }
        if segment == last_segment && start < last_end {
            let code = match start < last_start {
                true => ReadCode::RelocationOrder,
                false => ReadCode::RelocationOverlap,
            };
            let expected = format!("a place at offset {last_end} or above");
            return broken(code, record.field(8), expected, start);
        }
        if !self.holds(relocation.segment, start, end) {
            return broken(
                ReadCode::RelocationPlace,
                record.field(8),
                format!(
                    "a place inside the contents of {}",
                    relocation.segment.name()
                ),
                format!("bytes {start} to {end}"),
            );
        }
        self.last = (segment, start, end);
        Ok(())
    }

    /// Whether the segment's contents in the file hold these bytes.
    fn holds(&mut self, segment: Tag, start: u64, end: u64) -> bool {
        let extent_end = |extent: &Extent| u64::from(extent.offset) + extent.bytes.len() as u64;
        match segment {
            Tag::Text => end <= self.image.text.len() as u64,
            Tag::Data => end <= self.image.data.len() as u64,
            _ => {
                while self.extent.is_none_or(|extent| extent_end(extent) <= start) {
                    self.extent = self.extents.next();
                    if self.extent.is_none() {
                        return false;
                    }
                }
                self.extent.is_some_and(|extent| {
                    u64::from(extent.offset) <= start && end <= extent_end(extent)
                })
            }
        }
    }
}

/// Checks a relocation's target; gives its size in bytes, the largest addend.
fn target_size(record: Record<'_>, relocation: &Relocation, image: &Image) -> Checked<u32> {
    let target = relocation.target as usize;
    let wrong = |expected: &str| {
        let found = relocation.target;
        broken(
            ReadCode::RelocationTarget,
            record.field(12),
            expected,
            found,
        )
    };
    let is_call = match relocation.kind {
        RelocationKind::Import if target < image.imports.len() => return Ok(0),
        RelocationKind::Type if target < image.types.len() => return Ok(0),
        RelocationKind::Import => return wrong("the index of an import"),
        RelocationKind::Type => return wrong("the index of a type"),
        RelocationKind::Call => true,
        RelocationKind::ShortPointer | RelocationKind::Pointer => false,
    };
    if image.symbols.is_empty() {
        return broken(
            ReadCode::MissingSection,
            record.field(12),
            "a symbols section that the relocation can refer to",
            "none that can be read",
        );
    }
    let Some(symbol) = image.symbols.get(target) else {
        return wrong("the index of a symbol");
    };
    match symbol.kind {
        SymbolKind::Function => match image.functions.get(symbol.value as usize) {
            Some(_) if is_call => Ok(0),
            Some(function) => Ok(function.size),
            None => wrong("a symbol whose function exists"),
        },
        _ if is_call => wrong("a symbol of a function"),
        SymbolKind::Object if object_fits(symbol, image) => Ok(symbol.size),
        SymbolKind::Object => wrong("a symbol of an object that lies in its segment"),
        SymbolKind::Label => {
            let pointer = ShortPointer(symbol.value);
            let inside = u64::from(pointer.offset()) < image.text.len() as u64;
            match pointer.tag() == Tag::Text && inside {
                true => Ok(0),
                false => wrong("a symbol of a label that lies in the text"),
            }
        }
        _ => wrong("a symbol of a function, object or label"),
    }
}
