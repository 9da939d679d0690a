//! The assembler of the exact form (`spec/exact.md`): text that spells a whole image, byte for byte.
//!
//! It is a language of its own with one pass of lines: no expressions, no macros, no choice of encodings. Its inverse
//! is `cvm-disasm --exact`.

mod bytes;
mod cursor;
mod mnemonics;
mod records;
mod text;

#[cfg(test)]
mod tests;

use cvm_spec::image::{Image, RawSection, SectionKind, reader, writer};

use crate::diagnostic::{Diagnostic, DiagnosticCode, Span};
use crate::{Assembled, Options, SourceFile};
use cursor::{Cursor, Parsed};
use text::Code;

/// After this many errors the rest of the file is not read: it is not what it should be.
const MOST_ERRORS: usize = 100;

/// Whether the first statement of a source is `.exact`.
pub fn is_exact(source: &[u8]) -> bool {
    let mut cursor = Cursor::new(0, source);
    while cursor.next_line() {
        if cursor.peek().is_some() {
            return cursor.word() == b".exact";
        }
    }
    false
}

/// Assembles the only source of a program, which is in the exact form. Options that add to an image have no effect:
/// the source spells all of it.
pub fn assemble(source: &SourceFile, _options: &Options) -> Assembled {
    let mut assembler = Assembler::new(0, &source.text);
    while assembler.cursor.next_line() {
        if let Err(diagnostic) = assembler.line() {
            assembler.diagnostics.push(*diagnostic);
            if assembler.diagnostics.len() >= MOST_ERRORS {
                break;
            }
        }
    }
    let (image, diagnostics) = assembler.finish();
    Assembled {
        image,
        diagnostics,
        ..Assembled::default()
    }
}

/// The section that statements go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Header,
    Records(SectionKind),
    Raw,
}

struct Assembler<'s> {
    file: u32,
    cursor: Cursor<'s>,
    section: Section,
    /// Number of the last section.
    number: u32,
    image: Image,
    code: Code<'s>,
    header: Header,
    /// Zeros that `.zero` made so far.
    zeros: u64,
    diagnostics: Vec<Diagnostic>,
}

/// Which directives of the header were there.
#[derive(Default)]
struct Header {
    exact: bool,
    features: bool,
    entry: bool,
    bss: bool,
    heap: bool,
}

impl<'s> Assembler<'s> {
    fn new(file: u32, source: &'s [u8]) -> Self {
        Self {
            file,
            cursor: Cursor::new(file, source),
            section: Section::Header,
            number: 0,
            image: Image::default(),
            code: Code::default(),
            header: Header::default(),
            zeros: 0,
            diagnostics: Vec::new(),
        }
    }

    /// One line of source.
    fn line(&mut self) -> Parsed<()> {
        let Some(first) = self.cursor.peek() else {
            return Ok(());
        };
        if first == b'.' {
            self.directive()?;
        } else if self.section == Section::Records(SectionKind::Text) {
            while let Some(label) = self.cursor.label() {
                let offset = self.image.text.len();
                self.code.define(label, offset, &self.cursor)?;
            }
            match self.cursor.peek() {
                None => {}
                Some(b'.') => self.directive()?,
                Some(_) => self.instruction()?,
            }
        } else {
            return Err(self.cursor.unexpected("a directive"));
        }
        self.cursor.end_of_statement()
    }

    fn directive(&mut self) -> Parsed<()> {
        let word = self.cursor.word();
        if word == b".section" {
            return self.begin_section();
        }
        match self.section {
            Section::Header => self.header_directive(word),
            Section::Raw => self.byte_directive(word),
            Section::Records(
                SectionKind::Data | SectionKind::Text | SectionKind::Strings | SectionKind::BssInit,
            ) => self.byte_directive(word),
            Section::Records(kind) => self.record(kind, word),
        }
    }

