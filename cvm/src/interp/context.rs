//! What handlers share: limits, the shadow stack, the host, and the reason why they stopped.

#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cvm_spec::fault::FaultCode;

use crate::fault::Fault;
use crate::host::Host;
use crate::host::call::ImportTarget;
use crate::jit::tier::Tier;
use crate::machine::Exit;
use crate::memory::Memory;
use crate::trace::Tracer;
use crate::verify::Module;

use super::Code;
use super::foreign::Foreign;
use super::handover::Left;
use super::op::{Op, Slots};
use super::translate::Land;

/// How many polls pass between looks at the clock.
const POLLS: u32 = 1024;

/// A frame of the shadow stack: where a call returns to. No pointer reaches it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShadowFrame {
    pub(crate) ip: *const Op,
    pub(crate) fp: Slots,
}

/// A function that `call_i` can reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callee {
    pub(crate) code: *const Op,
    /// Cells that its frame needs.
    pub(crate) cells: u32,
    /// Number of its type among the distinct ones.
    pub(crate) type_number: u32,
}

/// Why the handlers stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The outermost function returned; its results are in the first slots.
    Returned,
    /// The run ends.
    Exit(Exit),
    /// Compiled code was left.
    Compiled(Left),
    /// A fault at this op, to be completed with registers and backtrace.
    Fault { fault: Box<Fault>, op: *const Op },
}

/// The state that handlers share.
#[derive(Debug)]
pub(crate) struct Context {
    /// First cell behind the cell stack.
    pub(crate) cells_end: Slots,
    /// Next free frame of the shadow stack.
    pub(crate) shadow: *mut ShadowFrame,
    /// Fuel that is left.
    pub(crate) fuel: u64,
    /// Polls until the next look at clock and interrupt flag.
    pub(crate) polls: u32,
    /// Whether fuel is charged.
    pub(crate) metered: bool,
    /// By text offset: number of a function that begins there, plus 1; 0 elsewhere.
    pub(crate) entries: *const u32,
    /// Length of `entries`.
    pub(crate) text_size: u64,
    /// By function number.
    pub(crate) callees: *const Callee,
    /// The code's `land`s, ascending by text offset.
    pub(crate) lands: *const [Land],
    /// Memory; its descriptor table is also passed to every handler.
    pub(crate) memory: *mut Memory,
    pub(crate) host: *mut Host,
    pub(crate) imports: *const ImportTarget,
    /// Counters of calls and rounds, if the code counts.
    pub(crate) counters: *mut u32,
    /// What is done when one reaches 0, if the code counts.
    pub(crate) tier: *mut Tier,
    pub(crate) deadline: Option<Instant>,
    pub(crate) interrupt: Arc<AtomicBool>,
    pub(crate) stop: Stop,
    /// Everything foreign of the machine; null without a grant.
    pub(crate) foreign: *const Foreign,
    /// The call of C that is going on.
    pub(crate) site: Site,
    /// Where the host's stack was when the run began.
    pub(crate) host_stack: usize,
    /// The code that runs, for the places of calls of C.
    pub(crate) code: *const Code,
    /// First frame of the shadow stack.
    pub(crate) shadow_base: *mut ShadowFrame,
    /// The module that runs.
    pub(crate) module: *const Module,
    /// In profiled code, the latest op that called out.
    pub(crate) out: *const Op,
    /// Who is told of every instruction, if the code is traced.
    pub(crate) tracer: Option<*mut Tracer>,
}

/// Where C is called from.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "ffi"), allow(dead_code))]
pub(crate) struct Site {
    /// The op that calls; null if compiled code does.
    pub(crate) ip: *const Op,
    /// Its frame.
    pub(crate) fp: Slots,
    /// First cell that a callback can use.
    pub(crate) top: Slots,
}

impl Site {
    /// Whether compiled code calls C.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(crate) fn is_compiled(&self) -> bool {
        self.ip.is_null() && !self.top.is_null()
    }

    /// No call.
    pub(crate) const NONE: Site = Site {
        ip: std::ptr::null(),
        fp: std::ptr::null_mut(),
        top: std::ptr::null_mut(),
    };
}

impl Context {
    /// Looks at the clock and the interrupt flag.
    #[cold]
    #[inline(never)]
    pub(crate) fn poll(&mut self) -> Option<FaultCode> {
        self.polls = POLLS;
        if self.interrupt.load(Ordering::Relaxed) {
            return Some(FaultCode::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Some(FaultCode::Timeout),
            _ => None,
        }
    }
}
