//! Instructions as they are read: each is validated, and translated if it is valid.
//!
//! The reader calls a method for each instruction. So nothing is looked up more than once: the reader's choice is the
//! validator's and, for the instructions without operands, the translator's as well.

use cvm_spec::isa::Opcode;
use wasmparser::{
    FuncValidator, Operator, ValidatorResources, VisitOperator, VisitSimdOperator,
    for_each_visit_operator, for_each_visit_simd_operator,
};

use super::{Body, arithmetic};
use crate::error::{TranslateError, unsupported};

/// The validator and the translator of a function.
pub(super) struct Visitor<'t, 'm, 'a> {
    pub(super) validator: FuncValidator<ValidatorResources>,
    pub(super) body: Body<'t, 'm, 'a>,
    /// Byte offset of the instruction that is read.
    pub(super) offset: u64,
}

#[cold]
fn boxed(error: impl Into<TranslateError>) -> Box<TranslateError> {
    Box::new(error.into())
}

macro_rules! visit {
    (one $self:ident $op:ident $visit:ident) => {{
        const SAME: Option<Opcode> = arithmetic::same(&Operator::$op);
        const IGNORES: bool = arithmetic::ignores_upper_half(&Operator::$op);
        let valid = $self.validator.visitor($self.offset).$visit();
        valid.map_err(boxed)?;
        let done = $self
            .body
            .step_simple(SAME, IGNORES, &Operator::$op, $self.offset);
        done.map_err(boxed)
    }};
    (one $self:ident $op:ident $visit:ident $($arg:ident)+) => {{
        let valid = $self.validator.visitor($self.offset).$visit($(Clone::clone(&$arg)),+);
        valid.map_err(boxed)?;
        let done = $self.body.step(&Operator::$op { $($arg),+ }, $self.offset);
        done.map_err(boxed)
    }};
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($rest:tt)*)
    )*) => {
        $(
            fn $visit(&mut self $($(, $arg: $type)*)?) -> Self::Output {
                visit!(one self $op $visit $($($arg)*)?)
            }
        )*
    };
}

/// Vectors are not translated: the validator refuses them.
macro_rules! visit_vectors {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($rest:tt)*)
    )*) => {
        $(
            fn $visit(&mut self $($(, $arg: $type)*)?) -> Self::Output {
                let valid = self.validator.simd_visitor(self.offset).$visit($($($arg),*)?);
                valid.map_err(boxed)?;
                let message = concat!("the instruction ", stringify!($op));
                Err(boxed(unsupported("simd", message, self.offset)))
            }
        )*
    };
}

impl<'a> VisitOperator<'a> for Visitor<'_, '_, '_> {
    type Output = Result<(), Box<TranslateError>>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    for_each_visit_operator!(visit);
}

impl<'a> VisitSimdOperator<'a> for Visitor<'_, '_, '_> {
    for_each_visit_simd_operator!(visit_vectors);
}
