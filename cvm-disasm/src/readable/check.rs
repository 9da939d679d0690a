//! What keeps an image from being written as assembly, found before anything is printed.
//!
//! Assembly can express what the verifier accepts, and most of what it rejects. The rest is refused here, so that
//! the printers need not think about it.

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::{Image, Type};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::Tag;

use crate::DisassembleError;
use crate::describe::shown;
use crate::names::{function_names, string};
use crate::sweep::{Found, OffsetSet, Region, Sweep, target};

/// What the first pass finds.
pub(super) struct Checked {
    /// Where instructions begin, and where jumps lead.
    pub(super) sweep: Sweep,
    /// Where text pointers among the operands lead.
    pub(super) pointed: OffsetSet,
    /// Short pointers to data and bss among the operands, in the order of the text.
    pub(super) references: Vec<u32>,
    /// One more than the largest type index of an indirect call.
    pub(super) types: usize,
}

/// Goes through the text once.
///
/// # Errors
/// The first thing that assembly cannot express.
pub(super) fn check(image: &Image, regions: &[Region]) -> Result<Checked, DisassembleError> {
    let mut pointed = OffsetSet::new(image.text.len());
    let mut references = Vec::new();
    let mut types = 0;
    let mut wrong: Option<(usize, String)> = None;
    let mut bytes = None;
    let sweep = Sweep::visit(
        image,
        regions,
        |found| {
            let operand = found.instruction.operand;
            match operand {
                Operand::Pointer(pointer) => match pointer.tag() {
                    Tag::Text => pointed.insert(pointer.offset() as usize),
                    Tag::Data | Tag::Bss => references.push(pointer.0),
                    _ => {}
                },
                Operand::Index(index)
                    if found.instruction.opcode.operand() == OperandKind::Type =>
                {
                    types = types.max(index as usize + 1);
                }
                _ => {}
            }
            if !matches!(operand, Operand::None | Operand::Constant(_))
                && wrong.is_none()
                && let Some(what) = problem(image, &found)
            {
                wrong = Some((found.at, what));
            }
        },
        |at, region| {
            if bytes.is_none() {
                bytes = Some((at, region.range.end));
            }
        },
    );
    if let Some((offset, end)) = bytes
        && let Err(reason) = decode(&image.text[..end], offset)
    {
        return Err(DisassembleError::Undecodable {
            offset,
            function: function_of(image, offset),
            reason,
        });
    }
    if let Some(offset) = sweep.astray {
        wrong = wrong.or(Some((offset, "a jump leads into this instruction".into())));
    }
    if let Some((offset, what)) = wrong {
        return Err(DisassembleError::Instruction {
            offset,
            function: function_of(image, offset),
            what,
        });
    }
    if let Some(region) = regions.iter().find(|region| region.function.is_none()) {
        let what = format!("text offset {} belongs to no function", region.range.start);
        return Err(DisassembleError::Image { what });
    }
    Ok(Checked {
        sweep,
        pointed,
        references,
        types,
    })
}

/// What assembly cannot express in an instruction.
fn problem(image: &Image, found: &Found<'_, '_>) -> Option<String> {
    let leaves = |distance: i32| {
        let offset = target(found.next, distance);
        !offset.is_some_and(|offset| found.region.range.contains(&offset))
    };
    let mnemonic = found.instruction.opcode.mnemonic();
    match found.instruction.operand {
        Operand::Jump(distance) if leaves(distance) => {
            Some(format!("`{mnemonic}` leaves the function"))
        }
        Operand::Table(table) if table.distances().any(leaves) => {
            Some(format!("`{mnemonic}` leaves the function"))
        }
        Operand::Pointer(pointer) if pointer.tag().prefix().is_none() => Some(format!(
            "no prefix stands for the segment of pointer {pointer}"
        )),
        Operand::Cells(0) => Some("`declare` makes an object without cells".to_owned()),
        Operand::Index(index) => missing(image, found.instruction.opcode, index),
        _ => None,
    }
}

fn missing(image: &Image, opcode: Opcode, index: u32) -> Option<String> {
    let at = index as usize;
    let mnemonic = opcode.mnemonic();
    match opcode.operand() {
        OperandKind::Function if at >= image.functions.len() => Some(format!(
            "`{mnemonic}` names function {index}, which does not exist"
        )),
        OperandKind::Import => match image.imports.get(at).map(|import| import.kind) {
            Some(_) => None,
            None => Some(format!(
                "`{mnemonic}` names import {index}, which does not exist"
            )),
        },
        OperandKind::Type => {
            let foreign = opcode == Opcode::CallXi;
            let found = image.types.get(at);
            let fits = found.is_some_and(|ty| matches!(ty, Type::Foreign { .. }) == foreign);
            (!fits).then(|| format!("`{mnemonic}` names type {index}, which it cannot have"))
        }
        _ => None,
    }
}

/// The function at a text offset, for messages.
fn function_of(image: &Image, offset: usize) -> String {
    let index = u32::try_from(offset)
        .ok()
        .and_then(|offset| image.function_at(offset));
    let Some(index) = index else {
        return "the text".to_owned();
    };
    match function_names(image)[index as usize] {
        Some(name) => format!("function `{}`", shown(string(image, name))),
        None => format!("function {index}"),
    }
}
