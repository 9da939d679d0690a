//! How cells become C values and back: one plan for each signature, made when the module is loaded.

#![allow(unsafe_code)]

use std::fmt;

use cvm_spec::foreign::{ForeignType, Length, Scalar, Signature};
use libffi::middle::{Cif, Type};

use super::shim::{self, Direct, FLOAT_REGISTERS, Form, INTEGER_REGISTERS, Return};

/// What one cell is in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number or truth value.
    Scalar(Scalar),
    /// A pointer; C only reads through a constant one.
    Pointer { constant: bool },
    /// A pointer to bytes that end with a NUL.
    CString,
    /// A pointer to a function, by its number among the plan's callback types.
    Callback(u16),
}

impl Kind {
    /// Whether it travels in a float register.
    pub(super) const fn is_float(self) -> bool {
        matches!(self, Kind::Scalar(Scalar::F32 | Scalar::F64))
    }

    /// Whether a cell's low 32 bits or all its bits are what C takes, with nothing to check or to extend.
    const fn is_plain_word(self) -> bool {
        matches!(
            self,
            Kind::Scalar(Scalar::I32 | Scalar::U32 | Scalar::I64 | Scalar::U64)
        )
    }

    fn ffi_type(self) -> Type {
        match self {
            Kind::Scalar(scalar) => match scalar {
                Scalar::I8 => Type::i8(),
                Scalar::I16 => Type::i16(),
                Scalar::I32 => Type::i32(),
                Scalar::I64 => Type::i64(),
                Scalar::U8 | Scalar::Bool => Type::u8(),
                Scalar::U16 => Type::u16(),
                Scalar::U32 => Type::u32(),
                Scalar::U64 => Type::u64(),
                Scalar::F32 => Type::f32(),
                Scalar::F64 => Type::f64(),
            },
            _ => Type::pointer(),
        }
    }

    /// Bytes in memory.
    pub(crate) const fn size(self) -> usize {
        match self {
            Kind::Scalar(scalar) => scalar.size() as usize,
            _ => 8,
        }
    }
}

/// A cell's place in a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) offset: u32,
    pub(crate) kind: Kind,
}

/// A C value that takes one cell or, as a struct, several.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// No value.
    Void,
    /// One cell.
    One(Kind),
    /// A struct by value: its cells in order, and its size in bytes.
    Struct { fields: Box<[Field]>, size: usize },
}

impl Shape {
    /// Cells that it takes.
    pub(crate) fn cells(&self) -> usize {
        match self {
            Shape::Void => 0,
            Shape::One(_) => 1,
            Shape::Struct { fields, .. } => fields.len(),
        }
    }

    /// Bytes that it takes in an argument area, a multiple of 8.
    pub(crate) fn room(&self) -> usize {
        match self {
            Shape::Void => 0,
            Shape::One(_) => 8,
            Shape::Struct { size, .. } => size.next_multiple_of(8),
        }
    }
}

/// An argument.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) shape: Shape,
    /// Its first cell among the call's.
    pub(crate) cell: usize,
    /// The bytes behind a pointer.
    pub(crate) length: Option<Length>,
    /// It stands behind `...`, where C promotes what is narrow.
    pub(crate) promoted: bool,
}

/// How a call is made.
#[derive(Clone, Copy)]
pub(crate) enum Shim {
    /// Cells are C values as they are.
    Direct(Direct),
    /// All values fit registers; at least one cell is converted or checked.
    Registers { floats: bool },
    /// By libffi.
    Library,
}

impl fmt::Debug for Shim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shim::Direct(_) => "Direct",
            Shim::Registers { floats: false } => "Registers",
            Shim::Registers { floats: true } => "Registers with floats",
            Shim::Library => "Library",
        })
    }
}

/// The plan of a signature.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) args: Box<[Argument]>,
    pub(crate) result: Shape,
    /// The bytes behind the result, if it is a pointer.
    pub(crate) result_length: Option<Length>,
    pub(crate) shim: Shim,
    /// Plans of the callback types, by [`Kind::Callback`]'s number.
    pub(crate) callbacks: Box<[Plan]>,
    /// Cells of arguments.
    pub(crate) arg_cells: usize,
    /// Cells of results.
    pub(crate) result_cells: usize,
    /// Bytes of all arguments in memory.
    pub(crate) room: usize,
    /// The C function that frees the result.
    pub(crate) owner: Option<String>,
    /// Of a callback type: how it is spelled, and its number among the types of the machine that are spelled differently.
    pub(crate) spelling: String,
    pub(crate) number: usize,
    cif: Cif,
}

/// A signature that the host's C calling convention has no form for.
#[derive(Debug)]
pub(crate) struct Unsupported;

