//! Programs that were translated from WebAssembly: how their images say so, and what WebAssembly calls the faults that
//! they raise (`spec/wasm.md`, "Traps").
//!
//! The translator writes a [note](NOTE), and [`Trap::abort_code`]s where no instruction of the machine raises the
//! fault by itself; reports look for the note.

use crate::fault::FaultCode;
use crate::image::Image;
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

#[cfg(test)]
mod tests {
    use super::*;

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