    fn header_directive(&mut self, word: &[u8]) -> Parsed<()> {
        let header = &mut self.header;
        let seen = match word {
            b".exact" => &mut header.exact,
            b".features" => &mut header.features,
            b".entry" => &mut header.entry,
            b".bss" => &mut header.bss,
            b".heap" => &mut header.heap,
            _ => {
                let expected = ".features, .entry, .bss, .heap or .section";
                return Err(self.cursor.unknown_directive(expected));
            }
        };
        if std::mem::replace(seen, true) {
            return Err(self
                .cursor
                .misplaced("this directive stands above already", "given twice"));
        }
        if !header.exact {
            return Err(self
                .cursor
                .misplaced("`.exact 1` must be the first statement", "found before it"));
        }
        match word {
            b".exact" => {
                if self.cursor.number("the version, 1", u64::MAX)? != 1 {
                    let message = "this assembler knows version 1 of the exact form";
                    return Err(self.cursor.out_of_range(message, "expected 1"));
                }
            }
            b".features" => self.image.features = self.cursor.u32("the features word")?,
            b".entry" => {
                self.image.entry = if self.cursor.keyword_is(b"none") {
                    None
                } else {
                    Some(self.cursor.u32("a text offset or `none`")?)
                };
            }
            b".bss" => self.image.bss_size = self.cursor.u32("a size in bytes")?,
            _ => {
                self.image.owns_heap = match self.cursor.keyword() {
                    b"owned" => true,
                    b"shared" => false,
                    _ => return Err(self.cursor.unexpected_word("`owned` or `shared`")),
                };
                self.cursor.comma()?;
                self.image.heap_first = self.cursor.number("a size in bytes", u64::MAX)?;
                self.cursor.comma()?;
                self.image.heap_largest = self.cursor.number("a size in bytes", u64::MAX)?;
            }
        }
        Ok(())
    }

    fn begin_section(&mut self) -> Parsed<()> {
        if !self.header.exact {
            return Err(self
                .cursor
                .misplaced("`.exact 1` must be the first statement", "found before it"));
        }
        let digit = self.cursor.peek().is_some_and(|c| c.is_ascii_digit());
        let (section, number) = if digit {
            let number = self.cursor.u32("a section's number")?;
            if SectionKind::from_number(number).is_some_and(|kind| !kind.is_debug()) {
                let message = "only debug sections and unknown ones are spelled by number";
                return Err(self.cursor.out_of_range(message, "write its name"));
            }
            (Section::Raw, number)
        } else {
            let word = self.cursor.keyword();
            let kind = SectionKind::ALL
                .into_iter()
                .find(|kind| kind.name().as_bytes() == word);
            let Some(kind) = kind else {
                return Err(self.cursor.unexpected_word("a section's name or number"));
            };
            (Section::Records(kind), kind as u32)
        };
        if number <= self.number {
            return Err(self.cursor.misplaced(
                "sections stand in ascending order of their numbers, each once",
                "a section of this or a higher number is above",
            ));
        }
        self.section = section;
        self.number = number;
        if section == Section::Raw {
            self.image.raw.push(RawSection {
                kind: number,
                bytes: Vec::new(),
            });
        }
        Ok(())
    }

    fn finish(mut self) -> (Option<Image>, Vec<Diagnostic>) {
        self.code
            .resolve(&mut self.image.text, self.file, &mut self.diagnostics);
        self.diagnostics
            .sort_by_key(|diagnostic| diagnostic.span().start);
        if !self.diagnostics.is_empty() {
            return (None, self.diagnostics);
        }
        self.image.raw.retain(|section| !section.bytes.is_empty());
        if let Err(error) = reader::read(&writer::write(&self.image)) {
            let message = format!("the image that this text spells is not acceptable: {error}");
            let span = Span::new(self.file, 0, 0);
            let diagnostic = Diagnostic::new(DiagnosticCode::InvalidImage, span, message);
            return (None, vec![diagnostic]);
        }
        (Some(self.image), Vec::new())
    }
}
