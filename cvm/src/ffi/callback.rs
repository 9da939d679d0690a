//! CVM functions as C function pointers.
//!
//! A text pointer given where a signature has `fn(…)` becomes a C function, made once for each function and callback
//! type and valid as long as the machine. When C calls it, the running engine enters the CVM function in a run of its
//! own, on top of the caller's frames. Once the run has to end (a fault, `halt`, fuel), callbacks return zero without
//! running anything, until C returns.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::Ordering;

use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::Scalar;
use cvm_spec::pointer::{Pointer, Tag};
use libffi::low::{self, CodePtr, ffi_cif, ffi_closure};

use super::call::store_field;
use super::convert::{Cause, Failure};
use super::plan::{Argument, Kind, Plan, Shape};
use super::shim::INTEGER_REGISTERS;
use super::thunk::{self, Thunk};
use super::{Foreign, LEAF, PENDING, STRANGER, call::inside};

/// Bytes of native stack that must be left when a callback begins.
const STACK_RESERVE: usize = 256 * 1024;

/// A C function that enters CVM.
#[derive(Debug)]
pub(super) struct Callback {
    made: Made,
    data: *mut Data,
}

#[derive(Debug)]
enum Made {
    Thunk(Thunk),
    Closure(*mut ffi_closure, CodePtr),
}

impl Callback {
    /// The C function's address.
    fn address(&self) -> u64 {
        match &self.made {
            Made::Thunk(thunk) => thunk.address(),
            Made::Closure(_, code) => code.as_ptr() as u64,
        }
    }
}

/// What the C function knows of itself.
#[derive(Debug)]
pub(super) struct Data {
    foreign: *const Foreign,
    plan: *const Plan,
    function: u32,
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: both were made by `make` and are freed once; C that still calls the function was told (spec/ffi.md)
        // that it lives as long as the machine.
        unsafe {
            if let Made::Closure(closure, _) = self.made {
                low::closure_free(closure);
            }
            drop(Box::from_raw(self.data));
        }
    }
}

impl Foreign {
    /// The C function pointer for a callback argument. A null pointer and a C function pointer stay what they are.
    pub(super) fn callback(&self, plan: &Plan, cell: u64) -> Result<u64, Failure> {
        let pointer = Pointer(cell);
        if pointer.tag() == Tag::Absolute {
            return Ok(cell);
        }
        let refuse = |code, types| Failure {
            cause: Cause::Target {
                code,
                target: cell,
                types,
            },
            message: None,
        };
        let image = self.module.image();
        let function = (pointer.tag() == Tag::Text)
            .then(|| u32::try_from(pointer.offset()).ok())
            .flatten()
            .and_then(|offset| image.function_starting_at(offset))
            .ok_or_else(|| refuse(FaultCode::CallToNonFunction, None))?;
        let found = image
            .function_type(&image.functions[function as usize])
            .unwrap_or_default();
        let wanted = (plan.arg_cells as u16, plan.result_cells as u16, 0);
        if (found.args, found.results) != (wanted.0, wanted.1) {
            let found = (found.args, found.results, found.brand);
            return Err(refuse(FaultCode::CallTypeMismatch, Some([wanted, found])));
        }
        let key = (function, plan.number);
        let mut callbacks = self.callbacks.borrow_mut();
        if let Some(made) = callbacks.get(&key) {
            return Ok(made.address());
        }
        let made = self
            .make(plan, function)
            .ok_or_else(|| Failure::from(FaultCode::OutOfMemory))?;
        let code = made.address();
        callbacks.insert(key, made);
        Ok(code)
    }

    fn make(&self, plan: &Plan, function: u32) -> Option<Callback> {
        let data = Box::new(Data {
            foreign: self,
            plan,
            function,
        });
        if thunk::suits(plan) {
            let made = Made::Thunk(Thunk::new(&raw const *data)?);
            let data = Box::into_raw(data);
            return Some(Callback { made, data });
        }
        let (closure, code) = low::try_closure_alloc()?;
        let made = Callback {
            made: Made::Closure(closure, code),
            data: Box::into_raw(data),
        };
        // SAFETY: the closure was just allocated; plan and data live as long as the callback, which the machine's
        // `Foreign` owns in a box that does not move.
        let prepared =
            unsafe { low::prep_closure_mut(closure, plan.cif(), entered, made.data, code) };
        prepared.is_ok().then_some(made)
    }

