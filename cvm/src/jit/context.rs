//! What compiled code and the machine share while a program runs.
//!
//! Compiled code has one pointer, to the segment descriptor table; [`Native`] lies right behind it
//! ([`Memory::table`](crate::memory::Memory::table)). Code reads both at fixed offsets, so the field order here and
//! the offsets in [`offset`] are one thing.

#![cfg_attr(
    not(feature = "ffi"),
    allow(dead_code, reason = "what only calls of C use")
)]

use std::any::Any;
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cvm_spec::fault::FaultCode;
use cvm_spec::image::Image;

use crate::fault::Fault;
use crate::host::Host;
use crate::host::call::ImportTarget;
use crate::interp::context::Context;
use crate::interp::foreign::Foreign;
use crate::machine::Exit;
use crate::memory::{Descriptor, ENGINE_WORDS, Memory, TABLE_ENGINE_OFFSET};

use super::NativeCode;
use super::code::Callee;
use super::memory::NativeStack;
use super::segment::Segment;

/// How many polls pass between looks at the clock.
const POLLS: u64 = 1024;

/// Functions of the machine that compiled code calls on the host's stack, by number.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum CallOut {
    Import,
    MemCopy,
    MemFill,
    MemCompare,
    HeapGrow,
    Poll,
    /// The code of a function that had none a moment ago, or what goes back to the interpreter for it.
    FindCode,
    /// The same for a pointer, with the number of its type.
    FindCallee,
    /// Runs the function that the context names in the interpreter.
    Interpret,
    /// Host functions' output, or what a callback left, has to be looked at.
    Attend,
    Foreign,
    ForeignPointer,
    PtrToHost,
    PtrFromHost,
    LoadAbsolute,
    StoreAbsolute,
}

pub(super) const CALL_OUTS: usize = CallOut::StoreAbsolute as usize + 1;

/// What a call out answers: whether the run stops, and a value if it goes on.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Answer {
    pub(super) stops: u64,
    pub(super) value: u64,
}

pub(super) type CallOutFn = unsafe extern "C" fn(*mut Descriptor, u64, u64, u64, u64) -> Answer;

/// The part of the context that compiled code reads and writes.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Native {
    /// A frame must not begin below this address.
    pub(super) stack_limit: u64,
    /// Fuel that is left.
    pub(super) fuel: u64,
    /// Polls until the next look at clock and interrupt flag.
    pub(super) polls: u64,
    /// The low 61 bits: loaded, because a constant would be made anew in every block and never leave a loop.
    pub(super) offset_mask: u64,
    /// Length of `entries`.
    pub(super) text_size: u64,
    /// By text offset: number of the function that begins there plus 1, else 0.
    pub(super) entries: *const u32,
    /// By those numbers.
    pub(super) callees: *const Callee,
    /// Bytes that the `l:` segment can have.
    pub(super) local_capacity: u64,
    /// The host's stack pointer at the entry into compiled code.
    pub(super) host_sp: u64,
    /// The frame pointer of the latest call out.
    pub(super) frame: *const [u64; 2],
    /// The site of a fault and what its report shows, as code leaves them before it raises.
    pub(super) raised: [u64; 4],
    /// The function that [`CallOut::Interpret`] runs next.
    pub(super) called: u64,
    /// Ends the run with a fault: [`super::stubs::raise`].
    pub(super) raise: usize,
    /// Calls the machine: [`super::stubs::call_out`].
    pub(super) call_out: usize,
    /// What `raise` calls on the host's stack.
    pub(super) raise_target: usize,
    /// What `call_out` calls, by [`CallOut`].
    pub(super) targets: [CallOutFn; CALL_OUTS],
    /// `memset`.
    pub(super) set_memory: usize,
    /// The canonical NaN of both widths.
    pub(super) nan: u64,
    pub(super) single_nan: u64,
    /// Each tag in its place on top of a pointer.
    pub(super) tags: [u64; 8],
    /// What has to be looked at around calls of C, as one word that is 0 if there is nothing.
    pub(super) attention: *const u64,
    /// By import: addresses of C functions and objects.
    pub(super) addresses: *const u64,
    /// The text offset of the latest call of a leaf function, and the frame pointer there.
    pub(super) leaf: [u64; 2],
    /// Its arguments, for the report of a crash: each kind in the order of the signature.
    pub(super) leaf_integers: [u64; 6],
    pub(super) leaf_floats: [u64; 8],
    /// Not 0 if the system refused a load of memory of C.
    pub(super) refused: u64,
    /// The descriptor table itself: loaded, so that what is loaded through it is loaded behind that.
    pub(super) table: *mut Descriptor,
    /// The rest of the context.
    pub(super) state: *mut State,
}

