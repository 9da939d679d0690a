//! `--headers`: what an image is, without its code.

use std::io::{self, Write};

use cvm_spec::image::{ExportKind, Image, SectionKind, Type, VERSION, writer};
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::exact::import_word;
use crate::names::{function_names, string};
use crate::output::Text;
use crate::table::section_table;

/// Prints header, section table, segments, imports, exports and initialisers.
///
/// # Errors
/// Those of the destination.
pub fn headers(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Text::new(out);
    header(&mut text, image);
    sections(&mut text, image);
    segments(&mut text, image);
    imports(&mut text, image);
    exports(&mut text, image);
    initialisers(&mut text, image);
    text.finish()
}

fn header(text: &mut Text<'_>, image: &Image) {
    text.line("header");
    text.str("  version").pad(14).number(VERSION).end();
    text.str("  features")
        .pad(14)
        .hex(u64::from(image.features))
        .end();
    text.str("  entry").pad(14);
    match image.entry {
        Some(entry) => {
            text.str("t:").number(entry);
            let names = function_names(image);
            let index = image.function_starting_at(entry);
            if let Some(name) = index.and_then(|index| names[index as usize]) {
                text.str("  ").quoted_short(string(image, name));
            }
        }
        None => {
            text.str("none: not a program");
        }
    }
    text.end();
    text.str("  heap").pad(14);
    match (image.owns_heap, image.heap_largest) {
        (false, _) => text.str("as the machine decides"),
        (true, 0) => text
            .number(image.heap_first)
            .str(" bytes, as large as the machine allows"),
        (true, largest) => text
            .number(image.heap_first)
            .str(" to ")
            .number(largest)
            .str(" bytes"),
    };
    text.end();
}

fn sections(text: &mut Text<'_>, image: &Image) {
    text.end();
    text.line("sections        kind      offset        size  records");
    for entry in section_table(&writer::write(image)) {
        let known = SectionKind::from_number(entry.kind);
        text.str("  ")
            .str(known.map_or("(unknown)", SectionKind::name));
        text.pad(16).str("0x").hex_digits(u64::from(entry.kind), 8);
        right(text, 34, entry.offset);
        right(text, 46, entry.size);
        let damaged = image.raw.iter().any(|raw| raw.kind == entry.kind);
        match known.and_then(SectionKind::record_size) {
            Some(_) if damaged => {
                text.pad(48).str("damaged");
            }
            Some(size) => right(text, 55, entry.size / size as u64),
            None => {}
        }
        text.end();
    }
}

/// A number that ends before a column.
fn right(text: &mut Text<'_>, column: usize, value: u64) {
    let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
    text.pad(column.saturating_sub(digits)).number(value);
}

fn segments(text: &mut Text<'_>, image: &Image) {
    text.end();
    text.line("segments  prefix  policy        size");
    let contents: usize = image.bss_init.iter().map(|extent| extent.bytes.len()).sum();
    for (tag, size) in [
        (Tag::Text, image.text.len() as u64),
        (Tag::Data, image.data.len() as u64),
        (Tag::Bss, u64::from(image.bss_size)),
    ] {
        text.str("  ").str(tag.name()).pad(10);
        text.byte(tag.prefix().map_or(b'?', |letter| letter as u8))
            .byte(b':');
        text.pad(18).str(tag.policy());
        right(text, 36, size);
        if tag == Tag::Bss && contents > 0 {
            text.str("  ")
                .number(contents)
                .str(" bytes with initial contents");
        }
        text.end();
    }
    text.end();
    text.str("functions ").number(image.functions.len()).end();
}

fn arity(text: &mut Text<'_>, image: &Image, type_index: u32) {
    match image.types.get(type_index as usize) {
        Some(Type::Foreign { signature, .. }) => {
            text.str("  ").quoted_short(string(image, *signature));
        }
        Some(ty) => {
            let (args, results) = ty.arity();
            text.str("  (").number(args).str(") -> ").number(results);
        }
        None => {}
    }
}

fn imports(text: &mut Text<'_>, image: &Image) {
    if image.imports.is_empty() {
        return;
    }
    text.end();
    text.line("imports");
    for (index, import) in image.imports.iter().enumerate() {
        right(text, 6, index as u64);
        text.str("  ").str(import_word(import.kind)).pad(22);
        text.quoted_short(string(image, import.module)).byte(b' ');
        text.quoted_short(string(image, import.name));
        arity(text, image, import.type_index);
        text.end();
    }
}

fn exports(text: &mut Text<'_>, image: &Image) {
    if image.exports.is_empty() {
        return;
    }
    text.end();
    text.line("exports");
    for export in &image.exports {
        text.str("  ").quoted_short(string(image, export.name));
        match export.kind {
            ExportKind::Function => {
                text.str("  function ").number(export.value);
                if let Some(function) = image.functions.get(export.value as usize) {
                    arity(text, image, function.type_index);
                }
            }
            ExportKind::Object => {
                let pointer = ShortPointer(export.value).to_string();
                text.str("  ")
                    .str(&pointer)
                    .str(", ")
                    .number(export.size)
                    .str(" bytes");
            }
        }
        text.end();
    }
}

fn initialisers(text: &mut Text<'_>, image: &Image) {
    if image.initialisers.is_empty() {
        return;
    }
    let names = function_names(image);
    text.end();
    text.line("initialisers");
    for index in &image.initialisers {
        text.str("  function ").number(*index);
        if let Some(Some(name)) = names.get(*index as usize) {
            text.str("  ").quoted_short(string(image, *name));
        }
        text.end();
    }
}
