//! The exact form (`spec/exact.md`): text that makes the same bytes again, for every image that the reader accepts.
//!
//! Every field of [`Image`] is spelled; names stand in comments only. Sections come in the order of the file.

mod pool;
mod records;
mod text;

use std::io::{self, Write};

use cvm_spec::image::{Image, SectionKind};

use crate::Options;
use crate::bytes::{self, Style};
use crate::output::Text;

pub(crate) use records::{import_word, relocation_word, symbol_word};

/// Column at which comments begin.
const COMMENT: usize = 40;

/// Prints the image in the exact form.
///
/// # Errors
/// Those of the destination.
pub fn exact(image: &Image, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Text::new(out);
    header(&mut text, image);
    let mut raw = image.raw.iter().peekable();
    for kind in SectionKind::ALL {
        while let Some(section) = raw.next_if(|section| section.kind <= kind as u32) {
            raw_section(&mut text, section.kind, &section.bytes);
        }
        if text.failed() {
            break;
        }
        section(&mut text, image, kind, options);
    }
    for section in raw {
        raw_section(&mut text, section.kind, &section.bytes);
    }
    text.finish()
}

fn header(text: &mut Text<'_>, image: &Image) {
    text.line(".exact 1");
    text.str(".features ").hex(u64::from(image.features)).end();
    match image.entry {
        Some(entry) => text.str(".entry ").number(entry).end(),
        None => text.line(".entry none"),
    }
    text.str(".bss ").number(image.bss_size).end();
    let heap = if image.owns_heap { "owned" } else { "shared" };
    text.str(".heap ").str(heap);
    text.str(", ").number(image.heap_first);
    text.str(", ").number(image.heap_largest).end();
}

fn raw_section(text: &mut Text<'_>, kind: u32, contents: &[u8]) {
    text.end();
    text.str(".section ").hex(u64::from(kind));
    if let Some(known) = SectionKind::from_number(kind) {
        text.pad(COMMENT).str("; damaged ").str(known.name());
    }
    text.end();
    bytes::print(text, contents, Style::Exact(0));
}

fn section(text: &mut Text<'_>, image: &Image, kind: SectionKind, options: Options) {
    if is_empty(image, kind) {
        return;
    }
    text.end();
    text.str(".section ").str(kind.name()).end();
    match kind {
        SectionKind::Data => pool::data(text, image),
        SectionKind::Strings => pool::strings(text, image),
        SectionKind::BssInit => {
            for extent in &image.bss_init {
                text.str("    .extent ").number(extent.offset).end();
                bytes::print(text, &extent.bytes, Style::Exact(extent.offset as usize));
            }
        }
        SectionKind::Text => text::print(text, image, options),
        _ => records::print(text, image, kind),
    }
}

/// Whether a section has nothing in it; the file does not have it then.
pub(crate) fn is_empty(image: &Image, kind: SectionKind) -> bool {
    match kind {
        SectionKind::Types => image.types.is_empty(),
        SectionKind::BssInit => image.bss_init.is_empty(),
        SectionKind::Data => image.data.is_empty(),
        SectionKind::Text => image.text.is_empty(),
        SectionKind::Functions => image.functions.is_empty(),
        SectionKind::Imports => image.imports.is_empty(),
        SectionKind::Exports => image.exports.is_empty(),
        SectionKind::Initialisers => image.initialisers.is_empty(),
        SectionKind::Relocations => image.relocations.is_empty(),
        SectionKind::Strings => image.strings.is_empty(),
        SectionKind::Symbols => image.symbols.is_empty(),
        SectionKind::Lines => image.lines.is_empty(),
        SectionKind::Sources => image.sources.is_empty(),
        SectionKind::Notes => image.notes.is_empty(),
    }
}
