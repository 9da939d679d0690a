//! `spec/assembly.md` names everything that the tables of the language have.

use std::collections::BTreeSet;

use super::cursor::{Cursor, begins_word, continues_word};
use super::expression::binary;
use super::strings::unescape;
use super::words::{DIRECTIVES, RESERVED};

const PAGE: &str = include_str!("../../../spec/assembly.md");

/// What stands between two headings.
fn chapter(heading: &str) -> &'static str {
    let (_, rest) = PAGE
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("there is no chapter `{heading}`"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The words in code spans of a text, each without what follows a blank.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_directive_has_its_place() {
    let index: BTreeSet<&str> = spans(chapter("Index of directives")).collect();
    let table: BTreeSet<&str> = DIRECTIVES.iter().map(|(_, word)| *word).collect();
    assert_eq!(index, table, "the index of directives");
    let (text, _) = PAGE.split_once("\n## Limits\n").expect("a chapter");
    for (_, word) in DIRECTIVES {
        let explained = spans(text).any(|span| span.split(' ').next() == Some(word));
        assert!(explained, "{word} is not explained");
        let grammar = chapter("Grammar").contains(&format!("\"{word}\""));
        assert!(grammar || *word == ".exact", "{word} has no grammar");
    }
}

#[test]
fn words_that_cannot_be_defined_are_named() {
    let names = chapter("Names and words");
    for word in RESERVED {
        assert!(spans(names).any(|span| span == word), "{word} is missing");
    }
}

#[test]
fn every_escape_is_in_the_table() {
    let table = chapter("Numbers, characters, strings");
    let escapes = spans(table).filter(|span| span.starts_with('\\'));
    let named: BTreeSet<u8> = escapes.map(|span| span.as_bytes()[1]).collect();
    let grammar = chapter("Grammar").split("escape      = ").nth(1);
    let grammar = grammar.expect("a rule").split("text    ").next();
    let known = (0x21..0x7F).filter(|byte| {
        ["\"\\?\"", "\"\\?41\"", "\"\\?{41}\""].iter().any(|text| {
            let text = text.replace('?', &char::from(*byte).to_string());
            unescape(text.as_bytes(), 0, &mut Vec::new()) == Ok(text.len())
        })
    });
    let known: BTreeSet<u8> = known.collect();
    assert_eq!(named, known, "the table of escapes");
    for byte in known {
        let text = char::from(byte);
        let quoted = if text == '"' {
            "'\"'".to_owned()
        } else {
            format!("\"{text}\"")
        };
        let spelt = grammar.is_some_and(|rule| {
            rule.contains(&quoted) || byte == b'x' && rule.contains("\"x\" hex hex")
        });
        assert!(spelt, "\\{text} has no grammar");
    }
}

/// The operators that the parser knows, with how tightly they bind.
fn operators() -> Vec<(String, u8)> {
    let signs: Vec<u8> = (0x21..0x7F)
        .filter(|byte| !continues_word(*byte) && !begins_word(*byte))
        .collect();
    let mut found = BTreeSet::new();
    for first in &signs {
        for second in signs.iter().chain(b" ") {
            for third in signs.iter().chain(b" ") {
                let text = [*first, *second, *third];
                if let Some((_, length, binds)) = binary(&Cursor::new(&text, 0, 0)) {
                    let text = String::from_utf8_lossy(&text[..length]).into_owned();
                    found.insert((text, binds));
                }
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn every_operator_binds_as_the_table_says() {
    let rows = chapter("Expressions")
        .lines()
        .filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            let row = row.replace("\\|", "\u{1}");
            let first = row.split('|').nth(1).unwrap_or_default().to_owned();
            let operators = spans(&first).map(|span| span.replace('\u{1}', "|"));
            operators.collect()
        })
        .collect();
    // The first row has the operators in front of their operand.
    let row_of = |operator: &str| {
        let row = rows
            .iter()
            .skip(1)
            .position(|row| row.iter().any(|known| known == operator));
        row.unwrap_or_else(|| panic!("`{operator}` is not in the table"))
    };
    let operators = operators();
    assert_eq!(operators.len(), 19);
    for (one, tight) in &operators {
        for (other, loose) in &operators {
            let order = row_of(other).cmp(&row_of(one));
            assert_eq!(order, tight.cmp(loose), "`{one}` and `{other}`");
        }
        let grammar = chapter("Grammar").contains(&format!("\"{one}\""));
        assert!(grammar, "`{one}` has no grammar");
    }
}
