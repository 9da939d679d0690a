//! Absolute addresses in a build without foreign access: nothing is granted.

use cvm_spec::pointer::Pointer;

use super::{AccessKind, Memory, Violation};
use crate::fault::Allocation;

/// Nothing to keep.
#[derive(Debug, Default)]
pub(super) struct Absolute {}

impl Memory {
    /// Whether absolute addresses can be used.
    pub(crate) fn grants_absolute(&self) -> bool {
        false
    }

    /// No block of C memory is known.
    pub(crate) fn allocation(&self, _: Pointer) -> Option<Allocation> {
        None
    }

    /// What the table refused is refused.
    pub(super) fn check_absolute(
        &self,
        base: u64,
        offset: u64,
        width: u64,
        kind: AccessKind,
    ) -> Result<*mut u8, Violation> {
        Err(self.violation(base, offset, width, kind))
    }

    /// A load that the table refused.
    pub(crate) fn load_absolute(&self, base: u64, offset: u64, log: u32) -> Result<u64, Violation> {
        Err(self.violation(base, offset, 1 << log, AccessKind::Read))
    }

    /// A store that the table refused.
    pub(crate) fn store_absolute(
        &mut self,
        base: u64,
        offset: u64,
        _value: u64,
        log: u32,
    ) -> Result<(), Violation> {
        Err(self.violation(base, offset, 1 << log, AccessKind::Write))
    }

    /// The address as it is; nothing asks without a grant.
    pub(crate) fn pointer_from_host(&self, address: u64) -> u64 {
        address
    }

    /// `ptr_to_host`: refused.
    pub(crate) fn pointer_to_host(&self, pointer: u64, length: u64) -> Result<u64, Violation> {
        Err(self.foreign_violation(pointer, length))
    }
}
