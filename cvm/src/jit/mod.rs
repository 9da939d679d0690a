//! The compiler: verified byte code to native code, with Cranelift.
//!
//! `spec/jit.md` describes the design. In short: [`compile`] builds every function in Cranelift's form ([`function`],
//! and by concept [`arithmetic`], [`access`], [`control`], [`frame`]; [`value`] is the abstract operand stack, [`plan`]
//! what is found out beforehand) and links the code into memory ([`memory`]). [`run`] enters it through [`stubs`]; what
//! the code needs from the machine is in [`machine`], what both share in [`context`].

mod absolute;
mod access;
mod arithmetic;
#[cfg(feature = "ffi")]
pub(crate) mod callback;
#[cfg(not(feature = "ffi"))]
#[path = "no_callback.rs"]
pub(crate) mod callback;
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
mod inline;
mod libcalls;
mod machine;
mod memory;
mod placement;
mod plan;
#[cfg(feature = "profile")]
pub(crate) mod profile;
mod region;
pub(crate) mod run;
mod shape;
mod site;
mod size;
mod stubs;
#[cfg(test)]
mod tests;
pub(crate) mod tier;
mod value;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cvm_spec::image::Image;
use thiserror::Error;

use crate::compiled::{CompiledCode, CompiledUnit};
use crate::interp::CodeOptions;
use context::Callee;
use inline::Inlined;
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

/// A module's machine code. It never changes once it is made, so machines on several threads share it.
#[derive(Debug)]
pub(crate) struct NativeCode {
    memory: CodeMemory,
    /// By text offset: number of the function that begins there plus 1, else 0.
    entries: Vec<u32>,
    /// By those numbers.
    callees: Vec<Callee>,
    /// (code offset behind a call, its place), ascending.
    calls: Vec<(u32, u32)>,
    /// Places: those of inlined instructions have numbers from the text's size on.
    inlined: Vec<Inlined>,
    /// What lies where in the code, ascending.
    symbols: Vec<Symbol>,
    /// In profiled code: (first code offset, place), ascending.
    #[cfg_attr(not(feature = "profile"), allow(dead_code))]
    places: Vec<(u32, u32)>,
    /// (code offset of a load that the system may refuse, its length), ascending.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    refusable: Vec<(u32, u8)>,
    /// Code offsets of the functions that pass cells, by argument and result count.
    adapters: HashMap<(u16, u16), u32>,
    /// Code offset of the function that is entered at a loop head.
    loop_start: Option<u32>,
    /// How many functions were compiled.
    functions: usize,
    /// Bytes of code.
    size: usize,
    /// When it was begun, and how long it took.
    started: Instant,
    time: Duration,
}

/// A piece of the code.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    /// Code offset.
    start: u32,
    /// Bytes.
    size: u32,
    /// The function, or `None` for what passes cells to functions.
    function: Option<u32>,
    /// Text offset of the loop head that it is entered at, if it is not the function's start.
    loop_head: Option<u32>,
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
        let started = Instant::now();
        let mut code = compile::compile(image, options)?;
        (code.started, code.time) = (started, started.elapsed());
        Ok(code)
    }

    /// What was compiled, as a log shows it.
    pub(crate) fn unit(&self) -> CompiledUnit {
        CompiledUnit {
            function: None,
            loop_head: None,
            functions: self.functions,
            bytes: self.size,
            started: self.started,
            time: self.time,
            failure: None,
        }
    }

    /// What lies where, with names.
    pub(crate) fn pieces(&self, image: &Image) -> Vec<CompiledCode> {
        let pieces = self.symbols.iter().map(|symbol| CompiledCode {
            address: self.memory.at(symbol.start) as u64,
            size: symbol.size.into(),
            name: match symbol.function {
                Some(function) => crate::report::code_name(image, function, symbol.loop_head),
                None => "cvm: into compiled code".into(),
            },
        });
        pieces.collect()
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

    /// The length of the load at an address, if it is one that the system may refuse.
    #[cfg(feature = "ffi")]
    fn refusable(&self, address: u64) -> Option<u8> {
        let offset = self.memory.offset_of(address)?;
        let loads = &self.refusable;
        let found = loads
            .binary_search_by_key(&offset, |(load, _)| *load)
            .ok()?;
        Some(loads[found].1)
    }

    /// The code that passes cells to a function, and the function's own.
    fn way_into(&self, function: u32) -> (*const u8, *const u8) {
        let callee = &self.callees[function as usize + 1];
        (self.memory.at(callee.adapter), callee.code)
    }

    /// The compiled frames from the frame of a stub on: for each, the text offset of the instruction that it is in, if
    /// that is a call.
    #[allow(unsafe_code)]
    fn frames(&self, frame: *const [u64; 2]) -> Vec<Option<u32>> {
        let mut found = Vec::new();
        // SAFETY: the caller has just left this frame, and the native stack still holds it.
        unsafe { self.walk(frame, &mut |ip| found.push(ip)) };
        found
    }

    /// Walks the compiled frames from the frame of a stub on, as a signal handler may do it.
    ///
    /// # Safety
    /// The frame is one of compiled code or of a stub that such code called, or null, and still there.
    #[allow(unsafe_code)]
    unsafe fn walk(&self, mut frame: *const [u64; 2], tell: &mut dyn FnMut(Option<u32>)) {
        while !frame.is_null() {
            // SAFETY: every frame of compiled code begins with its caller's frame pointer and its return address, the
            // stub's as well; the outermost, the adapter's, has 0. The native stack still holds them all.
            let [caller, return_address] = unsafe { *frame };
            let Some(offset) = self.memory.offset_of(return_address) else {
                break;
            };
            frame = caller as *const [u64; 2];
            // SAFETY: as above. What returns to the adapter is the outermost function.
            if frame.is_null() || unsafe { (*frame)[0] } == 0 {
                break;
            }
            let call = self
                .calls
                .binary_search_by_key(&offset, |(after, _)| *after);
            let Ok(index) = call else {
                tell(None);
                continue;
            };
            self.tell_place(self.calls[index].1, &mut |ip| tell(Some(ip)));
        }
    }

    /// Tells a place: its text offset, and for an inlined one those of the calls around it.
    fn tell_place(&self, mut place: u32, tell: &mut dyn FnMut(u32)) {
        while let Some(number) = (place as usize).checked_sub(self.entries.len()) {
            tell(self.inlined[number].ip);
            place = self.inlined[number].caller;
        }
        tell(place);
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