    /// The cell for a function pointer that C gave: a text pointer if it is one of our functions.
    pub(super) fn function_of(&self, value: u64) -> u64 {
        let callbacks = self.callbacks.borrow();
        let made = callbacks
            .iter()
            .find(|(_, callback)| callback.address() == value);
        match made {
            Some(((function, _), _)) => {
                let image = self.module.image();
                let start = image.functions[*function as usize].start;
                Pointer::new(Tag::Text, start.into()).0
            }
            None => value,
        }
    }
}

thread_local! {
    static HERE: u8 = const { 0 };
    static STACK_END: Cell<usize> = const { Cell::new(0) };
}

/// A number for the calling thread, never 0 and never that of another living thread.
#[inline]
pub(super) fn this_thread() -> usize {
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}

/// Whether this thread's stack has room for another run.
fn has_stack() -> bool {
    let here = std::hint::black_box(0u8);
    let at = std::ptr::from_ref(&here) as usize;
    let end = STACK_END.with(|end| {
        if end.get() == 0 {
            end.set(stack_end().unwrap_or(1));
        }
        end.get()
    });
    at.checked_sub(end).is_none_or(|left| left > STACK_RESERVE)
}

/// The lowest address of this thread's stack.
fn stack_end() -> Option<usize> {
    // SAFETY: the attributes are initialised by the first call, read and destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut base, mut size) = (std::ptr::null_mut::<c_void>(), 0);
        let got = libc::pthread_attr_getstack(&attributes, &mut base, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (got == 0).then_some(base as usize)
    }
}

/// C called a callback.
unsafe extern "C" fn entered(
    _: &ffi_cif,
    result: &mut c_void,
    args: *const *const c_void,
    data: &mut Data,
) {
    let result = std::ptr::from_mut(result).cast::<u8>();
    // SAFETY: the plan lives as long as the callback. libffi gives room for the result, at least a register's, and a
    // pointer to each argument of the plan.
    unsafe {
        let (plan, foreign) = (&*data.plan, &*data.foreign);
        let room = plan.result.room();
        if let Shape::Struct { size, .. } = plan.result {
            result.write_bytes(0, size);
        } else {
            result.write_bytes(0, room.max(8));
        }
        enter(data, result, |argument, number, cells| {
            let from = (*args.add(number)).cast::<u8>();
            foreign.load(&*foreign.memory.get(), &argument.shape, from, cells);
        });
    }
}

/// A thunk was called, with integer and float registers at `registers`. The result's word.
///
/// # Safety
/// The data is that of a thunk that lives; the registers are those that its C type needs.
pub(super) unsafe extern "C" fn entered_in_registers(
    data: *const Data,
    registers: *const u64,
) -> u64 {
    let mut result = 0u64;
    // SAFETY: the caller's promise; the plan's values travel in registers alone, so the result fits a word.
    unsafe {
        let data = &*data;
        let foreign = &*data.foreign;
        let (mut integers, mut floats) = (0, INTEGER_REGISTERS);
        enter(data, (&raw mut result).cast(), |argument, _, cells| {
            let Shape::One(kind) = argument.shape else {
                return;
            };
            let place = match kind.is_float() {
                true => &mut floats,
                false => &mut integers,
            };
            *cells = foreign.value(&*foreign.memory.get(), kind, *registers.add(*place));
            *place += 1;
        });
    }
    result
}

