//! Functions of the module, instruction by instruction.
//!
//! The operand stacks of both machines have the same depth at every instruction, one cell for a value, so a block's
//! values stay where they are and a jump out of one needs a `slide` at most. Code that no path reaches is validated
//! and left out.
//!
//! Invariants:
//! - a cell that holds 32 bits (i32, f32) has an upper half of 0. The exception is the top cell while `is_dirty` is
//!   set: an instruction that looks at the upper half comes behind an `i_zext_d`;
//! - nothing here calls itself: blocks are a list.

mod arithmetic;
mod control;
mod memory;
mod table;
mod visit;

use cvm_spec::image::Function;
use cvm_spec::isa::Opcode;
use cvm_spec::limits::CELLS_MAX;
use cvm_spec::pointer::Tag;
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader,
    OperatorsReaderAllocations, ValType, ValidatorResources,
};

use crate::error::{TranslateError, unsupported};
use crate::program::Program;
use control::{Jumps, Label};
use memory::After;
use visit::Visitor;

/// Cells that the code of one instruction may use besides its operands.
const SPARE: u32 = 8;

/// What is kept from function to function, to be used again.
#[derive(Default)]
pub(crate) struct Scratch {
    validator: FuncValidatorAllocations,
    operators: OperatorsReaderAllocations,
    labels: Vec<Label>,
    jumps: Jumps,
    floats: Vec<bool>,
}

/// One function under translation.
struct Body<'t, 'm, 'a> {
    program: &'t mut Program<'m, 'a>,
    labels: &'t mut Vec<Label>,
    jumps: &'t mut Jumps,
    /// In code that no path reaches: how many blocks began there.
    dead: Option<u32>,
    /// The top cell's upper half is not what it should be.
    is_dirty: bool,
    /// Depth of the operand stack before the instruction.
    height: u32,
    /// For each argument and local, whether it holds a binary64.
    floats: &'t [bool],
}

/// Translates the function with this number among those that have a body.
pub(crate) fn translate(
    program: &mut Program<'_, '_>,
    number: u32,
    body: &FunctionBody<'_>,
    resources: &ValidatorResources,
    scratch: &mut Scratch,
) -> Result<(), TranslateError> {
    let module = program.module;
    let index = module.imported() + number;
    let type_index = module.functions[index as usize];
    let mut validator = FuncToValidate {
        resources: resources.clone(),
        index,
        ty: type_index,
        features: crate::module::FEATURES,
    }
    .into_validator(std::mem::take(&mut scratch.validator));

    let start = program.text.here();
    if let Some(lines) = &mut program.lines {
        lines.begin_function(body.range().start, start);
    }
    let function_type = &module.types[type_index as usize];
    let floats = &mut scratch.floats;
    floats.clear();
    floats.extend(function_type.params().iter().map(is_float));
    let mut reader = body.get_binary_reader();
    for _ in 0..reader.read_var_u32()? {
        let offset = reader.original_position();
        let more = reader.read_var_u32()?;
        let value_type = reader.read()?;
        validator.define_locals(offset, more, value_type)?;
        floats.resize(floats.len() + more as usize, is_float(&value_type));
        program.count_locals(more, offset)?;
        for _ in 0..more {
            program.text.with(Opcode::Declare, 1);
        }
    }
    let count = floats.len() as u32;
    let most = check_cells(count, 0, reader.original_position())?;

    scratch.labels.clear();
    scratch.jumps.clear();
    scratch
        .labels
        .push(Label::of_function(function_type.results().len() as u32));
    let mut visitor = Visitor {
        validator,
        offset: 0,
        body: Body {
            program,
            labels: &mut scratch.labels,
            jumps: &mut scratch.jumps,
            dead: None,
            is_dirty: false,
            height: 0,
            floats: &scratch.floats,
        },
    };
    let mut reader =
        OperatorsReader::new_with_allocs(reader, std::mem::take(&mut scratch.operators));
    while !reader.eof() {
        let offset = reader.original_position();
        let height = visitor.validator.operand_stack_height();
        if height > most {
            check_cells(count, height, offset)?;
        }
        visitor.offset = offset;
        visitor.body.height = height;
        visitor.body.program.note_line(offset);
        reader
            .visit_operator(&mut visitor)?
            .map_err(|error| *error)?;
    }
    reader.finish()?;
    scratch.operators = reader.into_allocations();
    scratch.validator = visitor.validator.into_allocations();

    program.text.check_size(body.range().end)?;
    let end = program.text.here();
    if let Some(lines) = &mut program.lines {
        lines.end_function(end);
    }
    let type_index = program.types.of_module(type_index);
    program.functions.push(Function {
        start,
        size: end - start,
        type_index,
    });
    Ok(())
}

fn is_float(value_type: &ValType) -> bool {
    *value_type == ValType::F64
}

/// The operand depth that a function with so many locals may have. Fails if there is no room for what it has.
fn check_cells(locals: u32, height: u32, offset: u64) -> Result<u32, TranslateError> {
    let found = locals + height + SPARE;
    if found > CELLS_MAX {
        return Err(TranslateError::TooLarge {
            what: "locals and operands of a function",
            found: u64::from(found),
            limit: u64::from(CELLS_MAX),
            offset,
        });
    }
    Ok(CELLS_MAX - locals - SPARE)
}

