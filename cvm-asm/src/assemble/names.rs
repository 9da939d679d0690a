//! Names: every word of a program once, as a number.
//!
//! The words of the language (mnemonics, directives, operators) are interned first, in a fixed order, so that one
//! lookup tells an instruction from a label. What a name means stands beside it in the same record.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::place::Place;

/// An interned word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(pub(super) u32);

/// What a name means in the whole program. The numbers are indices into the assembler's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    /// Nothing yet.
    Undefined,
    /// A constant.
    Constant(u32),
    /// A label of a data or bss object, or of a place in the text.
    Label(u32),
    /// A function.
    Function(u32),
    /// An import.
    Import(u32),
    /// A named function type or foreign type.
    Type(u32),
    /// A structure.
    Structure(u32),
    /// Defined by an erroneous statement; uses of it are not errors of their own.
    Poisoned,
}

/// A word and its meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    start: u32,
    length: u32,
    /// Its meaning in the program.
    pub(super) definition: Definition,
    /// Where it was defined.
    pub(super) place: Place,
    /// The function or scope in which [`Entry::local`] holds.
    pub(super) scope: u32,
    /// Index of the argument, local object or local label of that name in that scope.
    pub(super) local: u32,
}

/// All words.
#[derive(Default)]
pub(super) struct Names {
    text: Vec<u8>,
    entries: Vec<Entry>,
    table: HashTable<(u32, Name)>,
}

#[inline]
fn hash(word: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(word);
    hasher.finish()
}

impl Names {
    /// The number of a word, new or known.
    #[inline]
    pub(super) fn intern(&mut self, word: &[u8]) -> Name {
        let hash = hash(word);
        if let Some(name) = self.find_hashed(word, hash) {
            return name;
        }
        self.insert(word, hash)
    }

    /// The number of a known word.
    pub(super) fn find(&self, word: &[u8]) -> Option<Name> {
        self.find_hashed(word, hash(word))
    }

    #[inline]
    fn find_hashed(&self, word: &[u8], hash: u64) -> Option<Name> {
        let found = self.table.find(hash, |&(short, name)| {
            short == hash as u32 && self.bytes(name) == word
        });
        found.map(|&(_, name)| name)
    }

    #[inline(never)]
    fn insert(&mut self, word: &[u8], hash: u64) -> Name {
        let name = Name(self.entries.len() as u32);
        self.entries.push(Entry {
            start: self.text.len() as u32,
            length: word.len() as u32,
            definition: Definition::Undefined,
            place: Place::default(),
            scope: u32::MAX,
            local: 0,
        });
        self.text.extend_from_slice(word);
        let Self {
            text,
            entries,
            table,
        } = self;
        table.insert_unique(hash, (hash as u32, name), |&(_, name)| {
            self::hash(bytes_of(text, entries, name))
        });
        name
    }

    /// The word.
    #[inline]
    pub(super) fn bytes(&self, name: Name) -> &[u8] {
        bytes_of(&self.text, &self.entries, name)
    }

    /// The word for messages: the number that makes a macro's label unique is left out.
    pub(super) fn text(&self, name: Name) -> &str {
        let bytes = self.bytes(name);
        let bytes = match bytes.iter().position(|byte| *byte == b'@') {
            Some(at) if at > 0 => &bytes[..at],
            _ => bytes,
        };
        std::str::from_utf8(bytes).unwrap_or("?")
    }

    /// Its record.
    #[inline]
    pub(super) fn entry(&self, name: Name) -> &Entry {
        &self.entries[name.0 as usize]
    }

    /// Its record, to change.
    #[inline]
    pub(super) fn entry_mut(&mut self, name: Name) -> &mut Entry {
        &mut self.entries[name.0 as usize]
    }

    /// All names, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Name, &Entry)> {
        let numbered = self.entries.iter().enumerate();
        numbered.map(|(index, entry)| (Name(index as u32), entry))
    }
}

#[inline]
fn bytes_of<'t>(text: &'t [u8], entries: &[Entry], name: Name) -> &'t [u8] {
    let entry = &entries[name.0 as usize];
    &text[entry.start as usize..(entry.start + entry.length) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_one_name() {
        let mut names = Names::default();
        let words: Vec<String> = (0..5_000).map(|n| format!("word_{n}")).collect();
        let first: Vec<Name> = words.iter().map(|w| names.intern(w.as_bytes())).collect();
        for (word, name) in words.iter().zip(&first) {
            assert_eq!(names.intern(word.as_bytes()), *name);
            assert_eq!(names.bytes(*name), word.as_bytes());
        }
        assert_eq!(names.find(b"word"), None);
        let unique = names.intern(b".loop@12");
        assert_eq!(names.text(unique), ".loop");
    }
}
