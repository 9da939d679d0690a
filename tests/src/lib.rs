//! End-to-end tests of CVM.
//!
//! A case is a file: a program in assembly and, in comments that begin with `;!`, what must happen. The runner
//! (`tests/cases.rs`) finds every `.cvma` file below `tests/cases/` and `examples/`, so that a new case touches no
//! Rust. `tests/README.md` lists the directives.
//!
//! One case goes through these steps, each of them a module here:
//!
//! 1. [`case`]: the directives become expectations;
//! 2. [`assembly`]: the assembler's diagnostics are compared, all of them;
//! 3. [`engine`]: the image is verified and runs on every engine, which must agree in everything that can be seen;
//! 4. [`outcome`]: what was seen is compared with the expectations;
//! 5. [`round_trip`]: the image goes through both forms of the disassembler and back.

pub mod assembly;
pub mod bless;
pub mod c_library;
pub mod case;
pub mod directive;
pub mod discover;
pub mod engine;
pub mod escape;
pub mod generate;
pub mod linking;
pub mod mutate;
pub mod outcome;
pub mod programs;
pub mod random;
pub mod round_trip;