impl Body<'_, '_, '_> {
    /// Translates an instruction that has been validated, of which `same` is what [`arithmetic`] says.
    #[inline]
    fn step_simple(
        &mut self,
        same: Option<Opcode>,
        ignores_upper_half: bool,
        operator: &Operator<'_>,
        offset: u64,
    ) -> Result<(), TranslateError> {
        let (Some(opcode), None) = (same, self.dead) else {
            return self.step(operator, offset);
        };
        if std::mem::take(&mut self.is_dirty) && !ignores_upper_half {
            self.program.text.op(Opcode::IZextD);
        }
        self.program.text.op(opcode);
        Ok(())
    }

    /// Translates one instruction, which has been validated.
    fn step(&mut self, operator: &Operator<'_>, offset: u64) -> Result<(), TranslateError> {
        if let Some(nested) = self.dead {
            self.step_dead(operator, nested);
            return Ok(());
        }
        if std::mem::take(&mut self.is_dirty) && !arithmetic::ignores_upper_half(operator) {
            self.program.text.op(Opcode::IZextD);
            if matches!(operator, Operator::I64ExtendI32U) {
                return Ok(());
            }
        }
        let text = &mut self.program.text;
        match operator {
            Operator::LocalGet { local_index } => self.local_get(*local_index),
            Operator::LocalSet { local_index } => self.local_set(*local_index),
            Operator::LocalTee { local_index } => {
                text.op(Opcode::Dup);
                self.local_set(*local_index);
            }
            Operator::I32Const { value } => text.push(u64::from(*value as u32)),
            Operator::I64Const { value } => text.push(*value as u64),
            Operator::F32Const { value } => text.push(u64::from(value.bits())),
            Operator::F64Const { value } => text.push(value.bits()),
            Operator::GlobalGet { global_index } => self.program.global_get(*global_index),
            Operator::GlobalSet { global_index } => self.program.global_set(*global_index),
            Operator::I32WrapI64 => self.is_dirty = true,
            Operator::RefNull { .. } => text.push(0),
            Operator::RefFunc { function_index } => text.push_function(*function_index),
            Operator::I32Load { memarg }
            | Operator::F32Load { memarg }
            | Operator::I64Load32U { memarg } => self.load(memarg, Opcode::DReadA, After::Nothing),
            Operator::I64Load { memarg } | Operator::F64Load { memarg } => {
                self.load(memarg, Opcode::QReadA, After::Nothing);
            }
            Operator::I32Load8U { memarg } | Operator::I64Load8U { memarg } => {
                self.load(memarg, Opcode::BReadA, After::Nothing);
            }
            Operator::I32Load16U { memarg } | Operator::I64Load16U { memarg } => {
                self.load(memarg, Opcode::WReadA, After::Nothing);
            }
            Operator::I64Load8S { memarg } => self.load(memarg, Opcode::BReadSA, After::Nothing),
            Operator::I64Load16S { memarg } => self.load(memarg, Opcode::WReadSA, After::Nothing),
            Operator::I64Load32S { memarg } => self.load(memarg, Opcode::DReadSA, After::Nothing),
            Operator::I32Load8S { memarg } => self.load(memarg, Opcode::BReadSA, After::Narrow),
            Operator::I32Load16S { memarg } => self.load(memarg, Opcode::WReadSA, After::Narrow),
            Operator::I32Store { memarg }
            | Operator::F32Store { memarg }
            | Operator::I64Store32 { memarg } => self.store(memarg, Opcode::DWriteA),
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => {
                self.store(memarg, Opcode::QWriteA);
            }
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(memarg, Opcode::BWriteA);
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(memarg, Opcode::WWriteA);
            }
            _ => return self.step_other(operator, offset),
        }
        Ok(())
    }

    /// Translates an instruction that is none of the simple ones.
    fn step_other(&mut self, operator: &Operator<'_>, offset: u64) -> Result<(), TranslateError> {
        if self.control(operator, offset)?
            || self.bulk(operator)
            || self.table(operator)
            || arithmetic::is_nothing(operator)
        {
            return Ok(());
        }
        if let Some(opcode) = arithmetic::same(operator) {
            self.program.text.op(opcode);
            return Ok(());
        }
        let name = format!("{operator:?}");
        let name = name.split([' ', '{', '(']).next().unwrap_or_default();
        let message = format!("the instruction {name}");
        Err(unsupported("instruction", message, offset))
    }

    /// Pushes a local.
    fn local_get(&mut self, local: u32) {
        let opcode = match self.holds_float(local) {
            true => Opcode::FReadA,
            false => Opcode::IReadA,
        };
        self.program.text.at(opcode, Tag::Local, local * 8);
    }

    /// Pops a local.
    fn local_set(&mut self, local: u32) {
        let opcode = match self.holds_float(local) {
            true => Opcode::FWriteA,
            false => Opcode::IWriteA,
        };
        self.program.text.at(opcode, Tag::Local, local * 8);
    }

    /// Whether a local holds a binary64: the instructions on it say so.
    fn holds_float(&self, local: u32) -> bool {
        self.floats.get(local as usize).is_some_and(|float| *float)
    }
}
