//! The compiler: verified byte code to native code, with Cranelift.
//!
//! `spec/jit.md` describes the design. In short: [`compile`] builds every function in Cranelift's form ([`function`],
//! and by concept [`arithmetic`], [`access`], [`control`], [`frame`]; [`value`] is the abstract operand stack, [`plan`]
//! what is found out beforehand) and links the code into memory ([`memory`]). [`run`] enters it through [`stubs`]; what
//! the code needs from the machine is in [`machine`], what both share in [`context`].

mod absolute;
mod access;
mod arithmetic;
mod assembly;
mod bridge;
#[cfg(feature = "ffi")]
pub(crate) mod callback;
mod choose;
mod code;
mod compile;
mod context;
mod control;
#[cfg(feature = "ffi")]
mod foreign;
#[cfg(not(feature = "ffi"))]
#[path = "no_foreign.rs"]
mod foreign;
mod frame;
mod function;
mod growth;
mod hints;
mod inline;
mod libcalls;
mod machine;
mod memory;
mod placement;
mod plan;
#[cfg(feature = "profile")]
pub(crate) mod profile;
mod published;
mod region;
pub(crate) mod run;
pub(crate) mod segment;
mod shape;
mod site;
mod size;
mod stubs;
#[cfg(test)]
mod tests;
pub(crate) mod tier;
mod value;

use thiserror::Error;

use choose::Unit;
pub(crate) use code::NativeCode;
pub(crate) use memory::NativeStack;

/// There is a compiler.
pub(crate) const IS_PRESENT: bool = true;

/// Why a module could not be compiled.
#[derive(Debug, Error)]
pub(crate) enum CompileError {
    /// This computer is none that code can be made for.
    #[error("cannot make code for this computer: {message}")]
    Host {
        /// Why.
        message: String,
    },
    /// A function is beyond the compiler's limits.
    #[error("cannot compile function {function}: {message}")]
    Function {
        /// Index of the function.
        function: u32,
        /// Why.
        message: String,
    },
    /// A function that would take too long.
    #[error("function {function} stays in the interpreter: {message}")]
    TooLarge {
        /// Index of the function.
        function: u32,
        /// Why.
        message: String,
    },
    /// A bug in the compiler.
    #[error("the compiler failed; this is a bug in it")]
    Panic,
    /// The host has no memory for the code.
    #[error("cannot get memory for code: {0}")]
    Memory(std::io::Error),
}

impl CompileError {
    /// Whether the program can run all the same, with what is too large in the interpreter.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, CompileError::TooLarge { .. })
    }
}

/// The stack of a machine that runs compiled code.
pub(crate) fn native_stack(call_stack: u64) -> std::io::Result<NativeStack> {
    // A frame of compiled code has a return address, a frame pointer and saved registers besides its cells.
    const TIMES: u64 = 4;
    let size = usize::try_from(call_stack.saturating_mul(TIMES))
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
    NativeStack::new(size.max(64 * 1024))
}
