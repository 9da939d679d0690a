//! The tables.

use cvm_spec::image::{ExportKind, Image, SectionKind, Type};
use cvm_spec::pointer::ShortPointer;

use super::writer::Json;
use crate::exact::{import_word, relocation_word, symbol_word};

/// A short pointer: segment and offset.
pub(super) fn pointer(json: &mut Json<'_>, bits: u32) {
    let pointer = ShortPointer(bits);
    json.open(b'{');
    json.key("segment").word(pointer.tag().name());
    json.key("offset").number(pointer.offset());
    json.close(b'}');
}

/// An array of objects, one a line.
fn table<T>(json: &mut Json<'_>, name: &str, items: &[T], each: impl Fn(&mut Json<'_>, &T)) {
    json.key(name).open(b'[');
    for item in items {
        json.record();
        each(json, item);
        json.close(b'}');
        if json.failed() {
            break;
        }
    }
    json.close(b']');
}

pub(super) fn types(json: &mut Json<'_>, image: &Image) {
    table(json, "types", &image.types, |json, ty| {
        let (args, results) = ty.arity();
        json.key("args").number(args);
        json.key("results").number(results);
        match ty {
            Type::Function(function) => json.key("brand").number(function.brand),
            Type::Foreign { signature, .. } => json.key("signature").reference(image, *signature),
        }
    });
}

pub(super) fn bss_init(json: &mut Json<'_>, image: &Image) {
    table(json, "bss_init", &image.bss_init, |json, extent| {
        json.key("offset").number(extent.offset);
        json.key("bytes").hex(&extent.bytes);
    });
}

pub(super) fn imports(json: &mut Json<'_>, image: &Image) {
    table(json, "imports", &image.imports, |json, import| {
        json.key("kind").word(import_word(import.kind));
        json.key("flags").number(import.flags);
        json.key("type").number(import.type_index);
        json.key("module").reference(image, import.module);
        json.key("name").reference(image, import.name);
    });
}

pub(super) fn exports(json: &mut Json<'_>, image: &Image) {
    table(json, "exports", &image.exports, |json, export| {
        match export.kind {
            ExportKind::Function => {
                json.key("kind").word("function");
                json.key("function").number(export.value);
            }
            ExportKind::Object => {
                json.key("kind").word("object");
                pointer(json.key("address"), export.value);
            }
        }
        json.key("size").number(export.size);
        json.key("name").reference(image, export.name);
    });
}

pub(super) fn initialisers(json: &mut Json<'_>, image: &Image) {
    json.key("initialisers").open(b'[');
    for index in &image.initialisers {
        json.number(*index);
    }
    json.close(b']');
}

pub(super) fn relocations(json: &mut Json<'_>, image: &Image) {
    table(
        json,
        "relocations",
        &image.relocations,
        |json, relocation| {
            json.key("kind").word(relocation_word(relocation.kind));
            json.key("segment").word(relocation.segment.name());
            json.key("offset").number(relocation.offset);
            json.key("target").number(relocation.target);
            json.key("addend").number(relocation.addend);
        },
    );
}

pub(super) fn symbols(json: &mut Json<'_>, image: &Image) {
    table(json, "symbols", &image.symbols, |json, symbol| {
        json.key("kind").word(symbol_word(symbol.kind));
        json.key("value").number(symbol.value);
        json.key("size").number(symbol.size);
        json.key("name").reference(image, symbol.name);
        json.key("a").number(symbol.a);
        json.key("b").number(symbol.b);
    });
}

pub(super) fn lines(json: &mut Json<'_>, image: &Image) {
    table(json, "lines", &image.lines, |json, line| {
        json.key("text").number(line.text);
        json.key("source").number(line.source);
        json.key("line").number(line.line);
        json.key("column").number(line.column);
    });
}

pub(super) fn sources(json: &mut Json<'_>, image: &Image) {
    table(json, "sources", &image.sources, |json, source| {
        json.key("name").reference(image, *source);
    });
}

pub(super) fn notes(json: &mut Json<'_>, image: &Image) {
    table(json, "notes", &image.notes, |json, note| {
        json.key("name").reference(image, note.name);
        json.key("value").reference(image, note.value);
    });
}

pub(super) fn raw(json: &mut Json<'_>, image: &Image) {
    table(json, "raw_sections", &image.raw, |json, raw| {
        json.key("kind").number(raw.kind);
        let known = SectionKind::from_number(raw.kind);
        json.key("name").optional_word(known.map(SectionKind::name));
        json.key("bytes").hex(&raw.bytes);
    });
}
