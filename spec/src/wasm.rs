//! Programs that were translated from WebAssembly: how their images say so, what WebAssembly calls the faults that they
//! raise (`spec/wasm.md`, "Traps"), what kinds of values their functions take and give ("Tables"), and how exports are named
//! ("Imports and exports").
//!
//! The translator writes a [note](NOTE), and [`Trap::abort_code`]s where no instruction of the machine raises the
//! fault by itself; reports look for the note.

use crate::fault::FaultCode;
use crate::image::{FunctionType, Image};
use crate::pointer::Tag;

/// Name of the note of a translated image.
pub const NOTE: &str = "translated-from";
/// Its value.
pub const NOTE_VALUE: &str = "WebAssembly";

macro_rules! traps {
    ($($name:ident $abort:expr, $message:literal;)*) => {
        /// A trap of WebAssembly.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Trap { $(#[doc = $message] $name,)* }

        impl Trap {
            /// All traps.
            pub const ALL: &'static [Trap] = &[$(Trap::$name),*];

            /// WebAssembly's own wording.
            pub const fn message(self) -> &'static str { match self { $(Self::$name => $message),* } }

            /// The code of the `abort` that raises it, where the translator writes one.
            pub const fn abort_code(self) -> Option<u16> { match self { $(Self::$name => $abort),* } }
        }
    };
}

traps! {
    Unreachable Some(1), "unreachable";
    OutOfBoundsMemory Some(2), "out of bounds memory access";
    OutOfBoundsTable Some(3), "out of bounds table access";
    UndefinedElement Some(4), "undefined element";
    UninitializedElement None, "uninitialized element";
    IndirectCallType None, "indirect call type mismatch";
    DivideByZero None, "integer divide by zero";
    IntegerOverflow None, "integer overflow";
    InvalidConversion None, "invalid conversion to integer";
    CallStackExhausted None, "call stack exhausted";
}

/// What is known of a fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raised {
    /// The segment that an access was refused in.
    pub segment: Option<Tag>,
    /// The code of `abort`.
    pub abort_code: Option<u16>,
    /// Whether the operand of a conversion is a NaN.
    pub is_nan: bool,
}

impl Trap {
    /// The trap that a fault of a translated program is, if it is one.
    pub fn of(code: FaultCode, raised: Raised) -> Option<Trap> {
        Some(match code {
            FaultCode::ReadOutOfBounds if raised.segment == Some(Tag::Bss) => {
                Trap::UndefinedElement
            }
            FaultCode::ReadOutOfBounds | FaultCode::WriteOutOfBounds => Trap::OutOfBoundsMemory,
            FaultCode::DivideByZero => Trap::DivideByZero,
            FaultCode::IntegerOverflow => Trap::IntegerOverflow,
            FaultCode::InvalidConversion if raised.is_nan => Trap::InvalidConversion,
            FaultCode::InvalidConversion => Trap::IntegerOverflow,
            FaultCode::CallToNonFunction => Trap::UninitializedElement,
            FaultCode::CallTypeMismatch => Trap::IndirectCallType,
            FaultCode::CallStackOverflow => Trap::CallStackExhausted,
            FaultCode::AbortCalled => {
                let code = raised.abort_code?;
                return Trap::ALL
                    .iter()
                    .find(|trap| trap.abort_code() == Some(code))
                    .copied();
            }
            _ => return None,
        })
    }
}

/// Whether an image was translated from WebAssembly.
pub fn is_translated(image: &Image) -> bool {
    image.notes.iter().any(|note| {
        image.string(note.name) == Some(NOTE) && image.string(note.value) == Some(NOTE_VALUE)
    })
}

/// Kinds of values that the brand of a function type tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A reference to a function.
    FuncRef,
    /// A reference that only the host understands.
    ExternRef,
}

impl Kind {
    /// All kinds, in the order of their digits in a brand.
    pub const ALL: [Kind; 6] = [
        Kind::I32,
        Kind::I64,
        Kind::F32,
        Kind::F64,
        Kind::FuncRef,
        Kind::ExternRef,
    ];

    const BASE: u32 = Kind::ALL.len() as u32;
}

/// Most values, arguments and results together, whose kinds a brand holds one by one.
pub const BRANDED_VALUES: usize = 12;
/// The largest brand that holds kinds one by one.
pub const LARGEST_EXACT_BRAND: u32 = Kind::BASE.pow(BRANDED_VALUES as u32);

/// The brand of a function type with arguments and results of these kinds; none if there are too many of them.
pub fn exact_brand(kinds: &[Kind]) -> Option<u32> {
    if kinds.len() > BRANDED_VALUES {
        return None;
    }
    let digits = kinds.iter().map(|kind| *kind as u32);
    Some(digits.fold(0, |number, digit| number * Kind::BASE + digit) + 1)
}

/// The kinds of a function type's arguments, then of its results, if its brand says them.
pub fn kinds(found: &FunctionType) -> Option<Vec<Kind>> {
    let count = usize::from(found.args) + usize::from(found.results);
    if count > BRANDED_VALUES {
        return None;
    }
    let mut rest = found.brand.checked_sub(1)?;
    let mut kinds = vec![Kind::I32; count];
    for kind in kinds.iter_mut().rev() {
        *kind = Kind::ALL[(rest % Kind::BASE) as usize];
        rest /= Kind::BASE;
    }
    (rest == 0).then_some(kinds)
}

/// The name of an export, or of an import, in the image: control characters and `%` as `%` and two hexadecimal digits for
/// each byte, and `%` alone for the empty name.
pub fn export_name(name: &str) -> String {
    if name.is_empty() {
        return "%".to_string();
    }
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || c == '%' {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_lead_back_to_their_kinds() {
        for a in Kind::ALL {
            for b in Kind::ALL {
                for count in 2..=BRANDED_VALUES {
                    let mut wanted = vec![a; count];
                    wanted[count - 1] = b;
                    let found = FunctionType {
                        args: count as u16 - 1,
                        results: 1,
                        brand: exact_brand(&wanted).expect("there are not too many"),
                    };
                    assert!(found.brand <= LARGEST_EXACT_BRAND);
                    assert_eq!(kinds(&found), Some(wanted));
                }
            }
        }
        let of = |args, results, brand| {
            kinds(&FunctionType {
                args,
                results,
                brand,
            })
        };
        assert_eq!(of(0, 0, 1), Some(Vec::new()));
        assert_eq!(of(1, 1, 0), None, "no brand");
        assert_eq!(of(1, 1, 37), None, "a brand of longer types");
        assert_eq!(of(13, 0, 1), None, "a hash");
        assert_eq!(exact_brand(&[Kind::I32; BRANDED_VALUES + 1]), None);
    }

    #[test]
    fn names_of_exports_have_no_control_characters() {
        assert_eq!(export_name(""), "%");
        assert_eq!(export_name("a b\"ü"), "a b\"ü");
        assert_eq!(export_name("a%b\n\u{85}"), "a%25b%0A%C2%85");
    }

    #[test]
    fn abort_codes_lead_back_to_their_traps() {
        for trap in Trap::ALL {
            let Some(code) = trap.abort_code() else {
                continue;
            };
            let raised = Raised {
                abort_code: Some(code),
                ..Raised::default()
            };
            assert_eq!(Trap::of(FaultCode::AbortCalled, raised), Some(*trap));
        }
        let raised = Raised::default();
        assert_eq!(Trap::of(FaultCode::AbortCalled, raised), None);
        assert_eq!(Trap::of(FaultCode::Timeout, raised), None);
    }
}
