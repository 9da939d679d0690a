//! Writing an image: the inverse of the [reader](super::reader).
//!
//! The writer decides nothing: sections that hold nothing are left out, the others stand in order of kind, one
//! behind the other. It does not check either; what it makes of a wrong image the reader rejects.

use super::{
    Export, FLAG_OWNS_HEAP, Function, HEADER_SIZE, Image, Import, Line, MAGIC, NO_ENTRY, Note,
    Relocation, SECTION_ENTRY_SIZE, SectionKind, StringRef, Symbol, Type, VERSION,
};

/// Writes an image as the bytes of a `.cvm` file.
///
/// The same image always gives the same bytes. A debug section stands in [`Image::raw`] or in its own field; if it is
/// in both, the field wins.
pub fn write(image: &Image) -> Vec<u8> {
    let sections = sections(image);
    let mut at = HEADER_SIZE + sections.len() * SECTION_ENTRY_SIZE;
    let total: usize = sections.iter().map(|section| section.size(image)).sum();
    let mut out = Out(Vec::with_capacity(at + total));

    out.bytes(&MAGIC);
    out.u16(VERSION);
    out.u32(if image.owns_heap { FLAG_OWNS_HEAP } else { 0 });
    out.u32(image.features);
    out.u32(image.entry.unwrap_or(NO_ENTRY));
    out.u32(sections.len() as u32);
    out.u64(u64::from(image.bss_size));
    out.u64(image.heap_first);
    out.u64(image.heap_largest);

    for section in &sections {
        let size = section.size(image);
        out.u32(section.number());
        out.u32(0);
        out.u64(at as u64);
        out.u64(size as u64);
        at += size;
    }
    for section in &sections {
        section.write(image, &mut out);
    }
    out.0
}

/// A section that is going to be written.
enum Section<'a> {
    Known(SectionKind),
    Raw(u32, &'a [u8]),
}

/// The sections that are not empty, in order of kind.
fn sections(image: &Image) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = SectionKind::ALL
        .into_iter()
        .filter(|kind| known_size(image, *kind) > 0)
        .map(Section::Known)
        .collect();
    for raw in &image.raw {
        let parsed = SectionKind::from_number(raw.kind);
        let shadowed = parsed.is_some_and(|kind| known_size(image, kind) > 0);
        if !raw.bytes.is_empty() && !shadowed {
            sections.push(Section::Raw(raw.kind, &raw.bytes));
        }
    }
    sections.sort_by_key(Section::number);
    sections
}

impl Section<'_> {
    fn number(&self) -> u32 {
        match self {
            Section::Known(kind) => *kind as u32,
            Section::Raw(number, _) => *number,
        }
    }

    fn size(&self, image: &Image) -> usize {
        match self {
            Section::Known(kind) => known_size(image, *kind),
            Section::Raw(_, bytes) => bytes.len(),
        }
    }

    fn write(&self, image: &Image, out: &mut Out) {
        match self {
            Section::Known(kind) => write_known(image, *kind, out),
            Section::Raw(_, bytes) => out.bytes(bytes),
        }
    }
}

/// Size in bytes of a section as the writer makes it.
fn known_size(image: &Image, kind: SectionKind) -> usize {
    let records = match kind {
        SectionKind::BssInit => return image.bss_init.iter().map(|e| 8 + e.bytes.len()).sum(),
        SectionKind::Data => return image.data.len(),
        SectionKind::Text => return image.text.len(),
        SectionKind::Strings => return image.strings.len(),
        SectionKind::Types => image.types.len(),
        SectionKind::Functions => image.functions.len(),
        SectionKind::Imports => image.imports.len(),
        SectionKind::Exports => image.exports.len(),
        SectionKind::Initialisers => image.initialisers.len(),
        SectionKind::Relocations => image.relocations.len(),
        SectionKind::Symbols => image.symbols.len(),
        SectionKind::Lines => image.lines.len(),
        SectionKind::Sources => image.sources.len(),
        SectionKind::Notes => image.notes.len(),
    };
    records * kind.record_size().unwrap_or(1)
}

fn write_known(image: &Image, kind: SectionKind, out: &mut Out) {
    match kind {
        SectionKind::Types => image.types.iter().for_each(|t| out.type_record(t)),
        SectionKind::BssInit => {
            for extent in &image.bss_init {
                out.u32(extent.offset);
                out.u32(extent.bytes.len() as u32);
                out.bytes(&extent.bytes);
            }
        }
        SectionKind::Data => out.bytes(&image.data),
        SectionKind::Text => out.bytes(&image.text),
        SectionKind::Functions => image.functions.iter().for_each(|f| out.function(f)),
        SectionKind::Imports => image.imports.iter().for_each(|i| out.import(i)),
        SectionKind::Exports => image.exports.iter().for_each(|e| out.export(e)),
        SectionKind::Initialisers => image.initialisers.iter().for_each(|i| out.u32(*i)),
        SectionKind::Relocations => image.relocations.iter().for_each(|r| out.relocation(r)),
        SectionKind::Strings => out.bytes(&image.strings),
        SectionKind::Symbols => image.symbols.iter().for_each(|s| out.symbol(s)),
        SectionKind::Lines => image.lines.iter().for_each(|l| out.line(l)),
        SectionKind::Sources => image.sources.iter().for_each(|s| out.string(*s)),
        SectionKind::Notes => image.notes.iter().for_each(|n| out.note(n)),
    }
}

/// The bytes written so far; one method for each record, its fields in file order.
struct Out(Vec<u8>);

impl Out {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn string(&mut self, string: StringRef) {
        self.u32(string.offset);
        self.u32(string.length);
    }

    fn type_record(&mut self, ty: &Type) {
        let (args, results) = ty.arity();
        let (kind, a, b) = match *ty {
            Type::Function(function) => (0, function.brand, 0),
            Type::Foreign { signature, .. } => (1, signature.offset, signature.length),
        };
        self.u32(kind);
        self.u16(args);
        self.u16(results);
        self.u32(a);
        self.u32(b);
    }

    fn function(&mut self, function: &Function) {
        self.u32(function.start);
        self.u32(function.size);
        self.u32(function.type_index);
    }

    fn import(&mut self, import: &Import) {
        self.u32(import.kind as u32);
        self.u32(import.flags);
        self.u32(import.type_index);
        self.string(import.module);
        self.string(import.name);
        self.u32(0);
    }

    fn export(&mut self, export: &Export) {
        self.u32(export.kind as u32);
        self.u32(export.value);
        self.u32(export.size);
        self.string(export.name);
        self.u32(0);
    }

    fn relocation(&mut self, relocation: &Relocation) {
        self.u32(relocation.kind as u32);
        self.u32(relocation.segment as u32);
        self.u32(relocation.offset);
        self.u32(relocation.target);
        self.u32(relocation.addend);
    }

    fn symbol(&mut self, symbol: &Symbol) {
        self.u32(symbol.kind as u32);
        self.u32(symbol.value);
        self.u32(symbol.size);
        self.string(symbol.name);
        self.u32(symbol.a);
        self.u32(symbol.b);
    }

    fn line(&mut self, line: &Line) {
        self.u32(line.text);
        self.u32(line.line);
        self.u16(line.source);
        self.u16(line.column);
    }

    fn note(&mut self, note: &Note) {
        self.string(note.name);
        self.string(note.value);
    }
}
