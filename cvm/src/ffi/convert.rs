//! One cell to one C value and back.

use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::{Length, Scalar};
use cvm_spec::image::Image;
use cvm_spec::pointer::{Pointer, Tag};

use super::plan::Kind;
use crate::fault::Fault;
use crate::memory::{AccessKind, Memory, Violation};

/// Why C is not called, or the run cannot go on after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// What it is about, for the report.
    pub(crate) message: Option<String>,
}

/// The fault that a failure is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cause {
    /// A pointer that C may not have.
    Violation(Violation),
    /// Another fault.
    Code(FaultCode),
    /// A text pointer that is no function of the callback's type.
    Target {
        code: FaultCode,
        target: u64,
        /// (args, results) that the signature says, and those of the function.
        types: Option<[(u16, u16, u32); 2]>,
    },
}

impl Failure {
    /// The fault, not yet located.
    pub(crate) fn into_fault(self, memory: &Memory) -> Fault {
        let fault = match self.cause {
            Cause::Violation(violation) => Fault::of_violation(memory, violation, Vec::new()),
            Cause::Code(code) => Fault::new(code),
            Cause::Target {
                code,
                target,
                types,
            } => Fault {
                types,
                operands: Vec::new(),
                ..Fault::of_target(memory, code, target)
            },
        };
        Fault {
            message: self.message,
            ..fault
        }
    }
}

/// Most arguments that a report shows.
const NOTED: usize = 6;

/// The fault of a call that did not end well, not yet located. The argument cells are there as long as no result was
/// written, which is so if the arguments were refused.
///
/// # Safety
/// There is a cell for each argument.
#[allow(unsafe_code)]
pub(crate) unsafe fn call_fault(
    image: &Image,
    memory: &Memory,
    failure: Failure,
    import: Option<u32>,
    cells: *const u64,
) -> Fault {
    let is_refused_callback = matches!(
        failure.cause,
        Cause::Code(FaultCode::CallbackOnOtherThread | FaultCode::LeafCalledBack)
    );
    let ty = import
        .filter(|_| !is_refused_callback)
        .and_then(|import| image.imports.get(import as usize))
        .and_then(|import| image.types.get(import.type_index as usize));
    let count = ty.map_or(0, |ty| usize::from(ty.arity().0));
    // SAFETY: the caller's promise.
    let cell = |number| ("", unsafe { *cells.add(number) });
    Fault {
        import,
        operands: (0..count.min(NOTED)).map(cell).collect(),
        ..failure.into_fault(memory)
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Failure {
        Failure {
            cause: Cause::Violation(violation),
            message: None,
        }
    }
}

impl From<FaultCode> for Failure {
    fn from(code: FaultCode) -> Failure {
        Failure {
            cause: Cause::Code(code),
            message: None,
        }
    }
}

/// A number as its type says, extended to 64 bits; of an `f32` the bits, in the low half.
pub(crate) const fn extend(scalar: Scalar, value: u64) -> u64 {
    match scalar {
        Scalar::I8 => value as i8 as u64,
        Scalar::I16 => value as i16 as u64,
        Scalar::I32 => value as i32 as u64,
        Scalar::U8 => value as u8 as u64,
        Scalar::U16 => value as u16 as u64,
        Scalar::U32 | Scalar::F32 => value as u32 as u64,
        Scalar::I64 | Scalar::U64 | Scalar::F64 => value,
        Scalar::Bool => (value != 0) as u64,
    }
}

/// A number that C gave: of a `_Bool` only the low byte has a meaning.
pub(crate) const fn from_c(scalar: Scalar, value: u64) -> u64 {
    match scalar {
        Scalar::Bool => (value as u8 != 0) as u64,
        _ => extend(scalar, value),
    }
}

/// What C's promotion makes of an argument behind `...`.
pub(crate) fn promote(scalar: Scalar, cell: u64) -> u64 {
    match scalar {
        Scalar::F32 => f64::from(f32::from_bits(cell as u32)).to_bits(),
        _ => extend(scalar, cell),
    }
}

/// The number of bytes that a length stands for. A negative or overflowing one is more than any segment has.
pub(crate) fn bytes(length: Length, argument: impl Fn(u16) -> (Scalar, u64)) -> u64 {
    let count = |index| {
        let (scalar, cell) = argument(index);
        let value = extend(scalar, cell);
        match scalar {
            Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64 if (value as i64) < 0 => u64::MAX,
            _ => value,
        }
    };
    match length {
        Length::Bytes(bytes) => bytes.into(),
        Length::Argument { index, scale } => count(index).saturating_mul(scale.into()),
        Length::Product(a, b) => count(a).saturating_mul(count(b)),
    }
}

/// The host address of a pointer argument, checked over `length` bytes where that is known.
pub(crate) fn pointer(
    memory: &Memory,
    cell: u64,
    constant: bool,
    length: Option<u64>,
) -> Result<u64, Failure> {
    if cell == 0 {
        return Ok(0);
    }
    let kind = match constant {
        true => AccessKind::Read,
        false => AccessKind::Write,
    };
    // Without a length an absolute pointer is C's own business; so is a null pointer.
    let length = match length {
        None if Pointer(cell).tag() == Tag::Absolute => {
            memory.check_foreign_pointer(cell)?;
            return Ok(cell);
        }
        length => length.unwrap_or(0),
    };
    Ok(memory.check(cell, 0, length, kind)? as u64)
}

/// The host address of a string argument, which must end inside its segment.
pub(crate) fn c_string(memory: &Memory, cell: u64) -> Result<u64, Failure> {
    if cell == 0 {
        return Ok(0);
    }
    let text = Pointer(cell);
    if text.tag() == Tag::Absolute {
        return Ok(memory.check(cell, 0, 1, AccessKind::Read)? as u64);
    }
    let size = memory.segment_size(text.tag());
    let left = size.saturating_sub(text.offset()).max(1);
    let bytes = memory.read(cell, left)?;
    if has_nul(bytes) {
        return Ok(bytes.as_ptr() as u64);
    }
    Err(Failure {
        cause: Cause::Violation(Violation {
            code: FaultCode::UnterminatedString,
            pointer: text,
            width: left,
            kind: AccessKind::Read,
        }),
        message: None,
    })
}

fn has_nul(bytes: &[u8]) -> bool {
    // Most strings are short and segments are not: look at a little before calling for speed.
    let (near, far) = bytes.split_at(bytes.len().min(16));
    near.contains(&0) || std::ffi::CStr::from_bytes_until_nul(far).is_ok()
}

/// How a signature spells the type of a cell.
pub(crate) const fn spelling(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar(scalar) => scalar.name(),
        Kind::Pointer { constant: true } => "const ptr",
        Kind::Pointer { constant: false } => "ptr",
        Kind::CString => "cstr",
        Kind::Callback(_) => "fn",
    }
}
