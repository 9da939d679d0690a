//! Absolute addresses: memory that C owns, once a machine is granted foreign access.
//!
//! Nothing is known of what lies there, so each access goes through a routine that may be refused by the system and says
//! so ([`crate::ffi::absolute`]). Ranges are probed as a whole before anything is done with them; as in C, another
//! thread can unmap them in between.

#![allow(unsafe_code)]

use cvm_spec::fault::FaultCode;
use cvm_spec::pointer::{NULL_PAGE, OFFSET_MASK, Pointer, Tag};

use super::{AccessKind, Memory, USER_LIMIT, Violation};
use crate::fault::Allocation;
use crate::ffi::{Records, absolute, signal};

/// What a memory may do outside its segments.
#[derive(Debug, Default)]
pub(super) struct Absolute {
    is_granted: bool,
    /// With `--check-foreign`.
    records: Option<Box<Records>>,
}

impl Memory {
    /// Makes absolute addresses usable; with records if `checked`.
    pub(crate) fn grant_absolute(&mut self, checked: bool) {
        signal::install_once();
        self.absolute = Absolute {
            is_granted: true,
            records: checked.then(Box::default),
        };
        self.descriptor_mut(Tag::Absolute).size = USER_LIMIT;
    }

    /// Whether absolute addresses can be used.
    #[inline]
    pub(crate) fn grants_absolute(&self) -> bool {
        self.absolute.is_granted
    }

    /// The blocks of C memory that are known.
    pub(crate) fn records(&mut self) -> Option<&mut Records> {
        self.absolute.records.as_deref_mut()
    }

    /// The known block of C memory that a pointer leads to.
    pub(crate) fn allocation(&self, pointer: Pointer) -> Option<Allocation> {
        let records = self.absolute.records.as_deref()?;
        (pointer.tag() == Tag::Absolute)
            .then(|| records.allocation(pointer.offset()))
            .flatten()
    }

    /// The address of an access, if user memory can be there and the records know nothing against it.
    #[inline]
    fn absolute_address(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Result<u64, Violation> {
        let address = (base & OFFSET_MASK).wrapping_add(offset);
        let is_possible = self.absolute.is_granted
            && base >> 61 == Tag::Absolute as u64
            && (NULL_PAGE..USER_LIMIT).contains(&address)
            && width <= USER_LIMIT - address;
        if !is_possible {
            return Err(self.violation(base, offset, width, kind));
        }
        if let Some(records) = &self.absolute.records {
            records
                .check(base, address, width)
                .map_err(|code| Violation {
                    code,
                    pointer: Pointer(address),
                    width,
                    kind,
                })?;
        }
        Ok(address)
    }

    /// What the table refused: an absolute range that can be used as a whole, or the violation.
    #[cold]
    #[inline(never)]
    pub(super) fn check_absolute(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Result<*mut u8, Violation> {
        let address = self.absolute_address(base, offset, width, kind)?;
        // SAFETY: the handler is installed since access was granted; probing changes nothing.
        match unsafe { absolute::probe(address, width, kind == AccessKind::Write) } {
            true => Ok(address as *mut u8),
            false => Err(self.violation(base, offset, width, kind)),
        }
    }

    /// A load of `1 << log` bytes that the table refused.
    #[inline]
    pub(crate) fn load_absolute(&self, base: u64, offset: u64, log: u32) -> Result<u64, Violation> {
        let width = 1 << log;
        let address = self.absolute_address(base, offset, width, AccessKind::Read)?;
        // SAFETY: the handler is installed since access was granted. Absolute memory is C's; where it is the machine's
        // own after all, no reference into it is alive while an instruction runs.
        let outcome = unsafe { absolute::load(address, log) };
        match outcome.failed {
            0 => Ok(outcome.value),
            _ => Err(self.violation(base, offset, width, AccessKind::Read)),
        }
    }

    /// A store of `1 << log` bytes that the table refused.
    #[inline]
    pub(crate) fn store_absolute(
        &mut self,
        base: u64,
        offset: u64,
        value: u64,
        log: u32,
    ) -> Result<(), Violation> {
        let width = 1 << log;
        let address = self.absolute_address(base, offset, width, AccessKind::Write)?;
        // SAFETY: as for loads. A wild store can corrupt the process, as in C: that is what the grant allows.
        let outcome = unsafe { absolute::store(address, value, log) };
        match outcome.failed {
            0 => Ok(()),
            _ => Err(self.violation(base, offset, width, AccessKind::Write)),
        }
    }

    /// A pointer argument without a length: null or any address that a user program can have. What lies there is C's
    /// business, except that it must not have been freed.
    pub(crate) fn check_foreign_pointer(&self, pointer: u64) -> Result<(), Violation> {
        match &self.absolute.records {
            Some(records) => match records.check(pointer, pointer, 0) {
                Err(FaultCode::UseAfterFree) => Err(Violation {
                    code: FaultCode::UseAfterFree,
                    pointer: Pointer(pointer),
                    width: 0,
                    kind: AccessKind::Read,
                }),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// `ptr_to_host`: the host address of `length` readable bytes.
    pub(crate) fn pointer_to_host(&self, pointer: u64, length: u64) -> Result<u64, Violation> {
        if !self.absolute.is_granted {
            return Err(self.foreign_violation(pointer, length));
        }
        if pointer == 0 {
            return Ok(0);
        }
        Ok(self.check(pointer, 0, length, AccessKind::Read)? as u64)
    }

    /// The tagged pointer for an address that C gave, if it lies in a segment (or right behind its last byte); else the
    /// address as it is.
    #[inline]
    pub(crate) fn pointer_from_host(&self, address: u64) -> u64 {
        for tag in [Tag::Data, Tag::Bss, Tag::Local, Tag::Heap] {
            let descriptor = self.descriptor(tag);
            let offset = address.wrapping_sub(descriptor.base as u64);
            if offset <= descriptor.size && descriptor.size != 0 {
                return Pointer::new(tag, offset).0;
            }
        }
        address
    }
}
