//! One run of a function: sets the context up, starts the handlers, and makes an [`Exit`] of how they stopped.

#![allow(unsafe_code)]

use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cvm_spec::image::Image;

use crate::fault::Frame;
use crate::host::call::ImportTarget;
use crate::host::{Host, Watch};
use crate::jit::tier::Tier;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::{Memory, MemoryError, Region};
use crate::verify::Module;

use super::context::{Context, ShadowFrame, Stop};
use super::handlers::list;
use super::handover::Left;
use super::{Code, CodeOptions};

/// The stacks that no pointer reaches: cells and shadow frames. Kept by a machine from run to run.
#[derive(Debug)]
pub(crate) struct Stacks {
    cells: Region,
    /// Number of cells.
    count: usize,
    shadow: Region,
}

// SAFETY: the regions are memory that this value owns; the shadow frames in it are only meaningful while a run is
// going on, and a run stays on its thread.
unsafe impl Send for Stacks {}

impl Stacks {
    /// Stacks of this many bytes of cells, and a shadow frame for each cell and one more.
    ///
    /// # Errors
    /// If the host has not as much address space.
    pub(crate) fn new(bytes: u64) -> Result<Stacks, MemoryError> {
        let bytes = bytes.max(512) / 8 * 8;
        let failed = |source| MemoryError {
            segment: "call stack",
            size: bytes,
            source,
        };
        let count = usize::try_from(bytes / 8)
            .map_err(|_| failed(std::io::ErrorKind::OutOfMemory.into()))?;
        let shadow = (count as u64 + 1) * size_of::<ShadowFrame>() as u64;
        Ok(Stacks {
            cells: Region::committed(bytes).map_err(failed)?,
            count,
            shadow: Region::committed(shadow).map_err(failed)?,
        })
    }
}

/// What a run needs besides the code.
pub(crate) struct Run<'m> {
    pub(crate) options: CodeOptions,
    /// For code that counts.
    pub(crate) tier: Option<&'m mut Tier>,
    pub(crate) module: &'m Module,
    pub(crate) memory: &'m mut Memory,
    pub(crate) host: &'m mut Host,
    pub(crate) imports: &'m [ImportTarget],
    pub(crate) stacks: &'m mut Stacks,
    pub(crate) fuel: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) interrupt: Option<Arc<AtomicBool>>,
}

/// How a run ended, and the fuel that is left.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) fuel: u64,
}

impl Run<'_> {
    /// Runs a function with arguments, of which there are as many as its type says, to its end.
    pub(crate) fn run(self, function: u32, args: &[u64]) -> Ended {
        let options = self.options;
        let code: &Code = self.module.code(options);
        let image = self.module.image();
        let record = &image.functions[function as usize];
        let results = image.function_type(record).unwrap_or_default().results;
        let callee = code.callees[function as usize];
        let table = self.memory.table();
        let csp = self.memory.csp();
        let deadline = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        self.host
            .start(&Watch::new(deadline, self.interrupt.clone()));
        let cells = self.stacks.cells.base().cast::<u64>();
        let shadow = self.stacks.shadow.base().cast::<ShadowFrame>();
        let mut tier = self.tier;
        let counters = tier.as_mut().map_or(std::ptr::null_mut(), |tier| {
            tier.start();
            tier.counters()
        });
        let mut context = Context {
            cells_end: cells.wrapping_add(self.stacks.count),
            shadow,
            fuel: self.fuel.unwrap_or(0),
            polls: 1,
            metered: options.metered,
            entries: code.entries.as_ptr(),
            text_size: code.entries.len() as u64,
            callees: code.callees.as_ptr(),
            lands: code.lands.as_slice(),
            memory: self.memory,
            host: self.host,
            imports: self.imports.as_ptr(),
            counters,
            tier: tier.map_or(std::ptr::null_mut(), |tier| tier),
            deadline,
            interrupt: self.interrupt.unwrap_or_default(),
            stop: Stop::Returned,
        };
        let ctx: *mut Context = &mut context;
        // SAFETY: shadow has room for one frame more than there are cells, and every call moves fp up by at least one
        // cell; the code is that of this module; table, memory, host and imports belong to this run and are borrowed
        // exclusively, so only handlers touch them. The first frame's arguments and cells fit the cell stack, or the
        // run does not start.
        unsafe {
            if callee.cells as usize > self.stacks.count || args.len() > self.stacks.count {
                let fault = crate::fault::Fault::new(cvm_spec::fault::FaultCode::CallStackOverflow);
                (*ctx).stop = Stop::Fault {
                    fault: Box::new(fault),
                    op: callee.code,
                };
                *shadow = ShadowFrame {
                    ip: code.finish,
                    fp: cells,
                };
                (*ctx).shadow = shadow.add(1);
            } else {
                for (number, arg) in args.iter().enumerate() {
                    *cells.add(number) = *arg;
                }
                *shadow = ShadowFrame {
                    ip: code.finish,
                    fp: cells,
                };
                (*ctx).shadow = shadow.add(1);
                list::run(callee.code, cells, shadow.add(1), table, ctx);
            }
            let exit = match mem::replace(&mut (*ctx).stop, Stop::Returned) {
                Stop::Returned => {
                    Exit::Returned((0..results as usize).map(|n| *cells.add(n)).collect())
                }
                Stop::Exit(exit) => exit,
                Stop::Compiled(Left::Exit(exit)) => exit,
                Stop::Compiled(Left::Panic(panic)) => {
                    (*(*ctx).memory).pop_locals_to(csp);
                    resume_unwind(panic)
                }
                Stop::Compiled(Left::Fault { fault, mut place }) => {
                    let frames = (*ctx).shadow.offset_from(shadow) as usize;
                    let frames = std::slice::from_raw_parts(shadow, frames);
                    place.callers.extend(callers(image, code, frames));
                    Exit::Fault(Box::new(locate(image, *fault, place)))
                }
                Stop::Fault { fault, op } => {
                    let frames = (*ctx).shadow.offset_from(shadow) as usize;
                    let frames = std::slice::from_raw_parts(shadow, frames);
                    let place = Place {
                        ip: code.text_offset(op),
                        csp: (*(*ctx).memory).csp(),
                        callers: callers(image, code, frames),
                    };
                    Exit::Fault(Box::new(locate(image, *fault, place)))
                }
            };
            (*(*ctx).memory).pop_locals_to(csp);
            Ended {
                exit,
                fuel: (*ctx).fuel,
            }
        }
    }
}

/// The frames that shadow frames return to, innermost first. The outermost shadow frame returns to the host.
fn callers(image: &Image, code: &Code, shadow: &[ShadowFrame]) -> Vec<Frame> {
    let callers = shadow.get(1..).unwrap_or(&[]);
    let frame_of = |frame: &ShadowFrame| {
        // The op before the one returned to belongs to the call instruction.
        let ip = code.text_offset(frame.ip.wrapping_sub(1))?;
        Some(Frame {
            function: image.function_at(ip)?,
            ip,
        })
    };
    callers.iter().rev().filter_map(frame_of).collect()
}
