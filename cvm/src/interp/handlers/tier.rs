//! Counting calls and rounds of loops, and going on in compiled code when they are many.

use super::call::pop_frame;
use super::{handlers, slot};
use crate::interp::context::{Context, Site, Stop};
use crate::interp::handover::{Entered, Hot, Left, RunParts};
use crate::interp::nested::has_room;
use crate::interp::op::{Op, Slots, goto, stop};
use crate::jit::tier::{AGAIN, Tier};
use crate::memory::Descriptor;

/// How the interpreter goes on.
enum Next {
    /// With the next op.
    Here,
    /// At the caller's: the function has returned.
    Return,
    /// Not at all.
    Stop,
}

handlers! {
    /// Counts a call of function c with counter c.
    fn count_call(ip, fp, shadow, table, ctx) {
        let counter = (*ctx).counters.add((*ip).c as usize);
        *counter = (*counter).wrapping_sub(1);
        if *counter != 0 {
            return goto(ip.add(1), fp, shadow, table, ctx);
        }
        match enter(ip, NO_HEAD, (*ip).c, fp, table, ctx) {
            Next::Here => goto(ip.add(1), fp, shadow, table, ctx),
            Next::Return => {
                let shadow = pop_frame(ctx, shadow);
                goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
            }
            Next::Stop => stop(),
        }
    }

    /// Counts a round of a loop with counter c; the data cell holds the function, and the text offset of the head.
    fn count_round(ip, fp, shadow, table, ctx) {
        let counter = (*ctx).counters.add((*ip).c as usize);
        *counter = (*counter).wrapping_sub(1);
        if *counter != 0 {
            return goto(ip.add(2), fp, shadow, table, ctx);
        }
        let head = (*ip.add(1)).word.number;
        match enter(ip, head, (*ip.add(1)).c, fp, table, ctx) {
            Next::Here => goto(ip.add(2), fp, shadow, table, ctx),
            Next::Return => {
                let shadow = pop_frame(ctx, shadow);
                goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
            }
            Next::Stop => stop(),
        }
    }
}

/// In place of a loop head's text offset: it is the function's start.
const NO_HEAD: u64 = u64::MAX;

/// Goes on in compiled code, if there is any. Takes and gives numbers only, so that the handlers keep nothing in memory
/// and their calls of the next one stay jumps.
#[cold]
#[inline(never)]
unsafe fn enter(
    ip: *const Op,
    head: u64,
    function: u32,
    fp: Slots,
    table: *mut Descriptor,
    ctx: *mut Context,
) -> Next {
    let head = u32::try_from(head).ok();
    let hot = Hot { function, head };
    // SAFETY: ctx and table are the running machine's; code that counts runs with a tier. The frame at fp has its
    // arguments, or at a loop head everything, in its slots.
    unsafe {
        if !has_room(&*ctx) {
            *(*ctx).counters.add((*ip).c as usize) = AGAIN;
            return Next::Here;
        }
        let parts = RunParts {
            context: ctx,
            table,
            memory: (*ctx).memory,
            host: (*ctx).host,
            imports: (*ctx).imports,
            metered: (*ctx).metered,
            deadline: (*ctx).deadline,
            interrupt: &raw const (*ctx).interrupt,
            fuel: (*ctx).fuel,
            polls: (*ctx).polls,
            foreign: (*ctx).foreign,
        };
        let cells: *mut u64 = &raw mut slot!(fp, 0);
        // Callbacks of C that compiled code calls run above this frame.
        let outer = (*ctx).site;
        (*ctx).site = Site {
            ip: std::ptr::null(),
            fp,
            top: fp.add((*(*ctx).callees.add(function as usize)).cells as usize),
        };
        let entered = Tier::enter((*ctx).tier, hot, (*ip).c as usize, parts, cells);
        (*ctx).site = outer;
        match entered {
            Entered::NotYet => Next::Here,
            Entered::Returned { fuel, polls } => {
                (*ctx).fuel = fuel;
                (*ctx).polls = polls;
                Next::Return
            }
            Entered::Left {
                left: Left::Pending,
                fuel,
            } => {
                (*ctx).fuel = fuel;
                Next::Stop
            }
            Entered::Left { left, fuel } => {
                (*ctx).fuel = fuel;
                (*ctx).stop = Stop::Compiled(left);
                Next::Stop
            }
        }
    }
}
