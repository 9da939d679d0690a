//! Constant expressions: initial values of globals and table entries, offsets of segments.

use wasmparser::{ConstExpr, Operator};

use crate::error::{TranslateError, unsupported};
use crate::module::Global;

/// A value that is known before the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    /// The bits of a number, as a cell holds them; a null reference is 0.
    Number(u64),
    /// A reference to a function.
    Function(u32),
}

impl Constant {
    /// The null reference.
    pub(crate) const NULL: Constant = Constant::Number(0);

    /// The cell of a number; the validator lets no reference stand where a number is asked for.
    pub(crate) fn number(self) -> u64 {
        match self {
            Constant::Number(value) => value,
            Constant::Function(_) => 0,
        }
    }
}

/// The value of a validated constant expression, given the values of the globals before it.
pub(crate) fn evaluate(
    expression: &ConstExpr<'_>,
    globals: &[Global],
) -> Result<Constant, TranslateError> {
    let mut reader = expression.get_operators_reader();
    let mut stack: Vec<Constant> = Vec::new();
    loop {
        let (operator, offset) = reader.read_with_offset()?;
        let value = match operator {
            Operator::End => break,
            Operator::I32Const { value } => Constant::Number(u64::from(value as u32)),
            Operator::I64Const { value } => Constant::Number(value as u64),
            Operator::F32Const { value } => Constant::Number(u64::from(value.bits())),
            Operator::F64Const { value } => Constant::Number(value.bits()),
            Operator::RefNull { .. } => Constant::NULL,
            Operator::RefFunc { function_index } => Constant::Function(function_index),
            Operator::GlobalGet { global_index } => match globals[global_index as usize] {
                Global::Own(value) => value,
                Global::Imported { .. } => {
                    let message = "the value of another module's global is not known beforehand";
                    let feature = "imported globals in constant expressions";
                    return Err(unsupported(feature, message, offset));
                }
            },
            Operator::I32Add => binary(&mut stack, |a, b| narrow(a.wrapping_add(b))),
            Operator::I32Sub => binary(&mut stack, |a, b| narrow(a.wrapping_sub(b))),
            Operator::I32Mul => binary(&mut stack, |a, b| narrow(a.wrapping_mul(b))),
            Operator::I64Add => binary(&mut stack, u64::wrapping_add),
            Operator::I64Sub => binary(&mut stack, u64::wrapping_sub),
            Operator::I64Mul => binary(&mut stack, u64::wrapping_mul),
            _ => {
                let message = "an instruction that constant expressions do not have";
                return Err(unsupported("constant expressions", message, offset));
            }
        };
        stack.push(value);
    }
    Ok(stack.pop().unwrap_or(Constant::NULL))
}

fn narrow(value: u64) -> u64 {
    u64::from(value as u32)
}

fn binary(stack: &mut Vec<Constant>, compute: fn(u64, u64) -> u64) -> Constant {
    let mut pop = || stack.pop().unwrap_or(Constant::NULL).number();
    let (b, a) = (pop(), pop());
    Constant::Number(compute(a, b))
}
