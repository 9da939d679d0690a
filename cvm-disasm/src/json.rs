//! The whole image as one JSON document (`spec/disasm-json.md`).

mod records;
mod text;
mod writer;

use std::io::{self, Write};

use cvm_spec::image::{Image, SectionKind, VERSION};

use crate::output::Text;
use crate::table::section_table;
use writer::Json;

/// Version of the document's shape.
const DOCUMENT_VERSION: u32 = 1;

/// Prints the image as one JSON document with a stable shape.
///
/// # Errors
/// Those of the destination.
pub fn json(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let mut json = Json::new(Text::new(out));
    json.open(b'{');
    json.key("version").number(DOCUMENT_VERSION);
    header(&mut json, image);
    sections(&mut json, image);
    records::types(&mut json, image);
    records::bss_init(&mut json, image);
    json.key("data").hex(&image.data);
    text::functions(&mut json, image);
    records::imports(&mut json, image);
    records::exports(&mut json, image);
    records::initialisers(&mut json, image);
    records::relocations(&mut json, image);
    json.key("strings").hex(&image.strings);
    records::symbols(&mut json, image);
    records::lines(&mut json, image);
    records::sources(&mut json, image);
    records::notes(&mut json, image);
    records::raw(&mut json, image);
    json.close(b'}');
    json.finish()
}

fn header(json: &mut Json<'_>, image: &Image) {
    json.key("header").open(b'{');
    json.key("image_version").number(VERSION);
    json.key("features").number(image.features);
    json.key("entry").optional(image.entry);
    json.key("bss_size").number(image.bss_size);
    json.key("owns_heap").boolean(image.owns_heap);
    json.key("heap_first").wide(image.heap_first);
    json.key("heap_largest").wide(image.heap_largest);
    json.close(b'}');
}

fn sections(json: &mut Json<'_>, image: &Image) {
    json.key("sections").open(b'[');
    for entry in section_table(&cvm_spec::image::writer::write(image)) {
        json.record();
        json.key("kind").number(entry.kind);
        let known = SectionKind::from_number(entry.kind);
        json.key("name").optional_word(known.map(SectionKind::name));
        json.key("offset").number(entry.offset);
        json.key("size").number(entry.size);
        json.close(b'}');
    }
    json.close(b']');
}
