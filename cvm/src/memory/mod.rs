//! Memory of one machine: the segment descriptor table, the checked access, and the regions behind it.
//!
//! Invariants:
//! - A descriptor's base is valid for `size` bytes with the descriptor's policy as long as the memory lives; nothing
//!   moves, the heap only grows in place.
//! - A limit in the table is `size - width + 1`, or 0 where the policy forbids the access, so policy, width and
//!   bounds are one unsigned compare (`spec/machine.md`, "The check").
//! - Text has no host memory behind it at all, and data's is never written.
//! - Absolute addresses have limit 0 in the table. Once they are granted, what the table refuses is looked at again
//!   (`absolute`), so that tagged accesses pay nothing for it.

#![allow(unsafe_code)]

#[cfg(feature = "ffi")]
mod absolute;
#[cfg(not(feature = "ffi"))]
#[path = "no_absolute.rs"]
mod absolute;
mod region;
#[cfg(test)]
mod tests;

use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::Image;
use cvm_spec::pointer::{HEAP_PAGE, NULL_PAGE, OFFSET_MASK, Pointer, Tag};
use thiserror::Error;

pub(crate) use region::Region;

/// What an access wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Load.
    Read,
    /// Store.
    Write,
}

/// A refused access: the guest's fault, not yet located in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{}: {} bytes at {pointer}", code.title(), width)]
pub struct Violation {
    /// Which fault it is.
    pub code: FaultCode,
    /// The access's first byte.
    pub pointer: Pointer,
    /// Bytes.
    pub width: u64,
    /// Load or store.
    pub kind: AccessKind,
}

/// The host cannot provide a machine's memory.
#[derive(Debug, Error)]
#[error("cannot reserve {size} bytes for the {segment} segment: {source}")]
pub struct MemoryError {
    /// The segment's name.
    pub segment: &'static str,
    /// Bytes asked for.
    pub size: u64,
    /// The system's error.
    pub source: std::io::Error,
}

/// One entry of the segment descriptor table. 128 bytes, so that an index is a shift.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(128))]
pub struct Descriptor {
    /// Host address of the segment's first byte.
    pub(crate) base: *mut u8,
    /// Size in bytes.
    pub(crate) size: u64,
    /// For loads of 1, 2, 4, 8 bytes: the first offset that is out of bounds, or 0.
    pub(crate) read_limit: [u64; 4],
    /// For stores of 1, 2, 4, 8 bytes: the first offset that is out of bounds, or 0.
    pub(crate) write_limit: [u64; 4],
}

impl Descriptor {
    const EMPTY: Descriptor = Descriptor {
        base: std::ptr::null_mut(),
        size: 0,
        read_limit: [0; 4],
        write_limit: [0; 4],
    };

    fn new(base: *mut u8, size: u64, read: bool, write: bool) -> Descriptor {
        let mut descriptor = Descriptor {
            base,
            ..Descriptor::EMPTY
        };
        descriptor.resize(size, read, write);
        descriptor
    }

    #[inline(always)]
    fn resize(&mut self, size: u64, read: bool, write: bool) {
        self.size = size;
        for log in 0..4 {
            let limit = (size + 1).saturating_sub(1 << log);
            self.read_limit[log] = if read { limit } else { 0 };
            self.write_limit[log] = if write { limit } else { 0 };
        }
    }
}

/// The first absolute address that no user program has.
pub(crate) const USER_LIMIT: u64 = 1 << 47;

/// Words behind the descriptors that belong to the engine that runs.
pub(crate) const ENGINE_WORDS: usize = 72;
/// Where they begin, in bytes from the first descriptor.
pub(crate) const TABLE_ENGINE_OFFSET: usize = offset_of!(Table, engine);

/// The segment descriptor table, and words of the running engine right behind it, so that compiled code reaches both
/// with one pointer.
#[derive(Debug)]
#[repr(C)]
struct Table {
    descriptors: [Descriptor; 8],
    engine: [u64; ENGINE_WORDS],
}

