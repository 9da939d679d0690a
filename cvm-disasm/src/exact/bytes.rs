//! Plain bytes as `.ascii`, `.byte`, `.quad` and `.zero`.

use cvm_spec::image::{Image, RelocationKind, StringRef};
use cvm_spec::pointer::{Pointer, Tag};

use super::COMMENT;
use crate::output::Text;
use crate::sweep::OffsetSet;

/// Zeros from this many on are a `.zero`.
const ZEROS: usize = 16;
/// Printable bytes from this many on are an `.ascii`.
const PRINTABLE: usize = 4;
/// Most bytes of a `.byte` line.
const PER_LINE: usize = 16;
/// Most characters of an `.ascii` line.
const PER_STRING: usize = 64;

/// Prints bytes; `base` is the offset of the first, for comments.
pub(super) fn print(text: &mut Text<'_>, bytes: &[u8], base: usize) {
    let mut at = 0;
    while at < bytes.len() && !text.failed() {
        let from = at;
        let rest = &bytes[at..];
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if zeros >= ZEROS {
            at += zeros;
            text.str("    .zero ").number(zeros);
        } else if let Some(length) = string_length(rest) {
            at += length;
            text.str("    .ascii ").quoted(&rest[..length]);
        } else {
            let length = plain_length(rest);
            at += length;
            byte_line(text, &rest[..length]);
        }
        text.pad(COMMENT).str("; ").number(base + from).end();
    }
}

/// A `.byte` directive without the end of its line.
pub(super) fn byte_line(text: &mut Text<'_>, bytes: &[u8]) {
    text.str("    .byte ");
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            text.str(", ");
        }
        text.str("0x").hex_digits(u64::from(*byte), 2);
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\n' | b'\t')
}

/// The length of the string that begins here, if it is long enough to be one; it ends behind a line break.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let window = &bytes[..bytes.len().min(PER_STRING)];
    let length = window
        .iter()
        .take_while(|byte| is_printable(**byte))
        .count();
    if length < PRINTABLE {
        return None;
    }
    let line = window[..length].iter().position(|byte| *byte == b'\n');
    match line {
        Some(at) if at + 1 >= PRINTABLE => Some(at + 1),
        _ => Some(length),
    }
}

/// How many bytes of a `.byte` line come before a string or zeros; at least one.
fn plain_length(bytes: &[u8]) -> usize {
    let most = bytes.len().min(PER_LINE);
    (1..most)
        .find(|&at| {
            let ahead = &bytes[at..];
            string_length(ahead).is_some()
                || ahead.len() >= ZEROS && ahead[..ZEROS].iter().all(|byte| *byte == 0)
        })
        .unwrap_or(most)
}

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
        print(text, &data[at..place], at);
        let pointer = Pointer(u64::from_le_bytes(*cell));
        text.str("    .quad ");
        text.byte(segment(pointer.tag()));
        text.str(":").number(pointer.offset());
        text.pad(COMMENT).str("; ").number(place).end();
        at = place + 8;
    }
    print(text, &data[at..], at);
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
        if piece.len() <= PER_STRING && piece.iter().all(|byte| is_printable(*byte)) {
            if !piece.is_empty() {
                text.str("    .ascii ").quoted(piece);
                text.pad(COMMENT)
                    .str("; ")
                    .number(from)
                    .str(":")
                    .number(piece.len())
                    .end();
            }
        } else {
            print(text, piece, from);
        }
        from = to;
        if text.failed() {
            return;
        }
    }
}

fn all_references(image: &Image, mut each: impl FnMut(StringRef)) {
    use cvm_spec::image::Type;
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
