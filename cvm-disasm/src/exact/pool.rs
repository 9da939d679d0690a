//! The sections of plain bytes that have a structure: data with its pointers, and the string pool.

use cvm_spec::image::{Image, RelocationKind, StringRef, Type};
use cvm_spec::pointer::{Pointer, Tag};

use super::COMMENT;
use crate::bytes::{Style, is_string, print};
use crate::output::Text;
use crate::sweep::OffsetSet;

/// Prints the data segment, with the pointers that relocations name as `.quad`.
pub(super) fn data(text: &mut Text<'_>, image: &Image) {
    let relocations = image.relocations.iter();
    let mut places: Vec<usize> = relocations
        .filter(|r| r.kind == RelocationKind::Pointer && r.segment == Tag::Data)
        .map(|relocation| relocation.offset as usize)
        .collect();
    places.sort_unstable();
    let data = &image.data;
    let mut at = 0;
    for place in places {
        let Some(cell) = data.get(place..).and_then(|rest| rest.first_chunk::<8>()) else {
            break;
        };
        if place < at {
            continue;
        }
        print(text, &data[at..place], Style::Exact(at));
        let pointer = Pointer(u64::from_le_bytes(*cell));
        text.str("    .quad ").byte(segment(pointer.tag()));
        text.str(":").number(pointer.offset());
        text.pad(COMMENT).str("; ").number(place).end();
        at = place + 8;
    }
    print(text, &data[at..], Style::Exact(at));
}

/// A segment's letter; the digit of its tag if it has none.
pub(super) fn segment(tag: Tag) -> u8 {
    tag.prefix().map_or(b'0' + tag as u8, |letter| letter as u8)
}

/// Prints the string pool, cut where a string of the image begins or ends.
pub(super) fn strings(text: &mut Text<'_>, image: &Image) {
    let pool = &image.strings;
    let mut cuts = OffsetSet::new(pool.len());
    all_references(image, |reference| {
        cuts.insert(reference.offset as usize);
        cuts.insert((reference.offset as usize).saturating_add(reference.length as usize));
    });
    let mut from = 0;
    let ends = cuts.iter().filter(|cut| *cut < pool.len());
    for to in ends.chain([pool.len()]) {
        let piece = &pool[from..to];
        if !is_string(piece) {
            print(text, piece, Style::Exact(from));
        } else if !piece.is_empty() {
            text.str("    .ascii ").quoted(piece).pad(COMMENT);
            text.str("; ")
                .number(from)
                .str(":")
                .number(piece.len())
                .end();
        }
        from = to;
        if text.failed() {
            return;
        }
    }
}

fn all_references(image: &Image, mut each: impl FnMut(StringRef)) {
    for ty in &image.types {
        if let Type::Foreign { signature, .. } = ty {
            each(*signature);
        }
    }
    for import in &image.imports {
        each(import.module);
        each(import.name);
    }
    image.exports.iter().for_each(|export| each(export.name));
    image.symbols.iter().for_each(|symbol| each(symbol.name));
    image.sources.iter().for_each(|source| each(*source));
    for note in &image.notes {
        each(note.name);
        each(note.value);
    }
}
