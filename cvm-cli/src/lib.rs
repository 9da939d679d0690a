//! What the command lines of `cvm`, `cvm-asm`, `cvm-disasm` and `cvm-wasm` share.
//!
//! It is made for these four programs and is no interface for others: what is here may change with any version. It
//! knows nothing of images or machines. Each program has its own flags and messages, and takes from here how a program
//! begins and ends ([`main`], [`Failure`], [`status`]), how files are read and written ([`input`], [`output`]), what is
//! printed about the program itself ([`manual`]), and what the terminal can show ([`terminal`], [`paragraph`]).
//!
//! A program with one flag, which fails when it is not given:
//!
//! ```
//! use clap::Parser;
//! use cvm_cli::Failure;
//!
//! #[derive(Parser)]
//! struct Arguments {
//!     #[arg(long)]
//!     ready: bool,
//! }
//!
//! fn run(arguments: &Arguments) -> Result<u8, Failure> {
//!     match arguments.ready {
//!         true => Ok(0),
//!         false => Err(Failure::usage("say --ready")),
//!     }
//! }
//!
//! fn report(_: &Arguments, failure: &Failure) -> String {
//!     failure.text(|message| message.to_owned())
//! }
//!
//! fn main() -> std::process::ExitCode {
//! #   if true { return std::process::ExitCode::SUCCESS }
//!     cvm_cli::main(run, report)
//! }
//! ```

mod failure;

pub mod input;
pub mod manual;
pub mod output;
pub mod paragraph;
pub mod status;
pub mod terminal;

pub use clap_complete::Shell;
pub use failure::{Failure, main};
