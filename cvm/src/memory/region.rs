//! A range of host address space: reserved as a whole, committed from its start, never moved.

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Address space that stays inaccessible behind every region, in bytes.
const GUARD: u64 = 64 * 1024;
/// A large page of the processor's, in bytes: what the system may use for memory that is large, if it is asked.
const LARGE_PAGE: u64 = 2 << 20;
/// From so many bytes on, accessible memory is asked to be made of large pages: they are found with fewer look-ups, but
/// touching one byte takes a whole one.
const LARGE: u64 = 2 * LARGE_PAGE;

/// Reserved address space whose first part is readable and writable.
#[derive(Debug)]
pub(crate) struct Region {
    mapping: *mut u8,
    mapped: usize,
    /// In the mapping; for a large region, at a large page's start.
    base: *mut u8,
    capacity: u64,
    committed: u64,
}

impl Region {
    /// Reserves `capacity` bytes and a guard behind them; nothing is accessible yet.
    pub(crate) fn reserved(capacity: u64) -> io::Result<Region> {
        let alignment = if capacity >= LARGE { LARGE_PAGE } else { 0 };
        let mapped = capacity
            .checked_add(GUARD + alignment)
            .and_then(|size| usize::try_from(size.next_multiple_of(GUARD)).ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: a new anonymous mapping at an address of the system's choice aliases nothing.
        let mapping = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                mapped,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let mapping: *mut u8 = mapping.cast();
        let distance = match alignment {
            0 => 0,
            _ => mapping.align_offset(LARGE_PAGE as usize),
        };
        Ok(Region {
            mapping,
            mapped,
            // `mapped` has room for it.
            base: mapping.wrapping_add(distance),
            capacity,
            committed: 0,
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
        // SAFETY: the range lies inside this region's own mapping, which has `capacity` bytes and more behind base.
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

    /// Asks for large pages, where the accessible part has room for some. They are a matter of speed only.
    pub(crate) fn prefer_large_pages(&self) {
        if self.committed < LARGE {
            return;
        }
        let size = (self.committed / LARGE_PAGE * LARGE_PAGE) as usize;
        #[cfg(target_os = "linux")]
        // SAFETY: the range lies inside this region's own mapping; the advice changes no contents. A system that does not
        // know it says so, which changes nothing.
        let _ = unsafe {
            rustix::mm::madvise(self.base.cast(), size, rustix::mm::Advice::LinuxHugepage)
        };
        #[cfg(not(target_os = "linux"))]
        let _ = size;
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
        // SAFETY: these are start and size of the mapping made in `reserved`, unmapped once.
        // A failure leaves the mapping in place, which is only a leak.
        let _ = unsafe { munmap(self.mapping.cast(), self.mapped) };
    }
}
