//! The shape of a function's frame: which objects it has and where they live.
//!
//! Frame offsets are what operands name: argument k at 8·k, then the declared objects in text order. An object whose
//! address is never taken and that is one cell is *private*: it lives in a cell slot that no pointer reaches. Every
//! other object has an address in the `l:` segment, at the same offset from fp in every engine.

use cvm_spec::codec::Operand;
use cvm_spec::isa::Opcode;
use cvm_spec::limits::{CELLS_MAX, FRAME_MAX};
use cvm_spec::pointer::Tag;

use super::body::Body;
use super::{Rule, VerifyError};

/// Where an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In a private cell slot.
    Slot(u32),
    /// In the `l:` segment, this many bytes from fp.
    Address(u32),
}

/// An argument or a declared object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// Frame offset in bytes.
    pub(crate) offset: u32,
    /// Size in bytes.
    pub(crate) size: u32,
    /// Where it lives.
    pub(crate) home: Home,
}

/// A function's frame.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Arguments first, ascending by frame offset.
    pub(crate) objects: Vec<Object>,
    /// Private slots: all arguments (even those with an address arrive in slots), then private locals.
    pub(crate) slots: u32,
    /// Bytes that the frame takes in the `l:` segment.
    pub(crate) local_size: u32,
}

impl Frame {
    /// Finds the objects of a function and where they live.
    pub(crate) fn lay_out(
        &mut self,
        body: &Body<'_>,
        function: u32,
        args: u16,
    ) -> Result<(), VerifyError> {
        self.objects.clear();
        let args = u32::from(args);
        self.objects.extend((0..args).map(|k| Object {
            offset: 8 * k,
            size: 8,
            home: Home::Slot(k),
        }));
        let mut size = u64::from(args) * 8;
        for (at, instruction) in &body.instructions {
            let Operand::Cells(cells) = instruction.operand else {
                continue;
            };
            if cells == 0 {
                return Err(VerifyError::new(
                    Rule::DeclareSize,
                    function,
                    *at,
                    "the object has 0 cells".into(),
                ));
            }
            let bytes = u64::from(cells) * 8;
            if size + bytes > u64::from(FRAME_MAX) {
                return Err(VerifyError::new(
                    Rule::FrameTooLarge,
                    function,
                    *at,
                    format!(
                        "with this object the frame takes {} bytes, at most {FRAME_MAX} are allowed",
                        size + bytes
                    ),
                ));
            }
            self.objects.push(Object {
                offset: size as u32,
                size: bytes as u32,
                home: Home::Slot(0),
            });
            size += bytes;
        }
        let mut addressed = vec![false; self.objects.len()];
        for (at, instruction) in &body.instructions {
            let Operand::Pointer(pointer) = instruction.operand else {
                continue;
            };
            if pointer.tag() != Tag::Local {
                continue;
            }
            let access = instruction.opcode.access();
            let takes_address =
                instruction.opcode == Opcode::PushA || access.is_some_and(|a| a.indexed);
            let offset = pointer.offset();
            if takes_address {
                let found = self.objects.binary_search_by_key(&offset, |o| o.offset);
                let Ok(object) = found else {
                    return Err(VerifyError::new(
                        Rule::LocalNotObject,
                        function,
                        *at,
                        format!("no argument or declared object begins at frame offset {offset}"),
                    ));
                };
                addressed[object] = true;
            } else if !self.containing(offset).is_some_and(|object| {
                offset + 8 <= self.objects[object].offset + self.objects[object].size
            }) {
                return Err(VerifyError::new(
                    Rule::LocalOutOfBounds,
                    function,
                    *at,
                    format!(
                        "the 8 bytes at frame offset {offset} lie in no single argument or declared object"
                    ),
                ));
            }
        }
        let mut slots = args;
        let mut address = 0;
        for (number, object) in self.objects.iter_mut().enumerate() {
            let is_argument = (number as u32) < args;
            if object.size > 8 || addressed[number] {
                object.home = Home::Address(address);
                address += object.size;
            } else if !is_argument {
                object.home = Home::Slot(slots);
                slots += 1;
            }
        }
        self.slots = slots;
        self.local_size = address;
        if slots > CELLS_MAX {
            return Err(VerifyError::new(
                Rule::TooManyCells,
                function,
                body.start,
                format!(
                    "arguments and private locals take {slots} cells, at most {CELLS_MAX} are allowed"
                ),
            ));
        }
        Ok(())
    }

    /// Number of the object that holds the byte at a frame offset.
    pub(crate) fn containing(&self, offset: u32) -> Option<usize> {
        let after = self.objects.partition_point(|o| o.offset <= offset);
        let number = after.checked_sub(1)?;
        let object = &self.objects[number];
        (offset - object.offset < object.size).then_some(number)
    }
}