/// Runs the callback, unless it is refused. `load` puts an argument, by its number, into its cells.
///
/// # Safety
/// The data is that of a callback that lives; `result` has the room that its type needs, zeroed.
#[inline(always)]
unsafe fn enter(data: &Data, result: *mut u8, load: impl FnMut(&Argument, usize, *mut u64)) {
    // SAFETY: plan and foreign part live as long as the callback.
    unsafe {
        let (plan, foreign) = (&*data.plan, &*data.foreign);
        let state = &foreign.attention.state;
        if foreign.thread.load(Ordering::Relaxed) != this_thread() {
            state.fetch_or(STRANGER, Ordering::Relaxed);
            return;
        }
        if state.load(Ordering::Relaxed) & PENDING != 0 {
            return;
        }
        if is_in_leaf(foreign) {
            state.fetch_or(LEAF, Ordering::Relaxed);
            return;
        }
        let outer = foreign.inside.replace(inside::NONE);
        if !run(foreign, plan, data.function, load, result) {
            state.fetch_or(PENDING, Ordering::Relaxed);
        }
        foreign.inside.set(outer);
    }
}

/// Whether C that promised not to call back is running. Compiled code calls such functions on its own stack, where
/// nothing else may run.
fn is_in_leaf(foreign: &Foreign) -> bool {
    let here = std::hint::black_box(0u8);
    let at = std::ptr::from_ref(&here) as u64;
    let (low, high) = foreign.native_stack.get();
    let function = foreign.functions.get(foreign.inside.get() as usize);
    (low..high).contains(&at) || function.is_some_and(|function| function.is_leaf)
}

/// Cells of a callback that need no allocation.
const SMALL: usize = 8;

/// # Safety
/// As for [`enter`], on the machine's thread while it calls C.
#[inline(always)]
unsafe fn run(
    foreign: &Foreign,
    plan: &Plan,
    function: u32,
    mut load: impl FnMut(&Argument, usize, *mut u64),
    result: *mut u8,
) -> bool {
    let Some(engine) = foreign.engine.get() else {
        return false;
    };
    if !has_stack() {
        // SAFETY: the engine is running.
        unsafe { (engine.raise)(engine.data, FaultCode::CallStackOverflow.into()) };
        return false;
    }
    let mut small = [0u64; SMALL];
    let mut large = Vec::new();
    let count = plan.arg_cells.max(plan.result_cells);
    let cells = if count <= SMALL {
        &mut small[..]
    } else {
        large.resize(count, 0);
        &mut large[..]
    };
    // SAFETY: libffi gives a pointer to each argument; there are cells for arguments and results. The engine is the
    // one that called C, on this thread, and holds no reference into memory.
    unsafe {
        let memory = foreign.memory.get();
        for (number, argument) in plan.args.iter().enumerate() {
            load(argument, number, cells.as_mut_ptr().add(argument.cell));
        }
        if !(engine.enter)(
            engine.data,
            function,
            cells.as_mut_ptr(),
            plan.arg_cells,
            plan.result_cells,
        ) {
            return false;
        }
        match give_back(foreign, &*memory, plan, cells, result) {
            Ok(()) => true,
            Err(failure) => {
                let message = match failure.message {
                    Some(message) => format!("the callback's result: {message}"),
                    None => "the callback's result".to_string(),
                };
                let failure = Failure {
                    message: Some(message),
                    ..failure
                };
                (engine.raise)(engine.data, failure);
                false
            }
        }
    }
}

/// Puts the results where libffi wants them.
///
/// # Safety
/// As in [`entered`].
#[inline]
unsafe fn give_back(
    foreign: &Foreign,
    memory: &crate::memory::Memory,
    plan: &Plan,
    cells: &[u64],
    result: *mut u8,
) -> Result<(), Failure> {
    // SAFETY: libffi's room for a result that is not a struct is a register, which takes the value extended; a struct
    // has its own size.
    unsafe {
        match &plan.result {
            Shape::Void => {}
            Shape::One(kind) => {
                let word = foreign.word(memory, plan, *kind, cells[0], None)?;
                match kind {
                    Kind::Scalar(Scalar::F32) => result.cast::<u32>().write(word as u32),
                    _ => result.cast::<u64>().write(word),
                }
            }
            Shape::Struct { fields, .. } => {
                for (field, cell) in fields.iter().zip(cells) {
                    let word = foreign.word(memory, plan, field.kind, *cell, None)?;
                    store_field(*field, word, result);
                }
            }
        }
    }
    Ok(())
}
