//! The compiler: verified byte code to native code, with Cranelift.
//!
//! `spec/jit.md` describes the design. In short: [`compile`] builds every function in Cranelift's form ([`function`],
//! and by concept [`arithmetic`], [`access`], [`control`], [`frame`]; [`value`] is the abstract operand stack, [`plan`]
//! what is found out beforehand) and links the code into memory ([`memory`]). [`run`] enters it through [`stubs`]; what
//! the code needs from the machine is in [`machine`], what both share in [`context`].

mod access;
mod arithmetic;
mod compile;
mod context;
mod control;
mod frame;
mod function;
mod libcalls;
mod machine;
mod memory;
mod placement;
mod plan;
mod region;
pub(crate) mod run;
mod shape;
mod site;
mod stubs;
#[cfg(test)]
mod tests;
pub(crate) mod tier;
mod value;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cvm_spec::image::{FunctionType, Image};
use thiserror::Error;

use crate::interp::CodeOptions;
use context::Callee;
use memory::CodeMemory;
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
    /// A bug in the compiler.
    #[error("the compiler failed; this is a bug in it")]
    Panic,
    /// The host has no memory for the code.
    #[error("cannot get memory for code: {0}")]
    Memory(std::io::Error),
}

/// A module's machine code. It never changes once it is made, so machines on several threads share it.
#[derive(Debug)]
pub(crate) struct NativeCode {
    memory: CodeMemory,
    /// By text offset: number of the function that begins there plus 1, else 0.
    entries: Vec<u32>,
    /// By those numbers.
    callees: Vec<Callee>,
    /// (code offset behind a call, text offset of its instruction), ascending.
    calls: Vec<(u32, u32)>,
    /// Code offsets of the functions that pass cells, by argument and result count.
    adapters: HashMap<(u16, u16), u32>,
    /// Code offset of the function that is entered at a loop head.
    loop_start: Option<u32>,
    /// How many functions were compiled.
    functions: usize,
    /// Bytes of code.
    size: usize,
    /// How long it took to make.
    time: Duration,
}

#[allow(unsafe_code)]
// SAFETY: the raw pointers refer to `memory`, which the same value owns and nobody changes.
unsafe impl Send for NativeCode {}
#[allow(unsafe_code)]
// SAFETY: as above; shared access only reads.
unsafe impl Sync for NativeCode {}

impl NativeCode {
    /// Compiles a verified image.
    pub(crate) fn compile(image: &Image, options: CodeOptions) -> Result<NativeCode, CompileError> {
        let start = Instant::now();
        let mut code = compile::compile(image, options)?;
        code.time = start.elapsed();
        Ok(code)
    }

    /// How many functions were compiled.
    pub(crate) fn functions(&self) -> usize {
        self.functions
    }

    /// How long compilation took.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// Bytes of machine code.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The code that passes cells to functions of a type.
    fn adapter(&self, function_type: FunctionType) -> *const u8 {
        let key = (function_type.args, function_type.results);
        self.memory.at(self.adapters[&key])
    }

    /// Walks the compiled frames from the frame of a stub on: for each, the text offset of the instruction that it is
    /// in, if that is a call.
    #[allow(unsafe_code)]
    fn frames(&self, mut frame: *const [u64; 2]) -> Vec<Option<u32>> {
        let mut found = Vec::new();
        while !frame.is_null() {
            // SAFETY: every frame of compiled code begins with its caller's frame pointer and its return address, the
            // stub's as well; the outermost, the adapter's, has 0. The native stack still holds them all.
            let [caller, return_address] = unsafe { *frame };
            let Some(offset) = self.memory.offset_of(return_address) else {
                break;
            };
            let call = self
                .calls
                .binary_search_by_key(&offset, |(after, _)| *after);
            found.push(call.ok().map(|index| self.calls[index].1));
            frame = caller as *const [u64; 2];
        }
        // The last frame found is the adapter's.
        found.pop();
        found
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
