//! One call of a C function: arguments converted and checked, the call, the result converted.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::atomic::Ordering;

use cvm_spec::fault::FaultCode;
use cvm_spec::foreign::Scalar;
use cvm_spec::pointer::{Pointer, Tag};

use super::convert::{self, Cause, Failure, spelling};
use super::plan::{Argument, Field, Kind, Plan, Shape, Shim};
use super::shim::{self, Registers};
use super::{Foreign, Quick};
use crate::memory::Memory;

/// Which function a machine is calling, as [`Foreign::inside`] holds it.
pub(crate) mod inside {
    /// None: CVM code runs.
    pub(crate) const NONE: u32 = u32::MAX;
    /// The function that a C pointer named.
    pub(crate) const POINTER: u32 = u32::MAX - 1;
}

/// Words of arguments and results that need no allocation.
const SMALL: usize = 16;

impl Foreign {
    /// Calls an imported function with the cells from `cells` on, where the results go as well. False if the run has to
    /// end: because of a [`Failure`] that [`Foreign::take_failure`] gives, or of what happened in a callback.
    ///
    /// # Safety
    /// The import is a function; there are cells for the larger of arguments and results; memory is the machine's and
    /// no reference into it is alive, because callbacks use it.
    #[inline]
    pub(crate) unsafe fn call_import(
        &self,
        memory: *mut Memory,
        import: u32,
        cells: *mut u64,
    ) -> bool {
        // SAFETY: there is an entry for each import; cells and memory are as the caller promises.
        unsafe {
            let function = self.functions.get_unchecked(import as usize);
            let plan = &*function.plan;
            if let (Shim::Direct(direct), false) = (plan.shim, self.is_careful) {
                let outer = self.inside.replace(import);
                self.cells.set(cells);
                direct(function.address, cells);
                self.inside.set(outer);
                return self.goes_on();
            }
            self.call(memory, plan, function.address, import, cells)
        }
    }

    /// Before the interpreter calls an import by itself: its address, unless something has to be done about the call.
    ///
    /// # Safety
    /// As for [`Foreign::call_import`]. If there is an address, [`Foreign::end_quick`] follows on the call.
    #[inline(always)]
    pub(crate) unsafe fn begin_quick(&self, import: u32, cells: *mut u64) -> Option<Quick> {
        // SAFETY: there is an entry for each import.
        let quick = unsafe { *self.quick.get_unchecked(import as usize) };
        if quick.address.is_null() || self.host_ran() {
            return None;
        }
        self.inside.set(import);
        self.cells.set(cells);
        Some(quick)
    }

    /// After the call: whether the run goes on.
    #[inline(always)]
    pub(crate) fn end_quick(&self) -> bool {
        // The interpreter runs CVM code again, as before the call.
        self.inside.set(inside::NONE);
        self.goes_on()
    }

    /// Calls the C function that an absolute pointer names, by a foreign type.
    ///
    /// # Safety
    /// As for [`Foreign::call_import`]; the type is a foreign one.
    pub(crate) unsafe fn call_pointer(
        &self,
        memory: *mut Memory,
        type_index: u32,
        target: u64,
        cells: *mut u64,
    ) -> bool {
        if let Err(failure) = self.check_target(target) {
            return self.fail(failure);
        }
        // SAFETY: there is a plan for each foreign type; the rest is the caller's promise.
        unsafe {
            let plan = self.plan(type_index);
            let outer = self.target.replace(target);
            let goes_on = self.call(
                memory,
                plan,
                target as *const c_void,
                inside::POINTER,
                cells,
            );
            self.target.set(outer);
            goes_on
        }
    }

