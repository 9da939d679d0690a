//! What watches a program: the op that tells a tracer of an instruction, and the one that tells a profiler where the
//! interpreter is while it calls out.

use crate::fault::Fault;
use crate::host::HostStop;
use crate::interp::context::{Context, Stop};
use crate::interp::op::{Op, Slots, goto, stop};
use crate::machine::Exit;
use crate::trace::Step;

use super::handlers;

handlers! {
    /// Tells the tracer of the instruction: c operands from slot a on; the data cell holds the bytes of the frame in `l:`.
    fn trace(ip, fp, shadow, table, ctx) {
        if tell(ip, fp, ctx) {
            goto(ip.add(2), fp, shadow, table, ctx)
        } else {
            stop()
        }
    }

    /// Notes that the next op calls out.
    fn note_out(ip, fp, shadow, table, ctx) {
        (*ctx).out = ip;
        goto(ip.add(1), fp, shadow, table, ctx)
    }
}

/// Tells the tracer; false if the program must stop.
#[inline(never)]
unsafe fn tell(ip: *const Op, fp: Slots, ctx: *mut Context) -> bool {
    // SAFETY: the translator settled as many operands as c says from slot a on; the code, memory and tracer are the
    // run's, and nothing else refers to the tracer while it is told.
    unsafe {
        let Some(tracer) = (*ctx).tracer else {
            return true;
        };
        let image = (*(*ctx).module).image();
        let text = (*(*ctx).code).text_offset(ip).unwrap_or(0);
        let csp = (*(*ctx).memory).csp();
        let operands = fp.add((*ip).a as usize);
        let step = Step {
            ip: text,
            function: image.function_at(text).unwrap_or(0),
            csp,
            fp: csp.saturating_sub((*ip.add(1)).word.number),
            operands: std::slice::from_raw_parts(operands, (*ip).c as usize),
        };
        let exit = match (*tracer).tell(&step) {
            Ok(()) => return true,
            Err(HostStop::Exit(status)) => Exit::Exited(status),
            Err(HostStop::BrokenPipe) => Exit::BrokenPipe,
            Err(HostStop::Error(message)) => Exit::OutputFailed(message),
            Err(HostStop::Fault(code)) => {
                (*ctx).stop = fault(ip, Fault::new(code));
                return false;
            }
            Err(HostStop::Violation(violation)) => {
                let found = Fault::of_violation(&*(*ctx).memory, violation, Vec::new());
                (*ctx).stop = fault(ip, found);
                return false;
            }
        };
        (*ctx).stop = Stop::Exit(exit);
        false
    }
}

fn fault(op: *const Op, fault: Fault) -> Stop {
    Stop::Fault {
        fault: Box::new(fault),
        op,
    }
}