impl Plan {
    /// The plan of a signature.
    pub(crate) fn new(signature: &Signature) -> Result<Plan, Unsupported> {
        let mut plan = Plan::of(&signature.args, signature.fixed, &signature.result)?;
        plan.owner.clone_from(&signature.owner);
        Ok(plan)
    }

    fn of(
        types: &[ForeignType],
        fixed: Option<u16>,
        result: &ForeignType,
    ) -> Result<Plan, Unsupported> {
        let mut callbacks = Vec::new();
        let fixed = fixed.map(usize::from);
        let mut cell = 0;
        let mut args = Vec::with_capacity(types.len());
        for (number, ty) in types.iter().enumerate() {
            let argument = Argument {
                shape: shape(ty, &mut callbacks)?,
                cell,
                length: length(ty),
                promoted: fixed.is_some_and(|fixed| number >= fixed),
            };
            cell += argument.shape.cells();
            args.push(argument);
        }
        let result_shape = shape(result, &mut callbacks)?;
        let ffi_args: Vec<Type> = types
            .iter()
            .zip(&args)
            .map(|(ty, arg)| ffi_argument(ty, arg.promoted))
            .collect();
        let ffi_result = ffi_type(result);
        let cif = match fixed {
            Some(fixed) => Cif::try_new_variadic(ffi_args, fixed, ffi_result),
            None => Cif::try_new(ffi_args, ffi_result),
        };
        Ok(Plan {
            shim: match fixed {
                Some(_) => Shim::Library,
                None => choose(&args, &result_shape),
            },
            arg_cells: cell,
            result_cells: result_shape.cells(),
            room: args.iter().map(|arg| arg.shape.room()).sum(),
            args: args.into(),
            result_length: length(result),
            result: result_shape,
            callbacks: callbacks.into(),
            owner: None,
            spelling: String::new(),
            number: 0,
            cif: cif.map_err(|_| Unsupported)?,
        })
    }

    /// Numbers the callback types in this plan; equal ones have equal numbers. `known` are those so far.
    pub(crate) fn number_callbacks(&mut self, known: &mut Vec<String>) {
        for plan in &mut self.callbacks {
            let found = known.iter().position(|spelling| *spelling == plan.spelling);
            plan.number = found.unwrap_or_else(|| {
                known.push(plan.spelling.clone());
                known.len() - 1
            });
            plan.number_callbacks(known);
        }
    }

    /// What libffi needs to know of the signature. The plan owns it.
    pub(crate) fn cif(&self) -> *mut libffi::low::ffi_cif {
        self.cif.as_raw_ptr()
    }

    /// What the cells are to C, if they are C values as they are.
    pub(crate) fn form(&self) -> Option<Form> {
        let count = self.args.len();
        match (&self.shim, self.args.first().map(|arg| &arg.shape)) {
            (Shim::Direct(_), Some(Shape::One(kind))) if kind.is_float() => {
                Some(Form::Doubles(count))
            }
            (Shim::Direct(_), _) => Some(Form::Words(count)),
            _ => None,
        }
    }

    /// What is done to the result of a direct call, whose upper half C may have left undefined.
    pub(crate) fn returned(&self) -> Return {
        plain_return(&self.result).unwrap_or(Return::Word)
    }

    /// Whether every argument and the result is a number that cells hold as C wants it, so that a compiled engine may
    /// call the symbol itself: kinds of the arguments, and of the result.
    pub(crate) fn plain(&self) -> Option<(Vec<Scalar>, Option<Scalar>)> {
        let scalar = |shape: &Shape| match shape {
            Shape::One(Kind::Scalar(scalar)) => Some(*scalar),
            _ => None,
        };
        if matches!(self.shim, Shim::Library) {
            return None;
        }
        let args: Option<Vec<Scalar>> = self.args.iter().map(|arg| scalar(&arg.shape)).collect();
        let result = match self.result {
            Shape::Void => None,
            _ => Some(scalar(&self.result)?),
        };
        Some((args?, result))
    }
}

fn length(ty: &ForeignType) -> Option<Length> {
    match ty {
        ForeignType::Pointer { length, .. } => *length,
        _ => None,
    }
}

fn kind(ty: &ForeignType, callbacks: &mut Vec<Plan>) -> Result<Kind, Unsupported> {
    Ok(match ty {
        ForeignType::Scalar(scalar) => Kind::Scalar(*scalar),
        ForeignType::Pointer { constant, .. } => Kind::Pointer {
            constant: *constant,
        },
        ForeignType::CString => Kind::CString,
        ForeignType::Callback { args, result } => {
            let mut plan = Plan::of(args, None, result)?;
            plan.spelling = ty.to_string();
            callbacks.push(plan);
            Kind::Callback(u16::try_from(callbacks.len() - 1).map_err(|_| Unsupported)?)
        }
        ForeignType::Void | ForeignType::Struct(_) | ForeignType::Array { .. } => {
            return Err(Unsupported);
        }
    })
}

