//! Fails when something that a program can meet has no case: an instruction, a fault, a rule of the verifier, a
//! directive, a diagnostic, a host function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use cvm::verify::{Rule, verify};
use cvm_asm::diagnostic::DiagnosticCode;
use cvm_spec::codec::decode;
use cvm_spec::fault::{FaultCode, FaultGroup};
use cvm_spec::host::{HOST_FUNCTIONS, HostError};
use cvm_spec::image::link::LinkCode;
use cvm_spec::image::reader::{ReadCode, WarningCode};
use cvm_spec::image::{Image, ImportKind};
use cvm_spec::isa::{Opcode, ROWS};
use cvm_tests::assembly::{Detail, Program};
use cvm_tests::case::{Case, ExpectedEnd};
use cvm_tests::discover;
use cvm_tests::engine::{Engine, run};
use cvm_tests::linking;

/// Faults that no case file can raise, and the Rust test that does.
const TESTED_IN_RUST: &[(FaultCode, &str)] = &[
    (FaultCode::Interrupted, "tests/tests/embedding.rs"),
    (FaultCode::HostFault, "tests/tests/embedding.rs"),
    (FaultCode::ForeignCrash, "tests/tests/foreign_programs.rs"),
];

/// Faults that only linking at run time or a host without memory raise, which this machine has not.
const OUT_OF_REACH: &[FaultCode] = &[FaultCode::ImportNotAvailable, FaultCode::OutOfMemory];

/// All cases with their images, assembled once for all tests of this file.
fn cases() -> &'static [(Case, Option<Image>)] {
    static CASES: OnceLock<Vec<(Case, Option<Image>)>> = OnceLock::new();
    CASES.get_or_init(|| {
        let load = |path: &std::path::PathBuf| {
            let case = Case::load(path).expect("every case can be read");
            let program = Program::of_case(&case).expect("every case's sources are there");
            let image = program.image(Detail::Debug).ok();
            (case, image)
        };
        discover::case_files().iter().map(load).collect()
    })
}

fn assert_none_missing(what: &str, missing: &[String]) {
    assert!(
        missing.is_empty(),
        "{what} without a case: {}",
        missing.join(", ")
    );
}

fn opcodes_of(image: &Image) -> BTreeSet<Opcode> {
    let mut found = BTreeSet::new();
    for function in &image.functions {
        let text = &image.text[..function.end() as usize];
        let mut at = function.start as usize;
        while let Ok((instruction, next)) = decode(text, at) {
            found.insert(instruction.opcode);
            at = next;
        }
    }
    found
}

#[test]
fn every_instruction_has_a_case_that_runs() {
    let mut found = BTreeSet::new();
    for (case, image) in cases() {
        if case.name.starts_with("instructions/") && !case.runs.is_empty() {
            found.extend(image.iter().flat_map(opcodes_of));
        }
    }
    let missing: Vec<String> = ROWS
        .iter()
        .filter(|row| !found.contains(&row.opcode))
        .map(|row| format!("{} ({:#04x})", row.mnemonic, row.opcode.byte()))
        .collect();
    assert_none_missing("instructions", &missing);
}

/// Whether an instruction can raise a fault of one of its groups.
fn is_possible(opcode: Opcode, code: FaultCode) -> bool {
    use FaultCode::*;
    if OUT_OF_REACH.contains(&code) {
        return false;
    }
    // It looks at nothing.
    if opcode == Opcode::PtrFromHost {
        return code == AbsoluteAccess;
    }
    let access = opcode.access();
    match code {
        // tests/foreign_programs.rs has it.
        ForeignCrash => false,
        // A C function pointer is refused for what it is itself; what is wrong with its arguments is found by the code
        // that imports share.
        _ if opcode == Opcode::CallXi => matches!(
            code,
            AbsoluteAccess | NullPointer | CallToNonFunction | ForeignNotGranted
        ),
        ForeignNotGranted => false,
        // C is called without them in a machine that has no grant.
        AbsoluteAccess if opcode == Opcode::CallX => false,
        // Only a computed offset in the immediate form is checked against an object.
        ReadOutsideObject | WriteOutsideObject => {
            access.is_some_and(|access| access.immediate && access.indexed)
        }
        // An operand cannot have these tags, and `l:` in one names an object.
        ReservedSegment | UpperHalf | DanglingLocal => {
            access.is_none_or(|access| !access.immediate)
        }
        // tests/embedding.rs has it.
        HostFault => false,
        // Of host functions, those that call back.
        CallStackOverflow => opcode != Opcode::CallX,
        _ => true,
    }
}

