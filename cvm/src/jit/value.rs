//! Values under compilation: the abstract operand stack and the forms that a cell can be in.
//!
//! A cell is 64 untyped bits. Here it is also kept as what it was computed as (a truth value, a float, a constant) and
//! becomes 64 bits in an integer register only where something needs that.

use std::ops::{Deref, DerefMut};

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{F32, F64, I8, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use cranelift_frontend::{FunctionBuilder, Variable};
use cvm_spec::pointer::Tag;

use super::plan::Kind;

/// What a cell is kept as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Constant(u64),
    /// An `i64`.
    Cell(Value),
    /// An `i8` that is 0 or 1.
    Truth(Value),
    /// An `f64`. If it is lazy, a NaN in it stands for the canonical one.
    Float {
        value: Value,
        lazy: bool,
    },
    /// An `f32`, and zeros above it.
    Single {
        value: Value,
        lazy: bool,
    },
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) form: Form,
    /// The segment that it probably points into.
    pub(super) hint: Option<Tag>,
    /// As an unsigned number it is not above this.
    pub(super) bound: u64,
}

impl From<Form> for Cell {
    fn from(form: Form) -> Cell {
        let bound = match form {
            Form::Constant(value) => value,
            Form::Truth(_) => 1,
            Form::Single { .. } => u64::from(u32::MAX),
            Form::Cell(_) | Form::Float { .. } => u64::MAX,
        };
        Cell {
            form,
            hint: None,
            bound,
        }
    }
}

impl Cell {
    /// The value that holds it, unless it is a constant.
    pub(super) fn value(&self) -> Option<Value> {
        match self.form {
            Form::Constant(_) => None,
            Form::Cell(value) | Form::Truth(value) => Some(value),
            Form::Float { value, .. } | Form::Single { value, .. } => Some(value),
        }
    }

    /// The same in another value of the same type.
    pub(super) fn held_in(self, value: Value) -> Cell {
        let form = match self.form {
            Form::Constant(bits) => Form::Constant(bits),
            Form::Cell(_) => Form::Cell(value),
            Form::Truth(_) => Form::Truth(value),
            Form::Float { lazy, .. } => Form::Float { value, lazy },
            Form::Single { lazy, .. } => Form::Single { value, lazy },
        };
        Cell { form, ..self }
    }

    pub(super) fn new(value: Value) -> Cell {
        Form::Cell(value).into()
    }

    pub(super) fn constant(value: u64) -> Cell {
        Form::Constant(value).into()
    }

    pub(super) fn truth(value: Value) -> Cell {
        Form::Truth(value).into()
    }

    pub(super) fn hinted(self, hint: Option<Tag>) -> Cell {
        Cell { hint, ..self }
    }

    pub(super) fn bounded(self, bound: u64) -> Cell {
        Cell { bound, ..self }
    }

    /// An `f64` (or `f32`) as a cell.
    pub(super) fn float(kind: Kind, value: Value, lazy: bool) -> Cell {
        match kind {
            Kind::Cell => Cell::new(value),
            Kind::Float => Form::Float { value, lazy }.into(),
            Kind::Single => Form::Single { value, lazy }.into(),
        }
    }

    pub(super) fn as_constant(&self) -> Option<u64> {
        match self.form {
            Form::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// The builder, and values that every function can use.
pub(super) struct Builder<'l> {
    pub(super) inner: FunctionBuilder<'l>,
    /// The canonical NaN of both widths: loaded, so that a loop keeps it in a register.
    pub(super) nan: Value,
    pub(super) single_nan: Value,
}

impl<'l> Deref for Builder<'l> {
    type Target = FunctionBuilder<'l>;

    fn deref(&self) -> &FunctionBuilder<'l> {
        &self.inner
    }
}

impl<'l> DerefMut for Builder<'l> {
    fn deref_mut(&mut self) -> &mut FunctionBuilder<'l> {
        &mut self.inner
    }
}

/// A value with its NaN made canonical.
fn canonical(b: &mut Builder<'_>, nan: Value, value: Value) -> Value {
    let is_nan = b.ins().fcmp(FloatCC::Unordered, value, value);
    b.ins().select(is_nan, nan, value)
}

/// The 64 bits.
pub(super) fn cell(b: &mut Builder<'_>, cell: Cell) -> Value {
    match cell.form {
        Form::Constant(bits) => b.ins().iconst(I64, bits as i64),
        Form::Cell(value) => value,
        Form::Truth(value) => b.ins().uextend(I64, value),
        Form::Float { .. } => {
            let value = float(b, cell, true);
            b.ins().bitcast(I64, MemFlagsData::new(), value)
        }
        Form::Single { .. } => {
            let value = single(b, cell, true);
            let bits = b.ins().bitcast(I32, MemFlagsData::new(), value);
            b.ins().uextend(I64, bits)
        }
    }
}

/// The low 32 bits.
pub(super) fn word(b: &mut Builder<'_>, operand: Cell) -> Value {
    match operand.form {
        Form::Constant(bits) => b.ins().iconst(I32, i64::from(bits as u32)),
        Form::Truth(value) => b.ins().uextend(I32, value),
        Form::Single { .. } => {
            let value = single(b, operand, true);
            b.ins().bitcast(I32, MemFlagsData::new(), value)
        }
        _ => {
            let bits = cell(b, operand);
            b.ins().ireduce(I32, bits)
        }
    }
}

