//! A program that fails, made smaller as long as it fails, and printed.

use std::fmt::Write;

use super::compare::{Failure, Ways, compare};
use super::generate::{Item, Program};

/// Takes items away as long as the program still verifies and the engines still disagree; gives what they disagree in.
pub(crate) fn reduce(mut program: Program, seed: u64, ways: Ways) -> (Program, String) {
    let fails = |program: &Program| match compare(program, seed, ways) {
        Err(Failure::Different(text)) => Some(text),
        _ => None,
    };
    let mut why = fails(&program).unwrap_or_default();
    let mut size = 32;
    while size > 0 {
        let mut is_smaller = false;
        for function in 0..program.functions.len() {
            let mut at = 0;
            while at < program.functions[function].len() {
                let mut smaller = program.clone();
                let items = &mut smaller.functions[function];
                let end = items.len().min(at + size);
                items.drain(at..end);
                match fails(&smaller) {
                    Some(text) => {
                        (program, why, is_smaller) = (smaller, text, true);
                    }
                    None => at += 1,
                }
            }
        }
        if !is_smaller {
            size /= 2;
        }
    }
    (program, why)
}

/// The program as text, function by function.
pub(crate) fn listing(program: &Program) -> String {
    let image = program.image();
    let mut text = String::new();
    for (number, (items, record)) in program.functions.iter().zip(&image.functions).enumerate() {
        let (args, results) = image.types[record.type_index as usize].arity();
        let _ = writeln!(
            text,
            "function {number} ({args} -> {results}), from {:#x}:",
            record.start
        );
        for item in items {
            let _ = match item {
                Item::Label(label) => writeln!(text, "  .{label}:"),
                Item::Plain(opcode, operand) if opcode.operand().size() == 0 => {
                    let _ = operand;
                    writeln!(text, "    {}", opcode.mnemonic())
                }
                Item::Plain(opcode, operand) => {
                    writeln!(text, "    {} {operand:#x}", opcode.mnemonic())
                }
                Item::Jump(opcode, label) => writeln!(text, "    {} .{label}", opcode.mnemonic()),
                Item::Switch(targets) => writeln!(text, "    switch {targets:?}"),
                Item::PushLand(label) => writeln!(text, "    push_a .{label}"),
                Item::PushFunction(number) => writeln!(text, "    push_a function {number}"),
            };
        }
    }
    text
}
