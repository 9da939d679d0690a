//! A module's machine code: units that were compiled one after the other, found by address, and the functions that calls
//! reach through a table.
//!
//! Units are only added. A signal handler may look for one at any moment, so nothing here waits for a lock.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cvm_spec::image::Image;

use crate::compiled::{CompiledCode, CompiledUnit};
use crate::interp::CodeOptions;

use super::compile;
use super::hints;
use super::inline::Inlined;
use super::memory::CodeMemory;
use super::{CompileError, Unit};

/// A function that compiled code can reach; entry 0 of the table stands for "no function".
#[derive(Debug)]
#[repr(C)]
pub(super) struct Callee {
    /// Address of its code; null if it has none.
    pub(super) code: AtomicPtr<u8>,
    /// Number of its type among the distinct ones; [`NO_CODE`] as long as it has no code, so that a call looks closer.
    pub(super) type_number: AtomicU32,
}

/// In place of a type's number. No type has it.
const NO_CODE: u32 = u32::MAX - 1;

/// A module's machine code for one kind of machine. What is there never changes, so machines on several threads share it.
#[derive(Debug)]
pub(crate) struct NativeCode {
    /// By text offset: number of the function that begins there plus 1, else 0.
    entries: Vec<u32>,
    /// By those numbers.
    callees: Box<[Callee]>,
    /// By function number: its type's number among the distinct ones.
    type_numbers: Vec<u32>,
    /// By the number of a type: what goes back to the interpreter in place of a function of the type.
    returners: Box<[AtomicPtr<u8>]>,
    /// The unit that was added last; it leads to the older ones.
    latest: AtomicPtr<CodeUnit>,
}

// SAFETY: the units belong to this value, and what they hold is only read once they are added.
unsafe impl Send for NativeCode {}
// SAFETY: as above; adding one is a single exchange of a pointer.
unsafe impl Sync for NativeCode {}

/// Code that was compiled together.
#[derive(Debug)]
pub(super) struct CodeUnit {
    /// The unit that was added before; null until this one is added.
    pub(super) older: *mut CodeUnit,
    pub(super) memory: CodeMemory,
    /// (code offset behind a call, its place), ascending.
    pub(super) calls: Vec<(u32, u32)>,
    /// Places: those of inlined instructions have numbers from the text's size on.
    pub(super) inlined: Vec<Inlined>,
    /// The text's size.
    pub(super) text_size: usize,
    /// What lies where in the code, ascending.
    pub(super) symbols: Vec<Symbol>,
    /// In profiled code: (first code offset, place), ascending.
    #[cfg_attr(not(feature = "profile"), allow(dead_code))]
    pub(super) places: Vec<(u32, u32)>,
    /// (code offset of a load that the system may refuse, its length), ascending.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(super) refusable: Vec<(u32, u8)>,
    /// Code offset of each function.
    pub(super) starts: HashMap<u32, u32>,
    /// Code offsets of the functions that pass cells, by argument and result count.
    pub(super) adapters: HashMap<(u16, u16), u32>,
    /// Code offsets of the functions that go back to the interpreter, with the numbers of their types.
    pub(super) returners: Vec<(u32, u32)>,
    /// Code offset of the function that is entered at a loop head.
    pub(super) loop_start: Option<u32>,
    /// Bytes of code.
    pub(super) size: usize,
    /// When it was begun, and how long it took.
    pub(super) started: Instant,
    pub(super) time: Duration,
}

/// A piece of the code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// Code offset.
    pub(super) start: u32,
    /// Bytes.
    pub(super) size: u32,
    pub(super) what: Piece,
}

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A function, entered at its start or at the loop head with this text offset.
    Function { number: u32, loop_head: Option<u32> },
    /// What passes cells to functions.
    Adapter,
    /// What goes back to the interpreter.
    Returner,
}

impl Piece {
    /// Why it could not be compiled.
    pub(super) fn failed(self, message: String) -> CompileError {
        CompileError::Function {
            function: match self {
                Piece::Function { number, .. } => number,
                Piece::Adapter | Piece::Returner => u32::MAX,
            },
            message,
        }
    }
}

impl NativeCode {
    /// No code yet, for a verified image whose functions have types with these numbers.
    pub(super) fn new(image: &Image, types: &[u32]) -> NativeCode {
        let mut entries = vec![0; image.text.len()];
        for (number, record) in (1..).zip(&image.functions) {
            entries[record.start as usize] = number;
        }
        let callee = || Callee {
            code: AtomicPtr::default(),
            type_number: AtomicU32::new(NO_CODE),
        };
        let numbers = image.functions.iter();
        let type_numbers: Vec<u32> = numbers.map(|f| types[f.type_index as usize]).collect();
        // Those of types that no function has are of no use here, and need not be small.
        let returners = type_numbers
            .iter()
            .max()
            .map_or(0, |most| *most as usize + 1);
        NativeCode {
            entries,
            callees: (0..=image.functions.len()).map(|_| callee()).collect(),
            type_numbers,
            returners: (0..returners).map(|_| AtomicPtr::default()).collect(),
            latest: AtomicPtr::default(),
        }
    }

