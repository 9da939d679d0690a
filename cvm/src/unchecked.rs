//! Leaving checks out of compiled code, to measure what they cost. No program but the one that measures is built with this.
//!
//! A program without checks can read and write anything: only programs that are known to be right may run so.

use std::sync::atomic::{AtomicBool, Ordering};

/// Checks that are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checks {
    /// Bounds and policy of accesses to memory.
    pub accesses: bool,
    /// Room on the call stack, and in `l:`.
    pub stack: bool,
}

static ACCESSES: AtomicBool = AtomicBool::new(false);
static STACK: AtomicBool = AtomicBool::new(false);

/// Leaves checks out of everything that is compiled from now on, in the whole process.
pub fn leave_out(checks: Checks) {
    ACCESSES.store(checks.accesses, Ordering::Relaxed);
    STACK.store(checks.stack, Ordering::Relaxed);
}

pub(crate) fn accesses() -> bool {
    ACCESSES.load(Ordering::Relaxed)
}

pub(crate) fn stack() -> bool {
    STACK.load(Ordering::Relaxed)
}
