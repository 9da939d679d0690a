//! What compiled code calls: the machine's part of faults, host functions, bulk instructions, the heap, and limits.
//!
//! These functions run on the host's stack and always return to the stub that called them; whether the run ends is
//! what they answer.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use cvm_spec::arith;
use cvm_spec::codec::decode;
use cvm_spec::fault::FaultCode;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, Tag};

use crate::bulk;
use crate::fault::Fault;
use crate::host;
use crate::host::call::Stopped;
use crate::interp::foreign::before_host;
use crate::interp::nested::{self, Nested};
use crate::machine::Exit;
use crate::memory::{Descriptor, Memory, TABLE_ENGINE_OFFSET};

use super::context::{Answer, CALL_OUTS, CallOut, CallOutFn, Native, State, Stop};
#[cfg(feature = "ffi")]
use super::foreign;
use super::site::Site;

/// The functions that compiled code calls, by [`CallOut`].
pub(super) const TARGETS: [CallOutFn; CALL_OUTS] = {
    let mut targets: [CallOutFn; CALL_OUTS] = [import; CALL_OUTS];
    targets[CallOut::MemCopy as usize] = mem_copy;
    targets[CallOut::MemFill as usize] = mem_fill;
    targets[CallOut::MemCompare as usize] = mem_compare;
    targets[CallOut::HeapGrow as usize] = heap_grow;
    targets[CallOut::Poll as usize] = poll;
    targets[CallOut::FindCode as usize] = find_code;
    targets[CallOut::FindCallee as usize] = find_callee;
    targets[CallOut::Interpret as usize] = interpret;
    #[cfg(feature = "ffi")]
    {
        targets[CallOut::Attend as usize] = foreign::attend;
        targets[CallOut::Foreign as usize] = foreign::call_import;
        targets[CallOut::ForeignPointer as usize] = foreign::call_pointer;
        targets[CallOut::PtrToHost as usize] = foreign::to_host;
        targets[CallOut::PtrFromHost as usize] = foreign::from_host;
        targets[CallOut::LoadAbsolute as usize] = foreign::load;
        targets[CallOut::StoreAbsolute as usize] = foreign::store;
    }
    targets
};

pub(super) const GO_ON: Answer = Answer { stops: 0, value: 0 };
pub(super) const STOP: Answer = Answer { stops: 1, value: 0 };

/// The context behind a table.
///
/// # Safety
/// The table is one that a run was set up with.
pub(super) unsafe fn native(table: *mut Descriptor) -> *mut Native {
    // SAFETY: the engine's words lie at this offset, in the same allocation.
    unsafe { table.byte_add(TABLE_ENGINE_OFFSET).cast() }
}

/// The state, memory and fuel of the run.
pub(super) unsafe fn parts<'r>(
    table: *mut Descriptor,
) -> (&'r mut State, &'r mut Memory, bulk::Fuel<'r>) {
    // SAFETY: compiled code passes the table of its run; state, memory and fuel are the run's own, and compiled code,
    // the only other user, waits for this call.
    unsafe {
        let native = native(table);
        let state = &mut *(*native).state;
        let memory = &mut *state.memory;
        let fuel = state.metered.then(|| &mut (*native).fuel);
        (state, memory, fuel)
    }
}

pub(super) fn stop(state: &mut State, stop: Stop) -> Answer {
    state.stop = Some(stop);
    STOP
}

/// Stops with a fault of the instruction that called.
pub(super) fn stop_at_call(state: &mut State, fault: Box<Fault>) -> Answer {
    let fault = Stop::Fault {
        fault,
        ip: None,
        entering: false,
    };
    stop(state, fault)
}

/// `call_x`: import `number`, with its cells at `cells`.
unsafe extern "C" fn import(
    table: *mut Descriptor,
    number: u64,
    cells: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's; imports has a target for each import that the verifier let pass; compiled code
    // made room for the cells.
    let (state, memory, target, cells) = unsafe {
        let (state, memory, _) = parts(table);
        let target = *state.imports.add(number as usize);
        let cells = std::slice::from_raw_parts_mut(cells as *mut u64, target.cells());
        // A host function may take long: look at the clock at the next poll.
        (*native(table)).polls = 1;
        (state, memory, target, cells)
    };
    // SAFETY: the host is the run's, and nothing else refers to it during the call.
    let host = unsafe { &mut *state.host };
    // SAFETY: the machine's.
    unsafe { before_host(state.foreign) };
    // A panic must not unwind compiled frames: it goes on behind them.
    let result = catch_unwind(AssertUnwindSafe(|| {
        host::call::call(host, memory, (number as u32, target), cells)
    }));
    match result {
        Ok(Ok(())) => GO_ON,
        Ok(Err(Stopped::Exit(exit))) => stop(state, Stop::Exit(exit)),
        Ok(Err(Stopped::Fault(fault))) => stop_at_call(state, fault),
        Err(panic) => stop(state, Stop::Panic(panic)),
    }
}