#[test]
fn every_fault_of_every_instruction_has_a_case() {
    let mut seen: BTreeSet<(Opcode, FaultCode)> = BTreeSet::new();
    for (case, image) in cases() {
        let is_fault = |end: &ExpectedEnd| matches!(end, ExpectedEnd::Fault(_));
        if !case.runs.iter().any(|run| is_fault(&run.end)) {
            continue;
        }
        let Some(image) = image else {
            continue;
        };
        let linked = match linking::is_linked(case, image) {
            true => linking::link(case, image).expect("the case's modules fit"),
            false => Some(image.clone()),
        };
        let Some(Ok(module)) = linked.map(verify) else {
            continue;
        };
        let module = Arc::new(module);
        for one in &case.runs {
            let engine = Engine::ALL.into_iter().find(|engine| engine.suits(one));
            let engine = engine.expect("some engine suits every run");
            let observed = run(engine, &module, case, one).expect("the case's machine is made");
            if let Some(fault) = observed.fault {
                seen.extend(fault.opcode.map(|opcode| (opcode, fault.code)));
            }
        }
    }
    let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in ROWS {
        let codes: BTreeSet<FaultCode> = row
            .faults
            .iter()
            .flat_map(|group: &FaultGroup| group.codes())
            .copied()
            .collect();
        for code in codes {
            if is_possible(row.opcode, code) && !seen.contains(&(row.opcode, code)) {
                let name = format!("{} ({:#04x})", row.mnemonic, row.opcode.byte());
                missing.entry(code.code()).or_default().push(name);
            }
        }
    }
    let missing: Vec<String> = missing
        .into_iter()
        .map(|(code, opcodes)| format!("{code} of {}", opcodes.join(" ")))
        .collect();
    assert_none_missing("faults", &missing);
}

#[test]
fn every_fault_code_has_a_case_of_its_own() {
    let mut found = BTreeSet::new();
    for (case, _) in cases() {
        for run in &case.runs {
            if let ExpectedEnd::Fault(fault) = &run.end {
                found.insert(fault.code);
            }
        }
    }
    for (code, file) in TESTED_IN_RUST {
        let text = std::fs::read_to_string(discover::root().join(file)).unwrap_or_default();
        if text.contains(&format!("FaultCode::{code:?}")) || text.contains(code.code()) {
            found.insert(*code);
        }
    }
    let missing: Vec<String> = FaultCode::ALL
        .iter()
        .filter(|code| !found.contains(code) && !OUT_OF_REACH.contains(code))
        .map(|code| code.code().to_string())
        .collect();
    assert_none_missing("fault codes", &missing);
}

#[test]
fn every_rule_of_the_verifier_has_a_case() {
    let found: Vec<Rule> = cases()
        .iter()
        .filter_map(|(case, _)| Some(case.verify.as_ref()?.rule))
        .collect();
    let missing: Vec<String> = Rule::ALL
        .iter()
        .filter(|rule| !found.contains(rule))
        .map(|rule| rule.code().to_string())
        .collect();
    assert_none_missing("verifier rules", &missing);
}

#[test]
fn every_diagnostic_has_a_case() {
    let found: BTreeSet<DiagnosticCode> = cases()
        .iter()
        .flat_map(|(case, _)| case.diagnostics.iter().map(|diagnostic| diagnostic.code))
        .collect();
    let missing: Vec<String> = DiagnosticCode::ALL
        .iter()
        .filter(|code| !found.contains(code))
        .map(|code| code.code().to_string())
        .collect();
    assert_none_missing("diagnostics", &missing);
}

/// The assembler's directives, from its table.
fn directives() -> Vec<String> {
    let path = discover::root().join("cvm-asm/src/assemble/words.rs");
    let text = std::fs::read_to_string(path).expect("the table of directives is there");
    let table = text.split("\ndirectives! {").nth(1).expect("the table");
    let table = table.split("\n}").next().expect("the table's end");
    table
        .lines()
        .filter_map(|row| row.split('"').nth(1))
        .map(str::to_string)
        .collect()
}

#[test]
fn every_directive_has_a_case() {
    let mut found = BTreeSet::new();
    for (case, _) in cases() {
        if !case.name.starts_with("directives/") {
            continue;
        }
        for line in String::from_utf8_lossy(&case.text).lines() {
            let statement = line.split_once(": ").map_or(line, |(_, rest)| rest);
            let word = statement.split_whitespace().next().unwrap_or_default();
            found.insert(word.to_string());
        }
    }
    let missing: Vec<String> = directives()
        .into_iter()
        .filter(|word| !found.contains(word))
        .collect();
    assert!(directives().len() > 30, "the table was not found");
    assert_none_missing("directives", &missing);
}

#[test]
fn every_host_function_has_a_case() {
    let mut found = BTreeSet::new();
    for (case, image) in cases() {
        let Some(image) = image else { continue };
        if !case.name.starts_with("host/") {
            continue;
        }
        for import in &image.imports {
            if import.kind == ImportKind::Host && image.string(import.module) == Some("sys") {
                found.extend(image.string(import.name).map(str::to_string));
            }
        }
    }
    let missing: Vec<String> = HOST_FUNCTIONS
        .iter()
        .filter(|function| !found.contains(function.name))
        .map(|function| function.name.to_string())
        .collect();
    assert_none_missing("host functions", &missing);
}

