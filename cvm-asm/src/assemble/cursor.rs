//! Reading one statement: bytes, words, blanks and the end of the line.

/// The byte may begin a word.
const WORD_START: u8 = 1;
/// The byte may continue a word.
const WORD: u8 = 2;
/// A decimal digit.
const DIGIT: u8 = 4;
/// Space or tab.
const BLANK: u8 = 8;
/// The byte ends a statement: line break or comment.
const END: u8 = 16;

const CLASS: [u8; 256] = {
    let mut class = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        class[byte] = match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' => WORD_START | WORD,
            b'0'..=b'9' => DIGIT | WORD,
            b'$' | b'@' => WORD,
            b' ' | b'\t' => BLANK,
            b'\n' | b'\r' | b';' => END,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// Whether a byte may begin a word: a letter, `_` or `.`.
#[inline]
pub(super) fn begins_word(byte: u8) -> bool {
    CLASS[byte as usize] & WORD_START != 0
}

/// Whether a byte may continue a word.
#[inline]
pub(super) fn continues_word(byte: u8) -> bool {
    CLASS[byte as usize] & WORD != 0
}

/// Whether a byte is a decimal digit.
#[inline]
pub(super) fn is_digit(byte: u8) -> bool {
    CLASS[byte as usize] & DIGIT != 0
}

/// Whether a byte ends a statement.
#[inline]
pub(super) fn ends_statement(byte: u8) -> bool {
    CLASS[byte as usize] & END != 0
}

/// A part of a substituted line: where in the sources its text comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Offset of its first byte in the line.
    pub(super) line: u32,
    /// Position of its first byte in the sources.
    pub(super) position: u32,
    /// The text is not in the sources letter by letter: its places are all at `position`.
    pub(super) replaced: bool,
}

/// A reader over text: a file, a macro's body, or one line with its parameters replaced.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    /// The text; its end ends a statement like a line break.
    pub(super) text: &'t [u8],
    /// Offset of the next byte.
    pub(super) at: usize,
    /// Position of the first byte of `text` in the sources.
    pub(super) base: u32,
    /// For a substituted line, its parts.
    pub(super) pieces: &'t [Piece],
}

impl<'t> Cursor<'t> {
    /// A reader of text as it stands in the sources.
    pub(super) fn new(text: &'t [u8], at: usize, base: u32) -> Self {
        Self {
            text,
            at,
            base,
            pieces: &[],
        }
    }

    /// The next byte; a line break at the end of the text.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(b'\n')
    }

    /// The byte `distance` behind the next one.
    #[inline]
    pub(super) fn peek_at(&self, distance: usize) -> u8 {
        let byte = self.text.get(self.at + distance).copied();
        byte.unwrap_or(b'\n')
    }

    /// Goes past spaces and tabs.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while CLASS[self.peek() as usize] & BLANK != 0 {
            self.at += 1;
        }
    }

    /// Takes a byte if it comes next, after blanks.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == byte && self.at < self.text.len();
        self.at += usize::from(found);
        found
    }

    /// Whether a word begins here.
    #[inline]
    pub(super) fn at_word(&self) -> bool {
        begins_word(self.peek())
    }

    /// Takes the word that begins here; empty if none does.
    #[inline]
    pub(super) fn word(&mut self) -> &'t [u8] {
        let start = self.at;
        if !self.at_word() {
            return &[];
        }
        let mut at = start + 1;
        while at < self.text.len() && CLASS[self.text[at] as usize] & WORD != 0 {
            at += 1;
        }
        self.at = at;
        &self.text[start..at]
    }

    /// Takes the word that comes next, after blanks; empty if none does.
    #[inline]
    pub(super) fn next_word(&mut self) -> &'t [u8] {
        self.skip_blanks();
        self.word()
    }

    /// Whether the statement ends here, after blanks.
    #[inline]
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.here_ends()
    }

    /// Whether the statement ends at this byte.
    #[inline]
    pub(super) fn here_ends(&self) -> bool {
        CLASS[self.peek() as usize] & END != 0
    }

    /// Goes behind the line break that ends this line.
    #[inline]
    pub(super) fn next_line(&mut self) {
        let byte = self.peek();
        if byte == b'\n' {
            self.at = (self.at + 1).min(self.text.len());
            return;
        }
        let rest = &self.text[self.at..];
        self.at = match memchr::memchr(b'\n', rest) {
            Some(length) => self.at + length + 1,
            None => self.text.len(),
        };
    }

    /// Goes to the line break that ends this line.
    pub(super) fn skip_rest(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// Position in the sources of an offset.
    #[inline]
    pub(super) fn position(&self, at: usize) -> u32 {
        if self.pieces.is_empty() {
            return self.base + at as u32;
        }
        self.piece_position(at as u32)
    }

    #[cold]
    fn piece_position(&self, at: u32) -> u32 {
        let after = self.pieces.partition_point(|piece| piece.line <= at);
        match self.pieces.get(after.saturating_sub(1)) {
            Some(piece) if piece.replaced => piece.position,
            Some(piece) => piece.position + (at - piece.line),
            None => self.base,
        }
    }

    /// Position behind the last byte of a range that ends at an offset.
    #[cold]
    pub(super) fn end_position(&self, start: usize, end: usize) -> u32 {
        if self.pieces.is_empty() {
            return self.base + end as u32;
        }
        let last = end.saturating_sub(1).max(start) as u32;
        let after = self.pieces.partition_point(|piece| piece.line <= last);
        match self.pieces.get(after.saturating_sub(1)) {
            // Up to the text that follows the parameter.
            Some(piece) if piece.replaced => match self.pieces.get(after) {
                Some(next) => next.position,
                None => piece.position,
            },
            Some(piece) => piece.position + (end as u32 - piece.line),
            None => self.base,
        }
    }
}

/// Length of the token at the start of the text: a word with its prefix, a parameter, a number, a string, or one
/// character. For spans that are made later than the text was read.
pub(super) fn token_length(text: &[u8]) -> usize {
    let word_end = |from: usize| {
        let rest = text[from..].iter();
        from + rest.take_while(|byte| continues_word(**byte)).count()
    };
    match text {
        [b'%', b'%', ..] => word_end(2),
        [b'\\', ..] => word_end(1).max(2).min(text.len()),
        [prefix, b':', next, ..] if prefix.is_ascii_lowercase() && continues_word(*next) => {
            word_end(2)
        }
        [first, ..] if continues_word(*first) => word_end(0),
        [quote @ (b'"' | b'\''), ..] => {
            let mut at = 1;
            while at < text.len() && text[at] != b'\n' && text[at] != *quote {
                at += 1 + usize::from(text[at] == b'\\');
            }
            (at + 1).min(text.len())
        }
        [b'\n' | b'\r', ..] | [] => 0,
        [first, ..] if first.is_ascii() => 1,
        _ => {
            let rest = text[1..].iter();
            1 + rest.take_while(|byte| **byte & 0xC0 == 0x80).count()
        }
    }
}