    /// Compiles a whole verified image.
    pub(crate) fn compile(image: &Image, options: CodeOptions) -> Result<NativeCode, CompileError> {
        let started = Instant::now();
        let code = NativeCode::new(image, &compile::type_numbers(image));
        let whole = Unit {
            functions: (0..image.functions.len() as u32).collect(),
            head: None,
            small: Vec::new(),
        };
        let hints = hints::find_hints(image);
        let mut unit = compile::compile_unit(image, options, &whole, &hints, None)?;
        (unit.started, unit.time) = (started, started.elapsed());
        let unit = code.add(unit);
        for function in whole.functions {
            code.publish(function, unit);
        }
        Ok(code)
    }

    /// Adds a unit. Calls do not reach its functions yet.
    pub(super) fn add(&self, unit: CodeUnit) -> &CodeUnit {
        let unit = self.push(unit);
        for (number, start) in &unit.returners {
            if let Some(returner) = self.returners.get(*number as usize) {
                let code = unit.memory.at(*start).cast_mut();
                returner.store(code, Ordering::Release);
            }
        }
        unit
    }

    fn push(&self, unit: CodeUnit) -> &CodeUnit {
        let added = Box::into_raw(Box::new(unit));
        let mut latest = self.latest.load(Ordering::Acquire);
        loop {
            // SAFETY: nobody else knows the unit yet.
            unsafe { (*added).older = latest };
            match self.latest.compare_exchange_weak(
                latest,
                added,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                // SAFETY: units live as long as this value.
                Ok(_) => return unsafe { &*added },
                Err(now) => latest = now,
            }
        }
    }