    /// Whether a cell can be called as a C function.
    fn check_target(&self, target: u64) -> Result<(), Failure> {
        let pointer = Pointer(target);
        let refuse = |code| {
            Err(Failure {
                cause: Cause::Target {
                    code,
                    target,
                    types: None,
                },
                message: None,
            })
        };
        if pointer.tag() != Tag::Absolute {
            return refuse(FaultCode::CallToNonFunction);
        }
        if target < cvm_spec::pointer::NULL_PAGE {
            return refuse(FaultCode::NullPointer);
        }
        match self.grants_target(target) {
            Ok(()) => Ok(()),
            Err(message) => Err(Failure {
                cause: Cause::Target {
                    code: FaultCode::ForeignNotGranted,
                    target,
                    types: None,
                },
                message: Some(message),
            }),
        }
    }

    /// After C returned: whether the run goes on.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.attention.state.load(Ordering::Relaxed) == 0 || self.end()
    }

    /// Something happened in a callback.
    #[cold]
    fn end(&self) -> bool {
        let state = &self.attention.state;
        let refused = super::STRANGER | super::LEAF;
        if let Some(code) = super::refused_callback(state.fetch_and(!refused, Ordering::Relaxed)) {
            self.fail(code.into());
        }
        false
    }

    /// Notes a failure; always false.
    #[cold]
    pub(super) fn fail(&self, failure: Failure) -> bool {
        self.failure.borrow_mut().get_or_insert(failure);
        false
    }

    /// # Safety
    /// As for [`Foreign::call_import`], with the plan of the function at `address`.
    unsafe fn call(
        &self,
        memory: *mut Memory,
        plan: &Plan,
        address: *const c_void,
        function: u32,
        cells: *mut u64,
    ) -> bool {
        // SAFETY: the caller's promises; references into memory end before C is called.
        unsafe {
            if self.is_checked
                && let Some(done) = self.checked_call(&mut *memory, plan, function, cells)
            {
                return match done {
                    Ok(()) => true,
                    Err(failure) => self.fail(failure),
                };
            }
            let outer = self.inside.replace(function);
            self.cells.set(cells);
            self.arguments.set(plan.arg_cells);
            let first = match plan.arg_cells {
                _ if !self.is_checked => [0; 2],
                0 => [0; 2],
                1 => [*cells, 0],
                _ => [*cells, *cells.add(1)],
            };
            let called = match plan.shim {
                Shim::Direct(direct) => {
                    self.forget_errno();
                    direct(address, cells);
                    self.save_errno();
                    Ok(())
                }
                Shim::Registers { floats } => {
                    self.call_in_registers(memory, plan, floats, address, cells)
                }
                Shim::Library => self.call_by_library(memory, plan, address, cells),
            };
            self.inside.set(outer);
            match called {
                Ok(()) if self.is_checked => {
                    self.note_call(&mut *memory, plan, function, cells, first);
                    self.goes_on()
                }
                Ok(()) => self.goes_on(),
                Err(failure) => self.fail(failure),
            }
        }
    }

    /// # Safety
    /// As for [`Foreign::call`], with a plan whose values fit registers.
    unsafe fn call_in_registers(
        &self,
        memory: *mut Memory,
        plan: &Plan,
        floats: bool,
        address: *const c_void,
        cells: *mut u64,
    ) -> Result<(), Failure> {
        // SAFETY: the caller's promises. The plan counted the registers; the result has a cell if there is one.
        unsafe {
            let mut registers = Registers::default();
            let (mut integers, mut doubles) = (0, 0);
            for (number, argument) in plan.args.iter().enumerate() {
                let Shape::One(kind) = argument.shape else {
                    continue;
                };
                let cell = *cells.add(argument.cell);
                match kind {
                    Kind::Scalar(Scalar::F32 | Scalar::F64) => {
                        registers.floats[doubles] = cell;
                        doubles += 1;
                    }
                    Kind::Scalar(scalar) => {
                        registers.integers[integers] = convert::extend(scalar, cell);
                        integers += 1;
                    }
                    _ => {
                        registers.integers[integers] =
                            self.argument(&*memory, plan, number, kind, cell, cells)?;
                        integers += 1;
                    }
                }
            }
            self.forget_errno();
            let value = match plan.result {
                Shape::One(Kind::Scalar(Scalar::F64)) => {
                    shim::call_to_double(address, &registers).to_bits()
                }
                Shape::One(Kind::Scalar(Scalar::F32)) => {
                    u64::from(shim::call_to_float(address, &registers).to_bits())
                }
                _ if floats => shim::call_to_integer(address, &registers),
                _ => shim::call_integers(address, &registers),
            };
            self.save_errno();
            if let Shape::One(kind) = plan.result {
                *cells = self.value(&*memory, kind, value);
            }
            Ok(())
        }
    }

    /// # Safety
    /// As for [`Foreign::call`].
    unsafe fn call_by_library(
        &self,
        memory: *mut Memory,
        plan: &Plan,
        address: *const c_void,
        cells: *mut u64,
    ) -> Result<(), Failure> {
        let mut small = [0u64; SMALL];
        let mut large = Vec::new();
        let area = words(&mut small, &mut large, plan.room / 8);
        let mut few = [std::ptr::null_mut::<c_void>(); SMALL];
        let mut many = Vec::new();
        let pointers = match plan.args.len() {
            count if count <= SMALL => &mut few[..],
            count => {
                many.resize(count, std::ptr::null_mut());
                &mut many[..]
            }
        };
        let mut small_result = [0u64; SMALL];
        let mut large_result = Vec::new();
        let result = words(&mut small_result, &mut large_result, plan.result.room() / 8);
        // SAFETY: each argument has its room in the area, which the plan summed up; libffi reads as many pointers as
        // the plan has arguments, and writes a result of the plan's type, for which there is room (at least 8 bytes).
        unsafe {
            let mut at = area.as_mut_ptr();
            for (number, argument) in plan.args.iter().enumerate() {
                self.store_argument(&*memory, plan, number, argument, cells, at.cast())?;
                pointers[number] = at.cast();
                at = at.add(argument.shape.room() / 8);
            }
            self.forget_errno();
            libffi::raw::ffi_call(
                plan.cif(),
                Some(std::mem::transmute::<*const c_void, unsafe extern "C" fn()>(address)),
                result.as_mut_ptr().cast(),
                pointers.as_mut_ptr(),
            );
            self.save_errno();
            self.load(&*memory, &plan.result, result.as_ptr().cast(), cells);
        }
        Ok(())
    }

    /// Puts an argument into memory.
    ///
    /// # Safety
    /// `to` has room for it, zeroed; the cells are the call's.
    unsafe fn store_argument(
        &self,
        memory: &Memory,
        plan: &Plan,
        number: usize,
        argument: &Argument,
        cells: *const u64,
        to: *mut u8,
    ) -> Result<(), Failure> {
        // SAFETY: the caller's promises; the fields of a struct lie inside its size.
        unsafe {
            let cell = |index: usize| *cells.add(argument.cell + index);
            match &argument.shape {
                Shape::Void => {}
                Shape::One(Kind::Scalar(scalar)) if argument.promoted => {
                    to.cast::<u64>().write(convert::promote(*scalar, cell(0)));
                }
                Shape::One(Kind::Scalar(scalar)) => {
                    to.cast::<u64>().write(convert::extend(*scalar, cell(0)));
                }
                Shape::One(kind) => {
                    let word = self.argument(memory, plan, number, *kind, cell(0), cells)?;
                    to.cast::<u64>().write(word);
                }
                Shape::Struct { fields, .. } => {
                    for (index, field) in fields.iter().enumerate() {
                        let word =
                            self.argument(memory, plan, number, field.kind, cell(index), cells)?;
                        store_field(*field, word, to);
                    }
                }
            }
            Ok(())
        }
    }

    /// The C value of a cell.
    ///
    /// # Safety
    /// `cells` are those of the call.
    unsafe fn argument(
        &self,
        memory: &Memory,
        plan: &Plan,
        number: usize,
        kind: Kind,
        cell: u64,
        cells: *const u64,
    ) -> Result<u64, Failure> {
        let length = plan.args[number].length.map(|length| {
            convert::bytes(length, |index| {
                let counted = &plan.args[usize::from(index)];
                let scalar = match counted.shape {
                    Shape::One(Kind::Scalar(scalar)) => scalar,
                    _ => Scalar::U64,
                };
                // SAFETY: the cell is one of the call's arguments.
                (scalar, unsafe { *cells.add(counted.cell) })
            })
        });
        self.word(memory, plan, kind, cell, length)
            .map_err(|failure| Failure {
                message: Some(about(number, kind, length, failure.message)),
                ..failure
            })
    }

    /// The C value of a cell; pointers are checked over `length` bytes.
    #[inline]
    pub(super) fn word(
        &self,
        memory: &Memory,
        plan: &Plan,
        kind: Kind,
        cell: u64,
        length: Option<u64>,
    ) -> Result<u64, Failure> {
        match kind {
            Kind::Scalar(scalar) => Ok(convert::extend(scalar, cell)),
            Kind::Pointer { constant } => convert::pointer(memory, cell, constant, length),
            Kind::CString => convert::c_string(memory, cell),
            Kind::Callback(number) => self.callback(&plan.callbacks[usize::from(number)], cell),
        }
    }

    /// The cell of a value that C gave.
    #[inline]
    pub(super) fn value(&self, memory: &Memory, kind: Kind, value: u64) -> u64 {
        match kind {
            Kind::Scalar(scalar) => convert::from_c(scalar, value),
            Kind::Pointer { .. } | Kind::CString => memory.pointer_from_host(value),
            Kind::Callback(_) => self.function_of(value),
        }
    }

    /// The cells of a value that C left in memory.
    ///
    /// # Safety
    /// A value of this shape lies at `from`, and there are cells for it.
    pub(super) unsafe fn load(
        &self,
        memory: &Memory,
        shape: &Shape,
        from: *const u8,
        cells: *mut u64,
    ) {
        // SAFETY: the caller's promises.
        unsafe {
            match shape {
                Shape::Void => {}
                Shape::One(kind) => {
                    let value = load_field(*kind, from);
                    *cells = self.value(memory, *kind, value);
                }
                Shape::Struct { fields, .. } => {
                    for (index, field) in fields.iter().enumerate() {
                        let value = load_field(field.kind, from.add(field.offset as usize));
                        *cells.add(index) = self.value(memory, field.kind, value);
                    }
                }
            }
        }
    }
}

