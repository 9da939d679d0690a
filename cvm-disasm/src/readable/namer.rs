//! Names that the assembler accepts, each used once.
//!
//! Names in an image may be anything. What cannot be written is replaced, a name that is taken gets a number, and
//! what has no name is given one. Names never change what a program does.

use std::collections::{HashMap, HashSet};

use cvm_spec::isa::ROWS;

/// Longest name in bytes; longer ones are cut.
const LONGEST: usize = 200;

/// Words that are not free for names, beside the mnemonics.
const WORDS: [&str; 9] = [
    "push", "sizeof", "defined", "inf", "infs", "nan", "nans", "as", "leaf",
];

/// A name that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    start: u32,
    length: u32,
}

/// A set of names.
pub(super) struct Namer {
    text: Vec<u8>,
    /// Names that are taken, and the number to try next behind each.
    taken: HashMap<Vec<u8>, u32>,
    /// The words of the language.
    words: HashSet<&'static [u8]>,
}

impl Namer {
    /// A namer for the names of the whole program.
    pub(super) fn new() -> Self {
        let words = ROWS.iter().map(|row| row.mnemonic).chain(WORDS);
        let words: HashSet<&[u8]> = words.map(str::as_bytes).collect();
        Self {
            text: Vec::new(),
            taken: words.iter().map(|word| (word.to_vec(), 2)).collect(),
            words,
        }
    }

    /// Whether a word belongs to the language.
    pub(super) fn is_word(&self, name: &[u8]) -> bool {
        self.words.contains(name)
    }

    /// A name like the wanted one, or one made of the kind and number if nothing is left of it.
    pub(super) fn name(&mut self, wanted: &[u8], kind: &str, number: usize) -> Name {
        let mut name = plain(wanted);
        if name.is_empty() {
            name = format!("{kind}{number}").into_bytes();
        }
        self.unique(name)
    }

    /// Gives out a name as it is, if it is free.
    pub(super) fn reserve(&mut self, name: &[u8]) -> Option<Name> {
        if self.taken.contains_key(name) {
            return None;
        }
        Some(self.unique(name.to_vec()))
    }

    /// Whether a name is given out.
    pub(super) fn is_taken(&self, name: &[u8]) -> bool {
        self.taken.contains_key(name)
    }

    fn unique(&mut self, name: Vec<u8>) -> Name {
        let mut unique = name;
        if let Some(next) = self.taken.get(&unique) {
            let base = unique;
            let mut number = *next;
            loop {
                unique = base.clone();
                unique.push(b'_');
                unique.extend_from_slice(number.to_string().as_bytes());
                number += 1;
                if !self.taken.contains_key(&unique) {
                    break;
                }
            }
            self.taken.insert(base, number);
        }
        let name = Name {
            start: self.text.len() as u32,
            length: unique.len() as u32,
        };
        self.text.extend_from_slice(&unique);
        self.taken.insert(unique, 2);
        name
    }

    /// The text of a name.
    #[inline]
    pub(super) fn text(&self, name: Name) -> &[u8] {
        let start = name.start as usize;
        &self.text[start..start + name.length as usize]
    }
}

/// The wanted name as far as it can be written: letters, digits, `_ . $`, not beginning with a digit or dot.
pub(super) fn plain(wanted: &[u8]) -> Vec<u8> {
    let start = wanted.iter().position(|byte| *byte != b'.');
    let wanted = &wanted[start.unwrap_or(wanted.len())..];
    let mut name: Vec<u8> = wanted[..wanted.len().min(LONGEST)]
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'$' => *byte,
            _ => b'_',
        })
        .collect();
    if name.first().is_some_and(|byte| !is_start(*byte)) {
        name.insert(0, b'_');
    }
    name
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Whether a name can be written as it is.
pub(super) fn is_plain(name: &[u8]) -> bool {
    !name.is_empty() && plain(name) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(namer: &mut Namer, wanted: &str) -> String {
        let name = namer.name(wanted.as_bytes(), "f", 7);
        String::from_utf8(namer.text(name).to_vec()).expect("is ASCII")
    }

    #[test]
    fn names_are_plain_and_unique() {
        let mut namer = Namer::new();
        assert_eq!(given(&mut namer, "main"), "main");
        assert_eq!(given(&mut namer, "main"), "main_2");
        assert_eq!(given(&mut namer, "main_2"), "main_2_2");
        assert_eq!(given(&mut namer, "main"), "main_3");
        assert_eq!(given(&mut namer, ""), "f7");
        assert_eq!(given(&mut namer, "..next"), "next");
        assert_eq!(given(&mut namer, "1st é"), "_1st___");
        assert_eq!(given(&mut namer, "$x"), "_$x");
        assert_eq!(given(&mut namer, "i_add"), "i_add_2");
        assert_eq!(given(&mut namer, "d"), "d");
        assert!(is_plain(b"sys.write") && !is_plain(b".x") && !is_plain(b""));
    }

    #[test]
    fn many_equal_names_take_linear_time() {
        let mut namer = Namer::new();
        for _ in 0..20_000 {
            given(&mut namer, "same");
        }
        assert!(namer.is_taken(b"same_20000"));
    }
}
