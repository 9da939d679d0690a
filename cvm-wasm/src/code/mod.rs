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

/// Cells that the code of one instruction may use besides its operands.
const SPARE: u32 = 8;

/// What is kept from function to function, to be used again.
#[derive(Default)]
pub(crate) struct Scratch {
    validator: FuncValidatorAllocations,
    operators: OperatorsReaderAllocations,
    labels: Vec<Label>,
    jumps: Jumps,
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
    /// Types of arguments and locals: (first index behind them, type).
    locals: Vec<(u32, ValType)>,
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
    program.note_origin(Some(body.range().start));
    let function_type = &module.types[type_index as usize];
    let mut locals: Vec<(u32, ValType)> = Vec::new();
    let mut count = 0;
    for argument in function_type.params() {
        count += 1;
        add_local(&mut locals, count, *argument);
    }
    let mut reader = body.get_binary_reader();
    for _ in 0..reader.read_var_u32()? {
        let offset = reader.original_position();
        let more = reader.read_var_u32()?;
        let value_type = reader.read()?;
        validator.define_locals(offset, more, value_type)?;
        count += more;
        add_local(&mut locals, count, value_type);
        for _ in 0..more {
            program.text.with(Opcode::Declare, 1);
        }
    }
    let most = check_cells(count, 0, reader.original_position())?;

    scratch.labels.clear();
    scratch.jumps.clear();
    scratch
        .labels
        .push(Label::of_function(function_type.results().len() as u32));
    let mut translator = Body {
        program,
        labels: &mut scratch.labels,
        jumps: &mut scratch.jumps,
        dead: None,
        is_dirty: false,
        height: 0,
        locals,
    };
    let mut reader =
        OperatorsReader::new_with_allocs(reader, std::mem::take(&mut scratch.operators));
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let height = validator.operand_stack_height();
        validator.op(offset, &operator)?;
        translator.height = height;
        if height > most {
            check_cells(count, height, offset)?;
        }
        if translator.program.origins.is_some() {
            translator.program.note_origin(Some(offset));
        }
        translator.step(&operator, offset)?;
    }
    reader.finish()?;
    scratch.operators = reader.into_allocations();
    scratch.validator = validator.into_allocations();

    program.text.check_size(body.range().end)?;
    let end = program.text.here();
    let type_index = program.types.of_module(type_index);
    program.functions.push(Function {
        start,
        size: end - start,
        type_index,
    });
    Ok(())
}

/// Notes that the locals up to before `end` have a type.
fn add_local(locals: &mut Vec<(u32, ValType)>, end: u32, value_type: ValType) {
    match locals.last_mut() {
        Some((last, same)) if *same == value_type => *last = end,
        _ => locals.push((end, value_type)),
    }
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
        if let Some(opcode) = arithmetic::same(operator) {
            self.program.text.op(opcode);
            return Ok(());
        }
        if arithmetic::is_nothing(operator) {
            return Ok(());
        }
        if self.control(operator, offset)? || self.memory(operator) || self.table(operator) {
            return Ok(());
        }
        let text = &mut self.program.text;
        match *operator {
            Operator::LocalGet { local_index } => self.local(Opcode::IReadA, local_index),
            Operator::LocalSet { local_index } => self.local(Opcode::IWriteA, local_index),
            Operator::LocalTee { local_index } => {
                text.op(Opcode::Dup);
                self.local(Opcode::IWriteA, local_index);
            }
            Operator::GlobalGet { global_index } => self.program.global_get(global_index),
            Operator::GlobalSet { global_index } => self.program.global_set(global_index),
            Operator::I32Const { value } => text.push(u64::from(value as u32)),
            Operator::I64Const { value } => text.push(value as u64),
            Operator::F32Const { value } => text.push(u64::from(value.bits())),
            Operator::F64Const { value } => text.push(value.bits()),
            Operator::RefNull { .. } => text.push(0),
            Operator::RefFunc { function_index } => text.push_function(function_index),
            Operator::I32WrapI64 => self.is_dirty = true,
            ref other => {
                let name = format!("{other:?}");
                let name = name.split([' ', '{', '(']).next().unwrap_or_default();
                let message = format!("the instruction {name}");
                return Err(unsupported("instruction", message, offset));
            }
        }
        Ok(())
    }

    /// Reads or writes a local; those that hold a binary64 with the instructions that say so.
    fn local(&mut self, opcode: Opcode, local: u32) {
        let after = self.locals.partition_point(|(end, _)| *end <= local);
        let is_float = self
            .locals
            .get(after)
            .is_some_and(|(_, value_type)| *value_type == ValType::F64);
        let opcode = match (opcode, is_float) {
            (Opcode::IReadA, true) => Opcode::FReadA,
            (Opcode::IWriteA, true) => Opcode::FWriteA,
            (opcode, _) => opcode,
        };
        self.program.text.at(opcode, Tag::Local, local * 8);
    }
}
