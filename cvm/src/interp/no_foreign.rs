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

/// Refuses a call of C whose arguments are C values as they are.
///
/// # Safety
/// As for handlers.
pub(crate) unsafe fn call_quickly(ip: *const Op, fp: Slots, ctx: *mut Context) -> bool {
    // SAFETY: the caller's promise.
    unsafe { call_import(ip, fp, ctx, 0) }
}

pub(crate) use call_quickly as call_words_0;
pub(crate) use call_quickly as call_words_1;
pub(crate) use call_quickly as call_words_2;
pub(crate) use call_quickly as call_words_3;
pub(crate) use call_quickly as call_words_4;
pub(crate) use call_quickly as call_words_5;
pub(crate) use call_quickly as call_words_6;
pub(crate) use call_quickly as call_doubles_1;
pub(crate) use call_quickly as call_doubles_2;
pub(crate) use call_quickly as call_doubles_3;
pub(crate) use call_quickly as call_doubles_4;

/// What the cells of a call are to C.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)]
pub(crate) enum Form {
    /// Integers.
    Words(usize),
    /// Values of type double.
    Doubles(usize),
}

/// No call is made in this build.
pub(crate) fn direct_form(_: &cvm_spec::image::Image, _: u32) -> Option<Form> {
    None
}

/// Nothing to do.
///
/// # Safety
/// None needed.
pub(crate) unsafe fn before_host(_: *const Foreign) {}
