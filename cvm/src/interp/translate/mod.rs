//! Translation of verified byte code to the register form.
//!
//! One pass over each function, with an abstract operand stack that propagates copies of private locals and
//! constants, fuses comparisons with the branches behind them, folds constants and picks the cheapest address form.

#![allow(unsafe_code)]

mod builder;
mod condition;
mod control;
mod function;
mod memory;
mod select;

use std::collections::HashMap;

use cvm_spec::image::{FunctionType, Image, Type};

use crate::verify::body::Body;
use crate::verify::flow::Depths;
use crate::verify::frame::Frame;

use super::context::Callee;
use super::foreign::{Form, direct_form};
use super::handlers::list::Id;
use super::op::{Op, Word};
use super::{Code, CodeOptions};
use builder::Builder;
use function::Translation;

/// The slot of the operand at position 0, behind these private slots.
pub(crate) fn first_operand_slot(slots: u32) -> u32 {
    // At least one slot lies before the operands, so that every call moves fp up and the shadow stack, which has an
    // entry for every cell, cannot overflow before the cells do.
    slots.max(1)
}

/// A `land`: where it is in the text, and its op.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Land {
    /// Text offset.
    pub(crate) text: u32,
    /// The function that it belongs to.
    pub(crate) function: u32,
    /// The op to continue with.
    pub(crate) op: *const Op,
}

/// Numbers for distinct function types, so that two types are equal if their numbers are.
#[derive(Debug, Default)]
pub(crate) struct TypeNumbers {
    numbers: HashMap<FunctionType, u32>,
    /// By type index, of foreign types that were asked for.
    forms: HashMap<u32, Option<Form>>,
}

impl TypeNumbers {
    /// The number of a type of the types section.
    pub(crate) fn number(&mut self, image: &Image, type_index: u32) -> u32 {
        let Some(Type::Function(function_type)) = image.types.get(type_index as usize) else {
            return u32::MAX;
        };
        let next = self.numbers.len() as u32;
        *self.numbers.entry(*function_type).or_insert(next)
    }

    /// What the cells of a call by a foreign type are to C, if they are C values as they are.
    fn form(&mut self, image: &Image, type_index: u32) -> Option<Form> {
        let find = || direct_form(image, type_index);
        *self.forms.entry(type_index).or_insert_with(find)
    }
}

impl Code {
    /// Translates a verified image.
    pub(crate) fn translate(image: &Image, options: CodeOptions) -> Code {
        let mut builder = Builder::new(image.text.len() / 3 + 16, options.profiled);
        let mut body = Body::default();
        let mut frame = Frame::default();
        let mut depths = Depths::default();
        let mut types = TypeNumbers::default();
        let mut calls = Vec::new();
        let mut lands = Vec::new();
        let mut counters = image.functions.len();
        let mut starts: Vec<(usize, u32)> = Vec::with_capacity(image.functions.len());
        let finish = builder.emit(Id::finish, 0, 0, 0);
        for (number, function) in image.functions.iter().enumerate() {
            let number = number as u32;
            let function_type = image.function_type(function).unwrap_or_default();
            body.decode(&image.text, number, function)
                .and_then(|()| frame.lay_out(&body, number, function_type.args))
                .and_then(|()| depths.compute(image, &body, number, function_type, frame.slots))
                .expect("the module was verified");
            starts.push(
                Translation {
                    image,
                    body: &body,
                    frame: &frame,
                    depths: &depths,
                    function: number,
                    function_type,
                    options,
                    builder: &mut builder,
                    calls: &mut calls,
                    lands: &mut lands,
                    counters: &mut counters,
                    types: &mut types,
                    declared: 0,
                    op_of: Vec::new(),
                    branches: Vec::new(),
                    taken: None,
                }
                .run(),
            );
        }
        drop(body);
        let mut ops = builder.ops.into_boxed_slice();
        let base = ops.as_ptr();
        // SAFETY: every index below is one of an op that was emitted.
        let op_at = |index: usize| unsafe { base.add(index) };
        for (cell, function) in calls {
            let (start, cells) = starts[function as usize];
            ops[cell].word = Word { op: op_at(start) };
            ops[cell - 1].c = cells;
        }
        let mut entries = vec![0; image.text.len()];
        let callees = image
            .functions
            .iter()
            .zip(&starts)
            .enumerate()
            .map(|(number, (function, (start, cells)))| {
                entries[function.start as usize] = number as u32 + 1;
                Callee {
                    code: op_at(*start),
                    cells: *cells,
                    type_number: types.number(image, function.type_index),
                }
            })
            .collect();
        let lands = lands
            .into_iter()
            .map(|(land, index)| Land {
                op: op_at(index),
                ..land
            })
            .collect();
        Code {
            finish: op_at(finish),
            ops,
            offsets: builder.offsets,
            entries,
            callees,
            lands,
            counters,
        }
    }
}
