//! Operand depths: the depth of the operand stack at every instruction that a path reaches.

use cvm_spec::codec::Operand;
use cvm_spec::image::{FunctionType, Image, Type};
use cvm_spec::isa::Opcode;
use cvm_spec::limits::CELLS_MAX;

use super::body::Body;
use super::{Rule, VerifyError};

/// No path reaches this instruction.
pub(crate) const UNREACHED: u32 = u32::MAX;

/// The depths of one function. Buffers are reused from function to function.
#[derive(Debug, Default)]
pub(crate) struct Depths {
    /// Depth before each instruction, by instruction number, or [`UNREACHED`].
    pub(crate) before: Vec<u32>,
    /// The deepest that the operand stack gets.
    pub(crate) max: u32,
    work: Vec<usize>,
}

/// Cells that an instruction pops and pushes.
///
/// Indices in operands were checked before, see [`super::operands`].
pub(crate) fn effect(
    image: &Image,
    function_type: FunctionType,
    opcode: Opcode,
    operand: Operand<'_>,
) -> (u32, u32) {
    if let Some((pops, pushes)) = opcode.fixed_effect() {
        return (u32::from(pops), u32::from(pushes));
    }
    let arity = |type_index: u32| {
        let (args, results) = image
            .types
            .get(type_index as usize)
            .map_or((0, 0), Type::arity);
        (u32::from(args), u32::from(results))
    };
    match (opcode, operand) {
        (Opcode::Call | Opcode::RetCall, Operand::Index(index)) => {
            let (args, results) = arity(image.functions[index as usize].type_index);
            (args, if opcode == Opcode::Call { results } else { 0 })
        }
        (Opcode::CallX, Operand::Index(index)) => arity(image.imports[index as usize].type_index),
        (Opcode::CallI | Opcode::CallXi, Operand::Index(index)) => {
            let (args, results) = arity(index);
            (args + 1, results)
        }
        (Opcode::RetCallI, Operand::Index(index)) => (arity(index).0 + 1, 0),
        (Opcode::Ret, _) => (u32::from(function_type.results), 0),
        (Opcode::Pick, Operand::Depth(depth)) => (u32::from(depth) + 1, u32::from(depth) + 2),
        (Opcode::Slide, Operand::Slide { dropped, kept }) => {
            (u32::from(dropped) + u32::from(kept), u32::from(kept))
        }
        _ => (0, 0),
    }
}

impl Depths {
    /// Follows every path of a function.
    pub(crate) fn compute(
        &mut self,
        image: &Image,
        body: &Body<'_>,
        function: u32,
        function_type: FunctionType,
        slots: u32,
    ) -> Result<(), VerifyError> {
        self.before.clear();
        self.before.resize(body.instructions.len(), UNREACHED);
        self.max = 0;
        self.work.clear();
        self.before[0] = 0;
        self.work.push(0);
        for (number, (_, instruction)) in body.instructions.iter().enumerate() {
            if instruction.opcode == Opcode::Land {
                if self.before[number] == UNREACHED {
                    self.work.push(number);
                }
                self.before[number] = 0;
            }
        }
        while let Some(first) = self.work.pop() {
            let mut number = first;
            loop {
                let (at, instruction) = body.instructions[number];
                let opcode = instruction.opcode;
                let before = self.before[number];
                let (pops, pushes) = effect(image, function_type, opcode, instruction.operand);
                let fail = |rule, message| Err(VerifyError::new(rule, function, at, message));
                if before < pops {
                    return fail(
                        Rule::StackUnderflow,
                        format!(
                            "`{}` takes {pops} operands, the stack holds {before}",
                            opcode.mnemonic()
                        ),
                    );
                }
                if opcode == Opcode::JmpI && before != 1 {
                    return fail(
                        Rule::JumpIndirectStack,
                        format!("the stack holds {before} cells, expected the target alone"),
                    );
                }
                let after = before - pops + pushes;
                if after > self.max {
                    self.max = after;
                    if after + slots > CELLS_MAX {
                        return fail(
                            Rule::TooManyCells,
                            format!(
                                "{slots} private cells and {after} operands, at most {CELLS_MAX} together are allowed"
                            ),
                        );
                    }
                }
                body.for_each_distance(number, |distance| {
                    let target = body
                        .target_offset(number, distance)
                        .and_then(|offset| body.at(offset));
                    match target {
                        Some(target) => self.reach(body, function, at, target, after).map(|new| {
                            if new {
                                self.work.push(target);
                            }
                        }),
                        None => Ok(()),
                    }
                })?;
                if !opcode.flow().falls_through() {
                    break;
                }
                if number + 1 == body.instructions.len() {
                    return fail(
                        Rule::FallsOffEnd,
                        format!(
                            "execution goes on behind `{}`, the function's last instruction",
                            opcode.mnemonic()
                        ),
                    );
                }
                if !self.reach(body, function, at, number + 1, after)? {
                    break;
                }
                number += 1;
            }
        }
        Ok(())
    }

    /// Notes that `target` is reached with this depth; true if for the first time.
    fn reach(
        &mut self,
        body: &Body<'_>,
        function: u32,
        from: u32,
        target: usize,
        depth: u32,
    ) -> Result<bool, VerifyError> {
        let known = self.before[target];
        if known == UNREACHED {
            self.before[target] = depth;
            return Ok(true);
        }
        if known == depth {
            return Ok(false);
        }
        let (at, instruction) = body.instructions[target];
        Err(if instruction.opcode == Opcode::Land {
            VerifyError::new(
                Rule::LandStack,
                function,
                at,
                format!("the stack holds {depth} cells on the way from {from:#x}, expected none"),
            )
        } else {
            VerifyError::new(
                Rule::DepthMismatch,
                function,
                at,
                format!(
                    "the stack holds {depth} cells on the way from {from:#x}, but {known} on another"
                ),
            )
        })
    }
}
