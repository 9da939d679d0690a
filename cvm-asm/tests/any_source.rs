//! No text makes the assembler panic, and every diagnostic points into its text and can be shown.

use cvm_asm::render::render;
use cvm_asm::source::SourceMap;
use cvm_asm::{Options, SourceFile, assemble, json, listing, map};
use proptest::prelude::*;
use std::fmt;

/// Pieces of the language, right and wrong; sources are made of lines of them.
const PIECES: &[&str] = &[
    ".data",
    ".dta",
    ".fnuc",
    "func",
    ".mcaro",
    ".reepat",
    ".sturct",
    ".edn",
    ".eles",
    "\r",
    ".bss",
    ".text",
    ".func",
    ".end",
    ".macro",
    ".endm",
    ".if",
    ".else",
    ".elseif",
    ".endif",
    ".ifdef",
    ".repeat",
    ".endrepeat",
    ".struct",
    ".byte",
    ".quad",
    ".float",
    ".ascii",
    ".asciiz",
    ".reserve",
    ".align",
    ".equ",
    ".entry",
    ".export",
    ".host",
    ".import",
    ".foreign",
    ".type",
    ".init",
    ".heap",
    ".assert",
    ".error",
    ".exact",
    ".include",
    ".incbin",
    "push",
    "push_b",
    "push_a",
    "i_add",
    "i_read",
    "q_write",
    "b_read",
    "jmp",
    "jz",
    "switch",
    "call",
    "call_i",
    "ret_call",
    "call_xi",
    "ret",
    "declare",
    "drop",
    "pick",
    "slide",
    "abort",
    "land",
    "jmp_i",
    "main",
    "f",
    "x",
    "y",
    ".l",
    ".m",
    "x:",
    ".l:",
    "f:",
    "sys.write",
    "a",
    "\\a",
    "%%l",
    "%%l:",
    "m",
    "l:x",
    "d:x",
    "b:y",
    "t:f",
    "h:0",
    "a:",
    "[",
    "]",
    "(",
    ")",
    ",",
    "->",
    "=",
    "+",
    "-",
    "*",
    "/",
    "<<",
    "?",
    ":",
    "==",
    "&&",
    "!",
    "~",
    ".",
    "1",
    "0",
    "64K",
    "-1",
    "0x7fffffffffffffff",
    "99999999999999999999",
    "1.5",
    "1e400",
    "nan:0x1",
    "1.5s",
    "'c'",
    "'",
    "\"s\"",
    "\"\\x\"",
    "\"",
    "\\",
    "sizeof(x)",
    "defined(x)",
    "as",
    "leaf",
    "brand",
    ";",
    "\u{e9}",
    "\u{0}",
    "#",
    "$",
    "@",
];

/// Source text that a failed test prints readably.
#[derive(Clone)]
struct Text(Vec<u8>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n{}\n",
            self.0.escape_ascii().to_string().replace("\\n", "\n")
        )
    }
}

fn source() -> impl Strategy<Value = Text> {
    let piece = prop_oneof![
        20 => (0..PIECES.len()).prop_map(|index| PIECES[index].as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
    ];
    let line = proptest::collection::vec(piece, 0..6).prop_map(|words| words.join(&b' '));
    proptest::collection::vec(line, 0..40).prop_map(|lines| Text(lines.join(&b'\n')))
}

/// A program with most features; tests cut and splice it.
const PROGRAM: &str = include_str!("any_source.cvma");

/// The program with some ranges deleted, repeated or replaced by pieces.
fn damaged() -> impl Strategy<Value = Text> {
    let change = (0..PROGRAM.len(), 0..30usize, 0..PIECES.len(), 0..4u8);
    proptest::collection::vec(change, 1..6).prop_map(|changes| {
        let mut text = PROGRAM.as_bytes().to_vec();
        for (at, size, piece, kind) in changes {
            let start = at.min(text.len());
            let end = (start + size).min(text.len());
            let new = match kind {
                0 => Vec::new(),
                1 => text[start..end].repeat(2),
                2 => PIECES[piece].as_bytes().to_vec(),
                _ => text[start..end].iter().rev().copied().collect(),
            };
            text.splice(start..end, new);
        }
        Text(text)
    })
}

fn check(Text(text): Text, debug: bool) -> Result<(), TestCaseError> {
    let sources = [SourceFile {
        name: "any.cvma".into(),
        text,
    }];
    let options = Options {
        debug,
        listing: true,
        map: true,
        ..Options::default()
    };
    let assembled = assemble(&sources, &options);
    let files = SourceMap::new(sources.iter().chain(&assembled.included));
    for diagnostic in &assembled.diagnostics {
        for label in &diagnostic.labels {
            let file = files.file(label.span.file);
            let length = file.map(|file| file.text.len()).unwrap_or_default();
            prop_assert!(label.span.start <= label.span.end, "{diagnostic:?}");
            prop_assert!(label.span.end as usize <= length, "{diagnostic:?}");
        }
        prop_assert!(!diagnostic.message.is_empty());
        json::diagnostic(diagnostic, &files);
    }
    let shown = assembled.diagnostics.len().min(50);
    render(&assembled.diagnostics[..shown], &files, debug);
    if let Some(image) = &assembled.image {
        let bytes = cvm_spec::image::writer::write(image);
        let read = cvm_spec::image::reader::read(&bytes);
        let read = read.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        prop_assert!(&read.image == image && read.warnings.is_empty());
        let mut out = Vec::new();
        listing::write(&mut out, image, &assembled.listing, 1, &files).expect("memory");
        map::write(&mut out, image, &assembled.map, &files).expect("memory");
    } else {
        prop_assert!(!assembled.diagnostics.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn words_in_any_order(text in source(), debug: bool) {
        check(text, debug)?;
    }

    #[test]
    fn a_damaged_program(text in damaged(), debug: bool) {
        check(text, debug)?;
    }
}

/// Texts that once did.
#[test]
fn texts_that_made_it_panic() -> Result<(), TestCaseError> {
    for text in [".func f (f)\n", ".func f (1) -> f + 1\nret\n.end\n"] {
        check(Text(text.into()), false)?;
    }
    Ok(())
}

#[test]
fn the_program_itself_is_right() {
    let sources = [SourceFile {
        name: "any_source.cvma".into(),
        text: PROGRAM.into(),
    }];
    let assembled = assemble(&sources, &Options::default());
    let files = SourceMap::new(&sources);
    assert!(
        assembled.diagnostics.is_empty(),
        "{}",
        render(&assembled.diagnostics, &files, false)
    );
    assert!(assembled.image.is_some());
}
