//! Where the interpreter goes on in compiled code: what it asks for, what it hands over, and what comes back.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::context::Context;
use super::foreign::Foreign;
use crate::fault::Fault;
use crate::host::Host;
use crate::host::call::ImportTarget;
use crate::locate::Place;
use crate::machine::Exit;
use crate::memory::{Descriptor, Memory};

/// What is hot: a function, or its loop whose head is at this text offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hot {
    pub(crate) function: u32,
    pub(crate) head: Option<u32>,
}

/// What compiled code needs of the run.
pub(crate) struct RunParts {
    pub(crate) context: *mut Context,
    pub(crate) table: *mut Descriptor,
    pub(crate) memory: *mut Memory,
    pub(crate) host: *mut Host,
    pub(crate) imports: *const ImportTarget,
    pub(crate) metered: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) interrupt: *const Arc<AtomicBool>,
    pub(crate) fuel: u64,
    pub(crate) polls: u32,
    pub(crate) foreign: *const Foreign,
}

/// What came of looking for compiled code.
#[derive(Debug)]
pub(crate) enum Entered {
    /// There is none yet.
    NotYet,
    /// The function has returned; its results are in the first cells. The fuel and polls that are left.
    Returned { fuel: u64, polls: u32 },
    /// It was left.
    Left { left: Left, fuel: u64 },
}

/// Why compiled code was left before its function returned.
#[derive(Debug)]
pub(crate) enum Left {
    /// The run ends.
    Exit(Exit),
    /// A fault, with its place among the compiled frames.
    Fault { fault: Box<Fault>, place: Place },
    /// The run ends for a reason that a callback left with its engine.
    Pending,
    /// A host function panicked.
    Panic(Box<dyn Any + Send>),
}
