//! Where compiled code is when a profiler's timer interrupts it.
//!
//! Profiled code has a table of the places of all its instructions. Callers are found by frame pointers; in the few
//! instructions that make or leave a frame the return address is on top of the stack instead. A C function that
//! compiled code calls on its own stack need not keep frame pointers: there the return address into compiled code is
//! looked for among the words on top of the stack. Every address is compared with the stack's bounds before it is read.

#![allow(unsafe_code)]

use super::NativeCode;
use super::callback::running;
use super::code::{CodeUnit, Symbol};
use super::context::{Native, State};
use super::machine::native;
use crate::memory::Descriptor;
use crate::profile::Registers;

/// Words on top of the stack among which a return address is looked for.
const SEARCHED: u64 = 512;
/// Machine code of returns.
const RETURNS: [u8; 2] = [0xc3, 0xc2];

/// Whether compiled code of this machine runs on this thread, or waits for what it called.
pub(crate) fn is_entered(table: *mut Descriptor) -> bool {
    running() == table
}

unsafe fn parts<'r>(table: *mut Descriptor) -> Option<(&'r Native, &'r State, &'r NativeCode)> {
    // SAFETY: the callers' promise: code was entered with this table, and its context stays until it is left.
    unsafe {
        let native: &Native = &*native(table);
        let state: &State = &*native.state;
        Some((native, state, state.code.as_ref()?))
    }
}

/// Whether the thread was interrupted in compiled code.
///
/// # Safety
/// [`is_entered`] holds for the table.
pub(crate) unsafe fn is_in_code(table: *mut Descriptor, registers: &Registers) -> bool {
    // SAFETY: the caller's promise.
    let parts = unsafe { parts(table) };
    parts.is_some_and(|(_, _, code)| code.unit_at(registers.pc).is_some())
}

/// Tells the places of the instruction that runs and of the calls that led to it, as far as they are compiled.
///
/// # Safety
/// [`is_in_code`] holds.
pub(crate) unsafe fn tell_in_code(
    table: *mut Descriptor,
    registers: &Registers,
    tell: &mut dyn FnMut(u32),
) {
    // SAFETY: the caller's promise; the program counter lies in the code.
    unsafe {
        let Some((_, state, code)) = parts(table) else {
            return;
        };
        let Some(unit) = code.unit_at(registers.pc) else {
            return;
        };
        let Some(offset) = unit.memory.offset_of(registers.pc) else {
            return;
        };
        if let Some(place) = unit.place_at(offset) {
            unit.tell_place(place, tell);
        }
        let walk = Walk::new(state, code);
        // Above the return address: nothing yet, the pushed frame pointer, or nothing any more.
        let pushed = match unit.distance_from_start(offset) {
            Some(0) => Some(0),
            Some(1) => Some(8),
            _ if RETURNS.contains(&*unit.memory.at(offset)) => Some(0),
            _ => None,
        };
        match pushed {
            Some(pushed) if walk.holds(registers.sp + pushed) => {
                let return_address = *((registers.sp + pushed) as *const u64);
                walk.returned(return_address, registers.bp, tell);
            }
            _ => walk.frame(registers.bp, tell),
        }
    }
}

/// The same if compiled code waits for a function that it called; false if it does not.
///
/// # Safety
/// [`is_entered`] holds for the table, and [`is_in_code`] does not.
pub(crate) unsafe fn tell_called_out(
    table: *mut Descriptor,
    registers: &Registers,
    tell: &mut dyn FnMut(u32),
) -> bool {
    // SAFETY: the caller's promise; words of the stack are compared with its bounds before they are read.
    unsafe {
        let Some((native, state, code)) = parts(table) else {
            return false;
        };
        let walk = Walk::new(state, code);
        let sp = registers.sp.next_multiple_of(8);
        if !walk.holds(sp) {
            walk.frame(native.frame as u64, tell);
            return !native.frame.is_null();
        }
        let mut at = sp;
        while at < sp + 8 * SEARCHED && walk.holds(at) {
            let word = *(at as *const u64);
            let unit = code.unit_at(word);
            if unit.is_some_and(|unit| unit.call_place(word).is_some()) {
                // The called function's own frame pointer would lie right below; else the register is still ours.
                match registers.bp == at - 8 {
                    true => walk.frame(registers.bp, tell),
                    false => walk.returned(word, registers.bp, tell),
                }
                break;
            }
            at += 8;
        }
        true
    }
}

/// The frame that waits for what runs on top of it, if one does.
///
/// # Safety
/// [`is_entered`] holds for the table.
pub(crate) unsafe fn suspended(table: *mut Descriptor) -> *const [u64; 2] {
    // SAFETY: the caller's promise.
    match unsafe { parts(table) } {
        Some((_, state, _)) => state.suspended,
        None => std::ptr::null(),
    }
}

