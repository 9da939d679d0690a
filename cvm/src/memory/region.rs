//! A range of host address space: reserved as a whole, committed from its start, never moved.

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Address space that stays inaccessible behind every region, in bytes.
const GUARD: u64 = 64 * 1024;

/// Reserved address space whose first part is readable and writable.
#[derive(Debug)]
pub(crate) struct Region {
    base: *mut u8,
    capacity: u64,
    committed: u64,
    mapped: usize,
}

impl Region {
    /// Reserves `capacity` bytes and a guard behind them; nothing is accessible yet.
    pub(crate) fn reserved(capacity: u64) -> io::Result<Region> {
        let mapped = capacity
            .checked_add(GUARD)
            .and_then(|size| usize::try_from(size.next_multiple_of(GUARD)).ok())
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
        Ok(Region {
            base: base.cast(),
            capacity,
            committed: 0,
            mapped,
        })
    }

    /// A region whose whole capacity is accessible and zero.
    pub(crate) fn committed(capacity: u64) -> io::Result<Region> {
        let mut region = Region::reserved(capacity)?;
        region.commit(capacity)?;
        Ok(region)
    }

    /// Makes the first `size` bytes accessible; new ones are zero. Never shrinks.
    pub(crate) fn commit(&mut self, size: u64) -> io::Result<()> {
        if size > self.capacity {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        if size <= self.committed {
            return Ok(());
        }
        let start = self.committed / 4096 * 4096;
        // SAFETY: the range lies inside this region's own mapping, because size <= capacity < mapped.
        unsafe {
            mprotect(
                self.base.add(start as usize).cast::<c_void>(),
                (size - start) as usize,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )?;
        }
        self.committed = size;
        Ok(())
    }

    /// Host address of the first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Copies bytes in. Panics if they do not fit the committed part.
    pub(crate) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset as u64 + bytes.len() as u64 <= self.committed);
        // SAFETY: the assertion keeps the range inside the committed part, and `bytes` is no part of this mapping,
        // which nobody else can borrow.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(offset), bytes.len()) };
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: base and mapped are those of the mapping made in `reserved`, unmapped once.
        // A failure leaves the mapping in place, which is only a leak.
        let _ = unsafe { munmap(self.base.cast(), self.mapped) };
    }
}
