//! Signatures of C functions (`spec/ffi.md`): what stands behind the name in `.foreign "lib" name (types) -> type`.
//!
//! [`Signature::parse`] and `Display` are inverse: what a signature prints as parses to the same signature. What it
//! prints as is its canonical form, the one that stands in an image. The grammar, with spaces allowed between any two words or signs:
//!
//! ```text
//! signature = "(" [ types ] ")" [ "->" type [ "owned" name ] ]      without a result: void
//! types     = type { "," type } [ "," "..." { "," type } ]
//! type      = "void" | "bool" | "i8" … "u64" | "f32" | "f64" | "cstr"
//!           | [ "const" ] "ptr" [ "[" length "]" ]
//!           | "{" type { "," type } "}"                              struct by value
//!           | "fn" "(" [ types ] ")" [ "->" type ]                   callback
//! member    = type | "[" count "x" member "]"                        in a struct
//! length    = bytes | "arg" k [ "*" ( bytes | "arg" k ) ]
//! ```
//!
//! Every scalar, pointer, string and callback is one cell on the operand stack. A struct by value is one cell for
//! each scalar in it, in the order of the declaration, array elements one by one. The types behind `...` are those
//! that this declaration of a variadic function passes.

mod parser;
mod print;

pub use parser::SignatureError;

use crate::limits::ARITY_MAX;

/// Longest signature, in bytes, as it is written and in canonical form.
pub const SIGNATURE_MAX: usize = 4096;
/// Most levels of structs, arrays and callbacks inside one another.
pub const NESTING_MAX: u32 = 8;
/// Most scalars in one struct.
pub const STRUCT_CELLS_MAX: u32 = 256;
/// Longest `owned` name, in bytes.
pub const OWNER_MAX: usize = 255;

/// A scalar type of C with a fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `int8_t`
    I8,
    /// `int16_t`
    I16,
    /// `int32_t`
    I32,
    /// `int64_t`
    I64,
    /// `uint8_t`
    U8,
    /// `uint16_t`
    U16,
    /// `uint32_t`
    U32,
    /// `uint64_t`, `size_t`
    U64,
    /// `float`
    F32,
    /// `double`
    F64,
    /// `_Bool`; any cell but 0 is passed as 1
    Bool,
}

impl Scalar {
    /// All scalars.
    pub const ALL: [Scalar; 11] = [
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F32,
        Self::F64,
        Self::Bool,
    ];

    /// Its name in a signature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
        }
    }

    /// Its size (and alignment) in bytes.
    pub const fn size(self) -> u32 {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Whether it can hold a length: an integer, not a float or a truth value.
    pub const fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64 | Self::Bool)
    }
}

/// How many bytes lie behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// Always so many, at least 1.
    Bytes(u32),
    /// The argument with this index (from 0, a struct counting as one) times a constant, which is at least 1.
    Argument {
        /// Index of the argument.
        index: u16,
        /// Bytes for each.
        scale: u32,
    },
    /// The product of two arguments, as in `fread`.
    Product(u16, u16),
}

/// A type in a signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForeignType {
    /// No value; only as a result.
    Void,
    /// A number or truth value.
    Scalar(Scalar),
    /// A pointer, to memory that C may write unless it is constant.
    Pointer {
        /// C only reads through it.
        constant: bool,
        /// The bytes behind it, checked before the call where they are known.
        length: Option<Length>,
    },
    /// A pointer to bytes that end with a NUL, which C only reads.
    CString,
    /// A struct by value; never empty.
    Struct(Vec<ForeignType>),
    /// An array, only inside a struct; count is at least 1.
    Array {
        /// Number of elements.
        count: u32,
        /// Type of the elements.
        element: Box<ForeignType>,
    },
    /// A pointer to a function, given as a text pointer.
    Callback {
        /// What C passes to it.
        args: Vec<ForeignType>,
        /// What it returns.
        result: Box<ForeignType>,
    },
}

impl ForeignType {
    /// Cells that a value takes on the operand stack.
    pub fn cells(&self) -> u32 {
        match self {
            Self::Void => 0,
            Self::Scalar(_) | Self::Pointer { .. } | Self::CString | Self::Callback { .. } => 1,
            Self::Struct(members) => members
                .iter()
                .fold(0, |sum, member| sum.saturating_add(member.cells())),
            Self::Array { count, element } => count.saturating_mul(element.cells()),
        }
    }

    /// (size, alignment) in bytes as C lays it out on a 64-bit host; (0, 1) for void.
    pub fn layout(&self) -> (u32, u32) {
        match self {
            Self::Void => (0, 1),
            Self::Scalar(scalar) => (scalar.size(), scalar.size()),
            Self::Pointer { .. } | Self::CString | Self::Callback { .. } => (8, 8),
            Self::Array { count, element } => {
                let (size, align) = element.layout();
                (count.saturating_mul(size), align)
            }
            Self::Struct(members) => {
                let (mut end, mut widest) = (0u32, 1u32);
                for member in members {
                    let (size, align) = member.layout();
                    end = end.next_multiple_of(align).saturating_add(size);
                    widest = widest.max(align);
                }
                (end.next_multiple_of(widest), widest)
            }
        }
    }
}

/// The signature of a C function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Types of the arguments, those behind `...` included.
    pub args: Vec<ForeignType>,
    /// For a variadic function, the number of arguments before `...`, at least 1.
    pub fixed: Option<u16>,
    /// Type of the result.
    pub result: ForeignType,
    /// The C function that frees the result (`owned free`).
    pub owner: Option<String>,
}

impl Signature {
    /// Parses a whole text.
    ///
    /// # Errors
    /// If the text is not exactly one signature, or is over a limit.
    pub fn parse(text: &str) -> Result<Signature, SignatureError> {
        parser::parse_all(text)
    }

    /// Parses a signature at the beginning of a text; gives it and the offset in bytes behind its last character.
    ///
    /// # Errors
    /// If the text does not begin with a signature, or it is over a limit.
    pub fn parse_prefix(text: &str) -> Result<(Signature, usize), SignatureError> {
        parser::parse_prefix(text)
    }

    /// (cells that a call pops, cells that it pushes); both are at most [`ARITY_MAX`].
    pub fn arity(&self) -> (u16, u16) {
        let args = self
            .args
            .iter()
            .fold(0u32, |sum, arg| sum.saturating_add(arg.cells()));
        let cells = |count: u32| count.min(u32::from(ARITY_MAX)) as u16;
        (cells(args), cells(self.result.cells()))
    }
}
