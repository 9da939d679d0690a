//! The disassembler of CVM images.
//!
//! An [`Image`](cvm_spec::image::Image) becomes text in several forms: [`exact`](exact()), which assembles to the same
//! bytes.

mod exact;
mod hex;
mod names;
mod output;
mod sweep;

pub use exact::exact;

/// How to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Show text offset and bytes of every instruction in a comment beside it.
    pub hex: bool,
}