unsafe extern "C" fn mem_copy(
    table: *mut Descriptor,
    to: u64,
    from: u64,
    length: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (state, memory, fuel) = unsafe { parts(table) };
    match bulk::copy(memory, fuel, [to, from, length]) {
        Ok(()) => GO_ON,
        Err(fault) => stop_at_call(state, fault),
    }
}

unsafe extern "C" fn mem_fill(
    table: *mut Descriptor,
    to: u64,
    byte: u64,
    length: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (state, memory, fuel) = unsafe { parts(table) };
    match bulk::fill(memory, fuel, [to, byte, length]) {
        Ok(()) => GO_ON,
        Err(fault) => stop_at_call(state, fault),
    }
}

unsafe extern "C" fn mem_compare(
    table: *mut Descriptor,
    a: u64,
    b: u64,
    length: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (state, memory, fuel) = unsafe { parts(table) };
    match bulk::compare(memory, fuel, [a, b, length]) {
        Ok(value) => Answer { stops: 0, value },
        Err(fault) => stop_at_call(state, fault),
    }
}

unsafe extern "C" fn heap_grow(
    table: *mut Descriptor,
    pages: u64,
    _: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's.
    let (_, memory, _) = unsafe { parts(table) };
    let value = memory.heap_grow(pages).unwrap_or(u64::MAX);
    Answer { stops: 0, value }
}

/// Looks at clock and interrupt flag, at the instruction at `ip`.
unsafe extern "C" fn poll(table: *mut Descriptor, ip: u64, _: u64, _: u64, _: u64) -> Answer {
    // SAFETY: the table is the run's.
    let (state, _, _) = unsafe { parts(table) };
    let (polls, code) = state.poll();
    // SAFETY: as above.
    unsafe { (*native(table)).polls = polls };
    match code {
        None => GO_ON,
        Some(code) => {
            let fault = Stop::Fault {
                fault: Box::new(Fault::of_operands(code, 0, 0)),
                ip: Some(ip as u32),
                entering: false,
            };
            stop(state, fault)
        }
    }
}

/// Where a call of function `number` leads, which had no code a moment ago.
unsafe extern "C" fn find_code(
    table: *mut Descriptor,
    number: u64,
    _: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: the table is the run's; the code stays as long as the run.
    let value = unsafe {
        let (state, _, _) = parts(table);
        let (code, function) = (&*state.code, number as u32);
        let interpreted = || {
            (*native(table)).called = number;
            code.returner(code.type_number(function))
        };
        let found = code.address(function).or_else(interpreted);
        found.expect("who compiled the call made what goes back for it")
    };
    Answer {
        stops: 0,
        value: value as u64,
    }
}

/// The same for a call through a pointer, which may also name no function, or one of another type than `wanted`.
unsafe extern "C" fn find_callee(
    table: *mut Descriptor,
    target: u64,
    wanted: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: as for `find_code`.
    let (state, memory, code) = unsafe {
        let (state, memory, _) = parts(table);
        let code = &*state.code;
        (state, memory, code)
    };
    let pointer = Pointer(target);
    let function = match pointer.tag() {
        Tag::Text => code.function_at(pointer.offset()),
        _ => None,
    };
    let refused = match function {
        None => FaultCode::CallToNonFunction,
        Some(function) if u64::from(code.type_number(function)) == wanted => {
            // SAFETY: as for `find_code`.
            return unsafe { find_code(table, function.into(), 0, 0, 0) };
        }
        Some(_) => FaultCode::CallTypeMismatch,
    };
    let fault = Fault::of_target(memory, refused, target);
    stop_at_call(state, Box::new(fault))
}

