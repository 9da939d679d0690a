//! An instruction in a few words, for graphs and messages; the hot printers have their own code.

use std::fmt::Write;

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{Image, StringRef};
use cvm_spec::isa::OperandKind;

use crate::names::string;
use crate::sweep::target;

/// Most targets of a table that are named.
const TARGETS: usize = 16;

/// The instruction with text offsets for labels and names where there are any.
pub(crate) fn describe(
    image: &Image,
    names: &[Option<StringRef>],
    instruction: &Instruction<'_>,
    next: usize,
) -> String {
    let mut text = instruction.opcode.mnemonic().to_owned();
    let name = |reference: StringRef| shown(string(image, reference));
    // Writing to a string cannot fail.
    let _ = match instruction.operand {
        Operand::None => Ok(()),
        Operand::Constant(value) => write!(text, " {}", value as i64),
        Operand::Pointer(pointer) => write!(text, " {pointer}"),
        Operand::Code(number) | Operand::Depth(number) => write!(text, " {number}"),
        Operand::Jump(distance) => write!(text, " {}", place(next, distance)),
        Operand::Table(table) => {
            let targets = table.distances().take(TARGETS);
            let targets: Vec<String> = targets.map(|distance| place(next, distance)).collect();
            let more = if table.len() > TARGETS { ", …" } else { "" };
            write!(text, " [{}{more}]", targets.join(", "))
        }
        Operand::Slide { dropped, kept } => write!(text, " {dropped}, {kept}"),
        Operand::Cells(cells) => write!(text, " {cells}"),
        Operand::Index(index) => {
            let found = match instruction.opcode.operand() {
                OperandKind::Function => names.get(index as usize).copied().flatten().map(name),
                OperandKind::Import => image
                    .imports
                    .get(index as usize)
                    .map(|import| format!("{}.{}", name(import.module), name(import.name))),
                _ => None,
            };
            match found {
                Some(found) => write!(text, " {found}"),
                None => write!(text, " {index}"),
            }
        }
    };
    text
}

fn place(next: usize, distance: i32) -> String {
    match target(next, distance) {
        Some(offset) => format!("L{offset}"),
        None => format!("{distance:+}"),
    }
}

/// A name from the file as it can be shown: at most 60 bytes, what would not print as itself escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
    let mut text = String::with_capacity(start.len());
    for character in start.chars() {
        match character {
            '"' | '\'' | '\\' => text.push(character),
            _ => text.extend(character.escape_debug()),
        }
    }
    text
}