/// As binary64; with its exact bits, or as any NaN if it is one.
pub(super) fn float(b: &mut Builder<'_>, operand: Cell, exact: bool) -> Value {
    match operand.form {
        Form::Constant(bits) => b.ins().f64const(Ieee64::with_bits(bits)),
        Form::Float { value, lazy } if exact && lazy => canonical(b, b.nan, value),
        Form::Float { value, .. } => value,
        _ => {
            let bits = cell(b, operand);
            b.ins().bitcast(F64, MemFlagsData::new(), bits)
        }
    }
}

/// As binary32; with its exact bits, or as any NaN if it is one.
pub(super) fn single(b: &mut Builder<'_>, operand: Cell, exact: bool) -> Value {
    match operand.form {
        Form::Constant(bits) => b.ins().f32const(Ieee32::with_bits(bits as u32)),
        Form::Single { value, lazy } if exact && lazy => canonical(b, b.single_nan, value),
        Form::Single { value, .. } => value,
        _ => {
            let bits = word(b, operand);
            b.ins().bitcast(F32, MemFlagsData::new(), bits)
        }
    }
}

/// In the form of a kind.
pub(super) fn of_kind(b: &mut Builder<'_>, kind: Kind, operand: Cell, exact: bool) -> Value {
    match kind {
        Kind::Cell => cell(b, operand),
        Kind::Float => float(b, operand, exact),
        Kind::Single => single(b, operand, exact),
    }
}

/// In the form that another cell has, which is not a constant.
pub(super) fn in_form(b: &mut Builder<'_>, form: Form, operand: Cell) -> Value {
    match (form, operand.form) {
        (Form::Truth(_), Form::Truth(value)) => value,
        (Form::Truth(_), _) => {
            let bits = cell(b, operand);
            b.ins().ireduce(I8, bits)
        }
        (Form::Float { lazy, .. }, _) => float(b, operand, !lazy),
        (Form::Single { lazy, .. }, _) => single(b, operand, !lazy),
        (Form::Cell(_) | Form::Constant(_), _) => cell(b, operand),
    }
}

/// Something that is zero exactly if the cell is.
pub(super) fn condition(b: &mut Builder<'_>, operand: Cell) -> Value {
    match operand.form {
        Form::Truth(value) => value,
        _ => cell(b, operand),
    }
}

/// Whether the cell is 0, as a truth value.
pub(super) fn is_zero(b: &mut Builder<'_>, operand: Cell) -> Value {
    let value = condition(b, operand);
    b.ins()
        .icmp_imm_s(cranelift_codegen::ir::condcodes::IntCC::Equal, value, 0)
}

/// What the operand stack held at some instruction.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) settled: usize,
    pub(super) cells: Vec<Cell>,
}

/// The abstract operand stack.
///
/// Operands at positions below `settled` are in the variables of their positions; those above are in `cells`. Where
/// paths meet, all are settled. So a block costs what it changes, however deep the stack is.
#[derive(Debug, Default)]
pub(super) struct Stack {
    settled: usize,
    cells: Vec<Cell>,
    variables: Vec<Option<Variable>>,
}

impl Stack {
    pub(super) fn depth(&self) -> usize {
        self.settled + self.cells.len()
    }

    /// The operands as they are now.
    pub(super) fn hold(&self) -> Held {
        Held {
            settled: self.settled,
            cells: self.cells.clone(),
        }
    }

    /// The operands are again what they were.
    pub(super) fn restore(&mut self, held: Held) {
        self.settled = held.settled;
        self.cells = held.cells;
    }

    /// A block begins with this many settled operands.
    pub(super) fn enter_block(&mut self, depth: u32) {
        self.settled = depth as usize;
        self.cells.clear();
    }

    fn variable(&mut self, b: &mut Builder<'_>, position: usize) -> Variable {
        if self.variables.len() <= position {
            self.variables.resize(position + 1, None);
        }
        *self.variables[position].get_or_insert_with(|| b.declare_var(I64))
    }

    /// Puts all operands into the variables of their positions.
    pub(super) fn settle(&mut self, b: &mut Builder<'_>) {
        for index in 0..self.cells.len() {
            let variable = self.variable(b, self.settled + index);
            let value = cell(b, self.cells[index]);
            b.def_var(variable, value);
        }
        self.settled += self.cells.len();
        self.cells.clear();
    }

    pub(super) fn push(&mut self, cell: Cell) {
        self.cells.push(cell);
    }

    pub(super) fn pop(&mut self, b: &mut Builder<'_>) -> Cell {
        if let Some(cell) = self.cells.pop() {
            return cell;
        }
        self.settled -= 1;
        let variable = self.variable(b, self.settled);
        Cell::new(b.use_var(variable))
    }

    /// The operand `below` under the top.
    pub(super) fn peek(&mut self, b: &mut Builder<'_>, below: usize) -> Cell {
        let position = self.depth() - 1 - below;
        match position.checked_sub(self.settled) {
            Some(index) => self.cells[index],
            None => {
                let variable = self.variable(b, position);
                Cell::new(b.use_var(variable))
            }
        }
    }

    /// Pops `count` operands; the deepest comes first.
    pub(super) fn take(&mut self, b: &mut Builder<'_>, count: usize) -> Vec<Cell> {
        let mut cells: Vec<Cell> = (0..count).map(|_| self.pop(b)).collect();
        cells.reverse();
        cells
    }

    pub(super) fn drop_top(&mut self, count: usize) {
        let held = count.min(self.cells.len());
        self.cells.truncate(self.cells.len() - held);
        self.settled -= count - held;
    }
}
