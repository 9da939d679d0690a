//! A function's instructions, decoded once: offsets, and the way back from an offset to its instruction.

use cvm_spec::codec::{DecodeError, Instruction, Operand, decode};
use cvm_spec::image::Function;

use super::{Rule, VerifyError};

/// No instruction begins at this byte.
const NONE: u32 = u32::MAX;

/// The decoded instructions of one function. Its buffers are reused from function to function.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    /// Text offset of the function.
    pub(crate) start: u32,
    /// (text offset, instruction) in text order.
    pub(crate) instructions: Vec<(u32, Instruction<'a>)>,
    /// Instruction number by byte of the function.
    index: Vec<u32>,
    /// Text offset behind the last instruction.
    pub(crate) end: u32,
}

impl<'a> Body<'a> {
    /// Decodes a function of `text`.
    pub(crate) fn decode(
        &mut self,
        text: &'a [u8],
        number: u32,
        function: &Function,
    ) -> Result<(), VerifyError> {
        self.start = function.start;
        self.end = function.end();
        self.instructions.clear();
        self.index.clear();
        self.index.resize(function.size as usize, NONE);
        let text = &text[..function.end() as usize];
        let mut at = function.start as usize;
        while at < text.len() {
            let (instruction, next) = decode(text, at).map_err(|error| {
                let rule = match error {
                    DecodeError::UnknownOpcode { .. } => Rule::UnknownOpcode,
                    DecodeError::Truncated { .. } => Rule::TruncatedInstruction,
                    DecodeError::SwitchSize { .. } => Rule::SwitchSize,
                };
                VerifyError::new(rule, number, at as u32, error.to_string())
            })?;
            self.index[at - function.start as usize] = self.instructions.len() as u32;
            self.instructions.push((at as u32, instruction));
            at = next;
        }
        Ok(())
    }

    /// Number of the instruction that begins at a text offset.
    pub(crate) fn at(&self, offset: u32) -> Option<usize> {
        let byte = offset.checked_sub(self.start)?;
        match self.index.get(byte as usize) {
            Some(&NONE) | None => None,
            Some(&number) => Some(number as usize),
        }
    }

    /// Text offset behind instruction `number`.
    pub(crate) fn next_offset(&self, number: usize) -> u32 {
        self.instructions
            .get(number + 1)
            .map_or(self.end, |(offset, _)| *offset)
    }

    /// Text offset that a jump distance of instruction `number` leads to, if it is one.
    pub(crate) fn target_offset(&self, number: usize, distance: i32) -> Option<u32> {
        self.next_offset(number).checked_add_signed(distance)
    }

    /// Number of the instruction that a jump distance of instruction `number` leads to.
    pub(crate) fn target(&self, number: usize, distance: i32) -> Option<usize> {
        self.target_offset(number, distance)
            .and_then(|offset| self.at(offset))
    }

    /// Calls `each` with the distance of every jump of instruction `number`.
    pub(crate) fn for_each_distance<E>(
        &self,
        number: usize,
        mut each: impl FnMut(i32) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.instructions[number].1.operand {
            Operand::Jump(distance) => each(distance),
            Operand::Table(table) => {
                for distance in table.distances() {
                    each(distance)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
