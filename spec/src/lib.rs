//! The CVM contract as code.
//!
//! This crate holds what every other part of CVM agrees on: the one [instruction table](mod@isa), the
//! [encoding](codec) of instructions, [pointers and segments](mod@pointer), [fault codes](fault), the
//! [pure semantics](arith) of arithmetic, and the [image](mod@image) with its reader and writer. It does no input or
//! output and has no unsafe code. The prose beside it (`spec/*.md`) says the same in words.
//!
//! ```
//! use cvm_spec::isa::Opcode;
//! assert_eq!(Opcode::IAdd.mnemonic(), "i_add");
//! assert_eq!(Opcode::from_byte(0x60), Some(Opcode::IAdd));
//! assert_eq!(Opcode::IAdd.pops(), Some(2));
//! ```

mod table;

pub mod arith;
pub mod codec;
pub mod docs;
pub mod fault;
pub mod foreign;
pub mod host;
pub mod image;
pub mod isa;
pub mod limits;
pub mod pointer;
pub mod suggest;
pub mod wasm;
