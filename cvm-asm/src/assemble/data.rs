//! Data directives: numbers, floats, strings, space and files, in data, bss and structures.

use cvm_spec::limits::SEGMENT_MAX;
use cvm_spec::pointer::{Pointer, Tag};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::cursor::{Cursor, is_digit};
use super::expression::Term;
use super::fixup::{Fixup, Patch};
use super::number::Number;
use super::operand::PointerOperand;
use super::place::Place;
use super::report::Reported;
use super::strings;
use super::{Assembler, Section};

/// Largest alignment in bytes.
const ALIGN_MAX: u64 = 1 << 16;

impl Assembler<'_> {
    /// Checks that data can stand here.
    fn data_allowed(&mut self, c: &Cursor<'_>, start: usize) -> Result<(), Reported> {
        if self.section != Section::Text {
            return Ok(());
        }
        Err(self.misplaced_data(c, start))
    }

    /// Reports data in the text, once until another section begins.
    #[cold]
    fn misplaced_data(&mut self, c: &Cursor<'_>, start: usize) -> Reported {
        if std::mem::replace(&mut self.misplaced, true) {
            return Reported;
        }
        let span = self.files.token(c.position(start));
        let message = "data cannot stand in the text";
        let diagnostic = Diagnostic::new(Code::MisplacedStatement, span, message);
        self.report(diagnostic.help("begin a section with .data or .bss"))
    }

    /// Appends bytes to the section and gives their index for patches.
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> u32 {
        match self.section {
            Section::Data => {
                let at = self.data.len();
                self.data.extend_from_slice(bytes);
                self.open_data.used = self.data.len() as u32;
                at as u32
            }
            Section::Bss => {
                let at = self.bss.put(bytes);
                self.open_bss.used = self.bss.size() as u32;
                at as u32
            }
            Section::Text | Section::Structure => 0,
        }
    }

    /// The segment of the section, for patches.
    fn segment(&self) -> Tag {
        match self.section {
            Section::Bss => Tag::Bss,
            _ => Tag::Data,
        }
    }

    /// A field of a structure: its directive stands alone.
    fn field_space(&mut self, c: &mut Cursor<'_>, size: u64, start: usize) -> Result<(), Reported> {
        if !c.at_end() {
            let span = self.next_span(c);
            let diagnostic = Diagnostic::new(Code::ExtraOperand, span, "a field has no value");
            return Err(
                self.report(diagnostic.help("for several, write .reserve with a size in bytes"))
            );
        }
        let span = self.span_from(c, start);
        self.grow_structure(size, span)
    }

    /// `.byte .word .dword .quad`.
    pub(super) fn numbers(
        &mut self,
        c: &mut Cursor<'_>,
        width: u8,
        start: usize,
    ) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        if self.section == Section::Structure {
            return self.field_space(c, u64::from(width), start);
        }
        if c.at_end() {
            return Err(self.expected(c, "a value"));
        }
        loop {
            c.skip_blanks();
            match c.peek() {
                b'"' if width == 1 => {
                    let bytes = self.string_literal(c)?;
                    self.put(&bytes);
                    self.scratch_bytes = bytes;
                }
                _ if width == 8 && self.at_pointer(c) => self.pointer_cell(c)?,
                _ => self.number_cell(c, width)?,
            }
            if !c.take(b',') {
                return Ok(());
            }
        }
    }

    #[inline]
    fn number_cell(&mut self, c: &mut Cursor<'_>, width: u8) -> Result<(), Reported> {
        let at = c.at;
        if self.at_float(c) {
            return Err(self.float_in_cell(c));
        }
        match self.expression(c)? {
            Term::Known(value) => {
                if width < 8 && !fits(value.number, width) {
                    let place = self.place(c, at);
                    return Err(self.does_not_fit(value.number, width, place));
                }
                let bytes = value.number.to_le_bytes();
                self.put(&bytes[..usize::from(width)]);
            }
            Term::Later(value) => {
                let patch = Patch::Number {
                    segment: self.segment(),
                    width,
                };
                let place = self.place(c, at);
                self.put_later(patch, value, place, width);
            }
        }
        Ok(())
    }

    fn put_later(
        &mut self,
        patch: Patch,
        value: super::expression::Stored,
        place: Place,
        width: u8,
    ) {
        let at = self.put(&[0; 8][..usize::from(width)]);
        self.fixups.push(Fixup {
            patch,
            at,
            value,
            place,
        });
    }

    /// Whether a float begins here, behind a sign.
    fn at_float(&self, c: &Cursor<'_>) -> bool {
        let sign = matches!(c.peek(), b'-' | b'+');
        let rest = c.text.get(c.at + usize::from(sign)..).unwrap_or_default();
        match rest.first() {
            Some(byte) if is_digit(*byte) => {
                let length = super::number::length(rest);
                super::number::is_float(&rest[..length])
            }
            _ => false,
        }
    }

    #[cold]
    fn float_in_cell(&mut self, c: &Cursor<'_>) -> Reported {
        let span = self.next_span(c);
        let diagnostic = Diagnostic::new(
            Code::TypeMismatch,
            span,
            "a float stands where an integer is needed",
        );
        self.report(
            diagnostic.help("floats are written with .float (8 bytes) and .single (4 bytes)"),
        )
    }

    #[cold]
    pub(super) fn does_not_fit(&mut self, number: u64, width: u8, place: Place) -> Reported {
        let span = self.place_span(place);
        let bits = u32::from(width) * 8;
        let (low, high) = (-(1i64 << (bits - 1)), (1u64 << bits) - 1);
        let message = format!(
            "{} does not fit {width} byte{}: {low} to {high}",
            number as i64,
            if width == 1 { "" } else { "s" }
        );
        let diagnostic = Diagnostic::new(Code::OutOfRange, span, message);
        self.report_in(place.expansion, diagnostic)
    }

    fn pointer_cell(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let PointerOperand { tag, term, start } = self.pointer(c)?;
        let place = self.place(c, start);
        if tag == Tag::Local {
            let span = self.place_span(place);
            let message = "an `l:` pointer is known only when the program runs";
            return Err(self.error(Code::WrongOperand, span, message));
        }
        let segment = self.segment();
        match term {
            Term::Known(value) => {
                self.check_segment(tag, value, place)?;
                let at = self.put(&Pointer::new(tag, value.number).0.to_le_bytes());
                self.reference(segment, at, tag, value, place);
            }
            Term::Later(value) => {
                self.put_later(Patch::Pointer { segment, tag }, value, place, 8);
            }
        }
        Ok(())
    }

    /// `.float` and `.single`.
    pub(super) fn floats(
        &mut self,
        c: &mut Cursor<'_>,
        single: bool,
        start: usize,
    ) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        if self.section == Section::Structure {
            return self.field_space(c, if single { 4 } else { 8 }, start);
        }
        if c.at_end() {
            return Err(self.expected(c, "a float"));
        }
        loop {
            c.skip_blanks();
            let at = c.at;
            match (self.float_literal(c, single)?, single) {
                (Some(Number::Float(bits)), false) => {
                    self.put(&bits.to_le_bytes());
                }
                (Some(Number::Single(bits)), true) => {
                    self.put(&bits.to_le_bytes());
                }
                (Some(_), _) => {
                    let span = self.span_from(c, at);
                    let message = "a binary32 stands where a binary64 is needed";
                    let diagnostic = Diagnostic::new(Code::TypeMismatch, span, message);
                    return Err(
                        self.report(diagnostic.help("drop the suffix `s`, or write .single"))
                    );
                }
                (None, single) => {
                    let number = self.constant(c)? as i64;
                    if single {
                        self.put(&(number as f32).to_bits().to_le_bytes());
                    } else {
                        self.put(&(number as f64).to_bits().to_le_bytes());
                    }
                }
            }
            if !c.take(b',') {
                return Ok(());
            }
        }
    }

    /// Takes the string that comes next, as bytes.
    fn string_literal(&mut self, c: &mut Cursor<'_>) -> Result<Vec<u8>, Reported> {
        let mut bytes = std::mem::take(&mut self.scratch_bytes);
        bytes.clear();
        match strings::unescape(c.text, c.at, &mut bytes) {
            Ok(end) => {
                c.at = end;
                Ok(bytes)
            }
            Err(error) => Err(self.string_error(c, error)),
        }
    }

    /// Takes a string that is text.
    pub(super) fn text_operand(
        &mut self,
        c: &mut Cursor<'_>,
        what: &str,
    ) -> Result<String, Reported> {
        c.skip_blanks();
        if c.peek() != b'"' {
            return Err(self.expected(c, what));
        }
        let start = c.at;
        let bytes = self.string_literal(c)?;
        String::from_utf8(bytes).map_err(|_| {
            let span = self.span(c, start, c.at);
            self.error(Code::InvalidUtf8, span, "the string is not UTF-8")
        })
    }

    /// `.ascii` and `.asciiz`.
    pub(super) fn ascii(
        &mut self,
        c: &mut Cursor<'_>,
        zero: bool,
        start: usize,
    ) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        if self.section == Section::Structure {
            return self.field_space(c, 0, start);
        }
        loop {
            c.skip_blanks();
            if c.peek() != b'"' {
                return Err(self.expected(c, "a string"));
            }
            let mut bytes = self.string_literal(c)?;
            if zero {
                bytes.push(0);
            }
            self.put(&bytes);
            self.scratch_bytes = bytes;
            if !c.take(b',') {
                return Ok(());
            }
        }
    }

    /// `.reserve N`: zeroed bytes.
    pub(super) fn reserve(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        c.skip_blanks();
        let at = c.at;
        if c.at_end() {
            return Err(self.expected(c, "a size in bytes"));
        }
        let size = self.constant(c)?;
        let span = self.span_from(c, at);
        if (size as i64) < 0 {
            let message = format!("a size cannot be {}", size as i64);
            return Err(self.error(Code::OutOfRange, span, message));
        }
        self.add_zeros(size, span)?;
        match self.section {
            Section::Data => self.open_data.used = self.data.len() as u32,
            Section::Bss => self.open_bss.used = self.bss.size() as u32,
            Section::Text | Section::Structure => {}
        }
        Ok(())
    }

    fn add_zeros(&mut self, size: u64, span: Span) -> Result<(), Reported> {
        let used = match self.section {
            Section::Structure => return self.grow_structure(size, span),
            Section::Data => self.data.len() as u64,
            Section::Bss => self.bss.size(),
            Section::Text => return Ok(()),
        };
        if size > SEGMENT_MAX.saturating_sub(used) {
            let message = format!(
                "the {} segment would be larger than {SEGMENT_MAX} bytes",
                self.segment().name()
            );
            return Err(self.error(Code::TooLarge, span, message));
        }
        match self.section {
            Section::Data => self.data.resize((used + size) as usize, 0),
            _ => self.bss.reserve(size),
        }
        Ok(())
    }

    /// `.align N`.
    pub(super) fn align(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        if c.at_end() {
            return Err(self.expected(c, "an alignment in bytes"));
        }
        let at = c.at;
        let alignment = self.constant(c)?;
        let span = self.span_from(c, at);
        if !alignment.is_power_of_two() || alignment > ALIGN_MAX {
            let message = format!(
                "{} is no alignment: it is a power of two up to {ALIGN_MAX}",
                alignment as i64
            );
            return Err(self.error(Code::OutOfRange, span, message));
        }
        if matches!(self.section, Section::Data | Section::Bss) {
            self.largest_alignment = self.largest_alignment.max(alignment as u32);
        }
        let offset = match self.section {
            Section::Structure => self.structure_offset(),
            Section::Data => self.data.len() as u64,
            Section::Bss => self.bss.size(),
            Section::Text => 0,
        };
        self.add_zeros(offset.wrapping_neg() & (alignment - 1), span)
    }

    /// `.incbin "file"[, offset[, length]]`.
    pub(super) fn incbin(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        self.data_allowed(c, start)?;
        c.skip_blanks();
        let at = c.at;
        let name = self.text_operand(c, "the file's name in quotes")?;
        let span = self.span(c, at, c.at);
        let mut range = [None, None];
        for part in &mut range {
            if !c.take(b',') {
                break;
            }
            *part = Some(self.constant(c)?);
        }
        let contents = match self.read_file(&name) {
            Ok((_, contents)) => contents,
            Err(tried) => return Err(self.file_not_found(span, &name, tried)),
        };
        let size = contents.len() as u64;
        let offset = range[0].unwrap_or(0);
        let length = range[1].unwrap_or(size.saturating_sub(offset));
        if offset > size || length > size - offset {
            let whole = self.span_from(c, at);
            let message =
                format!("`{name}` has {size} bytes; {length} at {offset} do not lie inside");
            return Err(self.error(Code::OutOfRange, whole, message));
        }
        if self.section == Section::Structure {
            return self.grow_structure(length, span);
        }
        let used = match self.section {
            Section::Bss => self.bss.size(),
            _ => self.data.len() as u64,
        };
        if used + length > SEGMENT_MAX {
            let message = format!(
                "the {} segment would be larger than {SEGMENT_MAX} bytes",
                self.segment().name()
            );
            return Err(self.error(Code::TooLarge, span, message));
        }
        self.put(&contents[offset as usize..(offset + length) as usize]);
        Ok(())
    }
}

/// Whether a number keeps its value in so many bytes, signed or unsigned.
#[inline]
pub(super) fn fits(number: u64, width: u8) -> bool {
    let bits = u32::from(width) * 8;
    bits >= 64 || number >> bits == 0 || (number as i64) >> (bits - 1) == -1
}
