//! Reading one line after the other, and the errors of a line.

use cvm_spec::image::StringRef;
use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode, Span};

/// What a reader of operands gives; the error is boxed because it is rare and large.
pub(super) type Parsed<T> = Result<T, Box<Diagnostic>>;

/// A place in the source, moved by everything that reads.
pub(super) struct Cursor<'s> {
    file: u32,
    source: &'s [u8],
    /// Offset of the next byte to read.
    at: usize,
    /// Offset of the last token's first byte.
    token: usize,
    /// End of this line, its line break left out.
    line_end: usize,
    /// Start of the next line; `None` behind the last.
    next_line: Option<usize>,
}

impl<'s> Cursor<'s> {
    pub(super) fn new(file: u32, source: &'s [u8]) -> Self {
        Self {
            file,
            source,
            at: 0,
            token: 0,
            line_end: 0,
            next_line: Some(0),
        }
    }

    /// Goes to the next line; false behind the last.
    pub(super) fn next_line(&mut self) -> bool {
        let Some(start) = self.next_line else {
            return false;
        };
        let rest = &self.source[start..];
        let (length, next) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => (length, Some(start + length + 1)),
            None => (rest.len(), None),
        };
        let carriage_return = usize::from(rest[..length].last() == Some(&b'\r'));
        self.at = start;
        self.token = start;
        self.line_end = start + length - carriage_return;
        self.next_line = next;
        true
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        (self.at < self.line_end).then(|| self.source[self.at])
    }

    /// The next byte that is not a space; `None` at a comment or the end of the line.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.byte().filter(|byte| *byte != b';')
    }

    #[inline]
    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'s [u8] {
        self.peek();
        self.token = self.at;
        while self.byte().is_some_and(&belongs) {
            self.at += 1;
        }
        &self.source[self.token..self.at]
    }

    /// A directive or mnemonic; empty if there is none.
    #[inline]
    pub(super) fn word(&mut self) -> &'s [u8] {
        self.take_while(
            |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'$'),
        )
    }

    /// A word that may hold hyphens; empty if there is none.
    pub(super) fn keyword(&mut self) -> &'s [u8] {
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }

    /// Takes this word if it comes next.
    pub(super) fn keyword_is(&mut self, wanted: &[u8]) -> bool {
        let start = self.at;
        let found = self.keyword() == wanted;
        if !found {
            self.at = start;
        }
        found
    }

    /// A label's name, if one with its colon comes next.
    pub(super) fn label(&mut self) -> Option<&'s [u8]> {
        let start = self.at;
        let name = self.word();
        if is_identifier(name) && self.byte() == Some(b':') {
            self.at += 1;
            return Some(name);
        }
        self.at = start;
        None
    }

    /// Takes a byte if it comes next.
    #[inline]
    pub(super) fn accept(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.token = self.at;
            self.at += 1;
        }
        found
    }

    /// Takes a comma.
    #[inline]
    pub(super) fn comma(&mut self) -> Parsed<()> {
        if self.accept(b',') {
            return Ok(());
        }
        Err(self.unexpected("`,`"))
    }

    /// Checks that nothing but a comment follows.
    #[inline]
    pub(super) fn end_of_statement(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the statement")),
        }
    }

    /// The digits of a number without a sign.
    #[inline]
    fn magnitude(&mut self, expected: &str) -> Parsed<u64> {
        let digits = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !digits.first().is_some_and(u8::is_ascii_digit) {
            self.at = self.token;
            return Err(self.unexpected(expected));
        }
        let (base, digits) = match digits {
            [b'0', b'x' | b'X', rest @ ..] => (16, rest),
            [b'0', b'b' | b'B', rest @ ..] => (2, rest),
            [b'0', b'o' | b'O', rest @ ..] => (8, rest),
            _ => (10, digits),
        };
        if let Some(value) = digits_value(digits, base) {
            return Ok(value);
        }
        let code = DiagnosticCode::InvalidNumber;
        let message = format!("`{}` is not a 64-bit number", self.token_text());
        Err(self.error(code, message, expected.to_owned()))
    }

    /// An unsigned number up to `most`.
    #[inline]
    pub(super) fn number(&mut self, expected: &str, most: u64) -> Parsed<u64> {
        let value = self.magnitude(expected)?;
        if value > most {
            let message = format!("{value} does not fit here");
            return Err(
                self.out_of_range(&message, &format!("expected {expected}, at most {most}"))
            );
        }
        Ok(value)
    }

    /// An unsigned 32-bit number.
    #[inline]
    pub(super) fn u32(&mut self, expected: &str) -> Parsed<u32> {
        Ok(self.number(expected, u64::from(u32::MAX))? as u32)
    }

    /// An unsigned 16-bit number.
    #[inline]
    pub(super) fn u16(&mut self, expected: &str) -> Parsed<u16> {
        Ok(self.number(expected, u64::from(u16::MAX))? as u16)
    }

    /// A number from `least` to `most`, with or without a minus sign.
    #[inline]
    pub(super) fn signed(&mut self, expected: &str, least: i64, most: u64) -> Parsed<u64> {
        if !self.accept(b'-') {
            return self.number(expected, most);
        }
        let start = self.token;
        let magnitude = self.magnitude(expected)?;
        self.token = start;
        if magnitude > least.unsigned_abs() {
            let message = format!("-{magnitude} does not fit here");
            let remark = format!("expected {expected}, at least {least}");
            return Err(self.out_of_range(&message, &remark));
        }
        Ok(magnitude.wrapping_neg())
    }

    /// A segment's letter or digit and its colon.
    fn segment(&mut self) -> Option<Tag> {
        self.peek();
        let [letter, b':'] = *self.source[self.at..self.line_end].first_chunk::<2>()? else {
            return None;
        };
        let tag = match letter {
            b'6' => Tag::Reserved,
            b'7' => Tag::Upper,
            _ => Tag::from_prefix(char::from(letter))?,
        };
        self.at += 2;
        Some(tag)
    }

    /// A pointer, as tag and offset up to `most`.
    #[inline]
    pub(super) fn pointer(&mut self, most: u64) -> Parsed<(Tag, u64)> {
        let Some(tag) = self.segment() else {
            return Err(self.unexpected("a pointer such as `d:16`"));
        };
        Ok((tag, self.number("an offset in bytes", most)?))
    }

    /// Whether a pointer comes next.
    pub(super) fn at_pointer(&mut self) -> bool {
        let start = self.at;
        let found = self.segment().is_some();
        self.at = start;
        found
    }

    /// A string reference, `offset:length`.
    pub(super) fn reference(&mut self) -> Parsed<StringRef> {
        const EXPECTED: &str = "a string reference such as `0:5`";
        let offset = self.u32(EXPECTED)?;
        if !self.accept(b':') {
            return Err(self.unexpected("`:` and the string's length"));
        }
        let length = self.u32("the string's length")?;
        Ok(StringRef { offset, length })
    }

    /// A string's bytes, appended to `into`.
    pub(super) fn string(&mut self, into: &mut Vec<u8>) -> Parsed<()> {
        if !self.accept(b'"') {
            return Err(self.unexpected("a string in double quotes"));
        }
        let start = self.token;
        loop {
            match self.byte() {
                None => {
                    self.token = start;
                    let code = DiagnosticCode::UnterminatedString;
                    let message = "this string has no closing quote".to_owned();
                    return Err(self.error(code, message, "expected `\"`".to_owned()));
                }
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.token = self.at;
                    into.push(self.escape()?);
                }
                Some(byte) => {
                    self.at += 1;
                    into.push(byte);
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<u8> {
        let rest = &self.source[self.at..self.line_end];
        let (value, length) = match rest {
            [b'\\', b'n', ..] => (b'\n', 2),
            [b'\\', b'r', ..] => (b'\r', 2),
            [b'\\', b't', ..] => (b'\t', 2),
            [b'\\', b'0', ..] => (0, 2),
            [b'\\', quote @ (b'\\' | b'"'), ..] => (*quote, 2),
            [b'\\', b'x', high, low, ..] => {
                let digits = hex_digit(*high).zip(hex_digit(*low));
                match digits {
                    Some((high, low)) => (high << 4 | low, 4),
                    None => return Err(self.bad_escape(4)),
                }
            }
            _ => return Err(self.bad_escape(rest.len().min(2))),
        };
        self.at += length;
        Ok(value)
    }

    fn bad_escape(&mut self, length: usize) -> Box<Diagnostic> {
        self.at += length;
        let message = format!("`{}` is not an escape", self.token_text());
        let expected = r#"expected \n \r \t \0 \\ \" or \xHH"#.to_owned();
        self.error(DiagnosticCode::InvalidEscape, message, expected)
    }

    /// The span of the last token.
    pub(super) fn token_span(&self) -> Span {
        Span::new(self.file, self.token as u32, self.at as u32)
    }

    fn token_text(&self) -> String {
        shown(&self.source[self.token..self.at])
    }

    fn error(&self, code: DiagnosticCode, message: String, remark: String) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(code, self.token_span(), message).at(remark))
    }

    /// Says that the last token does not belong here.
    pub(super) fn misplaced(&self, message: &str, remark: &str) -> Box<Diagnostic> {
        let code = DiagnosticCode::MisplacedStatement;
        self.error(code, message.to_owned(), remark.to_owned())
    }

    /// Says that the last token's value is not allowed.
    pub(super) fn out_of_range(&self, message: &str, remark: &str) -> Box<Diagnostic> {
        let code = DiagnosticCode::OutOfRange;
        self.error(code, message.to_owned(), remark.to_owned())
    }

    /// Says that a limit is exceeded.
    pub(super) fn too_large(&self, message: &str) -> Box<Diagnostic> {
        self.error(DiagnosticCode::TooLarge, message.to_owned(), String::new())
    }

    /// Says that the last token is no directive of this section.
    pub(super) fn unknown_directive(&self, expected: &str) -> Box<Diagnostic> {
        let message = format!("no directive `{}` here", self.token_text());
        let code = DiagnosticCode::UnknownDirective;
        self.error(code, message, format!("expected {expected}"))
    }

    /// Says that the last token is no mnemonic.
    pub(super) fn unknown_mnemonic(&self) -> Box<Diagnostic> {
        let message = format!("no instruction `{}`", self.token_text());
        let code = DiagnosticCode::UnknownMnemonic;
        let remark = "expected a mnemonic of the exact form".to_owned();
        self.error(code, message, remark)
    }

    /// Says that something else than the last word was expected.
    pub(super) fn unexpected_word(&mut self, expected: &str) -> Box<Diagnostic> {
        self.at = self.token;
        self.unexpected(expected)
    }

    /// Says that something else was expected at this place.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> Box<Diagnostic> {
        self.peek();
        self.token = self.at;
        let rest = &self.source[self.at..self.line_end];
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b',' | b';');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let length = match rest.first() {
            None | Some(b';') => 0,
            Some(_) => length.max(1),
        };
        self.at += length;
        let found = match length {
            0 => "the end of the line".to_owned(),
            _ => format!("`{}`", self.token_text()),
        };
        let message = format!("expected {expected}, found {found}");
        let code = DiagnosticCode::UnexpectedToken;
        self.error(code, message, format!("expected {expected}"))
    }
}

/// Whether a word can name a label.
pub(super) fn is_identifier(word: &[u8]) -> bool {
    word.first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
}

/// Source text in a message: at most 40 bytes of it.
fn shown(text: &[u8]) -> String {
    let short = String::from_utf8_lossy(&text[..text.len().min(40)]);
    short.escape_debug().to_string()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// The value of digits with `_` between them.
#[inline]
fn digits_value(digits: &[u8], base: u64) -> Option<u64> {
    let mut value = 0u64;
    let mut any = false;
    for &byte in digits {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'_' => continue,
            _ => return None,
        };
        if u64::from(digit) >= base {
            return None;
        }
        value = value.checked_mul(base)?.checked_add(u64::from(digit))?;
        any = true;
    }
    any.then_some(value)
}