/// Sizes of a machine's memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The addressable call stack.
    pub(crate) local: u64,
    /// The most that the heap may grow to, whatever the image says.
    pub(crate) max_heap: u64,
}

/// A machine's memory.
#[derive(Debug)]
pub struct Memory {
    /// The segment descriptor table, allocated on its own so that an engine's pointer to it stays valid when the
    /// memory moves. Made by `Box::into_raw`.
    table: NonNull<Table>,
    local_capacity: u64,
    heap_largest: u64,
    data: Arc<[u8]>,
    _bss: Region,
    local: Region,
    heap: Region,
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    absolute: absolute::Absolute,
}

// SAFETY: the raw pointers in the table point into regions that the same value owns (or, for data, into an Arc of
// bytes that nobody writes), so moving the whole to another thread moves every access with it.
unsafe impl Send for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the table came from a box and is freed once.
        drop(unsafe { Box::from_raw(self.table.as_ptr()) });
    }
}

impl Memory {
    /// Memory for one run of an image: data shared, bss initialised, heap at its first size, local empty.
    ///
    /// # Errors
    /// If the host cannot provide it.
    pub(crate) fn new(image: &Image, data: Arc<[u8]>, sizes: Sizes) -> Result<Memory, MemoryError> {
        let error = |segment, size| {
            move |source| MemoryError {
                segment,
                size,
                source,
            }
        };
        let bss_size = u64::from(image.bss_size);
        let mut bss = Region::committed(bss_size).map_err(error("bss", bss_size))?;
        bss.prefer_large_pages();
        for extent in &image.bss_init {
            bss.write_at(extent.offset as usize, &extent.bytes);
        }
        let local = Region::committed(sizes.local).map_err(error("local", sizes.local))?;
        let largest = match image.heap_largest {
            0 => sizes.max_heap,
            wanted => wanted.min(sizes.max_heap),
        } / HEAP_PAGE
            * HEAP_PAGE;
        if image.heap_first > largest {
            return Err(MemoryError {
                segment: "heap",
                size: image.heap_first,
                source: std::io::Error::other(format!("the heap is limited to {largest} bytes")),
            });
        }
        let mut heap = Region::reserved(largest).map_err(error("heap", largest))?;
        heap.commit(image.heap_first)
            .map_err(error("heap", image.heap_first))?;

        let mut whole = Box::new(Table {
            descriptors: [Descriptor::EMPTY; 8],
            engine: [0; ENGINE_WORDS],
        });
        let table = &mut whole.descriptors;
        table[Tag::Text as usize].size = image.text.len() as u64;
        table[Tag::Data as usize] =
            Descriptor::new(data.as_ptr().cast_mut(), data.len() as u64, true, false);
        table[Tag::Bss as usize] = Descriptor::new(bss.base(), bss_size, true, true);
        table[Tag::Local as usize] = Descriptor::new(local.base(), 0, true, true);
        table[Tag::Heap as usize] = Descriptor::new(heap.base(), image.heap_first, true, true);
        Ok(Memory {
            table: NonNull::from(Box::leak(whole)),
            local_capacity: sizes.local,
            heap_largest: largest,
            data,
            _bss: bss,
            local,
            heap,
            absolute: absolute::Absolute::default(),
        })
    }

    /// The descriptor table, for engines; [`ENGINE_WORDS`] of theirs follow at [`TABLE_ENGINE_OFFSET`].
    pub(crate) fn table(&self) -> *mut Descriptor {
        self.table.as_ptr().cast()
    }

    #[inline(always)]
    fn descriptor(&self, tag: Tag) -> &Descriptor {
        // SAFETY: the table is valid for 8 entries as long as self lives; engines change it only while they run, when
        // no such reference is alive.
        unsafe { &(&(*self.table.as_ptr()).descriptors)[tag as usize] }
    }

    #[inline(always)]
    fn descriptor_mut(&mut self, tag: Tag) -> &mut Descriptor {
        // SAFETY: as above, and the borrow of self is exclusive.
        unsafe { &mut (&mut (*self.table.as_ptr()).descriptors)[tag as usize] }
    }

