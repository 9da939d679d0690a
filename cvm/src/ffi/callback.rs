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
use super::convert::{Cause, Failure, extend};
use super::plan::{Kind, Plan, Shape};
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
    /// Of a thunk: what each argument is, and its place among the registers.
    registers: Box<[(Kind, usize)]>,
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
            registers: thunk::registers(plan).unwrap_or_default(),
        });
        if thunk::registers(plan).is_some() {
            let made = Made::Thunk(Thunk::new(&raw const *data)?);
            let data = Box::into_raw(data);
            return Some(Callback { made, data });
        }
        let (closure, code) = low::try_closure_alloc()?;
        let made = Callback {
            made: Made::Closure(closure, code),
            data: Box::into_raw(data),
        };
        let (cif, data) = (plan.cif(), made.data);
        // SAFETY: the closure was just allocated; plan and data live as long as the callback, which the machine's
        // `Foreign` owns in a box that does not move.
        let prepared = unsafe { low::prep_closure_mut(closure, cif, entered, data, code) };
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
    static STACK: Cell<Option<StackRange>> = const { Cell::new(None) };
}

/// A number for the calling thread, never 0 and never that of another living thread.
#[inline]
pub(super) fn this_thread() -> usize {
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}

/// The part of a thread's stack that leaves enough for another run. Nothing but this thread runs on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StackRange {
    low: usize,
    size: usize,
}

impl StackRange {
    /// The calling thread's; empty if the system does not tell.
    fn of_this_thread() -> StackRange {
        STACK.with(|stack| {
            let range = stack.get().unwrap_or_else(|| {
                let (base, size) = stack_bounds().unwrap_or_default();
                StackRange {
                    low: base + STACK_RESERVE,
                    size: size.saturating_sub(STACK_RESERVE),
                }
            });
            stack.set(Some(range));
            range
        })
    }

    #[inline(always)]
    fn contains(self, address: usize) -> bool {
        address.wrapping_sub(self.low) < self.size
    }

    /// Whether an address is on the stack, but too near to its end.
    fn is_near_end(self, address: usize) -> bool {
        self.size != 0 && (self.low - STACK_RESERVE..self.low).contains(&address)
    }
}

/// An address in the caller's frame.
#[inline(always)]
fn here() -> usize {
    let here = std::mem::MaybeUninit::<u8>::uninit();
    std::hint::black_box(here.as_ptr()) as usize
}

