//! `spec/isa.md`: every instruction with opcode, operand bytes, stack effect, semantics and faults.

use std::fmt::Write;

use super::{GENERATED, cell};
use crate::fault::FaultGroup;
use crate::isa::{Effect, Flow, Opcode, OperandKind, ROWS, Row};

const INTRODUCTION: &str = "\
An instruction is one byte of opcode and an operand of fixed size, little-endian. Only `switch` is longer: its operand
begins with a count. 0x00 is not an instruction, so a jump into zeroed memory never runs anything.

**Stack effect**: what the instruction pops, then what it pushes, each time with the deepest cell first: `(a b -- r)`
pops `b`, then `a`, and pushes `r`. A cell has 64 bits and no type; the prefix of a mnemonic says how its bits are
taken:

| prefix | value |
|---|---|
| `i_` | 64-bit integer, two's complement |
| `d_` | 32-bit integer: the high half of an input is ignored, that of a result is 0 |
| `f_` | binary64 |
| `s_` | binary32 in the low half: the high half of an input is ignored, that of a result is 0 |
| `b_ w_ d_ q_` on memory | 8, 16, 32, 64 bits, little-endian, any alignment |

Integer arithmetic wraps. Float arithmetic follows IEEE 754, rounding to nearest, ties to even; a NaN that arithmetic
makes is the canonical quiet NaN (`0x7ff8000000000000`, `0x7fc00000`). Shift counts are taken modulo the width.

An address has a tag and an offset (`machine.md`, \"Pointers\"). Where an instruction adds an offset to a base, the sum
stays in the segment of the base or the access faults. An instruction that faults has no effect on memory.
";

/// Titles of the groups by the high nibble of the opcode.
const GROUPS: &[(std::ops::RangeInclusive<u8>, &str)] = &[
    (0x0..=0x0, "Control inside a function"),
    (0x1..=0x1, "Calls"),
    (0x2..=0x2, "Constants and the operand stack"),
    (0x3..=0x3, "Memory, address on the stack"),
    (0x4..=0x4, "Memory, address in the instruction"),
    (0x5..=0x5, "Bulk memory, the heap, translation of pointers"),
    (0x6..=0x7, "64-bit integers"),
    (0x8..=0x8, "64-bit comparisons"),
    (0x9..=0xA, "32-bit integers"),
    (0xB..=0xB, "binary64 arithmetic"),
    (0xC..=0xC, "Float comparisons"),
    (0xD..=0xD, "binary32 arithmetic"),
    (0xE..=0xF, "Conversions"),
];

/// Every operand kind: its name in the encoding, and what it is.
const OPERANDS: &[(OperandKind, &str, &str)] = &[
    (
        OperandKind::I8,
        "i8",
        "A constant, sign-extended to a cell.",
    ),
    (
        OperandKind::I16,
        "i16",
        "A constant, sign-extended to a cell.",
    ),
    (
        OperandKind::I32,
        "i32",
        "A constant, sign-extended to a cell.",
    ),
    (
        OperandKind::U32,
        "u32",
        "A constant, zero-extended to a cell.",
    ),
    (OperandKind::U64, "u64", "A constant."),
    (
        OperandKind::Pointer,
        "ptr32",
        "A short pointer: tag in the top 3 bits, 29 bits of offset. `l:` offsets count from the frame's first byte.",
    ),
    (
        OperandKind::Code,
        "code16",
        "The program's own code for an abort.",
    ),
    (
        OperandKind::Jump,
        "jump32",
        "A signed distance in bytes from the next instruction to the target.",
    ),
    (
        OperandKind::Table,
        "u32 n, jump32 × n",
        "A count from 1 to 1,048,576 and as many distances, each from the next instruction; the last is the default.",
    ),
    (
        OperandKind::Function,
        "func32",
        "An index into the functions section.",
    ),
    (
        OperandKind::Type,
        "type32",
        "An index into the types section.",
    ),
    (
        OperandKind::Import,
        "import32",
        "An index into the imports section.",
    ),
    (
        OperandKind::Depth,
        "u16",
        "A depth in cells below the top of the operand stack.",
    ),
    (
        OperandKind::Slide,
        "u16 m, u16 n",
        "Two numbers of cells: dropped, kept.",
    ),
    (
        OperandKind::Cells,
        "cells32",
        "A size in cells of 8 bytes, at least 1.",
    ),
];

/// The page.
pub fn page() -> String {
    let mut page = format!("# Instructions\n\n{GENERATED}\n\n{INTRODUCTION}\n");
    page += &format!("There are {} instructions.\n", ROWS.len());
    operands(&mut page);
    fault_groups(&mut page);
    opcode_map(&mut page);
    for (nibbles, title) in GROUPS {
        group(&mut page, nibbles, title);
    }
    page
}

fn operands(page: &mut String) {
    page.push_str("\n## Operands\n\n| operand | bytes | meaning |\n|---|---|---|\n");
    for (kind, name, meaning) in OPERANDS {
        let size = match kind {
            OperandKind::Table => "4 + 4 n".to_owned(),
            kind => kind.size().to_string(),
        };
        let _ = writeln!(page, "| `{name}` | {size} | {meaning} |");
    }
}

fn fault_groups(page: &mut String) {
    page.push_str(
        "\n## Faults\n\nThe tables below name the faults of an instruction by these groups. Any instruction can also be \
         the place where fuel or time runs out (`out-of-fuel`, `timeout`, `interrupted`).\n\n| group | faults |\n|---|---|\n",
    );
    let mut seen: Vec<FaultGroup> = Vec::new();
    for group in ROWS.iter().flat_map(|row| row.faults) {
        if seen.contains(group) {
            continue;
        }
        seen.push(*group);
        let codes: Vec<String> = group
            .codes()
            .iter()
            .map(|fault| format!("[{0}](faults.md#{0})", fault.code()))
            .collect();
        let _ = writeln!(page, "| {} | {} |", group_name(*group), codes.join(", "));
    }
}

/// A group's name in the tables.
const fn group_name(group: FaultGroup) -> &'static str {
    match group {
        FaultGroup::Read => "read",
        FaultGroup::Write => "write",
        FaultGroup::ReadConstant => "read at a constant address",
        FaultGroup::WriteConstant => "write at a constant address",
        FaultGroup::Divide => "signed division",
        FaultGroup::DivideUnsigned => "division by zero",
        FaultGroup::Conversion => "conversion",
        FaultGroup::JumpTarget => "jump target",
        FaultGroup::CallTarget => "call target",
        FaultGroup::CallStack => "call stack",
        FaultGroup::Import => "import",
        FaultGroup::PointerTranslation => "pointer translation",
        FaultGroup::Abort => "abort",
        FaultGroup::Breakpoint => "breakpoint",
    }
}