    /// Size in bytes of a segment now. For `l:` this is csp.
    pub fn segment_size(&self, tag: Tag) -> u64 {
        self.descriptor(tag).size
    }

    /// The constants that `d:` shows.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Bytes that the addressable call stack can have.
    pub(crate) fn local_capacity(&self) -> u64 {
        self.local_capacity
    }

    /// csp: bytes of the addressable call stack in use.
    #[inline(always)]
    pub(crate) fn csp(&self) -> u64 {
        self.descriptor(Tag::Local).size
    }

    /// Moves csp up and zeroes the bytes between; `None` if the call stack has no room.
    #[inline]
    pub(crate) fn push_locals(&mut self, bytes: u64) -> Option<()> {
        let csp = self.csp();
        let new = csp
            .checked_add(bytes)
            .filter(|new| *new <= self.local_capacity)?;
        // SAFETY: new <= local_capacity, the size of the committed region that base points to.
        unsafe {
            self.local
                .base()
                .add(csp as usize)
                .write_bytes(0, bytes as usize);
        }
        self.descriptor_mut(Tag::Local).resize(new, true, true);
        Some(())
    }

    /// Moves csp down to an earlier value.
    #[inline]
    pub(crate) fn pop_locals_to(&mut self, csp: u64) {
        debug_assert!(csp <= self.csp());
        self.descriptor_mut(Tag::Local).resize(csp, true, true);
    }

    /// The heap's size in pages.
    #[inline]
    pub fn heap_pages(&self) -> u64 {
        self.descriptor(Tag::Heap).size / HEAP_PAGE
    }

    /// Grows the heap by whole pages, in place; gives the former size in pages, or `None` if it cannot.
    pub fn heap_grow(&mut self, pages: u64) -> Option<u64> {
        let old = self.descriptor(Tag::Heap).size;
        let new = pages
            .checked_mul(HEAP_PAGE)
            .and_then(|bytes| bytes.checked_add(old))
            .filter(|new| *new <= self.heap_largest)?;
        if new != old {
            self.heap.commit(new).ok()?;
            self.heap.prefer_large_pages();
            self.descriptor_mut(Tag::Heap).resize(new, true, true);
        }
        Some(old / HEAP_PAGE)
    }

