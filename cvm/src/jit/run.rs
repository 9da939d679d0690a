//! One run of a function in compiled code: sets the context up, enters, and makes an [`Exit`] of how it ended.

#![allow(unsafe_code)]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cvm_spec::arith::{F_NAN, S_NAN};
use cvm_spec::image::Image;
use cvm_spec::pointer::OFFSET_MASK;

use crate::fault::Frame;
use crate::host::call::ImportTarget;
use crate::host::{Host, Watch};
use crate::interp::run::Ended;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::Memory;
use crate::verify::Module;

use super::context::{Native, State, Stop};
use super::machine::{TARGETS, native, raise};
use super::memory::NativeStack;
use super::{NativeCode, stubs};

/// What a run needs besides the code.
pub(crate) struct Run<'m> {
    pub(crate) module: &'m Module,
    pub(crate) code: &'m NativeCode,
    pub(crate) memory: &'m mut Memory,
    pub(crate) host: &'m mut Host,
    pub(crate) imports: &'m [ImportTarget],
    pub(crate) stack: &'m mut NativeStack,
    pub(crate) fuel: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) interrupt: Option<Arc<AtomicBool>>,
}

unsafe extern "C" {
    safe fn memset();
}

impl Run<'_> {
    /// Runs a function to its end.
    pub(crate) fn run(self, function: u32, args: &[u64]) -> Ended {
        let image = self.module.image();
        let record = &image.functions[function as usize];
        let function_type = image.function_type(record).unwrap_or_default();
        let csp = self.memory.csp();
        let table = self.memory.table();
        let deadline = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        self.host
            .start(&Watch::new(deadline, self.interrupt.clone()));
        let results = usize::from(function_type.results);
        let mut cells = args.to_vec();
        cells.resize(args.len().max(results), 0);
        let metered = self.fuel.is_some();
        let local_capacity = self.memory.local_capacity();
        let memory: *mut Memory = self.memory;
        let mut state = State {
            memory,
            host: self.host,
            imports: self.imports.as_ptr(),
            metered,
            text: image.text.as_slice(),
            deadline,
            interrupt: self.interrupt.unwrap_or_default(),
            stop: None,
        };
        let state: *mut State = &mut state;
        let adapter = self.code.adapter(function_type);
        let start = self.code.callees[function as usize + 1].code;
        // SAFETY: the table is followed by the engine's words, which are this run's until it ends. Code, tables,
        // state and stack outlive the call, and the adapter is that of the function's type. Memory, host and state are
        // reached through the pointers taken above only, until the code was left.
        unsafe {
            native(table).write(Native {
                stack_limit: self.stack.limit(),
                fuel: self.fuel.unwrap_or(0),
                polls: 1,
                offset_mask: OFFSET_MASK,
                text_size: image.text.len() as u64,
                entries: self.code.entries.as_ptr(),
                callees: self.code.callees.as_ptr(),
                local_capacity,
                host_sp: 0,
                frame: std::ptr::null(),
                raised: [0; 4],
                raise: stubs::raise as *const () as usize,
                call_out: stubs::call_out as *const () as usize,
                raise_target: raise as *const () as usize,
                targets: TARGETS,
                set_memory: memset as *const () as usize,
                nan: F_NAN,
                single_nan: u64::from(S_NAN),
                tags: std::array::from_fn(|tag| (tag as u64) << 61),
                state,
            });
            let left = stubs::enter(table, adapter, start, cells.as_mut_ptr(), self.stack.top());
            let exit = match (left, (*state).stop.take()) {
                (0, _) | (_, None) => {
                    cells.truncate(results);
                    Exit::Returned(cells)
                }
                (_, Some(Stop::Exit(exit))) => exit,
                (
                    _,
                    Some(Stop::Fault {
                        fault,
                        ip,
                        entering,
                    }),
                ) => {
                    let frames = self.code.frames((*native(table)).frame);
                    let place = place(image, &frames, ip, entering, (*memory).csp());
                    Exit::Fault(Box::new(locate(image, *fault, place)))
                }
                (_, Some(Stop::Panic(panic))) => {
                    (*memory).pop_locals_to(csp);
                    resume_unwind(panic)
                }
            };
            (*memory).pop_locals_to(csp);
            Ended {
                exit,
                fuel: (*native(table)).fuel,
            }
        }
    }
}

/// The place of a fault. `frames` are the text offsets of the calls that compiled frames are in, innermost first; the
/// first one's is that of the call out or fault itself, if it is known.
fn place(
    image: &Image,
    frames: &[Option<u32>],
    ip: Option<u32>,
    entering: bool,
    csp: u64,
) -> Place {
    let (innermost, callers) = match frames.split_first() {
        Some((first, rest)) => (*first, rest),
        None => (None, frames),
    };
    let (ip, callers) = match (entering, callers.split_first()) {
        // The function was not entered: the fault is its caller's call.
        (true, Some((Some(call), rest))) => (Some(*call), rest),
        _ => (ip.or(innermost), callers),
    };
    let frame_of = |ip: u32| {
        Some(Frame {
            function: image.function_at(ip)?,
            ip,
        })
    };
    Place {
        ip,
        csp,
        callers: callers.iter().filter_map(|ip| frame_of((*ip)?)).collect(),
    }
}
