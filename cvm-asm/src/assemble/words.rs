//! The language's own words: mnemonics, directives and the few words with a meaning in expressions.

use cvm_spec::isa::{Opcode, OperandKind, ROWS};

use super::names::{Name, Names};

/// How an instruction's operands are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing.
    None,
    /// `push VALUE`: the assembler picks the encoding.
    Push,
    /// A pointer or nothing: a memory instruction with two forms.
    Memory {
        /// The form with the address as an operand.
        address: Opcode,
    },
    /// What the operand kind says.
    Operand(OperandKind),
}

/// A mnemonic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mnemonic {
    /// The opcode, of the form without an operand where there are two.
    pub(super) opcode: Opcode,
    /// How its operands are written.
    pub(super) shape: Shape,
}

macro_rules! directives {
    ($($variant:ident $word:literal,)*) => {
        /// A directive.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Directive { $(#[doc = $word] $variant,)* }

        /// All directives with their words.
        pub(super) const DIRECTIVES: &[(Directive, &str)] = &[$((Directive::$variant, $word),)*];
    };
}

directives! {
    Text ".text",
    Data ".data",
    Bss ".bss",
    Func ".func",
    End ".end",
    Entry ".entry",
    Export ".export",
    Import ".import",
    Module ".module",
    Require ".require",
    Host ".host",
    Foreign ".foreign",
    Type ".type",
    Equ ".equ",
    Byte ".byte",
    Word ".word",
    Dword ".dword",
    Quad ".quad",
    Float ".float",
    Single ".single",
    Ascii ".ascii",
    Asciiz ".asciiz",
    Reserve ".reserve",
    Align ".align",
    Repeat ".repeat",
    EndRepeat ".endrepeat",
    Include ".include",
    Incbin ".incbin",
    Macro ".macro",
    EndMacro ".endm",
    If ".if",
    IfDefined ".ifdef",
    IfUndefined ".ifndef",
    ElseIf ".elseif",
    Else ".else",
    EndIf ".endif",
    Struct ".struct",
    Error ".error",
    Warning ".warning",
    Assert ".assert",
    Heap ".heap",
    Init ".init",
    Exact ".exact",
}

/// Words that mean something in expressions and cannot be defined.
pub(super) const RESERVED: [&str; 7] = [".", "sizeof", "defined", "inf", "infs", "nan", "nans"];

/// What a word is to the language.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// An instruction.
    Mnemonic(Mnemonic),
    /// A directive.
    Directive(Directive),
    /// A word of expressions.
    Reserved,
    /// A word of the program.
    Other,
}

/// The words, with the names that they were interned as.
pub(super) struct Words {
    words: Vec<Word>,
    /// `.`
    pub(super) dot: Name,
    /// `sizeof`
    pub(super) sizeof: Name,
    /// `defined`
    pub(super) defined: Name,
}

impl Words {
    /// Interns all words of the language; `names` must be empty.
    pub(super) fn new(names: &mut Names) -> Self {
        let mut words: Vec<Word> = Vec::with_capacity(ROWS.len() + DIRECTIVES.len() + 8);
        let mut add = |text: &str, word: Word| {
            let name = names.intern(text.as_bytes());
            match words.get_mut(name.0 as usize) {
                // The second row of a mnemonic is its form with an address operand.
                Some(Word::Mnemonic(known)) => {
                    if let Word::Mnemonic(second) = word {
                        known.shape = Shape::Memory {
                            address: second.opcode,
                        };
                    }
                }
                _ => words.push(word),
            }
            name
        };
        for row in ROWS {
            let shape = match row.operand {
                OperandKind::None => Shape::None,
                kind => Shape::Operand(kind),
            };
            let mnemonic = Mnemonic {
                opcode: row.opcode,
                shape,
            };
            add(row.mnemonic, Word::Mnemonic(mnemonic));
        }
        let push = Mnemonic {
            opcode: Opcode::PushB,
            shape: Shape::Push,
        };
        add("push", Word::Mnemonic(push));
        for (directive, text) in DIRECTIVES {
            add(text, Word::Directive(*directive));
        }
        let [dot, sizeof, defined, ..] = RESERVED.map(|text| add(text, Word::Reserved));
        Self {
            words,
            dot,
            sizeof,
            defined,
        }
    }

    /// What a name is to the language.
    #[inline]
    pub(super) fn get(&self, name: Name) -> Word {
        let word = self.words.get(name.0 as usize);
        word.copied().unwrap_or(Word::Other)
    }

    /// Whether a name is an instruction without operands.
    pub(super) fn takes_nothing(&self, name: Name) -> bool {
        match self.get(name) {
            Word::Mnemonic(mnemonic) => mnemonic.shape == Shape::None,
            _ => false,
        }
    }

    /// Whether a name belongs to the language.
    #[inline]
    pub(super) fn owns(&self, name: Name) -> bool {
        (name.0 as usize) < self.words.len()
    }
}

/// All mnemonics, for suggestions.
pub(super) fn mnemonics<'a>() -> impl Iterator<Item = &'a str> {
    std::iter::once("push").chain(ROWS.iter().map(|row| row.mnemonic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mnemonic_finds_its_opcodes() {
        let mut names = Names::default();
        let words = Words::new(&mut names);
        for row in ROWS {
            let name = names.find(row.mnemonic.as_bytes()).expect("interned");
            let Word::Mnemonic(mnemonic) = words.get(name) else {
                panic!("{} is not a mnemonic", row.mnemonic);
            };
            let address = match mnemonic.shape {
                Shape::Memory { address } => Some(address),
                _ => None,
            };
            assert!(mnemonic.opcode == row.opcode || address == Some(row.opcode));
        }
        let name = names.find(b".func").expect("interned");
        assert!(matches!(words.get(name), Word::Directive(Directive::Func)));
        assert!(!words.owns(names.intern(b"main")));
    }
}