/// Words of a zeroed area, on the stack if they are few; at least one.
fn words<'a>(small: &'a mut [u64; SMALL], large: &'a mut Vec<u64>, count: usize) -> &'a mut [u64] {
    if count <= SMALL {
        return small;
    }
    large.resize(count, 0);
    large
}

/// Writes a field of a struct.
///
/// # Safety
/// `to` is a struct in memory that has this field.
pub(super) unsafe fn store_field(field: Field, word: u64, to: *mut u8) {
    let bytes = word.to_le_bytes();
    // SAFETY: the field has this size and lies inside the struct.
    unsafe {
        std::ptr::copy_nonoverlapping(
            bytes.as_ptr(),
            to.add(field.offset as usize),
            field.kind.size(),
        );
    }
}

/// Reads a value of a kind's size, zero-extended.
///
/// # Safety
/// There are as many bytes.
unsafe fn load_field(kind: Kind, from: *const u8) -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: a kind has at most 8 bytes, and the caller has as many.
    unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), kind.size()) };
    u64::from_le_bytes(bytes)
}

/// What a failure is about.
fn about(number: usize, kind: Kind, length: Option<u64>, message: Option<String>) -> String {
    let length = match length {
        Some(u64::MAX) => " of more bytes than there can be".to_string(),
        Some(1) => " of 1 byte".to_string(),
        Some(bytes) => format!(" of {bytes} bytes"),
        None => String::new(),
    };
    let more = message.map_or(String::new(), |message| format!(": {message}"));
    format!("argument {number}, a `{}`{length}{more}", spelling(kind))
}