fn opcode_map(page: &mut String) {
    page.push_str("\n## Opcodes at a glance\n\nRow: high half of the byte, column: low half. `·` means that the address is in the instruction.\n\n|   |");
    for low in 0..16 {
        let _ = write!(page, " {low:X} |");
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(16));
    page.push('\n');
    for high in 0..16u8 {
        let _ = write!(page, "| **{high:X}** |");
        for low in 0..16u8 {
            let text = Opcode::from_byte(high << 4 | low).map_or(String::new(), |opcode| {
                let in_instruction = opcode.access().is_some_and(|access| access.immediate);
                let mark = if in_instruction { " ·" } else { "" };
                format!("`{}`{mark}", opcode.mnemonic())
            });
            let _ = write!(page, " {text} |");
        }
        page.push('\n');
    }
}

fn group(page: &mut String, nibbles: &std::ops::RangeInclusive<u8>, title: &str) {
    let _ = write!(
        page,
        "\n## {title}\n\n| instruction | bytes | stack | what it does | faults |\n|---|---|---|---|---|\n"
    );
    for row in ROWS {
        if nibbles.contains(&(row.opcode.byte() >> 4)) {
            let faults: Vec<&str> = row.faults.iter().map(|group| group_name(*group)).collect();
            let _ = writeln!(
                page,
                "| `{}` | `{}` | `{}` | {}{} | {} |",
                row.mnemonic,
                encoding(row.opcode),
                cell(&stack_effect(row)),
                cell(row.doc),
                flow(row.flow),
                if faults.is_empty() {
                    "–".to_owned()
                } else {
                    faults.join("; ")
                },
            );
        }
    }
}

/// What the flow adds to the description where the description does not say it.
const fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::TailCall | Flow::Return | Flow::Stop => {
            " Control does not come back to the next instruction."
        }
        _ => "",
    }
}

/// The bytes of an instruction: opcode in hexadecimal, then the operand by name (`07 jump32`).
pub fn encoding(opcode: Opcode) -> String {
    let operand = OPERANDS.iter().find(|(kind, ..)| *kind == opcode.operand());
    match operand {
        Some((_, name, _)) => format!("{:02X} {name}", opcode.byte()),
        None => format!("{:02X}", opcode.byte()),
    }
}

/// The stack effect of a row, as `(pops -- pushes)`.
pub fn stack_effect(row: &Row) -> String {
    match row.effect {
        Effect::Fixed { pops, pushes } => {
            let (pops, pushes) = (pops.join(" "), pushes.join(" "));
            let text = format!("{pops} -- {pushes}");
            format!("({})", text.trim())
        }
        Effect::Dynamic(text) => format!("({text})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_group_and_every_operand_is_described() {
        for row in ROWS {
            let high = row.opcode.byte() >> 4;
            let groups = GROUPS.iter().filter(|(nibbles, _)| nibbles.contains(&high));
            assert_eq!(groups.count(), 1, "{}", row.mnemonic);
            let described = OPERANDS.iter().any(|(kind, ..)| *kind == row.operand);
            assert!(
                described || row.operand == OperandKind::None,
                "{}",
                row.mnemonic
            );
        }
    }
}
