//! Profiles as text for people and other tools: stacks of function and line.

use std::collections::BTreeMap;

use cvm_spec::codec::{Operand, decode};
use cvm_spec::isa::Opcode;

use super::flame::{Box, Kind, Tree};
use super::names::Names;
use crate::profile::Profile;

/// In place of frames that were left out.
const LEFT_OUT: &str = "…";

/// Every stack as a line: boxes from the outermost to the innermost with semicolons between, a blank, milliseconds.
/// Equal ones are added up; they are sorted.
pub(super) fn collapsed(names: Names<'_>, profile: &Profile) -> String {
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for stack in &profile.stacks {
        let boxes = boxes(names, &stack.frames);
        // A blank ends the stack and a semicolon a box.
        let words: Vec<String> = boxes
            .into_iter()
            .map(|(label, _)| label.replace(';', ":"))
            .collect();
        *lines.entry(words.join(";")).or_default() += stack.milliseconds;
    }
    lines
        .iter()
        .map(|(line, count)| format!("{line} {count}\n"))
        .collect()
}

/// A flame graph as an SVG document.
pub(super) fn flame_graph(names: Names<'_>, profile: &Profile, title: &str) -> String {
    let mut tree = Tree::default();
    for stack in &profile.stacks {
        tree.add(&boxes(names, &stack.frames), stack.milliseconds);
    }
    tree.svg(title, profile.lost)
}

/// The boxes of a stack, outermost first: for each frame the function and the line, and what was called out of the
/// program.
fn boxes(names: Names<'_>, frames: &[Option<u32>]) -> Vec<Box> {
    let mut boxes = Vec::with_capacity(2 * frames.len());
    for frame in frames.iter().rev() {
        let Some(ip) = *frame else {
            boxes.push((LEFT_OUT.to_string(), Kind::Function));
            continue;
        };
        let function = names.function_around(ip);
        boxes.push((function.unwrap_or_else(|| "?".into()), Kind::Function));
        boxes.push((line(names, ip), Kind::Line));
        if let Some(import) = called_out(names, ip) {
            boxes.push((import, Kind::Import));
        }
    }
    boxes
}

/// The source line of an instruction; without a line table its place in the function.
fn line(names: Names<'_>, ip: u32) -> String {
    match names.place(ip) {
        Some(place) => super::escape::escaped(&format!("{}:{}", place.file, place.line)),
        None => names.code(ip).unwrap_or_else(|| format!("t:{ip:#x}")),
    }
}

/// What an instruction calls, if it is no function of the program.
fn called_out(names: Names<'_>, ip: u32) -> Option<String> {
    let (instruction, _) = decode(names.text_section(), ip as usize).ok()?;
    match (instruction.opcode, instruction.operand) {
        (Opcode::CallX, Operand::Index(import)) => names.import(import),
        (Opcode::CallXi, _) => Some("a C function".into()),
        _ => None,
    }
}