/// Runs function `number` in the interpreter, with its cells at `cells`.
unsafe extern "C" fn interpret(
    table: *mut Descriptor,
    number: u64,
    cells: u64,
    _: u64,
    _: u64,
) -> Answer {
    // SAFETY: only units of a run that began in the interpreter come here. The function that came here made room for the
    // cells; nothing refers to the state while the interpreter runs.
    unsafe {
        let interpreter = (*(*native(table)).state).interpreter;
        match nested::call(interpreter, number as u32, cells as *mut u64) {
            Nested::Returned => GO_ON,
            Nested::Stopped => stop(parts(table).0, Stop::Pending),
            Nested::NoRoom => {
                let fault = Stop::Fault {
                    fault: Box::new(Fault::of_operands(FaultCode::CallStackOverflow, 0, 0)),
                    ip: None,
                    // The place is the call.
                    entering: true,
                };
                stop(parts(table).0, fault)
            }
        }
    }
}

/// Notes why compiled code stops; the stub leaves afterwards.
pub(super) unsafe extern "C" fn raise(table: *mut Descriptor) {
    // SAFETY: the table is the run's.
    let (state, memory, _) = unsafe { parts(table) };
    // SAFETY: as above; code has stored these words.
    let [site, x, y, z] = unsafe { (*native(table)).raised };
    let (site, ip) = Site::unpack(site);
    // SAFETY: text is the module's, which outlives the run.
    let text = unsafe { &*state.text };
    let fault = match site {
        Site::Halt => {
            state.stop = Some(Stop::Exit(Exit::Exited(0)));
            return;
        }
        Site::Access { width, kind } => Fault::of_access(memory, (x, y, z), width.into(), kind),
        Site::Object { width, kind } => Fault::of_object(memory, (x, y, z), width.into(), kind),
        Site::Arithmetic => Fault::of_operands(arithmetic(text, ip, x, y), x, y),
        Site::Jump => {
            let code = match Pointer(x).tag() {
                Tag::Text => FaultCode::JumpToNonLand,
                _ => FaultCode::JumpToNonText,
            };
            Fault::of_target(memory, code, x)
        }
        Site::Call => {
            // SAFETY: as above.
            let is_function = unsafe { names_function(&*native(table), x) };
            let code = match is_function {
                true => FaultCode::CallTypeMismatch,
                false => FaultCode::CallToNonFunction,
            };
            Fault::of_target(memory, code, x)
        }
        Site::ForeignCall => Fault::of_target(memory, FaultCode::AbsoluteAccess, x),
        Site::Translation => Fault::of_operands(FaultCode::AbsoluteAccess, x, y),
        Site::Breakpoint => Fault::of_operands(FaultCode::Breakpoint, 0, 0),
        Site::Abort => Fault::of_operands(FaultCode::AbortCalled, x, 0),
        Site::OutOfFuel => Fault::of_operands(FaultCode::OutOfFuel, 0, 0),
        Site::LocalOverflow | Site::StackOverflow => {
            Fault::of_operands(FaultCode::CallStackOverflow, 0, 0)
        }
    };
    state.stop = Some(Stop::Fault {
        fault: Box::new(fault),
        ip: Some(ip),
        entering: site == Site::StackOverflow,
    });
}

/// Whether a pointer names a function's entry.
unsafe fn names_function(native: &Native, target: u64) -> bool {
    let pointer = Pointer(target);
    pointer.tag() == Tag::Text
        && pointer.offset() < native.text_size
        // SAFETY: entries has text_size numbers.
        && unsafe { *native.entries.add(pointer.offset() as usize) } != 0
}

/// The fault of a division or conversion with these operands.
fn arithmetic(text: &[u8], ip: u32, x: u64, y: u64) -> FaultCode {
    let opcode = decode(text, ip as usize).map(|(instruction, _)| instruction.opcode);
    let result = match opcode {
        Ok(Opcode::IDiv) => arith::i_div(x, y),
        Ok(Opcode::DDiv) => arith::d_div(x, y),
        Ok(
            Opcode::IUdiv
            | Opcode::IRem
            | Opcode::IUrem
            | Opcode::DUdiv
            | Opcode::DRem
            | Opcode::DUrem,
        ) => Err(FaultCode::DivideByZero),
        _ => Err(FaultCode::InvalidConversion),
    };
    result.err().unwrap_or(FaultCode::DivideByZero)
}