/// Errors of host functions that no case file can raise; they are in `cvm/src/host/tests.rs`.
const HOST_ERRORS_IN_RUST: &[HostError] =
    &[HostError::NoSpace, HostError::BrokenPipe, HostError::Other];

#[test]
fn every_host_error_has_a_case() {
    let host_cases = cases().iter().map(|(case, _)| case);
    let texts: Vec<_> = host_cases
        .filter(|case| case.name.starts_with("host/"))
        .map(|case| String::from_utf8_lossy(&case.text))
        .collect();
    let path = discover::root().join("cvm/src/host/tests.rs");
    let rust = std::fs::read_to_string(path).expect("the tests of host functions are there");
    let has_case = |error: &&HostError| match HOST_ERRORS_IN_RUST.contains(error) {
        true => rust.contains(&format!("HostError::{error:?}")),
        false => {
            let name = error.name().replace('-', "_").to_uppercase();
            texts.iter().any(|text| text.contains(&name))
        }
    };
    let missing: Vec<String> = HostError::ALL
        .iter()
        .filter(|error| !has_case(error))
        .map(|error| error.name().to_string())
        .collect();
    assert_none_missing("errors of host functions", &missing);
}

#[test]
fn every_code_is_explained() {
    let faults = FaultCode::ALL.iter().map(|code| code.code());
    let rules = Rule::ALL.iter().map(|rule| rule.code());
    let reader = ReadCode::ALL.iter().map(|code| code.code());
    let missing: Vec<String> = faults
        .chain(rules)
        .chain(reader)
        .chain(WarningCode::ALL.iter().map(|code| code.code()))
        .chain(HostError::ALL.iter().map(|error| error.name()))
        .filter(|code| cvm::report::explain(code).is_empty())
        .map(str::to_string)
        .collect();
    assert!(missing.is_empty(), "not explained: {}", missing.join(", "));
}

#[test]
fn the_generated_cases_are_what_the_generator_writes() {
    let script = discover::root().join("tests/generate_instruction_cases.py");
    let output = std::process::Command::new("python3")
        .arg(script)
        .arg("--check")
        .output();
    match output {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => println!("not checked, python3 cannot be started: {error}"),
    }
}

/// Rules of the linker that only an image breaks that no assembler makes; `cvm-asm/tests/linking.rs` has them.
const LINK_RULES_TESTED_IN_RUST: &[LinkCode] = &[
    LinkCode::BadVersion,
    LinkCode::UndecodableText,
    LinkCode::MissingRelocation,
    LinkCode::MisplacedRelocation,
    LinkCode::SymbolDisagrees,
];

/// Rules that take modules of 4 GiB to break.
const LINK_RULES_OUT_OF_REACH: &[LinkCode] = &[LinkCode::TooManyEntries];

#[test]
fn every_rule_of_the_linker_has_a_case() {
    let tests = include_str!("../../cvm-asm/tests/linking.rs");
    let in_cases = |code: &str| {
        let errors = cases()
            .iter()
            .filter_map(|(case, _)| case.link_error.as_ref());
        errors.into_iter().any(|error| error.code == code)
    };
    let missing: Vec<String> = LinkCode::ALL
        .iter()
        .filter(|code| !LINK_RULES_OUT_OF_REACH.contains(code))
        .filter(|code| match LINK_RULES_TESTED_IN_RUST.contains(code) {
            true => !tests.contains(code.code()),
            false => !in_cases(code.code()),
        })
        .map(|code| code.code().to_string())
        .collect();
    assert_none_missing("rules of the linker", &missing);
}

#[test]
fn every_export_of_a_standard_module_has_a_case() {
    let mut missing = Vec::new();
    for module in cvm_std::MODULES {
        let folder = format!("{}/", module.name);
        let texts: Vec<String> = cases()
            .iter()
            .filter(|(case, _)| case.name.starts_with(&folder))
            .map(|(case, _)| String::from_utf8_lossy(&case.text).into_owned())
            .collect();
        let exports = module
            .text
            .lines()
            .filter_map(|line| line.strip_prefix(".export "));
        for export in exports.map(str::trim) {
            let export = match export.split_once(" as ") {
                Some((_, name)) => name.trim_matches('"'),
                None => export,
            };
            let import = format!(".import \"{}\" {export} ", module.name);
            if !texts.iter().any(|text| text.contains(&import)) {
                missing.push(format!("{}:{export}", module.name));
            }
        }
    }
    assert_none_missing("exports of standard modules", &missing);
}
