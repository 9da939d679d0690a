//! What `README.md` and the pages of `spec/` show is what the program does.

use std::fs;
use std::path::Path;
use std::process::Command;

use cvm::machine::Limits;
use cvm::verify::Rule;
use cvm_spec::limits;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).expect("the page is there")
}

/// The blocks between "```" with a language and "```".
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    page.split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or(rest))
        .collect()
}

#[test]
fn the_readme_shows_a_real_report() {
    let page = page("README.md");
    let blocks = blocks(&page, "text");
    let find = |start| {
        let found = blocks.iter().find(|block| block.starts_with(start));
        *found.expect("the block is there")
    };
    let directory = tempfile::tempdir().expect("a directory");
    let run = |source: &str| {
        fs::write(directory.path().join("sum.cvma"), source).expect("the source can be written");
        Command::new(env!("CARGO_BIN_EXE_cvm"))
            .args(["run", "sum.cvma"])
            .current_dir(directory.path())
            .output()
            .expect("the program runs")
    };
    let source = find("; sum.cvma");
    let output = run(source);
    assert_eq!(output.status.code(), Some(139));
    assert_eq!(String::from_utf8_lossy(&output.stderr), find("fault:"));
    let mended = source.replace("i_ule ", "i_ult ");
    assert_eq!(run(&mended).status.code(), Some(77));
}

/// Each example of the page about the language is a source without errors and warnings that the verifier accepts; one
/// with an entry ends with status 0. A first line `; file: NAME` gives it a name that others include.
#[test]
fn the_examples_of_the_language_are_programs() {
    let page = page("spec/assembly.md");
    let directory = tempfile::tempdir().expect("a directory");
    let cvm = |verb: &str, name: &str, source: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_cvm"))
            .args([verb, name])
            .current_dir(directory.path())
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let sound = output.status.code() == Some(0) && said.is_empty();
        assert!(sound, "cvm {verb} says\n{said}of\n{source}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let blocks = blocks(&page, "cvma");
    assert!(blocks.len() > 15, "{} examples", blocks.len());
    for source in &blocks {
        let first = source.lines().next().unwrap_or_default();
        let name = first.strip_prefix("; file: ").unwrap_or("example.cvma");
        fs::write(directory.path().join(name), source).expect("the source can be written");
        if !name.ends_with(".cvma") {
            continue;
        }
        cvm("verify", name, source);
        if source.contains(".entry") {
            let output = cvm("run", name, source);
            assert_eq!(output.is_empty(), !source.contains("sys.write"), "{source}");
        }
    }
}

#[test]
fn the_rules_of_the_verifier_are_listed() {
    let page = page("spec/machine.md");
    for rule in Rule::ALL {
        let (code, text) = (rule.code(), rule.explanation().trim_end_matches('.'));
        let line = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{code}` |")));
        let line = line.unwrap_or_else(|| panic!("spec/machine.md has no line for `{code}`"));
        assert!(
            line.contains(text),
            "spec/machine.md says of {code}: {line}"
        );
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let page = page("spec/machine.md");
    let row = |start: &str| {
        let found = page
            .lines()
            .find(|line| line.starts_with(&format!("| {start}")));
        found.unwrap_or_else(|| panic!("spec/machine.md has no limit `{start}`"))
    };
    let defaults = Limits::default();
    for (start, text, holds) in [
        (
            "text, data, bss",
            "2^29",
            limits::SEGMENT_MAX + 1 == 1 << 29,
        ),
        ("heap, first", "2^36", limits::HEAP_MAX == 1 << 36),
        ("heap, at run time", "4 GiB", defaults.max_heap == 4 << 30),
        ("objects of one frame", "2^28", limits::FRAME_MAX == 1 << 28),
        ("arguments, private", "60,000", limits::CELLS_MAX == 60_000),
        (
            "arguments, and results",
            "1,000",
            limits::ARITY_MAX == 1_000,
        ),
        (
            "targets of a `switch`",
            "2^20",
            limits::SWITCH_MAX == 1 << 20,
        ),
        ("sections", "64", limits::SECTIONS_MAX == 64),
        ("call stack", "16 MiB", defaults.call_stack == 16 << 20),
    ] {
        assert!(holds && row(start).contains(text), "{}", row(start));
    }
}
