//! Macro parameters and labels of their own in the lines of a macro or repetition.
//!
//! A line without them is read where it stands in the source. Any other is written out with its parameters
//! replaced; a list of pieces says where each part came from, so that diagnostics point into the macro's body.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::Assembler;
use super::cursor::{Cursor, Piece, begins_word, continues_word};
use super::input::{Parameter, Pending};

/// Longest line that parameters may make, in bytes.
const LINE_MAX: usize = 1 << 20;
/// Bytes of a written line that count as a line of their own.
const LINE_COST: usize = 256;

/// The local labels that a text defines, without `.` and `%%`.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Names of labels written `.name:`.
    dotted: FxHashSet<Vec<u8>>,
    /// Names of labels written `%%name:`.
    own: FxHashSet<Vec<u8>>,
}

impl Labels {
    /// The labels that stand at the beginning of the lines of a text.
    pub(super) fn defined_in(text: &[u8]) -> Self {
        let mut labels = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let mut c = Cursor::new(line, 0, 0);
            loop {
                c.skip_blanks();
                let own = c.peek() == b'%' && c.peek_at(1) == b'%';
                c.at += if own { 2 } else { 0 };
                let word = c.word();
                if word.is_empty() || c.peek() != b':' {
                    break;
                }
                c.at += 1;
                if own {
                    labels.own.insert(word.to_vec());
                } else if word[0] == b'.' && word.len() > 1 {
                    labels.dotted.insert(word[1..].to_vec());
                }
            }
        }
        labels
    }
}

/// What is replaced in the lines of one expansion or repetition.
#[derive(Debug)]
pub(super) struct Substitution {
    pub(super) parameters: Rc<[Parameter]>,
    /// The text of each parameter.
    pub(super) values: Vec<Vec<u8>>,
    /// Labels that belong to this expansion alone.
    pub(super) labels: Rc<Labels>,
    /// Makes the labels unique.
    pub(super) number: u32,
    /// The expansion around a repetition.
    pub(super) outer: Option<Rc<Substitution>>,
}

impl Substitution {
    /// Whether it can replace anything of its own.
    pub(super) fn needed(&self) -> bool {
        // `%%name` of a label that is not defined here is still replaced, for its error; so is `\@`.
        true
    }

    fn value(&self, name: &[u8]) -> Option<&[u8]> {
        let index = self.parameters.iter().position(|p| p.name == name);
        match index.and_then(|index| self.values.get(index)) {
            Some(value) => Some(value),
            None => self.outer.as_ref()?.value(name),
        }
    }

    /// The expansion that owns a label, looked for outwards.
    fn owner(&self, name: &[u8], own: bool) -> Option<u32> {
        let labels = if own {
            &self.labels.own
        } else {
            &self.labels.dotted
        };
        if labels.contains(name) {
            return Some(self.number);
        }
        match &self.outer {
            Some(outer) => outer.owner(name, own),
            None => own.then_some(self.number),
        }
    }
}

/// A written-out line.
#[derive(Default)]
pub(super) struct WrittenLine {
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

impl WrittenLine {
    fn piece(&mut self, position: u32, replaced: bool) {
        self.pieces.push(Piece {
            line: self.text.len() as u32,
            position,
            replaced,
        });
    }
}

impl Assembler<'_> {
    /// Reads the lines of a text in which parameters are replaced.
    pub(super) fn read_substituted(&mut self, c: &mut Cursor<'_>, substitution: &Substitution) {
        let mut line = std::mem::take(&mut self.written_line);
        while c.at < c.text.len() && self.pending.is_none() {
            let rest = &c.text[c.at..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let source = &rest[..length];
            if memchr::memchr3(b'\\', b'%', b'.', source).is_none() {
                self.statement(c);
            } else {
                line.text.clear();
                line.pieces.clear();
                write_line(source, c.position(c.at), substitution, &mut line);
                if line.text.len() >= LINE_COST && !self.long_line(line.text.len()) {
                    break;
                }
                let mut written = Cursor {
                    text: &line.text,
                    at: 0,
                    base: c.position(c.at),
                    pieces: &line.pieces,
                };
                self.statement(&mut written);
            }
            c.next_line();
            self.line += 1;
        }
        self.written_line = line;
    }
}

impl Assembler<'_> {
    /// Counts a long line; false if it is too long.
    #[cold]
    fn long_line(&mut self, length: usize) -> bool {
        let cost = (length / LINE_COST) as u64;
        self.expansion_budget = self.expansion_budget.saturating_sub(cost);
        if length <= LINE_MAX {
            return true;
        }
        self.pending = Some(Pending::Stop(format!(
            "parameters make a line of more than {LINE_MAX} bytes"
        )));
        false
    }
}

