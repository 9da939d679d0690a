//! Calls and returns. Frames overlap: a callee's first slots are the slots where its caller left the arguments, and
//! results go to the same place. Return addresses are on the shadow stack, out of reach of any pointer.

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{Pointer, Tag};

use super::fault::{raise_code, refuse_target};
use super::{handlers, slot};
use crate::host;
use crate::host::call::Stopped;
use crate::interp::context::{Context, ShadowFrame, Stop};
use crate::interp::op::{Op, Slots, goto, stop};
use crate::machine::Exit;

/// Whether the pointer names a function of type `wanted`; its number if so, else the fault.
#[inline(always)]
unsafe fn find_callee(ctx: *mut Context, target: u64, wanted: u32) -> Result<usize, FaultCode> {
    let pointer = Pointer(target);
    // SAFETY: entries has text_size numbers, callees one for each function number in entries.
    unsafe {
        if pointer.tag() != Tag::Text || pointer.offset() >= (*ctx).text_size {
            return Err(FaultCode::CallToNonFunction);
        }
        let number = *(*ctx).entries.add(pointer.offset() as usize);
        if number == 0 {
            return Err(FaultCode::CallToNonFunction);
        }
        let number = number as usize - 1;
        if (*(*ctx).callees.add(number)).type_number != wanted {
            return Err(FaultCode::CallTypeMismatch);
        }
        Ok(number)
    }
}

/// Pushes where a call returns to. The context's copy of the shadow stack's top is for those who look at the stack
/// from outside; handlers use the one in their argument.
#[inline(always)]
unsafe fn push_frame(
    ctx: *mut Context,
    shadow: *mut ShadowFrame,
    ip: *const Op,
    fp: Slots,
) -> *mut ShadowFrame {
    // SAFETY: the shadow stack has a frame for each cell, and the caller found room for the callee's cells.
    unsafe {
        *shadow = ShadowFrame { ip, fp };
        let shadow = shadow.add(1);
        (*ctx).shadow = shadow;
        shadow
    }
}

/// The frame to return to, which is then free.
#[inline(always)]
pub(super) unsafe fn pop_frame(ctx: *mut Context, shadow: *mut ShadowFrame) -> *mut ShadowFrame {
    // SAFETY: a function runs only behind a frame that its caller, or the run, pushed.
    unsafe {
        let shadow = shadow.sub(1);
        (*ctx).shadow = shadow;
        shadow
    }
}

/// Stops with the fault of an indirect call; the machine adds the types of a mismatch.
#[cold]
#[inline(never)]
pub(super) unsafe fn refuse_call(
    ip: *const Op,
    ctx: *mut Context,
    code: FaultCode,
    target: u64,
) -> crate::interp::op::Flow {
    // SAFETY: ctx is the running machine's context.
    unsafe { refuse_target(ip, ctx, code, target) }
}

