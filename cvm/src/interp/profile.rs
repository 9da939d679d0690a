//! Where the interpreter is when a profiler's timer interrupts it.
//!
//! Handlers take the op in a register and keep it there until the next handler gets it in the same register, so in a
//! handler this register says which op runs. The verification of that is the look itself: no other value lies among the
//! code's ops. Where a handler calls out, profiled code has noted the op before (`note_out`).
//!
//! A call or return changes op and shadow stack one after the other. In between the handler's own copy of the shadow
//! stack's top, which is changed at another time, tells which frames belong to the op.

#![allow(unsafe_code)]

use super::context::{Context, ShadowFrame};
use super::op::Op;
use crate::jit::profile::{
    is_entered, is_in_code, suspended, tell_called_out, tell_in_code, tell_suspended,
};
use crate::jit::segment::Segment;
use crate::profile::Registers;

/// Tells the text offset of the instruction that runs, and of the calls that led to it, innermost first.
///
/// # Safety
/// The context is that of a run which was interrupted on this thread, with these registers.
pub(crate) unsafe fn tell(ctx: *const Context, registers: &Registers, tell: &mut dyn FnMut(u32)) {
    // SAFETY: code and memory are the run's; the shadow stack's frames below its top were put there by calls, and the one
    // above it, if a return has just freed it, is still there.
    unsafe {
        let code = &*(*ctx).code;
        let table = (*(*ctx).memory).table();
        let mut top: *const ShadowFrame = (*ctx).shadow;
        let op = registers.di as *const Op;
        let is_compiled = is_entered(table);
        if is_compiled && is_in_code(table, registers) {
            tell_in_code(table, registers, tell);
        } else if let Some(ip) = running(&code.ops, op).and_then(|op| code.text_offset(op)) {
            tell(ip);
            top = top_of(&*ctx, op, registers.dx);
        } else if is_compiled && tell_called_out(table, registers, tell) {
            // All of them are told.
        } else if let Some(frame) = hidden(&*ctx, is_compiled) {
            tell_suspended(table, frame, tell);
        } else if let Some(ip) = code.text_offset((*ctx).out) {
            tell(ip);
        }
        while top > (*ctx).shadow_base.add(1).cast_const() {
            top = top.sub(1);
            let ip = (*top).ip;
            if ip.is_null() {
                (*(*top).fp.cast::<Segment>()).tell(tell);
            } else if ip != code.finish
                && let Some(ip) = code.text_offset(ip.wrapping_sub(1))
            {
                tell(ip);
            }
        }
    }
}

/// Compiled frames that wait for the interpreter and are not on its shadow stack: right before it runs, and right after.
unsafe fn hidden(ctx: &Context, is_compiled: bool) -> Option<*const [u64; 2]> {
    if !is_compiled {
        return None;
    }
    // SAFETY: code was entered with this table; the shadow stack's frames below its top were put there by calls, and the
    // segments that some of them stand for wait.
    unsafe {
        let frame = suspended((*ctx.memory).table());
        if frame.is_null() {
            return None;
        }
        let mut top: *const ShadowFrame = ctx.shadow;
        while top > ctx.shadow_base.cast_const() {
            top = top.sub(1);
            if (*top).ip.is_null() {
                let segment = &*(*top).fp.cast::<Segment>();
                return (!segment.begins_at(frame)).then_some(frame);
            }
        }
        Some(frame)
    }
}

/// The op, if it is one of these.
fn running(ops: &[Op], op: *const Op) -> Option<*const Op> {
    let distance = (op as usize).checked_sub(ops.as_ptr() as usize)?;
    (distance < size_of_val(ops) && distance.is_multiple_of(size_of::<Op>())).then_some(op)
}

/// The top of the shadow stack as it was, or will be, when this op runs.
unsafe fn top_of(ctx: &Context, op: *const Op, register: u64) -> *const ShadowFrame {
    let top = ctx.shadow.cast_const();
    // SAFETY: both frames that are looked at lie in the shadow stack: the one above the top was freed right now, the one
    // below it was pushed right now.
    unsafe {
        if register == top.wrapping_add(1) as u64 && (*top).ip != op {
            // A return has freed the frame, and the op is still the one that returns.
            return top.add(1);
        }
        let pushed = top.wrapping_sub(1);
        if register == pushed as u64 && pushed >= ctx.shadow_base.cast_const() {
            let returns_to = (*pushed).ip as usize;
            let size = size_of::<Op>();
            // A call has pushed the frame, and the op is still the one that calls: it returns behind it, or behind its
            // data cell.
            if returns_to == op as usize + size || returns_to == op as usize + 2 * size {
                return pushed;
            }
        }
    }
    top
}
