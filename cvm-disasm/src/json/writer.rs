//! JSON, token by token.

use std::io;

use cvm_spec::image::{Image, StringRef};

use crate::output::Text;

/// Longer strings are shown as null: names have at most this many bytes, and without a bound a small image whose
/// records all refer to one long string would make a huge document.
const LONGEST: u32 = 4096;

/// A writer that puts the commas.
pub(super) struct Json<'w> {
    text: Text<'w>,
    /// Nothing stands between the last bracket or key and here.
    first: bool,
}

impl<'w> Json<'w> {
    pub(super) fn new(text: Text<'w>) -> Self {
        Self { text, first: true }
    }

    fn separate(&mut self) -> &mut Text<'w> {
        if !std::mem::take(&mut self.first) {
            self.text.byte(b',');
        }
        &mut self.text
    }

    /// Opens an object or array.
    pub(super) fn open(&mut self, bracket: u8) {
        self.separate().byte(bracket);
        self.first = true;
    }

    /// Opens an object on a line of its own.
    pub(super) fn record(&mut self) {
        self.separate().end();
        self.text.byte(b'{');
        self.first = true;
    }

    /// Closes an object or array.
    pub(super) fn close(&mut self, bracket: u8) {
        self.text.byte(bracket);
        self.first = false;
    }

    /// A key; the value comes next.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.separate().byte(b'"').str(name).str("\":");
        self.first = true;
        self
    }

    pub(super) fn number(&mut self, value: impl itoa::Integer) {
        self.separate().number(value);
    }

    /// A 64-bit number, as a string of decimal digits: many readers of JSON keep only 53 bits.
    pub(super) fn wide(&mut self, value: u64) {
        self.separate().byte(b'"').number(value).byte(b'"');
    }

    /// The same for a signed number.
    pub(super) fn wide_signed(&mut self, value: i64) {
        self.separate().byte(b'"').number(value).byte(b'"');
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.separate().str(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self) {
        self.separate().str("null");
    }

    pub(super) fn optional(&mut self, value: Option<u32>) {
        match value {
            Some(value) => self.number(value),
            None => self.null(),
        }
    }

    /// A string that needs no escapes.
    pub(super) fn word(&mut self, word: &str) {
        self.separate().byte(b'"').str(word).byte(b'"');
    }

    pub(super) fn optional_word(&mut self, word: Option<&str>) {
        match word {
            Some(word) => self.word(word),
            None => self.null(),
        }
    }

    /// Bytes as a string of two hexadecimal digits each.
    pub(super) fn hex(&mut self, bytes: &[u8]) {
        self.separate().byte(b'"').hex_bytes(bytes).byte(b'"');
    }

    /// Any text.
    pub(super) fn string(&mut self, value: &str) {
        let text = self.separate().byte(b'"');
        for character in value.chars() {
            match character {
                '"' => text.str("\\\""),
                '\\' => text.str("\\\\"),
                '\n' => text.str("\\n"),
                '\r' => text.str("\\r"),
                '\t' => text.str("\\t"),
                _ if character.is_control() => text
                    .str("\\u")
                    .hex_digits(u64::from(u32::from(character)), 4),
                _ => text.str(character.encode_utf8(&mut [0; 4])),
            };
        }
        text.byte(b'"');
    }

    /// A string of the pool: offset, length, and its text or null.
    pub(super) fn reference(&mut self, image: &Image, reference: StringRef) {
        self.open(b'{');
        self.key("offset").number(reference.offset);
        self.key("length").number(reference.length);
        self.key("text").name(image, reference);
        self.close(b'}');
    }

    /// The text of a string of the pool; null if it is none or too long.
    pub(super) fn name(&mut self, image: &Image, reference: StringRef) {
        let short = reference.length <= LONGEST;
        match short.then(|| image.string(reference)).flatten() {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.text.failed()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.text.end();
        self.text.finish()
    }
}