/// The lowest address and the size of this thread's stack.
fn stack_bounds() -> Option<(usize, usize)> {
    // SAFETY: the attributes are initialised by the first call, read and destroyed.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut base, mut size) = (std::ptr::null_mut::<c_void>(), 0);
        let got = libc::pthread_attr_getstack(&attributes, &mut base, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (got == 0).then_some((base as usize, size))
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
        enter(data, result, |cells| {
            for (number, argument) in plan.args.iter().enumerate() {
                let from = (*args.add(number)).cast::<u8>();
                let to = cells.add(argument.cell);
                foreign.load(&*foreign.memory.get(), &argument.shape, from, to);
            }
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
    // SAFETY: the caller's promise; the plan's values travel in registers alone, so the result fits a word, and each
    // argument has one cell.
    unsafe {
        let data = &*data;
        let foreign = &*data.foreign;
        enter(data, (&raw mut result).cast(), |cells| {
            let memory = &*foreign.memory.get();
            for (number, (kind, place)) in data.registers.iter().enumerate() {
                *cells.add(number) = foreign.value(memory, *kind, *registers.add(*place));
            }
        });
    }
    result
}

/// Runs the callback, unless it is refused. `load` puts the arguments into their cells.
///
/// # Safety
/// The data is that of a callback that lives; `result` has the room that its type needs, zeroed.
#[inline(always)]
unsafe fn enter(data: &Data, result: *mut u8, load: impl FnOnce(*mut u64)) {
    // SAFETY: plan and foreign part live as long as the callback.
    unsafe {
        let (plan, foreign) = (&*data.plan, &*data.foreign);
        if !foreign.stack.get().contains(here()) && !is_admitted(foreign) {
            return;
        }
        let state = &foreign.attention.state;
        if state.load(Ordering::Relaxed) & PENDING != 0 {
            return;
        }
        let outer = foreign.inside.replace(inside::NONE);
        let function = foreign.functions.get(outer as usize);
        if function.is_some_and(|function| function.is_leaf) {
            state.fetch_or(LEAF, Ordering::Relaxed);
        } else if !run(foreign, plan, data.function, load, result) {
            state.fetch_or(PENDING, Ordering::Relaxed);
        }
        foreign.inside.set(outer);
    }
}

/// Whether a callback may run that comes on another stack than the last one: not on another thread, not if a leaf
/// function calls that compiled code called on its own stack, and not if the stack is nearly full.
#[cold]
#[inline(never)]
unsafe fn is_admitted(foreign: &Foreign) -> bool {
    let state = &foreign.attention.state;
    if foreign.thread.load(Ordering::Relaxed) != this_thread() {
        state.fetch_or(STRANGER, Ordering::Relaxed);
        return false;
    }
    if state.load(Ordering::Relaxed) & PENDING != 0 {
        return false;
    }
    let here = here();
    let (low, high) = foreign.native_stack.get();
    if (low..high).contains(&(here as u64)) {
        state.fetch_or(LEAF, Ordering::Relaxed);
        return false;
    }
    let range = StackRange::of_this_thread();
    if range.contains(here) {
        foreign.stack.set(range);
    } else if range.is_near_end(here) {
        if let Some(engine) = foreign.engine.get() {
            // SAFETY: the engine is running, on this thread.
            unsafe { (engine.raise)(engine.data, FaultCode::CallStackOverflow.into()) };
        }
        state.fetch_or(PENDING, Ordering::Relaxed);
        return false;
    }
    true
}

/// Cells of a callback that need no allocation.
const SMALL: usize = 14;

/// Runs the callback's function.
///
/// # Safety
/// As for [`enter`], on the machine's thread while it calls C.
#[inline(always)]
unsafe fn run(
    foreign: &Foreign,
    plan: &Plan,
    function: u32,
    load: impl FnOnce(*mut u64),
    result: *mut u8,
) -> bool {
    let mut small = std::mem::MaybeUninit::<[u64; SMALL]>::uninit();
    let mut large = Vec::new();
    let cells = match plan.arg_cells.max(plan.result_cells) {
        ..=SMALL => small.as_mut_ptr().cast(),
        count => many(&mut large, count),
    };
    // SAFETY: no reference to the engine is kept. It is the one that called C, on this thread, and holds no reference into
    // memory; there are cells for arguments, which `load` fills, and for results, which the engine fills.
    unsafe {
        let Some(engine) = &*foreign.engine.as_ptr() else {
            return false;
        };
        load(cells);
        let (arguments, results) = (plan.arg_cells, plan.result_cells);
        if !(engine.enter)(engine.data, function, cells, arguments, results) {
            return false;
        }
        match give_back(foreign, plan, cells, result) {
            Ok(()) => true,
            Err(failure) => refuse_result(foreign, failure),
        }
    }
}

#[cold]
#[inline(never)]
fn many(cells: &mut Vec<u64>, count: usize) -> *mut u64 {
    cells.resize(count, 0);
    cells.as_mut_ptr()
}

/// The function gave something that C may not have. Always false.
///
/// # Safety
/// As for [`run`].
#[cold]
#[inline(never)]
unsafe fn refuse_result(foreign: &Foreign, failure: Failure) -> bool {
    let message = match failure.message {
        Some(message) => format!("the callback's result: {message}"),
        None => "the callback's result".to_string(),
    };
    let failure = Failure {
        message: Some(message),
        ..failure
    };
    if let Some(engine) = foreign.engine.get() {
        // SAFETY: the engine is running, on this thread.
        unsafe { (engine.raise)(engine.data, failure) };
    }
    false
}

/// Puts the results where C wants them.
///
/// # Safety
/// There are cells for the results; `result` has room for their C value, at least a register's.
#[inline(always)]
unsafe fn give_back(
    foreign: &Foreign,
    plan: &Plan,
    cells: *const u64,
    result: *mut u8,
) -> Result<(), Failure> {
    // SAFETY: the room for a result that is not a struct is a register, which takes the value extended; a struct has its
    // own size. Memory is the machine's and nobody else uses it.
    unsafe {
        match &plan.result {
            Shape::Void => {}
            Shape::One(Kind::Scalar(Scalar::F32)) => result.cast::<u32>().write(*cells as u32),
            Shape::One(Kind::Scalar(scalar)) => {
                result.cast::<u64>().write(extend(*scalar, *cells));
            }
            Shape::One(kind) => {
                let memory = &*foreign.memory.get();
                let word = foreign.word(memory, plan, *kind, *cells, None)?;
                result.cast::<u64>().write(word);
            }
            Shape::Struct { fields, .. } => {
                let memory = &*foreign.memory.get();
                for (number, field) in fields.iter().enumerate() {
                    let cell = *cells.add(number);
                    let word = foreign.word(memory, plan, field.kind, cell, None)?;
                    store_field(*field, word, result);
                }
            }
        }
    }
    Ok(())
}
