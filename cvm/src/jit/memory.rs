//! Memory for compiled code, and the stack that it runs on.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Bytes below a native stack that stay inaccessible.
pub(super) const GUARD: usize = 64 * 1024;
/// Bytes at the end of a native stack that no frame of compiled code begins in: room for what a small function needs
/// without a check of its own, and for the machine's own calls.
pub(super) const SLACK: usize = 2 << 20;

/// Machine code. Writable while it is made, then executable, never both.
#[derive(Debug)]
pub(super) struct CodeMemory {
    base: *const u8,
    mapped: usize,
}

// SAFETY: the mapping is only read and executed after it is made, and belongs to this value.
unsafe impl Send for CodeMemory {}
// SAFETY: as above.
unsafe impl Sync for CodeMemory {}

impl CodeMemory {
    /// Reserves room for `size` bytes and lets `write` fill it, which also gets the address that the bytes will have.
    pub(super) fn new(size: usize, write: impl FnOnce(&mut [u8], *const u8)) -> io::Result<Self> {
        let mapped = size.max(1).next_multiple_of(4096);
        // SAFETY: a new anonymous mapping at an address of the system's choice aliases nothing.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let memory = CodeMemory {
            base: base.cast(),
            mapped,
        };
        // SAFETY: the mapping is readable and writable, as long as the slice, and nobody else knows it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(base.cast::<u8>(), size) };
        write(bytes, memory.base);
        // SAFETY: the range is this value's own mapping; the slice is not used any more.
        unsafe {
            mprotect(base, mapped, MprotectFlags::READ | MprotectFlags::EXEC)?;
        }
        Ok(memory)
    }

    /// Address of the byte at an offset.
    pub(super) fn at(&self, offset: u32) -> *const u8 {
        debug_assert!((offset as usize) < self.mapped);
        self.base.wrapping_add(offset as usize)
    }

    /// Offset of an address, if it lies in this memory.
    pub(super) fn offset_of(&self, address: u64) -> Option<u32> {
        let offset = address.checked_sub(self.base as u64)?;
        (offset <= self.mapped as u64).then_some(offset as u32)
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: base and mapped are those of the mapping made in `new`, unmapped once.
        // A failure leaves the mapping in place, which is only a leak.
        let _ = unsafe { munmap(self.base.cast_mut().cast::<c_void>(), self.mapped) };
    }
}

/// A stack for compiled code, with a guard below it.
#[derive(Debug)]
pub(crate) struct NativeStack {
    base: *mut u8,
    mapped: usize,
}

// SAFETY: the mapping belongs to this value, which is used by one run at a time.
unsafe impl Send for NativeStack {}

impl NativeStack {
    /// A stack of `size` bytes and some slack.
    pub(super) fn new(size: usize) -> io::Result<NativeStack> {
        let mapped = size
            .checked_add(SLACK + GUARD)
            .and_then(|size| size.checked_next_multiple_of(GUARD))
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: a new anonymous mapping at an address of the system's choice aliases nothing.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                mapped,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let stack = NativeStack {
            base: base.cast(),
            mapped,
        };
        // SAFETY: the range lies inside this value's own mapping, which is larger than its guard.
        unsafe {
            mprotect(
                stack.base.add(GUARD).cast::<c_void>(),
                mapped - GUARD,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )?;
        }
        Ok(stack)
    }

    /// The address that the stack grows down from, aligned to 16.
    pub(super) fn top(&self) -> *mut u8 {
        self.base.wrapping_add(self.mapped)
    }

    /// Its addresses, those of the guard included.
    #[cfg(feature = "ffi")]
    pub(super) fn range(&self) -> (u64, u64) {
        let base = self.base as u64;
        (base, base + self.mapped as u64)
    }

    /// The lowest address that a frame may begin at.
    pub(super) fn limit(&self) -> u64 {
        self.base as u64 + (GUARD + SLACK) as u64
    }
}

impl Drop for NativeStack {
    fn drop(&mut self) {
        // SAFETY: base and mapped are those of the mapping made in `new`, unmapped once.
        // A failure leaves the mapping in place, which is only a leak.
        let _ = unsafe { munmap(self.base.cast::<c_void>(), self.mapped) };
    }
}
