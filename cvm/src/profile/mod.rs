//! Where a program spends its time.
//!
//! A [`Machine`](crate::machine::Machine) that profiles
//! ([`Machine::set_profiled`](crate::machine::Machine::set_profiled)) is interrupted by a timer of the processor time of
//! its thread. Each time the stack of calls is written down, whichever engine runs. `spec/profile.md` says how exact that
//! is. Afterwards [`Machine::take_profile`](crate::machine::Machine::take_profile) gives a [`Profile`], of which a
//! [`Reporter`](crate::report::Reporter) makes a flame graph or lines for other tools.
//!
//! Without a profiler no timer runs, and code is the same as ever. Linux on x86-64 has it, with the feature `profile`.

#[cfg(not(feature = "profile"))]
mod absent;
#[cfg(feature = "profile")]
mod sampler;
#[cfg(feature = "profile")]
mod stacks;

#[cfg(not(feature = "profile"))]
pub(crate) use absent::{Profiler, Session};
#[cfg(feature = "profile")]
pub(crate) use sampler::{Profiler, Session};

use crate::interp::context::Context;
use crate::memory::Descriptor;

/// Milliseconds of processor time from sample to sample. The system may be coarser; then a sample stands for several.
pub const INTERVAL_MS: u64 = 1;

/// What a profiler saw.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Every stack of calls that was seen, in no order.
    pub stacks: Vec<ProfiledStack>,
    /// Milliseconds of processor time that could not be written down, because there were too many different stacks.
    pub lost: u64,
}

/// A stack of calls, and how much time was spent in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfiledStack {
    /// Text offsets of instructions, innermost first: the one that ran, then calls. `None` stands for frames that were
    /// left out of a deep stack.
    pub frames: Vec<Option<u32>>,
    /// Milliseconds of processor time.
    pub milliseconds: u64,
}

/// What runs, as a profiler finds it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "profile"), allow(dead_code))]
pub(crate) enum Source {
    /// The interpreter, perhaps with compiled code on top.
    Interpreter(*const Context),
    /// Compiled code alone, with this descriptor table.
    Compiled(*mut Descriptor),
}

/// The registers of an interrupted thread that tell where it is.
#[derive(Clone, Copy, Debug)]
#[cfg(feature = "profile")]
pub(crate) struct Registers {
    /// Address of the next machine instruction.
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    pub(crate) bp: u64,
    /// The first argument of handlers: the op.
    pub(crate) di: u64,
    /// The third: the top of the shadow stack.
    pub(crate) dx: u64,
}
