//! Runs on top of what waits: frames of the interpreter that called C, which calls back, or compiled frames that called C
//! or a function without machine code.
//!
//! Two frames are put on the shadow stack: what waits, as if it had called the function itself, and a sentinel that returns
//! to [`Code::finish`](super::Code::finish). So the function's end ends its own run of handlers, and a backtrace finds what
//! waits where it is.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::context::{Context, ShadowFrame, Site, Stop};
use super::handlers::list;
use super::handover::{Entered, Left};
use super::op::Slots;
use crate::jit::segment::{Segment, budget, set_budget};
use crate::jit::tier::Tier;

/// Bytes of the host's stack that runs on top of each other may take together: when compiled code and the interpreter
/// call each other that deep, the interpreter goes on alone. One that is a loop has all handlers in one frame, which takes
/// hundreds of KiB in a build without optimisation.
const HOST_STACK_MAX: usize = match cfg!(feature = "loop-dispatch") {
    true => 1 << 20,
    false => 256 << 10,
};

/// Where the host's stack is.
#[inline(always)]
pub(crate) fn host_stack() -> usize {
    let here = 0_u8;
    (&raw const here).addr()
}

/// Whether compiled code may be entered on the host's stack as it is.
pub(crate) fn has_room(ctx: &Context) -> bool {
    // On another stack than the run began on, which C may have made, this is likely a large number.
    ctx.host_stack.wrapping_sub(host_stack()) <= HOST_STACK_MAX
}

/// What waits for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    CompiledCode,
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    C,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nested {
    /// The function returned; its results are in the first cells.
    Returned,
    /// The whole run has to end; the context says why, with the place found.
    Stopped,
    /// There was no room on the cell stack; nothing ran.
    NoRoom,
}

/// Calls a function for compiled code, with its arguments in `cells`.
///
/// # Safety
/// The context is that of the run, whose compiled code waits for this call; there is room in `cells` for arguments and
/// results.
pub(crate) unsafe fn call(ctx: *mut Context, function: u32, cells: *mut u64) -> Nested {
    // SAFETY: the caller's promise; the module outlives the run.
    unsafe {
        let image = (*(*ctx).module).image();
        let record = &image.functions[function as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        let counts = (
            usize::from(function_type.args),
            usize::from(function_type.results),
        );
        run(ctx, function, cells, counts, Waiting::CompiledCode)
    }
}

/// Calls a function for C, which calls back; in compiled code, if that is there.
///
/// # Safety
/// As for [`call`], but it is C that waits.
#[cfg(feature = "ffi")]
pub(super) unsafe fn call_back(
    ctx: *mut Context,
    function: u32,
    cells: *mut u64,
    counts: (usize, usize),
) -> Nested {
    // SAFETY: the caller's promise.
    unsafe { run(ctx, function, cells, counts, Waiting::C) }
}

/// Runs a function with so many arguments and results on top of what waits.
///
/// # Safety
/// As for [`call`] and [`call_back`].
unsafe fn run(
    ctx: *mut Context,
    function: u32,
    cells: *mut u64,
    (arguments, results): (usize, usize),
    waiting: Waiting,
) -> Nested {
    // SAFETY: the context is that of the run that waits on this thread. The callee's frame begins above everything that the
    // frame which waits uses; a shadow frame takes at most one cell's worth of the shadow stack, and two cells are left free
    // for the two that are put there. The segment stays where it is as long as something refers to it.
    unsafe {
        let callee = *(*ctx).callees.add(function as usize);
        let site = (*ctx).site;
        let frame = site.top.wrapping_add(2);
        let needed = (callee.cells as usize).max(arguments).max(results);
        if frame.wrapping_add(needed) > (*ctx).cells_end || frame < site.top {
            return Nested::NoRoom;
        }
        // A loop: they are few.
        for number in 0..arguments {
            *frame.add(number) = *cells.add(number);
        }
        let table = (*(*ctx).memory).table();
        let segment = site.is_compiled().then(|| Segment::waiting(table));
        if let Some(segment) = &segment {
            segment.suspend(table);
            let (fuel, polls) = budget(table);
            (*ctx).fuel = fuel;
            // C may have taken long: the next poll looks at the clock.
            (*ctx).polls = match waiting {
                Waiting::C => 1,
                Waiting::CompiledCode => polls as u32,
            };
        }
        let shadow = (*ctx).shadow;
        *shadow = match &segment {
            Some(segment) => ShadowFrame {
                ip: std::ptr::null(),
                fp: std::ptr::from_ref(segment).cast_mut().cast(),
            },
            None => ShadowFrame {
                // Behind the call and its data cell.
                ip: site.ip.add(2),
                fp: site.fp,
            },
        };
        *shadow.add(1) = ShadowFrame {
            ip: (*(*ctx).code).finish,
            fp: frame,
        };
        (*ctx).shadow = shadow.add(2);
        let is_compiled = waiting == Waiting::C && enter_compiled(ctx, function, frame, needed);
        if !is_compiled {
            // A panic must not unwind C or compiled code: it goes on behind them.
            let run = || list::run(callee.code, frame, shadow.add(2), table, ctx);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                (*ctx).stop = Stop::Compiled(Left::Panic(panic));
            }
        }
        (*ctx).site = site;
        let ended = match (*ctx).stop {
            Stop::Returned => {
                for number in 0..results {
                    *cells.add(number) = *frame.add(number);
                }
                Nested::Returned
            }
            _ => {
                // While the frames are there.
                if let Err(panic) = super::run::exit_of(&mut *ctx) {
                    (*ctx).stop = Stop::Compiled(Left::Panic(panic));
                }
                Nested::Stopped
            }
        };
        (*ctx).shadow = shadow;
        if let Some(segment) = &segment {
            let polls = match waiting {
                Waiting::C => 1,
                Waiting::CompiledCode => (*ctx).polls.into(),
            };
            set_budget(table, (*ctx).fuel, polls);
            segment.resume(table);
        }
        ended
    }
}

/// Runs a callback's function in compiled code, if that is there: it needs no frame of the interpreter's. False if not.
///
/// # Safety
/// As in [`run`], which set everything up; the arguments are in the frame, which has that many cells.
#[inline]
unsafe fn enter_compiled(ctx: *mut Context, function: u32, frame: Slots, cells: usize) -> bool {
    // SAFETY: the caller's promise; the tier is the run's.
    unsafe {
        if (*ctx).tier.is_null() {
            return false;
        }
        let outer = (*ctx).site;
        (*ctx).site = Site {
            ip: std::ptr::null(),
            fp: frame,
            top: frame.add(cells),
        };
        let (table, budget) = ((*(*ctx).memory).table(), ((*ctx).fuel, (*ctx).polls));
        match Tier::enter_again((*ctx).tier, table, function, budget, frame) {
            Entered::NotYet => {
                (*ctx).site = outer;
                return false;
            }
            Entered::Returned { fuel, polls } => {
                (*ctx).fuel = fuel;
                (*ctx).polls = polls;
            }
            Entered::Left { left, fuel } => {
                (*ctx).fuel = fuel;
                if !matches!(left, Left::Pending) {
                    (*ctx).stop = Stop::Compiled(left);
                }
            }
        }
        true
    }
}
