//! The corpus of malformed images in `tests/malformed/`: the generator, and the check that it is up to date.
//!
//! Every file is the [sample] image with one thing wrong; `cases.rs` lists them, and `MANIFEST` in the corpus says for
//! each which code the reader must give and at which byte offset. Nothing there is edited by hand:
//!
//! ```text
//! BLESS=1 cargo test -p cvm-spec --test malformed     writes the files anew
//! ```
//!
//! To add one, add a `case(…)` and bless. The expected offset comes from where the damage was done, not from the
//! reader.

mod cases;
mod file;
#[path = "../sample/mod.rs"]
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use cases::{CASES, Case};
use cvm_spec::image::reader::{ReadCode, read};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/malformed")
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}

/// The corpus as the generator makes it: file names and contents.
fn generate() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut manifest = String::from(
        "# Malformed images: file, code of the rule that it breaks, byte offset that the reader must name.\n\
         # Written by `BLESS=1 cargo test -p cvm-spec --test malformed`; see spec/tests/malformed/main.rs.\n",
    );
    for case in all_cases() {
        let damaged = (case.make)(sample::image());
        let name = format!("{}.cvm", case.name);
        manifest += &format!("{name} {} {}\n", case.code.code(), damaged.offset);
        let before = files.insert(name, damaged.bytes);
        assert!(before.is_none(), "two cases are named {}", case.name);
    }
    files.insert("MANIFEST".to_owned(), manifest.into_bytes());
    files
}

#[test]
fn every_file_is_rejected_by_its_rule_at_its_offset() {
    for case in all_cases() {
        let damaged = (case.make)(sample::image());
        match read(&damaged.bytes) {
            Ok(_) => panic!("{} is accepted", case.name),
            Err(error) => assert_eq!(
                (error.code, error.offset),
                (case.code.code(), damaged.offset),
                "{}: {error}",
                case.name
            ),
        }
    }
}

#[test]
fn every_rule_has_a_file() {
    let covered: BTreeSet<ReadCode> = all_cases().map(|case| case.code).collect();
    for code in ReadCode::ALL {
        // A lack of memory cannot be written into a file.
        let exempt = *code == ReadCode::NoMemoryForImage;
        assert!(
            covered.contains(code) || exempt,
            "no malformed file breaks {}",
            code.code()
        );
    }
}

#[test]
fn codes_are_kebab_case_and_unique() {
    let mut seen = BTreeSet::new();
    for code in ReadCode::ALL {
        let word = code.code();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(word.bytes().all(plain), "{word}");
        assert!(seen.insert(word), "{word} is used twice");
        assert_eq!(ReadCode::from_code(word), Some(*code));
    }
}

#[test]
fn the_corpus_is_what_the_generator_makes() {
    let wanted = generate();
    let folder = corpus();
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(&folder).expect("the corpus folder can be made");
        for (name, bytes) in &wanted {
            fs::write(folder.join(name), bytes).expect("the corpus can be written");
        }
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&folder).expect("the corpus exists") {
        let entry = entry.expect("the corpus can be listed");
        let name = entry.file_name().into_string().expect("a plain name");
        let bytes = fs::read(entry.path()).expect("the corpus can be read");
        found.insert(name, bytes);
    }
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "run with BLESS=1");
    for (name, bytes) in &wanted {
        assert!(found[name] == *bytes, "{name} is stale: run with BLESS=1");
    }
}
