//! `spec/diagnostics.md` lists every code of the table, and the table keeps to its form.

use cvm_asm::diagnostic::DiagnosticCode;
use std::fs;
use std::path::Path;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/diagnostics.md");

#[test]
fn the_codes_in_the_spec_are_those_of_the_table() {
    let text = fs::read_to_string(SPEC).expect("spec/diagnostics.md is there");
    let begin = text.find("<!-- codes:").expect("the codes' section begins");
    let begin = begin + text[begin..].find('\n').expect("the comment ends") + 1;
    let end = text.find("<!-- end of codes -->").expect("and ends");
    let mut table = String::from("\n| code | severity | about |\n|---|---|---|\n");
    for code in DiagnosticCode::ALL {
        let severity = code.severity().name();
        table += &format!("| `{}` | {severity} | {} |\n", code.code(), code.title());
    }
    table.push('\n');
    if std::env::var_os("BLESS").is_some() {
        let blessed = [&text[..begin], &table, &text[end..]].concat();
        fs::write(Path::new(SPEC), blessed).expect("the spec can be written");
        return;
    }
    let help = "stale: run BLESS=1 cargo test -p cvm-asm --test diagnostics_spec";
    assert!(text[begin..end] == table, "{help}");
}

#[test]
fn codes_are_unique_kebab_case_words_with_an_explanation() {
    let mut words: Vec<_> = DiagnosticCode::ALL.iter().map(|c| c.code()).collect();
    for code in DiagnosticCode::ALL {
        let word = code.code();
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(word.chars().all(kebab), "{word}");
        assert!(
            !code.title().is_empty() && !code.title().ends_with('.'),
            "{word}"
        );
        assert!(code.explanation().ends_with('.'), "{word}");
        assert_eq!(DiagnosticCode::from_code(word), Some(*code));
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), DiagnosticCode::ALL.len());
}
