//! The interpreter in a build without foreign access. No machine with foreign imports is made, so nothing here runs.

use cvm_spec::fault::FaultCode;

use super::context::{Context, Stop};
use super::op::{Op, Slots};
use crate::fault::Fault;

/// There is none.
#[derive(Debug)]
pub(crate) enum Foreign {}

impl Foreign {
    pub(crate) fn object(&self, _: u32) -> u64 {
        match *self {}
    }
}

/// Refuses the call.
///
/// # Safety
/// As for handlers.
pub(crate) unsafe fn call_import(ip: *const Op, _: Slots, ctx: *mut Context, _: u32) -> bool {
    // SAFETY: ctx is the running machine's.
    unsafe {
        (*ctx).stop = Stop::Fault {
            fault: Box::new(Fault::new(FaultCode::ImportNotAvailable)),
            op: ip,
        };
    }
    false
}

pub(crate) use call_import as call_pointer;

/// Nothing to do.
///
/// # Safety
/// None needed.
pub(crate) unsafe fn before_host(_: *const Foreign) {}
