//! Damaged debug information: a warning with a place, never a rejection, and no byte is lost.

mod sample;

use cvm_spec::image::reader::{Read, read};
use cvm_spec::image::writer::write;
use cvm_spec::image::{Image, Line, RawSection, SectionKind, StringRef, Symbol, SymbolKind};

/// Reads a file that must be accepted and come back unchanged.
fn accepted(file: &[u8]) -> Read {
    let read = read(file).expect("debug information is never a reason to reject");
    assert!(write(&read.image) == file);
    read
}

/// The one warning of an image: its offset from the start of a section, and its text.
fn warning(image: &Image, kind: SectionKind) -> (u64, String) {
    let file = write(image);
    let read = accepted(&file);
    assert_eq!(read.warnings.len(), 1, "{:?}", read.warnings);
    let entry = (0..)
        .map(|i| 48 + 24 * i)
        .find(|at| file[*at..at + 4] == (kind as u32).to_le_bytes())
        .expect("the section is there");
    let offset = u64::from_le_bytes(file[entry + 8..entry + 16].try_into().expect("8 bytes"));
    let warning = &read.warnings[0];
    (warning.offset - offset, warning.message.clone())
}

/// The sample without relocations, so that nothing needs its symbols.
fn sample() -> Image {
    let mut image = sample::image();
    image.relocations.clear();
    image
}

/// The sample with other bytes in place of a debug section.
fn with_bytes(kind: SectionKind, bytes: &[u8]) -> Image {
    let mut image = sample();
    match kind {
        SectionKind::Symbols => image.symbols.clear(),
        SectionKind::Lines => image.lines.clear(),
        SectionKind::Sources => image.sources.clear(),
        _ => image.notes.clear(),
    }
    let raw = RawSection {
        kind: kind as u32,
        bytes: bytes.to_vec(),
    };
    image.raw.insert(0, raw);
    image
}

#[test]
fn sections_that_are_no_records_are_kept_as_bytes() {
    for kind in [
        SectionKind::Symbols,
        SectionKind::Sources,
        SectionKind::Notes,
    ] {
        let image = with_bytes(kind, &[1, 0, 0, 0, 0]);
        let file = write(&image);
        let read = accepted(&file);
        assert_eq!(read.image.raw, image.raw);
        let about_size: Vec<_> = read
            .warnings
            .iter()
            .filter(|warning| warning.message.contains("no whole number"))
            .collect();
        assert_eq!(about_size.len(), 1, "{:?}", read.warnings);
    }
    let (offset, message) = warning(
        &with_bytes(SectionKind::Lines, &[0; 13]),
        SectionKind::Lines,
    );
    assert_eq!(offset, 0);
    assert_eq!(
        message,
        "13 bytes are no whole number of lines records; the lines section is ignored"
    );
}

#[test]
fn a_symbol_of_unknown_kind_hides_the_section() {
    let mut bytes = vec![0; 56];
    bytes[0] = 7;
    bytes[28] = 8;
    let (offset, message) = warning(
        &with_bytes(SectionKind::Symbols, &bytes),
        SectionKind::Symbols,
    );
    assert_eq!(offset, 28);
    assert!(message.contains("unknown kind 8"), "{message}");
}

#[test]
fn lines_that_do_not_ascend_hide_the_section() {
    for second in [0, 4] {
        let mut image = sample();
        image.lines = [4, second]
            .map(|text| Line {
                text,
                line: 1,
                source: 0,
                column: 1,
            })
            .to_vec();
        let (offset, message) = warning(&image, SectionKind::Lines);
        assert_eq!(offset, 12);
        assert!(message.contains("do not ascend"), "{message}");
        assert_eq!(accepted(&write(&image)).image.lines, []);
    }
}

#[test]
fn references_that_lead_nowhere_are_kept_and_counted() {
    let mut image = sample();
    image.lines[1].source = 9;
    image.lines[2].source = 9;
    let (offset, message) = warning(&image, SectionKind::Lines);
    assert_eq!(offset, 12);
    assert!(
        message.starts_with("2 entries of the lines section"),
        "{message}"
    );
    assert_eq!(accepted(&write(&image)).image.lines, image.lines);

    let nowhere = StringRef {
        offset: u32::MAX,
        length: u32::MAX,
    };
    let mut image = sample();
    image.notes[0].value = nowhere;
    assert_eq!(warning(&image, SectionKind::Notes).0, 0);
    let mut image = sample();
    image.sources[0] = nowhere;
    assert_eq!(warning(&image, SectionKind::Sources).0, 0);
    assert_eq!(image.string(nowhere), None);

    let symbol = Symbol {
        kind: SymbolKind::Constant,
        value: 0,
        size: 0,
        name: StringRef::default(),
        a: 0,
        b: 0,
    };
    for (kind, value, a, b) in [
        (SymbolKind::Function, 2, 0, 0),
        (SymbolKind::Object, 0x4000_0008, 0, 0),
        (SymbolKind::Object, 0x2000_0000, 0, 0),
        (SymbolKind::Label, 0x4000_0000, 0, 0),
        (SymbolKind::Label, 0x2000_ffff, 0, 0),
        (SymbolKind::Argument, 0, 1, 0),
        (SymbolKind::Local, 0, 0, u32::MAX),
        (SymbolKind::Reference, u32::MAX, 0, 0),
        (SymbolKind::Reference, 0, 4, 0),
    ] {
        let mut image = sample();
        image.symbols.push(Symbol {
            kind,
            value,
            size: 1,
            a,
            b,
            ..symbol
        });
        assert_eq!(warning(&image, SectionKind::Symbols).0, 3 * 28, "{kind:?}");
    }
}

#[test]
fn a_damaged_name_in_the_pool_is_a_warning_if_only_symbols_use_it() {
    let mut image = sample();
    let start = image.symbols[0].name.offset as usize;
    image.strings[start] = 0xff;
    let (offset, message) = warning(&image, SectionKind::Symbols);
    assert_eq!(offset, 0);
    assert!(message.contains("does not exist"), "{message}");
}

#[test]
fn unknown_optional_sections_are_kept() {
    let mut image = sample();
    image.raw.push(RawSection {
        kind: u32::MAX,
        bytes: vec![1, 2, 3],
    });
    let read = accepted(&write(&image));
    assert_eq!(read.warnings, []);
    assert_eq!(read.image, image);
}