    /// The check: host address of `width` bytes at `base + offset`.
    ///
    /// # Errors
    /// The violation, classified, if tag, policy or bounds do not allow it. Width 0 checks tag, policy and that the
    /// pointer is not past the segment's end.
    #[inline]
    pub(crate) fn check(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Result<*mut u8, Violation> {
        let tag = Tag::from_bits((base >> 61) as u8);
        let off = (base & OFFSET_MASK).wrapping_add(offset);
        let descriptor = self.descriptor(tag);
        let limits = match kind {
            AccessKind::Read => &descriptor.read_limit,
            AccessKind::Write => &descriptor.write_limit,
        };
        // A segment that allows the access has limit size for one byte; only an empty one has 0 there as well.
        let allowed = limits[0] != 0 || descriptor.size == 0 && is_accessible(tag, kind);
        if allowed && width <= descriptor.size && off <= descriptor.size - width {
            return Ok(descriptor.base.wrapping_add(off as usize));
        }
        self.check_absolute(base, offset, width, kind)
    }

    /// Why an access is refused, looked at once more.
    #[cold]
    pub(crate) fn refusal(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Violation {
        match self.check(base, offset, width, kind) {
            Err(violation) => violation,
            Ok(_) => self.violation(base, offset, width, kind),
        }
    }

    /// Classifies a refused access.
    #[cold]
    #[inline(never)]
    pub(crate) fn violation(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Violation {
        let tag = Tag::from_bits((base >> 61) as u8);
        let off = (base & OFFSET_MASK).wrapping_add(offset);
        let read = kind == AccessKind::Read;
        let code = match tag {
            Tag::Absolute if off < NULL_PAGE => FaultCode::NullPointer,
            Tag::Absolute if !is_canonical(off) => FaultCode::NonCanonical,
            Tag::Absolute if self.grants_absolute() => FaultCode::UnmappedAddress,
            Tag::Absolute => FaultCode::AbsoluteAccess,
            Tag::Text if read => FaultCode::ReadFromText,
            Tag::Text => FaultCode::WriteToText,
            Tag::Data if !read => FaultCode::WriteToData,
            Tag::Local => FaultCode::DanglingLocal,
            Tag::Reserved => FaultCode::ReservedSegment,
            Tag::Upper => FaultCode::UpperHalf,
            Tag::Data | Tag::Bss | Tag::Heap if read => FaultCode::ReadOutOfBounds,
            Tag::Data | Tag::Bss | Tag::Heap => FaultCode::WriteOutOfBounds,
        };
        Violation {
            code,
            pointer: Pointer::new(tag, off),
            width,
            kind,
        }
    }

    /// The violation of an instruction that needs foreign access, on a machine that has none.
    pub(crate) fn foreign_violation(&self, pointer: u64, width: u64) -> Violation {
        Violation {
            code: FaultCode::AbsoluteAccess,
            pointer: Pointer(pointer),
            width,
            kind: AccessKind::Read,
        }
    }

    /// The bytes that a guest pointer names, for reading.
    ///
    /// # Errors
    /// The violation, if not all of them may be read.
    pub fn read(&self, pointer: u64, length: u64) -> Result<&[u8], Violation> {
        let address = self.check(pointer, 0, length, AccessKind::Read)?;
        if length == 0 {
            return Ok(&[]);
        }
        // SAFETY: the check proved that length bytes from address lie in a segment that may be read; the borrow of
        // self keeps the region alive and, as writes need &mut self, unchanged.
        Ok(unsafe { std::slice::from_raw_parts(address, length as usize) })
    }

    /// The bytes that a guest pointer names, for writing.
    ///
    /// # Errors
    /// The violation, if not all of them may be written.
    pub fn write(&mut self, pointer: u64, length: u64) -> Result<&mut [u8], Violation> {
        let address = self.check(pointer, 0, length, AccessKind::Write)?;
        if length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the check proved that length bytes from address lie in a segment that may be written (never data,
        // which is shared); the exclusive borrow of self makes the slice the only access.
        Ok(unsafe { std::slice::from_raw_parts_mut(address, length as usize) })
    }

    /// `mem_copy`: moves bytes between ranges that may overlap; both are checked first, the destination first.
    ///
    /// # Errors
    /// The violation; then nothing was moved.
    pub fn copy(&mut self, to: u64, from: u64, length: u64) -> Result<(), Violation> {
        let destination = self.check(to, 0, length, AccessKind::Write)?;
        let source = self.check(from, 0, length, AccessKind::Read)?;
        if length != 0 {
            // SAFETY: both ranges were checked for length bytes; `copy` allows overlap.
            unsafe { std::ptr::copy(source, destination, length as usize) };
        }
        Ok(())
    }

    /// `mem_fill`: sets bytes.
    ///
    /// # Errors
    /// The violation; then nothing was written.
    pub fn fill(&mut self, to: u64, byte: u8, length: u64) -> Result<(), Violation> {
        self.write(to, length)?.fill(byte);
        Ok(())
    }

    /// `mem_compare`: -1, 0 or 1.
    ///
    /// # Errors
    /// The violation, `a` checked first.
    pub fn compare(&self, a: u64, b: u64, length: u64) -> Result<std::cmp::Ordering, Violation> {
        Ok(self.read(a, length)?.cmp(self.read(b, length)?))
    }
}

const fn is_accessible(tag: Tag, kind: AccessKind) -> bool {
    match tag {
        Tag::Data => matches!(kind, AccessKind::Read),
        Tag::Bss | Tag::Local | Tag::Heap => true,
        Tag::Absolute | Tag::Text | Tag::Reserved | Tag::Upper => false,
    }
}

/// Whether bits 60 to 48 of an absolute address repeat bit 47.
const fn is_canonical(offset: u64) -> bool {
    let upper = offset >> 47;
    upper == 0 || upper == (1 << 14) - 1
}
