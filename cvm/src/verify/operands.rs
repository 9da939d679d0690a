//! Operands: indices exist, constant addresses are in bounds, jumps lead to instructions of the same function.

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{FunctionType, Image, ImportKind, Type};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::body::Body;
use super::{Rule, VerifyError};

/// Checks the operands of all instructions of a function, reached or not.
pub(super) fn check(
    image: &Image,
    body: &Body<'_>,
    function: u32,
    function_type: FunctionType,
) -> Result<(), VerifyError> {
    for (number, (at, instruction)) in body.instructions.iter().enumerate() {
        let fail = |(rule, message)| VerifyError::new(rule, function, *at, message);
        match instruction.operand {
            Operand::Index(index) => {
                check_index(image, function_type, instruction.opcode, index).map_err(fail)?;
            }
            Operand::Pointer(pointer) => {
                check_constant(image, instruction, pointer).map_err(fail)?;
            }
            Operand::Jump(_) | Operand::Table(_) => {
                body.for_each_distance(number, |distance| check_jump(body, number, distance))
                    .map_err(fail)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_jump(body: &Body<'_>, number: usize, distance: i32) -> Result<(), (Rule, String)> {
    let target = body
        .target_offset(number, distance)
        .filter(|offset| (body.start..body.end).contains(offset));
    let Some(target) = target else {
        let target = i64::from(body.next_offset(number)) + i64::from(distance);
        return Err((
            Rule::JumpOutsideFunction,
            format!(
                "the target {target:#x} lies outside the function's {:#x}..{:#x}",
                body.start, body.end
            ),
        ));
    };
    match body.at(target) {
        Some(_) => Ok(()),
        None => Err((
            Rule::JumpIntoInstruction,
            format!("no instruction begins at the target {target:#x}"),
        )),
    }
}

fn check_index(
    image: &Image,
    function_type: FunctionType,
    opcode: Opcode,
    index: u32,
) -> Result<(), (Rule, String)> {
    let missing = |rule, what: &str, count: usize| {
        Err((
            rule,
            format!("{what} {index} does not exist; there are {count}"),
        ))
    };
    let callee_type = match opcode.operand() {
        OperandKind::Function => match image.functions.get(index as usize) {
            Some(callee) => image.function_type(callee),
            None => return missing(Rule::BadFunctionIndex, "function", image.functions.len()),
        },
        OperandKind::Import => match image.imports.get(index as usize) {
            Some(import) if import.kind == ImportKind::ModuleData => {
                return Err((
                    Rule::BadImportIndex,
                    format!("import {index} is a data object and cannot be called"),
                ));
            }
            Some(_) => return Ok(()),
            None => return missing(Rule::BadImportIndex, "import", image.imports.len()),
        },
        _ => match (image.types.get(index as usize), opcode) {
            (None, _) => return missing(Rule::BadTypeIndex, "type", image.types.len()),
            (Some(Type::Foreign { .. }), Opcode::CallXi) => return Ok(()),
            (Some(Type::Function(callee)), Opcode::CallI | Opcode::RetCallI) => Some(*callee),
            (Some(_), _) => {
                let wanted = if opcode == Opcode::CallXi {
                    "foreign"
                } else {
                    "function"
                };
                return Err((
                    Rule::WrongTypeKind,
                    format!(
                        "`{}` needs a {wanted} type, type {index} is not one",
                        opcode.mnemonic()
                    ),
                ));
            }
        },
    };
    match callee_type {
        Some(callee)
            if matches!(opcode, Opcode::RetCall | Opcode::RetCallI)
                && callee.results != function_type.results =>
        {
            Err((
                Rule::ResultCount,
                format!(
                    "the called function has {} results, this one has {}",
                    callee.results, function_type.results
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn check_constant(
    image: &Image,
    instruction: &Instruction<'_>,
    pointer: ShortPointer,
) -> Result<(), (Rule, String)> {
    let offset = u64::from(pointer.offset());
    let tag = pointer.tag();
    // The size that a constant address may reach, and the bytes that are there for certain.
    let (reach, present) = match tag {
        Tag::Text => (image.text.len() as u64, 0),
        Tag::Data => (image.data.len() as u64, image.data.len() as u64),
        Tag::Bss => (u64::from(image.bss_size), u64::from(image.bss_size)),
        Tag::Heap if image.owns_heap && image.heap_largest != 0 => {
            (image.heap_largest, image.heap_first)
        }
        Tag::Heap => (u64::MAX, image.heap_first),
        // Local operands are checked with the frame, absolute ones when they are used.
        Tag::Local | Tag::Absolute => return Ok(()),
        Tag::Reserved | Tag::Upper => {
            return Err((
                Rule::ReservedTag,
                format!("the operand {pointer} has tag {:03b}", tag as u8),
            ));
        }
    };
    let access = instruction.opcode.access().filter(|access| !access.indexed);
    let Some(access) = access else {
        return if offset <= reach {
            Ok(())
        } else {
            Err((
                Rule::ConstantOutOfBounds,
                format!(
                    "{pointer} lies past the {} segment's {reach} bytes",
                    tag.name()
                ),
            ))
        };
    };
    let allowed = match tag {
        Tag::Text => false,
        Tag::Data => !access.write,
        _ => true,
    };
    if !allowed {
        let verb = if access.write { "written" } else { "read" };
        return Err((
            Rule::ConstantAccess,
            format!("the {} segment cannot be {verb}", tag.name()),
        ));
    }
    if offset + u64::from(access.width) > present {
        return Err((
            Rule::ConstantAccess,
            format!(
                "{} bytes at {pointer} reach past the {} segment's {present} bytes",
                access.width,
                tag.name()
            ),
        ));
    }
    Ok(())
}