const _: () = assert!(size_of::<Native>() <= ENGINE_WORDS * 8);

/// Offsets from the descriptor table's address.
pub(super) mod offset {
    use super::{Descriptor, Native, TABLE_ENGINE_OFFSET, offset_of};

    macro_rules! fields {
        ($($name:ident = $field:ident;)*) => {
            $(pub(in crate::jit) const $name: i32 = (TABLE_ENGINE_OFFSET + offset_of!(Native, $field)) as i32;)*
        };
    }
    fields! {
        STACK_LIMIT = stack_limit;
        FUEL = fuel;
        POLLS = polls;
        OFFSET_MASK = offset_mask;
        TEXT_SIZE = text_size;
        ENTRIES = entries;
        CALLEES = callees;
        LOCAL_CAPACITY = local_capacity;
        HOST_SP = host_sp;
        FRAME = frame;
        RAISED = raised;
        CALLED = called;
        RAISE = raise;
        CALL_OUT = call_out;
        RAISE_TARGET = raise_target;
        TARGETS = targets;
        SET_MEMORY = set_memory;
        NAN = nan;
        SINGLE_NAN = single_nan;
        TAGS = tags;
        ATTENTION = attention;
        ADDRESSES = addresses;
        LEAF = leaf;
        LEAF_INTEGERS = leaf_integers;
        LEAF_FLOATS = leaf_floats;
        REFUSED = refused;
        TABLE = table;
    }

    pub(in crate::jit) const DESCRIPTOR_LOG: i64 = size_of::<Descriptor>().trailing_zeros() as i64;
    pub(in crate::jit) const BASE: i32 = offset_of!(Descriptor, base) as i32;
    pub(in crate::jit) const SIZE: i32 = offset_of!(Descriptor, size) as i32;
    pub(in crate::jit) const READ_LIMIT: i32 = offset_of!(Descriptor, read_limit) as i32;
    pub(in crate::jit) const WRITE_LIMIT: i32 = offset_of!(Descriptor, write_limit) as i32;
}

/// Why compiled code was left before its function returned.
#[derive(Debug)]
pub(super) enum Stop {
    /// The run ends.
    Exit(Exit),
    /// A fault at this instruction; without one, at the call that the innermost frame made.
    Fault {
        fault: Box<Fault>,
        ip: Option<u32>,
        /// The innermost frame was only being entered; it does not count.
        entering: bool,
    },
    /// A callback ended the run; why, its engine knows.
    Pending,
    /// A host function panicked.
    Panic(Box<dyn Any + Send>),
}

/// The part of the context that only the machine sees.
#[derive(Debug)]
pub(super) struct State {
    pub(super) memory: *mut Memory,
    pub(super) host: *mut Host,
    pub(super) imports: *const ImportTarget,
    pub(super) metered: bool,
    pub(super) text: *const [u8],
    pub(super) deadline: Option<Instant>,
    pub(super) interrupt: Arc<AtomicBool>,
    pub(super) stop: Option<Stop>,
    pub(super) image: *const Image,
    /// The code that runs, and its stack.
    pub(super) code: *const NativeCode,
    pub(super) stack: *const NativeStack,
    /// Everything foreign of the machine; null without a grant.
    pub(super) foreign: *const Foreign,
    /// The frame that waits, if other code runs on top of it for a callback or in the interpreter.
    pub(super) suspended: *const [u64; 2],
    /// The interpreter that the run began in, if it did.
    pub(super) interpreter: *mut Context,
    /// In a run of compiled code alone: the frames that wait for C.
    pub(super) segments: *const Segment,
    /// In such a run: why a callback ended it.
    pub(super) pending: Option<Stop>,
}

impl State {
    /// Looks at the clock and the interrupt flag.
    pub(super) fn poll(&mut self) -> (u64, Option<FaultCode>) {
        let code = if self.interrupt.load(Ordering::Relaxed) {
            Some(FaultCode::Interrupted)
        } else {
            match self.deadline {
                Some(deadline) if Instant::now() >= deadline => Some(FaultCode::Timeout),
                _ => None,
            }
        };
        (POLLS, code)
    }
}