/// Tells the calls that led to a frame which waits.
///
/// # Safety
/// As for [`suspended`], which gave the frame.
pub(crate) unsafe fn tell_suspended(
    table: *mut Descriptor,
    frame: *const [u64; 2],
    tell: &mut dyn FnMut(u32),
) {
    // SAFETY: the caller's promise; the frame is on the native stack as long as it waits.
    unsafe {
        if let Some((_, state, code)) = parts(table) {
            Walk::new(state, code).frame(frame as u64, tell);
        }
    }
}

/// Tells everything about a run of compiled code alone.
///
/// # Safety
/// The table is that of such a run, which was interrupted on this thread with these registers.
pub(crate) unsafe fn tell_alone(
    table: *mut Descriptor,
    registers: &Registers,
    tell: &mut dyn FnMut(u32),
) {
    // SAFETY: the caller's promise; segments are on the stacks of callbacks that wait.
    unsafe {
        if !is_entered(table) {
            return;
        }
        match is_in_code(table, registers) {
            true => tell_in_code(table, registers, tell),
            false => {
                tell_called_out(table, registers, tell);
            }
        }
        if let Some((_, state, _)) = parts(table) {
            super::callback::tell_segments(state, tell);
        }
    }
}

/// Walks compiled frames of a stack whose bounds are known.
struct Walk<'c> {
    code: &'c NativeCode,
    low: u64,
    high: u64,
}

impl Walk<'_> {
    unsafe fn new<'c>(state: &State, code: &'c NativeCode) -> Walk<'c> {
        // SAFETY: the stack outlives the run.
        let (low, high) = unsafe { (*state.stack).range() };
        Walk { code, low, high }
    }

    /// Whether a word lies in the part of the stack that can be read.
    fn holds(&self, address: u64) -> bool {
        let low = self.low + super::memory::GUARD as u64;
        address >= low && address <= self.high - 8 && address.is_multiple_of(8)
    }

    /// Tells the calls from a frame on.
    unsafe fn frame(&self, mut frame: u64, tell: &mut dyn FnMut(u32)) {
        while self.holds(frame) && self.holds(frame + 8) {
            // SAFETY: both words lie in the stack.
            let [caller, return_address] = unsafe { *(frame as *const [u64; 2]) };
            // SAFETY: as for this function.
            let goes_on = unsafe { self.call(return_address, caller, tell) };
            if !goes_on || caller <= frame {
                break;
            }
            frame = caller;
        }
    }

    /// Tells the call that returns to an address, in a function with this frame, and those further out.
    unsafe fn returned(&self, address: u64, frame: u64, tell: &mut dyn FnMut(u32)) {
        // SAFETY: as for this function.
        unsafe {
            if self.call(address, frame, tell) {
                self.frame(frame, tell);
            }
        }
    }

    /// Tells one call; false if there is none. What returns to the adapter, whose caller has no frame, is the outermost
    /// function.
    unsafe fn call(&self, return_address: u64, frame: u64, tell: &mut dyn FnMut(u32)) -> bool {
        // SAFETY: the word lies in the stack.
        let is_outermost = !self.holds(frame) || unsafe { *(frame as *const u64) } == 0;
        let Some(unit) = self.code.unit_at(return_address) else {
            return false;
        };
        if is_outermost {
            return false;
        }
        if let Some(place) = unit.call_place(return_address) {
            unit.tell_place(place, tell);
        }
        true
    }
}

impl CodeUnit {
    /// The place of the machine instruction at a code offset. What Cranelift adds on its own has none, and counts for the
    /// instruction before it; at a function's beginning for the one behind.
    fn place_at(&self, offset: u32) -> Option<u32> {
        let symbol = self.symbol_at(offset)?;
        let after = self.places.partition_point(|(start, _)| *start <= offset);
        let before = after
            .checked_sub(1)
            .and_then(|index| self.places.get(index));
        let is_inside =
            |place: &&(u32, u32)| place.0 >= symbol.start && place.0 - symbol.start < symbol.size;
        let found = before.filter(is_inside);
        let (_, place) = found.or_else(|| self.places.get(after).filter(is_inside))?;
        Some(*place)
    }

    /// How far behind its function's first byte a code offset is.
    fn distance_from_start(&self, offset: u32) -> Option<u32> {
        Some(offset - self.symbol_at(offset)?.start)
    }

    fn symbol_at(&self, offset: u32) -> Option<&Symbol> {
        let after = self
            .symbols
            .partition_point(|symbol| symbol.start <= offset);
        self.symbols.get(after.checked_sub(1)?)
    }
}
