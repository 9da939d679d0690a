//! The disassembler of CVM images.
//!
//! An [`Image`](cvm_spec::image::Image) becomes text in one of several forms:
//!
//! | function | gives |
//! |---|---|
//! | [`readable()`] | assembly that assembles to a program of the same behaviour |
//! | [`exact()`] | text that assembles to the same bytes, for every image |
//! | [`headers()`] | sections, segments, imports, exports |
//! | [`json()`] | everything, as one JSON document |
//! | [`cfg()`] | control-flow graphs for Graphviz |
//!
//! All of them take any image that the reader accepts, never panic, write as they go, and take time in proportion to
//! the image.
//!
//! ```
//! use cvm_disasm::{Options, readable};
//! use cvm_spec::image::{Function, FunctionType, Image};
//!
//! let mut image = Image { text: vec![0x20, 42, 0x16], entry: Some(0), ..Image::default() };
//! let type_index = image.intern_type(FunctionType { args: 0, results: 1, brand: 0 });
//! image.functions.push(Function { start: 0, size: 3, type_index });
//!
//! let mut text = Vec::new();
//! readable(&image, Options::default(), &mut text)?;
//! let text = String::from_utf8(text).unwrap();
//! assert!(text.contains(".func func_0 () -> 1\n    push 42\n    ret\n.end\n"));
//! # Ok::<(), cvm_disasm::DisassembleError>(())
//! ```

mod bytes;
mod cfg;
mod depth;
mod describe;
mod error;
mod exact;
mod headers;
mod hex;
mod json;
mod names;
mod output;
mod readable;
mod sweep;
mod table;

pub use cfg::cfg;
pub use error::DisassembleError;
pub use exact::exact;
pub use headers::headers;
pub use json::json;
pub use readable::readable;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Show text offset and bytes of every instruction in a comment beside it.
    pub hex: bool,
}