handlers! {
    /// Calls the function whose first op the data cell names; its frame begins at slot a and needs c cells.
    fn call(ip, fp, shadow, table, ctx) {
        let callee = fp.add((*ip).a as usize);
        if callee.wrapping_add((*ip).c as usize) > (*ctx).cells_end {
            return raise_code(ip, ctx, FaultCode::CallStackOverflow, 0, 0);
        }
        let shadow = push_frame(ctx, shadow, ip.add(2), fp);
        goto((*ip.add(1)).word.op, callee, shadow, table, ctx)
    }

    /// Calls the function of type c that the pointer in slot b names; its frame begins at slot a.
    fn call_indirect(ip, fp, shadow, table, ctx) {
        let target = slot!(fp, (*ip).b);
        let number = match find_callee(ctx, target, (*ip).c) {
            Ok(number) => number,
            Err(code) => return refuse_call(ip, ctx, code, target),
        };
        let entry = (*ctx).callees.add(number);
        let callee = fp.add((*ip).a as usize);
        if callee.wrapping_add((*entry).cells as usize) > (*ctx).cells_end {
            return raise_code(ip, ctx, FaultCode::CallStackOverflow, 0, 0);
        }
        let shadow = push_frame(ctx, shadow, ip.add(1), fp);
        goto((*entry).code, callee, shadow, table, ctx)
    }

    /// Continues in the function whose first op the data cell names; b arguments from slot a move to the frame's
    /// start, c cells are needed.
    fn tail_call(ip, fp, shadow, table, ctx) {
        if fp.wrapping_add((*ip).c as usize) > (*ctx).cells_end {
            return raise_code(ip, ctx, FaultCode::CallStackOverflow, 0, 0);
        }
        std::ptr::copy(fp.add((*ip).a as usize), fp, (*ip).b as usize);
        goto((*ip.add(1)).word.op, fp, shadow, table, ctx)
    }

    /// The same through the pointer in the slot that the data cell's a names; c is the type, the data cell's c the
    /// bytes that this function's frame gives back in `l:`.
    fn tail_call_indirect(ip, fp, shadow, table, ctx) {
        let target = slot!(fp, (*ip.add(1)).a);
        let number = match find_callee(ctx, target, (*ip).c) {
            Ok(number) => number,
            Err(code) => return refuse_call(ip, ctx, code, target),
        };
        let entry = (*ctx).callees.add(number);
        if fp.wrapping_add((*entry).cells as usize) > (*ctx).cells_end {
            return raise_code(ip, ctx, FaultCode::CallStackOverflow, 0, 0);
        }
        let released = (*ip.add(1)).c;
        if released != 0 {
            release(ctx, u64::from(released));
        }
        std::ptr::copy(fp.add((*ip).a as usize), fp, (*ip).b as usize);
        goto((*entry).code, fp, shadow, table, ctx)
    }

    /// Returns without results.
    fn return_none(ip, fp, shadow, table, ctx) {
        let shadow = pop_frame(ctx, shadow);
        goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
    }

    /// Returns slot a.
    fn return_slot(ip, fp, shadow, table, ctx) {
        *fp = slot!(fp, (*ip).a);
        let shadow = pop_frame(ctx, shadow);
        goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
    }

    /// Returns the constant c, sign-extended.
    fn return_constant(ip, fp, shadow, table, ctx) {
        *fp = (*ip).c as i32 as u64;
        let shadow = pop_frame(ctx, shadow);
        goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
    }

    /// Returns the b slots from a on.
    fn return_slots(ip, fp, shadow, table, ctx) {
        std::ptr::copy(fp.add((*ip).a as usize), fp, (*ip).b as usize);
        let shadow = pop_frame(ctx, shadow);
        goto((*shadow).ip, (*shadow).fp, shadow, table, ctx)
    }

    /// Makes room for c bytes of the frame in `l:` and zeroes them.
    fn enter_local(ip, fp, shadow, table, ctx) {
        if reserve(ctx, u64::from((*ip).c)) {
            goto(ip.add(1), fp, shadow, table, ctx)
        } else {
            raise_code(ip, ctx, FaultCode::CallStackOverflow, 0, 0)
        }
    }

    /// Gives c bytes of the frame in `l:` back.
    fn leave_local(ip, fp, shadow, table, ctx) {
        release(ctx, u64::from((*ip).c));
        goto(ip.add(1), fp, shadow, table, ctx)
    }

    /// Calls import c; arguments and results are in the slots from a on.
    fn call_import(ip, fp, shadow, table, ctx) {
        if import(ip, fp, ctx) {
            goto(ip.add(1), fp, shadow, table, ctx)
        } else {
            stop()
        }
    }

    /// `halt`.
    fn halt(ip, fp, shadow, table, ctx) {
        (*ctx).stop = Stop::Exit(Exit::Exited(0));
        stop()
    }

    /// Where the outermost function returns to.
    fn finish(ip, fp, shadow, table, ctx) {
        // Nothing else stopped anything before: the context of a run says so from its beginning.
        debug_assert!(matches!((*ctx).stop, Stop::Returned));
        stop()
    }
}

#[inline(never)]
unsafe fn reserve(ctx: *mut Context, bytes: u64) -> bool {
    // SAFETY: memory is the running machine's; no handler holds a reference into it.
    unsafe { (*(*ctx).memory).push_locals(bytes).is_some() }
}

#[inline(never)]
unsafe fn release(ctx: *mut Context, bytes: u64) {
    // SAFETY: as above. The frame reserved these bytes when it was entered.
    unsafe {
        let memory = &mut *(*ctx).memory;
        let csp = memory.csp();
        memory.pop_locals_to(csp - bytes);
    }
}

/// Calls a host function; false if the program must stop.
#[inline(never)]
unsafe fn import(ip: *const Op, fp: Slots, ctx: *mut Context) -> bool {
    // SAFETY: imports has a target for each import index that the verifier let pass; the frame has room for the
    // larger of argument and result count from slot a on, because the operand depth covers both; memory and host are
    // the running machine's and nothing else refers to them during the call.
    unsafe {
        let index = (*ip).c;
        let target = *(*ctx).imports.add(index as usize);
        let cells = std::slice::from_raw_parts_mut(fp.add((*ip).a as usize), target.cells());
        crate::interp::foreign::before_host((*ctx).foreign);
        let (host, memory) = (&mut *(*ctx).host, &mut *(*ctx).memory);
        let result = host::call::call(host, memory, (index, target), cells);
        // A host function may take long: look at the clock at the next poll.
        (*ctx).polls = 1;
        match result {
            Ok(()) => return true,
            Err(Stopped::Exit(exit)) => (*ctx).stop = Stop::Exit(exit),
            Err(Stopped::Fault(fault)) => (*ctx).stop = Stop::Fault { fault, op: ip },
        }
        false
    }
}
