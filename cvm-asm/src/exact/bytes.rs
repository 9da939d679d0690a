//! `.byte .quad .ascii .zero`, and `.extent`.

use cvm_spec::image::{Extent, SectionKind};
use cvm_spec::pointer::{OFFSET_MASK, Pointer};

use super::cursor::Parsed;
use super::{Assembler, Section};

/// Most bytes that all `.zero` of a file make together, so that a line cannot ask for all memory there is.
const MOST_ZEROS: u64 = 1 << 32;

impl Assembler<'_> {
    pub(super) fn byte_directive(&mut self, word: &[u8]) -> Parsed<()> {
        if word == b".extent" && self.section == Section::Records(SectionKind::BssInit) {
            let offset = self.cursor.u32("an offset in bss")?;
            self.image.bss_init.push(Extent {
                offset,
                bytes: Vec::new(),
            });
            return Ok(());
        }
        let cursor = &mut self.cursor;
        let image = &mut self.image;
        let bytes = match self.section {
            Section::Records(SectionKind::Data) => Some(&mut image.data),
            Section::Records(SectionKind::Text) => Some(&mut image.text),
            Section::Records(SectionKind::Strings) => Some(&mut image.strings),
            Section::Records(SectionKind::BssInit) => {
                image.bss_init.last_mut().map(|extent| &mut extent.bytes)
            }
            _ => image.raw.last_mut().map(|section| &mut section.bytes),
        };
        let Some(bytes) = bytes else {
            return Err(
                cursor.misplaced("bytes of bss-init belong to an extent", "expected .extent")
            );
        };
        match word {
            b".byte" => loop {
                bytes.push(cursor.signed("a byte", -128, 255)? as u8);
                if !cursor.accept(b',') {
                    return Ok(());
                }
            },
            b".quad" => loop {
                let value = if cursor.at_pointer() {
                    let (tag, offset) = cursor.pointer(OFFSET_MASK)?;
                    Pointer::new(tag, offset).0
                } else {
                    cursor.signed("a number or pointer", i64::MIN, u64::MAX)?
                };
                bytes.extend_from_slice(&value.to_le_bytes());
                if !cursor.accept(b',') {
                    return Ok(());
                }
            },
            b".ascii" => cursor.string(bytes),
            b".zero" => {
                let count = cursor.number("a count of bytes", MOST_ZEROS)?;
                self.zeros += count;
                let room = usize::try_from(count).ok();
                let room = room.filter(|count| {
                    self.zeros <= MOST_ZEROS && bytes.try_reserve_exact(*count).is_ok()
                });
                let Some(count) = room else {
                    return Err(cursor.too_large("more zeros than there is room for"));
                };
                bytes.resize(bytes.len() + count, 0);
                Ok(())
            }
            _ => Err(cursor.unknown_directive(".byte, .quad, .ascii, .zero or .section")),
        }
    }
}
