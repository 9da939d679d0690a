//! The interpreter: verified byte code is translated to a register form ([`translate`]) that handlers run
//! ([`handlers`]), each ending in a jump to the next.
//!
//! [`crate::locate`] finds out, after the fact, what a fault report needs: while a program runs nothing is recorded
//! for it.

#![allow(unsafe_code)]

pub(crate) mod context;
#[cfg(feature = "ffi")]
pub(crate) mod foreign;
#[cfg(not(feature = "ffi"))]
#[path = "no_foreign.rs"]
pub(crate) mod foreign;
pub(crate) mod handlers;
pub(crate) mod handover;
pub(crate) mod nested;
pub(crate) mod op;
#[cfg(feature = "profile")]
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod translate;

#[cfg(test)]
mod tests;

use context::Callee;
use op::Op;
use translate::Land;

/// How many kinds of compiled code there are.
pub(crate) const NATIVE_CODES: usize = 32;

/// How many kinds of the interpreter's code there are.
pub(crate) const CODES: usize = 20;

/// What is compiled into the code besides the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeOptions {
    /// Fuel is charged at the start of every block.
    pub(crate) metered: bool,
    /// Time limit and interrupt flag are looked at, at function entries and loop heads.
    pub(crate) polled: bool,
    /// Calls and rounds of loops are counted, to find out what is hot. Only the interpreter's code does.
    pub(crate) counted: bool,
    /// The machine has foreign access, and allocations of C memory are recorded. Only compiled code differs.
    pub(crate) granted: bool,
    pub(crate) checked: bool,
    /// A profiler looks at the run: compiled code knows the place of each of its instructions, and the interpreter notes
    /// the op that calls out.
    pub(crate) profiled: bool,
    /// Every instruction is told to a tracer before it runs. Only the interpreter does it, and then nothing is counted
    /// or profiled.
    pub(crate) traced: bool,
}

impl CodeOptions {
    /// A number below [`CODES`] for the interpreter's code.
    pub(crate) fn index(self) -> usize {
        let limits = usize::from(self.metered) | usize::from(self.polled) << 1;
        match self.traced {
            true => limits | 16,
            false => limits | usize::from(self.counted) << 2 | usize::from(self.profiled) << 3,
        }
    }

    /// A number below [`NATIVE_CODES`] for compiled code.
    pub(crate) fn native_index(self) -> usize {
        usize::from(self.metered)
            | usize::from(self.polled) << 1
            | usize::from(self.granted) << 2
            | usize::from(self.checked) << 3
            | usize::from(self.profiled) << 4
    }
}

/// A module's code in register form. It never changes once it is translated, so machines on several threads share it.
#[derive(Debug)]
pub(crate) struct Code {
    /// All ops; pointers to them stay valid because the box never moves.
    pub(crate) ops: Box<[Op]>,
    /// Text offset of each op's instruction.
    pub(crate) offsets: Vec<u32>,
    /// By text offset: number of the function that begins there plus 1, else 0.
    pub(crate) entries: Vec<u32>,
    /// By function number.
    pub(crate) callees: Vec<Callee>,
    /// Ascending by text offset.
    pub(crate) lands: Vec<Land>,
    /// How many counters it uses, those of the functions first.
    pub(crate) counters: usize,
    /// Where the outermost function returns to.
    pub(crate) finish: *const Op,
}

// SAFETY: the raw pointers refer to `ops`, which the same value owns and nobody changes after translation.
unsafe impl Send for Code {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Code {}

impl Code {
    /// Text offset of the instruction that an op belongs to.
    pub(crate) fn text_offset(&self, op: *const Op) -> Option<u32> {
        let bytes = (op as usize).checked_sub(self.ops.as_ptr() as usize)?;
        self.offsets.get(bytes / size_of::<Op>()).copied()
    }
}
