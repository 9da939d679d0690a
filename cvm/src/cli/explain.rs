//! `cvm explain`.

use std::fmt::Write as _;

use cvm::report::{Explanation, Problem, explanations};
use cvm_asm::diagnostic::DiagnosticCode;
use cvm_asm::suggest::closest;
use cvm_cli::paragraph::wrapped;

use super::Failure;
use super::arguments::Explain;
use super::console::Console;

/// Columns of explanations.
const WIDTH: usize = 80;

pub(super) fn explain(arguments: &Explain, console: &Console) -> Result<u8, Failure> {
    let all = all();
    let Some(code) = &arguments.code else {
        return console.print(list(&all).as_bytes());
    };
    let texts: Vec<String> = all.iter().filter(|e| e.code == code).map(page).collect();
    if texts.is_empty() {
        let problem = Problem::new("usage", format!("nothing has the code `{code}`"));
        let codes = all.iter().map(|explanation| explanation.code);
        return Err(match closest(code, codes) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("`cvm explain` lists all codes"),
        }
        .into());
    }
    console.print(texts.join("\n").as_bytes())
}

/// The codes of the machine and of the assembler.
fn all() -> Vec<Explanation> {
    let mut all = explanations();
    all.extend(DiagnosticCode::ALL.iter().map(|code| Explanation {
        code: code.code(),
        kind: "assembler diagnostic",
        exit_status: None,
        title: code.title(),
        text: code.explanation(),
        hint: None,
    }));
    all
}

/// A line for each code, kind by kind.
fn list(all: &[Explanation]) -> String {
    let mut text = String::new();
    for group in all.chunk_by(|a, b| a.kind == b.kind) {
        if !text.is_empty() {
            text.push('\n');
        }
        let kind = group.first().map_or("", |explanation| explanation.kind);
        text.push_str(&format!("{kind}s:\n"));
        for Explanation { code, title, .. } in group {
            text.push_str(&format!("  {code:<26} {title}\n"));
        }
    }
    text
}

/// One code in full.
fn page(explanation: &Explanation) -> String {
    let Explanation {
        code,
        kind,
        exit_status,
        title,
        text,
        hint,
    } = explanation;
    let mut page = format!("{code} ({kind})");
    if let Some(status) = exit_status {
        write!(page, ", exit status {status}").expect("writing to a string cannot fail");
    }
    page.push('\n');
    if title != text && !text.starts_with(title) {
        page.push_str(&wrapped(&format!("\n{title}"), WIDTH));
    }
    page.push('\n');
    for paragraph in text.split('\n') {
        page.push_str(&wrapped(paragraph, WIDTH));
    }
    if let Some(hint) = hint {
        page.push_str(&wrapped(&format!("\nWhat to do: {hint}."), WIDTH));
    }
    page
}
