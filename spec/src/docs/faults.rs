//! `spec/faults.md`: every fault and every rejection of a file, with its exit status.

use std::fmt::Write;

use super::{GENERATED, cell};
use crate::fault::{FaultClass, FaultCode};
use crate::image::link::LinkCode;
use crate::image::reader::ReadCode;
use crate::isa::ROWS;

const INTRODUCTION: &str = "\
A *fault* is what a running program did wrong. A *rejection* is why a file is not run at all. Both have a stable code, a
kebab-case word that reports, the JSON form and tests use; `cvm explain CODE` prints what this page says about it.

## Exit statuses

`cvm run` ends with the program's own status (0 to 255) when the program ends by itself, and else with one of these:

| status | meaning |
|---|---|
| 0 | the program ended well, or the reader of its output went away |
| 1 | the source text has errors |
| 64 | the command line is wrong |
| 65 | the file is no image, or is not a program |
| 66 | the file is missing or cannot be read |
| 77 | an import is not permitted |
| 132 | the verifier rejects the image |
| 134 | the program stopped itself (`abort`), or crashed inside C |
| 136 | arithmetic fault |
| 137 | a limit was reached: fuel, time, memory |
| 139 | protection fault, or the call stack overflowed |
";

const CLASSES: &[(FaultClass, &str)] = &[
    (FaultClass::Protection, "Protection faults"),
    (FaultClass::Arithmetic, "Arithmetic faults"),
    (FaultClass::Abort, "The program stopped itself"),
    (FaultClass::Limit, "Limits"),
];

/// The page.
pub fn page() -> String {
    let mut page = format!("# Faults and rejections\n\n{GENERATED}\n\n{INTRODUCTION}");
    for (class, title) in CLASSES {
        let _ = write!(
            page,
            "\n## {title}\n\nExit status {}.\n",
            class.exit_status()
        );
        for fault in FaultCode::ALL
            .iter()
            .filter(|fault| fault.class() == *class)
        {
            let _ = write!(page, "\n### {}\n\n{}", fault.code(), body_of_fault(*fault));
        }
    }
    rejections(&mut page);
    unlinkable(&mut page);
    page
}

/// What the page says about a code of a fault or of the image reader, as Markdown without the heading.
pub fn explain(code: &str) -> Option<String> {
    if let Some(fault) = FaultCode::from_code(code) {
        let class = fault.class();
        let status = class.exit_status();
        let body = body_of_fault(fault);
        return Some(format!("{}, exit status {status}\n\n{body}", class.name()));
    }
    let rule = ReadCode::from_code(code)?;
    Some(format!(
        "The image reader rejects the file, exit status 65\n\nRule: {}\n\n{}\n",
        rule.rule(),
        rule.explanation()
    ))
}

fn body_of_fault(fault: FaultCode) -> String {
    let mut body = format!(
        "**{}.** {}\n\n",
        capital(fault.title()),
        fault.explanation()
    );
    let _ = writeln!(body, "What to do: {}.", fault.hint());
    let raisers = raisers(fault);
    if !raisers.is_empty() {
        let _ = write!(body, "\nRaised by: {}.\n", raisers.join(", "));
    }
    body
}

/// The mnemonics whose rows name the fault, each once.
fn raisers(fault: FaultCode) -> Vec<String> {
    let mut raisers: Vec<String> = Vec::new();
    for row in ROWS {
        let raises = row
            .faults
            .iter()
            .any(|group| group.codes().contains(&fault));
        let name = format!("`{}`", row.mnemonic);
        if raises && !raisers.contains(&name) {
            raisers.push(name);
        }
    }
    raisers
}

fn rejections(page: &mut String) {
    page.push_str(
        "\n## Rejected files\n\nExit status 65: the reader does not accept the file. Every rejection names the code, the byte \
         offset, what was expected and what was found; `tests/malformed/` has a file for each. The rules are those of \
         [format.md](format.md), in the order in which a file is read; the first that is broken is reported. What the \
         verifier rejects (exit status 132) has codes of its own, which `cvm explain` knows as well.\n\n| code | rule | when it is broken |\n|---|---|---|\n",
    );
    for rule in ReadCode::ALL {
        let _ = writeln!(
            page,
            "| <a id=\"{0}\"></a>{0} | {1} | {2} |",
            rule.code(),
            cell(rule.rule()),
            cell(rule.explanation())
        );
    }
}

fn unlinkable(page: &mut String) {
    page.push_str(
        "\n## Modules that cannot be linked\n\nThe assembler and `cvm run` link a program with its modules ([linking.md](linking.md)). Exit \
         status 66 if a module is missing, else 65. Each message names module, symbol and places.\n\n| code | rule | when it is broken |\n|---|---|---|\n",
    );
    for rule in LinkCode::ALL {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            rule.code(),
            cell(rule.rule()),
            cell(rule.explanation())
        );
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
