//! The sections of fixed-size records, one line each.

use cvm_spec::image::{
    ExportKind, Image, ImportKind, RelocationKind, SectionKind, StringRef, SymbolKind, Type,
};
use cvm_spec::pointer::ShortPointer;

use super::COMMENT;
use super::pool::segment;
use crate::names::string;
use crate::output::Text;

/// Prints a section of records.
pub(super) fn print(text: &mut Text<'_>, image: &Image, kind: SectionKind) {
    match kind {
        SectionKind::Types => types(text, image),
        SectionKind::Functions => functions(text, image),
        SectionKind::Imports => imports(text, image),
        SectionKind::Exports => exports(text, image),
        SectionKind::Initialisers => {
            for function in &image.initialisers {
                text.str("    .initialiser ").number(*function).end();
            }
        }
        SectionKind::Relocations => relocations(text, image),
        SectionKind::Symbols => symbols(text, image),
        SectionKind::Lines => {
            for line in &image.lines {
                text.str("    .line ").number(line.text);
                text.str(", ").number(line.source);
                text.str(", ").number(line.line);
                text.str(", ").number(line.column).end();
            }
        }
        SectionKind::Sources => {
            for (index, source) in image.sources.iter().enumerate() {
                text.str("    .source ");
                reference(text, *source);
                text.pad(COMMENT).str("; ").number(index);
                name(text, image, *source);
                text.end();
            }
        }
        SectionKind::Notes => {
            for note in &image.notes {
                text.str("    .note ");
                reference(text, note.name).str(", ");
                reference(text, note.value).pad(COMMENT).str(";");
                name(text, image, note.name);
                name(text, image, note.value);
                text.end();
            }
        }
        SectionKind::BssInit | SectionKind::Data | SectionKind::Text | SectionKind::Strings => {}
    }
}

fn reference<'t, 'w>(text: &'t mut Text<'w>, reference: StringRef) -> &'t mut Text<'w> {
    text.number(reference.offset)
        .str(":")
        .number(reference.length)
}

/// A name as part of a comment.
fn name(text: &mut Text<'_>, image: &Image, reference: StringRef) {
    text.byte(b' ').quoted_short(string(image, reference));
}

fn types(text: &mut Text<'_>, image: &Image) {
    for (index, ty) in image.types.iter().enumerate() {
        let (args, results) = ty.arity();
        let kind = match ty {
            Type::Function(_) => "function",
            Type::Foreign { .. } => "foreign",
        };
        text.str("    .type ").str(kind);
        text.str(", ")
            .number(args)
            .str(", ")
            .number(results)
            .str(", ");
        match ty {
            Type::Function(function) => text.number(function.brand),
            Type::Foreign { signature, .. } => reference(text, *signature),
        };
        text.pad(COMMENT).str("; ").number(index);
        if let Type::Foreign { signature, .. } = ty {
            name(text, image, *signature);
        }
        text.end();
    }
}

fn functions(text: &mut Text<'_>, image: &Image) {
    let names = crate::names::function_names(image);
    for (index, (function, label)) in image.functions.iter().zip(names).enumerate() {
        text.str("    .function ").number(function.start);
        text.str(", ").number(function.size);
        text.str(", ").number(function.type_index);
        text.pad(COMMENT).str("; ").number(index);
        if let Some(label) = label {
            name(text, image, label);
        }
        text.end();
    }
}

/// The word for an import's kind.
pub(crate) fn import_word(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Host => "host",
        ImportKind::Foreign => "foreign",
        ImportKind::Module => "module",
        ImportKind::ForeignData => "foreign-data",
        ImportKind::ModuleData => "module-data",
    }
}

fn imports(text: &mut Text<'_>, image: &Image) {
    for (index, import) in image.imports.iter().enumerate() {
        text.str("    .import ").str(import_word(import.kind));
        text.str(", ").number(import.flags);
        text.str(", ").number(import.type_index).str(", ");
        reference(text, import.module).str(", ");
        reference(text, import.name);
        text.pad(COMMENT).str("; ").number(index);
        name(text, image, import.module);
        name(text, image, import.name);
        text.end();
    }
}

fn exports(text: &mut Text<'_>, image: &Image) {
    for export in &image.exports {
        match export.kind {
            ExportKind::Function => text.str("    .export function, ").number(export.value),
            ExportKind::Object => {
                text.str("    .export object, ");
                short_pointer(text, export.value)
            }
        };
        text.str(", ").number(export.size).str(", ");
        reference(text, export.name).pad(COMMENT).str(";");
        name(text, image, export.name);
        text.end();
    }
}

fn short_pointer<'t, 'w>(text: &'t mut Text<'w>, bits: u32) -> &'t mut Text<'w> {
    let pointer = ShortPointer(bits);
    text.byte(segment(pointer.tag()));
    text.byte(b':').number(pointer.offset())
}

/// The word for a relocation's kind.
pub(crate) fn relocation_word(kind: RelocationKind) -> &'static str {
    match kind {
        RelocationKind::ShortPointer => "short-pointer",
        RelocationKind::Pointer => "pointer",
        RelocationKind::Call => "call",
        RelocationKind::Import => "import",
        RelocationKind::Type => "type",
    }
}

fn relocations(text: &mut Text<'_>, image: &Image) {
    for relocation in &image.relocations {
        text.str("    .relocation ")
            .str(relocation_word(relocation.kind));
        text.str(", ").byte(segment(relocation.segment)).byte(b':');
        text.number(relocation.offset);
        text.str(", ").number(relocation.target);
        text.str(", ").number(relocation.addend).end();
    }
}

/// The word for a symbol's kind.
pub(crate) fn symbol_word(kind: SymbolKind) -> &'static str {
    match kind {
        SymbolKind::Function => "function",
        SymbolKind::Object => "object",
        SymbolKind::Label => "label",
        SymbolKind::Argument => "argument",
        SymbolKind::Local => "local",
        SymbolKind::Reference => "reference",
        SymbolKind::Constant => "constant",
    }
}

fn symbols(text: &mut Text<'_>, image: &Image) {
    for symbol in &image.symbols {
        text.str("    .symbol ")
            .str(symbol_word(symbol.kind))
            .str(", ");
        match symbol.kind {
            SymbolKind::Object | SymbolKind::Label => short_pointer(text, symbol.value),
            _ => text.number(symbol.value),
        };
        text.str(", ").number(symbol.size).str(", ");
        reference(text, symbol.name);
        text.str(", ").number(symbol.a);
        text.str(", ").number(symbol.b);
        if symbol.name.length > 0 {
            text.pad(COMMENT).str(";");
            name(text, image, symbol.name);
        }
        text.end();
        if text.failed() {
            return;
        }
    }
}