/// Writes a line with everything replaced that the substitution replaces. Strings and comments stay as they are.
fn write_line(source: &[u8], base: u32, substitution: &Substitution, line: &mut WrittenLine) {
    line.piece(base, false);
    let mut at = 0;
    while at < source.len() && line.text.len() <= LINE_MAX {
        let byte = source[at];
        let position = base + at as u32;
        match byte {
            b';' => break,
            b'"' | b'\'' => {
                let length = super::cursor::token_length(&source[at..]);
                line.text.extend_from_slice(&source[at..at + length]);
                at += length;
            }
            b'\\' => {
                let end = parameter_end(source, at + 1);
                let name = &source[at + 1..end];
                let known = match name {
                    b"@" => Some(substitution.number.to_string().into_bytes()),
                    _ => substitution.value(name).map(<[u8]>::to_vec),
                };
                if source[at + 1..].starts_with(b"()") {
                    at += 3;
                    line.piece(base + at as u32, false);
                } else if let Some(value) = known {
                    line.piece(position, true);
                    line.text.extend_from_slice(&value);
                    at = end;
                    line.piece(base + at as u32, false);
                } else {
                    line.text.push(byte);
                    at += 1;
                }
            }
            b'%' if source[at + 1..].starts_with(b"%")
                && source.get(at + 2).is_some_and(|next| begins_word(*next)) =>
            {
                let end = word_end(source, at + 2);
                let name = &source[at + 2..end];
                let owner = substitution.owner(name, true).unwrap_or_default();
                line.piece(position, true);
                line.text.push(b'.');
                line.text.extend_from_slice(name);
                line.text.extend_from_slice(format!("@{owner}").as_bytes());
                at = end;
                line.piece(base + at as u32, false);
            }
            _ if continues_word(byte) => {
                let end = word_end(source, at);
                let word = &source[at..end];
                line.text.extend_from_slice(word);
                at = end;
                if byte == b'.'
                    && source.get(end) != Some(&b'\\')
                    && let Some(owner) = substitution.owner(&word[1..], false)
                {
                    line.text.extend_from_slice(format!("@{owner}").as_bytes());
                    line.piece(base + at as u32, false);
                }
            }
            _ => {
                line.text.push(byte);
                at += 1;
            }
        }
    }
}

/// The end of a parameter's name that begins at `at`: letters, digits and `_`, or `@`.
fn parameter_end(source: &[u8], at: usize) -> usize {
    if source.get(at) == Some(&b'@') {
        return at + 1;
    }
    let name = source[at..].iter();
    at + name
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count()
}

fn word_end(source: &[u8], at: usize) -> usize {
    let word = source[at..].iter();
    at + word.take_while(|byte| continues_word(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str, body: &str) -> String {
        let parameter = |name: &str| Parameter {
            name: name.into(),
            default: None,
            rest: false,
        };
        let substitution = Substitution {
            parameters: vec![parameter("a"), parameter("name")].into(),
            values: vec![b"1 + 2".to_vec(), b"x".to_vec()],
            labels: Rc::new(Labels::defined_in(body.as_bytes())),
            number: 7,
            outer: None,
        };
        let mut line = WrittenLine::default();
        write_line(source.as_bytes(), 100, &substitution, &mut line);
        String::from_utf8(line.text).expect("stays UTF-8")
    }

    #[test]
    fn parameters_and_labels_are_replaced_outside_strings() {
        assert_eq!(written(r"push \a", ""), "push 1 + 2");
        assert_eq!(written(r"\name\()_end: \name", ""), "x_end: x");
        assert_eq!(
            written(r#".ascii "\a", \a ; \a"#, ""),
            r#".ascii "\a", 1 + 2 "#
        );
        assert_eq!(written("%%top: jmp %%top", "%%top:"), ".top@7: jmp .top@7");
        assert_eq!(written("jmp .in", ".in: nop"), "jmp .in@7");
        assert_eq!(written("jmp .out", ".in: nop"), "jmp .out");
        assert_eq!(written(r"x\@", ""), "x7");
        assert_eq!(written(r"push \unknown", ""), r"push \unknown");
        assert_eq!(written("a % b", ""), "a % b");
    }
}
