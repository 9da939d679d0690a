//! The image: what a `.cvm` file holds (`spec/format.md`).
//!
//! [`Image`] is the file's contents in memory. The reader and the writer are inverse: every file that
//! [`read`](reader::read) accepts is exactly what [`write`](writer::write) makes of the image it gave. To keep that
//! true, strings stay in one pool and records refer to them, unknown optional sections are kept as bytes, and a
//! damaged debug section is kept as bytes beside its warning.

pub mod link;
mod model;
pub mod reader;
mod rules;
pub mod writer;

pub use model::*;