    /// Lets calls of a function reach the code that an added unit has for it, unless they reach other code already.
    pub(super) fn publish(&self, function: u32, unit: &CodeUnit) {
        let Some(code) = unit.start(function) else {
            return;
        };
        let callee = &self.callees[function as usize + 1];
        let no_code = ptr::null_mut();
        let set = callee.code.compare_exchange(
            no_code,
            code.cast_mut(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if set.is_ok() {
            // Compiled code reads the type first and the address after it.
            let number = self.type_numbers[function as usize];
            callee.type_number.store(number, Ordering::Release);
        }
    }

    /// Where calls of a function lead.
    pub(super) fn address(&self, function: u32) -> Option<*const u8> {
        let callee = self.callees.get(function as usize + 1)?;
        let code = callee.code.load(Ordering::Acquire);
        (!code.is_null()).then_some(code.cast_const())
    }

    /// The function that a text offset begins.
    pub(super) fn function_at(&self, offset: u64) -> Option<u32> {
        let entry = self.entries.get(usize::try_from(offset).ok()?)?;
        entry.checked_sub(1)
    }

    /// The number of a function's type.
    pub(super) fn type_number(&self, function: u32) -> u32 {
        self.type_numbers[function as usize]
    }

    /// The table of text offsets, and the table of functions.
    pub(super) fn tables(&self) -> (*const u32, *const Callee) {
        (self.entries.as_ptr(), self.callees.as_ptr())
    }

    /// Units, latest first.
    fn units(&self) -> impl Iterator<Item = &CodeUnit> {
        let mut next = self.latest.load(Ordering::Acquire).cast_const();
        std::iter::from_fn(move || {
            // SAFETY: units stay where they are as long as this value.
            let unit = unsafe { next.as_ref()? };
            next = unit.older;
            Some(unit)
        })
    }

    /// The unit with the code at an address.
    pub(super) fn unit_at(&self, address: u64) -> Option<&CodeUnit> {
        let mut units = self.units();
        units.find(|unit| unit.memory.offset_of(address).is_some())
    }

    /// The function that goes back to the interpreter in place of one whose type has this number.
    pub(super) fn returner(&self, type_number: u32) -> Option<*const u8> {
        let returner = self.returners.get(type_number as usize)?;
        let code = returner.load(Ordering::Acquire);
        (!code.is_null()).then_some(code.cast_const())
    }

    /// What was compiled at once, as a log shows it.
    pub(crate) fn unit(&self) -> CompiledUnit {
        CompiledUnit {
            function: None,
            loop_head: None,
            functions: self.functions(),
            bytes: self.size(),
            started: self
                .units()
                .map(|unit| unit.started)
                .min()
                .unwrap_or_else(Instant::now),
            time: self.time(),
            failure: None,
        }
    }

    /// What lies where, with names.
    pub(crate) fn pieces(&self, image: &Image) -> Vec<CompiledCode> {
        self.units().flat_map(|unit| unit.pieces(image)).collect()
    }

    /// How many functions were compiled.
    pub(crate) fn functions(&self) -> usize {
        self.units().map(|unit| unit.starts.len()).sum()
    }

    /// How long compilation took.
    pub(crate) fn time(&self) -> Duration {
        self.units().map(|unit| unit.time).sum()
    }

    /// Bytes of machine code.
    pub(crate) fn size(&self) -> usize {
        self.units().map(|unit| unit.size).sum()
    }

    /// The length of the load at an address, if it is one that the system may refuse.
    #[cfg(feature = "ffi")]
    pub(super) fn refusable(&self, address: u64) -> Option<u8> {
        let unit = self.unit_at(address)?;
        let offset = unit.memory.offset_of(address)?;
        let loads = &unit.refusable;
        let found = loads
            .binary_search_by_key(&offset, |(load, _)| *load)
            .ok()?;
        Some(loads[found].1)
    }

    /// The code that passes cells to a function, and the function's own, if it was compiled.
    pub(super) fn way_into(&self, image: &Image, function: u32) -> Option<(*const u8, *const u8)> {
        let code = self.address(function)?;
        let unit = self.unit_at(code as u64)?;
        let record = &image.functions[function as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        let adapter = unit.adapter((function_type.args, function_type.results))?;
        Some((adapter, code))
    }

    /// The compiled frames from the frame of a stub on: for each, the text offset of the instruction that it is in, if
    /// that is a call.
    pub(super) fn frames(&self, frame: *const [u64; 2]) -> Vec<Option<u32>> {
        let mut found = Vec::new();
        // SAFETY: the caller has just left this frame, and the native stack still holds it.
        unsafe { self.walk(frame, &mut |ip| found.push(ip)) };
        found
    }

    /// Walks the compiled frames from the frame of a stub on, as a signal handler may do it.
    ///
    /// # Safety
    /// The frame is one of compiled code or of a stub that such code called, or null, and still there.
    pub(super) unsafe fn walk(
        &self,
        mut frame: *const [u64; 2],
        tell: &mut dyn FnMut(Option<u32>),
    ) {
        let mut unit: Option<&CodeUnit> = None;
        while !frame.is_null() {
            // SAFETY: every frame of compiled code begins with its caller's frame pointer and its return address, the
            // stub's as well; the outermost, the adapter's, has 0. The native stack still holds them all.
            let [caller, return_address] = unsafe { *frame };
            // Callers are mostly in the same unit.
            unit = match unit {
                Some(unit) if unit.memory.offset_of(return_address).is_some() => Some(unit),
                _ => self.unit_at(return_address),
            };
            let Some(unit) = unit else {
                break;
            };
            frame = caller as *const [u64; 2];
            // SAFETY: as above. What returns to the adapter is the outermost function.
            if frame.is_null() || unsafe { (*frame)[0] } == 0 {
                break;
            }
            match unit.call_place(return_address) {
                Some(place) => unit.tell_place(place, &mut |ip| tell(Some(ip))),
                None => tell(None),
            }
        }
    }
}

impl Drop for NativeCode {
    fn drop(&mut self) {
        let mut next = *self.latest.get_mut();
        while !next.is_null() {
            // SAFETY: `add` made it from a box and nothing else drops it; no machine runs with this code any more.
            let unit = unsafe { Box::from_raw(next) };
            next = unit.older;
        }
    }
}

impl CodeUnit {
    /// A function's code, if it is in this unit.
    pub(super) fn start(&self, function: u32) -> Option<*const u8> {
        Some(self.memory.at(*self.starts.get(&function)?))
    }

    /// The code that passes cells to functions of a type, which its argument and result count stand for.
    pub(super) fn adapter(&self, counts: (u16, u16)) -> Option<*const u8> {
        Some(self.memory.at(*self.adapters.get(&counts)?))
    }

    /// What lies where, with names.
    pub(super) fn pieces(&self, image: &Image) -> Vec<CompiledCode> {
        let pieces = self.symbols.iter().map(|symbol| CompiledCode {
            address: self.memory.at(symbol.start) as u64,
            size: symbol.size.into(),
            name: match symbol.what {
                Piece::Function { number, loop_head } => {
                    crate::report::code_name(image, number, loop_head)
                }
                Piece::Adapter => "cvm: into compiled code".into(),
                Piece::Returner => "cvm: back to the interpreter".into(),
            },
        });
        pieces.collect()
    }

    /// The place of the call that returns to an address.
    pub(super) fn call_place(&self, return_address: u64) -> Option<u32> {
        let offset = self.memory.offset_of(return_address)?;
        let found = self
            .calls
            .binary_search_by_key(&offset, |(after, _)| *after)
            .ok()?;
        Some(self.calls[found].1)
    }

    /// Tells a place: its text offset, and for an inlined one those of the calls around it.
    pub(super) fn tell_place(&self, mut place: u32, tell: &mut dyn FnMut(u32)) {
        while let Some(number) = (place as usize).checked_sub(self.text_size) {
            tell(self.inlined[number].ip);
            place = self.inlined[number].caller;
        }
        tell(place);
    }
}
