//! Text on its way out: one buffer, numbers without `format!`, and a write whenever the buffer is full.

use std::io::{self, Write};

/// The buffer is written out at the first end of line behind this many bytes.
const FLUSH: usize = 64 * 1024;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A text writer. Errors of the destination are kept and come out of [`Text::finish`].
pub(crate) struct Text<'w> {
    buffer: Vec<u8>,
    line_start: usize,
    out: &'w mut dyn Write,
    error: Option<io::Error>,
}

impl<'w> Text<'w> {
    /// Text that goes to `out`.
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self {
            buffer: Vec::with_capacity(2 * FLUSH),
            line_start: 0,
            out,
            error: None,
        }
    }

    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.buffer.extend_from_slice(bytes);
        self
    }

    /// Appends one byte as it is.
    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) -> &mut Self {
        self.buffer.push(byte);
        self
    }

    /// Appends a string as it is.
    #[inline]
    pub(crate) fn str(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Appends an unsigned number in decimal.
    #[inline]
    pub(crate) fn number(&mut self, value: impl itoa::Integer) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        self.buffer
            .extend_from_slice(digits.format(value).as_bytes());
        self
    }

    /// Appends `0x` and the hexadecimal digits without leading zeros.
    pub(crate) fn hex(&mut self, value: u64) -> &mut Self {
        let digits = (16 - value.leading_zeros() as usize / 4).max(1);
        self.str("0x").hex_digits(value, digits)
    }

    /// Appends the low hexadecimal digits, zeros in front included.
    #[inline]
    pub(crate) fn hex_digits(&mut self, value: u64, digits: usize) -> &mut Self {
        for position in (0..digits).rev() {
            let nibble = (value >> (4 * position)) as usize & 15;
            self.buffer.push(HEX[nibble]);
        }
        self
    }

    /// Appends two hexadecimal digits for each byte.
    pub(crate) fn hex_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.hex_digits(u64::from(*byte), 2);
        }
        self
    }

    /// Appends bytes between quotes, with escapes for all that is not printable ASCII.
    pub(crate) fn quoted(&mut self, bytes: &[u8]) -> &mut Self {
        self.buffer.push(b'"');
        for &byte in bytes {
            match byte {
                b'"' => self.buffer.extend_from_slice(b"\\\""),
                b'\\' => self.buffer.extend_from_slice(b"\\\\"),
                b'\n' => self.buffer.extend_from_slice(b"\\n"),
                b'\r' => self.buffer.extend_from_slice(b"\\r"),
                b'\t' => self.buffer.extend_from_slice(b"\\t"),
                0x20..=0x7e => self.buffer.push(byte),
                _ => {
                    self.buffer.extend_from_slice(b"\\x");
                    self.hex_digits(u64::from(byte), 2);
                }
            }
        }
        self.buffer.push(b'"');
        self
    }

    /// [`quoted`](Self::quoted), cut short: names in comments must not make the text quadratic when many records
    /// refer to one long string.
    pub(crate) fn quoted_short(&mut self, bytes: &[u8]) -> &mut Self {
        const MOST: usize = 60;
        match bytes.get(..MOST) {
            Some(start) if bytes.len() > MOST => self.quoted(start).str("…"),
            _ => self.quoted(bytes),
        }
    }

    /// Appends spaces up to a column (from 0), at least one.
    #[inline]
    pub(crate) fn pad(&mut self, column: usize) -> &mut Self {
        const SPACES: [u8; 64] = [b' '; 64];
        let used = self.buffer.len() - self.line_start;
        let wanted = column.saturating_sub(used).clamp(1, SPACES.len());
        self.bytes(&SPACES[..wanted])
    }

    /// Ends the line.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.buffer.push(b'\n');
        if self.buffer.len() >= FLUSH {
            self.flush();
        }
        self.line_start = self.buffer.len();
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, text: &str) {
        self.str(text).end();
    }

    #[cold]
    fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.out.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Whether writing has failed, so that long loops can stop early.
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first error of the destination.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        match self.error {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Text<'_>)) -> String {
        let mut out = Vec::new();
        let mut text = Text::new(&mut out);
        write(&mut text);
        text.finish().expect("a vector takes all");
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_and_strings() {
        assert_eq!(
            written(|t| {
                t.hex(0).str(" ").hex(0x1_0af);
            }),
            "0x0 0x10af"
        );
        assert_eq!(
            written(|t| {
                t.hex(u64::MAX);
            }),
            "0xffffffffffffffff"
        );
        assert_eq!(
            written(|t| {
                t.number(-5i64).pad(6).str(";");
            }),
            "-5    ;"
        );
        assert_eq!(
            written(|t| {
                t.quoted(b"a\"\\\n\x00\xff");
            }),
            r#""a\"\\\n\x00\xff""#
        );
    }

    #[test]
    fn long_text_is_written_whole() {
        let text = written(|t| {
            for i in 0..100_000 {
                t.number(i).end();
            }
        });
        assert_eq!(text.lines().count(), 100_000);
        assert_eq!(text.lines().last(), Some("99999"));
    }
}