fn shape(ty: &ForeignType, callbacks: &mut Vec<Plan>) -> Result<Shape, Unsupported> {
    Ok(match ty {
        ForeignType::Void => Shape::Void,
        ForeignType::Struct(_) => {
            let mut fields = Vec::new();
            place(ty, 0, &mut fields, callbacks)?;
            Shape::Struct {
                fields: fields.into(),
                size: ty.layout().0 as usize,
            }
        }
        _ => Shape::One(kind(ty, callbacks)?),
    })
}

/// Lists the cells of a type that lies at `offset`.
fn place(
    ty: &ForeignType,
    offset: u32,
    fields: &mut Vec<Field>,
    callbacks: &mut Vec<Plan>,
) -> Result<(), Unsupported> {
    match ty {
        ForeignType::Struct(members) => {
            let mut end = 0;
            for member in members {
                let (size, align) = member.layout();
                let start = u32::next_multiple_of(end, align);
                place(member, offset + start, fields, callbacks)?;
                end = start + size;
            }
        }
        ForeignType::Array { count, element } => {
            for number in 0..*count {
                let start = offset + number * element.layout().0;
                place(element, start, fields, callbacks)?;
            }
        }
        _ => fields.push(Field {
            offset,
            kind: kind(ty, callbacks)?,
        }),
    }
    Ok(())
}

/// libffi's types for a type: one, but for an array as many as it has elements, because libffi knows no arrays and a
/// struct with as many members has the same layout.
fn ffi_types(ty: &ForeignType) -> Vec<Type> {
    match ty {
        ForeignType::Void => vec![Type::void()],
        ForeignType::Scalar(scalar) => vec![Kind::Scalar(*scalar).ffi_type()],
        ForeignType::Struct(members) => {
            let members: Vec<Type> = members.iter().flat_map(ffi_types).collect();
            vec![Type::structure(members)]
        }
        ForeignType::Array { count, element } => {
            let element = ffi_types(element);
            (0..*count).flat_map(|_| element.clone()).collect()
        }
        ForeignType::Pointer { .. } | ForeignType::CString | ForeignType::Callback { .. } => {
            vec![Type::pointer()]
        }
    }
}

fn ffi_type(ty: &ForeignType) -> Type {
    ffi_types(ty).pop().unwrap_or_else(Type::void)
}

fn ffi_argument(ty: &ForeignType, is_promoted: bool) -> Type {
    match ty {
        ForeignType::Scalar(scalar) if is_promoted => Kind::Scalar(promoted(*scalar)).ffi_type(),
        _ => ffi_type(ty),
    }
}

/// C's default argument promotions.
pub(crate) const fn promoted(scalar: Scalar) -> Scalar {
    match scalar {
        Scalar::F32 => Scalar::F64,
        Scalar::I8 | Scalar::I16 | Scalar::U8 | Scalar::U16 | Scalar::Bool => Scalar::I32,
        other => other,
    }
}

/// The cheapest way to make the call.
fn choose(args: &[Argument], result: &Shape) -> Shim {
    let (mut integers, mut floats) = (0, 0);
    for arg in args {
        match arg.shape {
            Shape::One(kind) if kind.is_float() => floats += 1,
            Shape::One(_) => integers += 1,
            _ => return Shim::Library,
        }
    }
    if matches!(result, Shape::Struct { .. })
        || integers > INTEGER_REGISTERS
        || floats > FLOAT_REGISTERS
    {
        return Shim::Library;
    }
    let all = |test: fn(Kind) -> bool| {
        args.iter()
            .all(|arg| matches!(arg.shape, Shape::One(kind) if test(kind)))
    };
    if all(Kind::is_plain_word)
        && let Some(result) = plain_return(result)
        && let Some(direct) = shim::integers(integers, result)
    {
        return Shim::Direct(direct);
    }
    let is_double = |kind: Kind| kind == Kind::Scalar(Scalar::F64);
    if all(is_double)
        && matches!(result, Shape::One(kind) if is_double(*kind))
        && let Some(direct) = shim::doubles(floats)
    {
        return Shim::Direct(direct);
    }
    Shim::Registers {
        floats: floats > 0 || matches!(result, Shape::One(kind) if kind.is_float()),
    }
}

fn plain_return(result: &Shape) -> Option<Return> {
    Some(match result {
        Shape::Void => Return::Nothing,
        Shape::One(Kind::Scalar(Scalar::I64 | Scalar::U64)) => Return::Word,
        Shape::One(Kind::Scalar(Scalar::I32)) => Return::Signed32,
        Shape::One(Kind::Scalar(Scalar::U32)) => Return::Unsigned32,
        _ => return None,
    })
}
