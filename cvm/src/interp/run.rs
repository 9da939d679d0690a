//! One run of a function: sets the context up, starts the handlers, and makes an [`Exit`] of how they stopped.

#![allow(unsafe_code)]

use std::any::Any;
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::Image;
use cvm_spec::isa::Opcode;

use crate::fault::{Callee, Frame};
use crate::host::call::ImportTarget;
use crate::host::{Host, Watch};
use crate::jit::segment::Segment;
use crate::jit::tier::Tier;
use crate::locate::{Place, locate};
use crate::machine::Exit;
use crate::memory::{Memory, MemoryError, Region};
use crate::profile::{Profiler, Session, Source};
use crate::trace::Tracer;
use crate::verify::Module;

use super::context::{Context, ShadowFrame, Site, Stop};
use super::foreign::Foreign;
use super::handlers::list;
use super::handover::Left;
use super::nested::host_stack;
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
    pub(crate) foreign: *const Foreign,
    /// For code that is traced.
    pub(crate) tracer: Option<&'m mut Tracer>,
    pub(crate) profiler: Option<*mut Profiler>,
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
        let watch = Watch::new(deadline, self.interrupt.clone());
        #[cfg(feature = "ffi")]
        // SAFETY: the machine's, which outlives the run.
        let watch = match unsafe { self.foreign.as_ref() } {
            Some(foreign) => watch.with_errno(foreign.errno()),
            None => watch,
        };
        self.host.start(&watch);
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
            foreign: self.foreign,
            site: Site::NONE,
            host_stack: host_stack(),
            code,
            shadow_base: shadow,
            module: self.module,
            out: std::ptr::null(),
            tracer: self.tracer.map(std::ptr::from_mut),
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
                #[cfg(feature = "ffi")]
                if let Some(foreign) = self.foreign.as_ref() {
                    foreign.begin_run(super::foreign::engine(ctx), (*ctx).memory);
                }
                let session = Session::begin(self.profiler, Source::Interpreter(ctx));
                list::run(callee.code, cells, shadow.add(1), table, ctx);
                session.end();
                #[cfg(feature = "ffi")]
                if let Some(foreign) = self.foreign.as_ref() {
                    let late = foreign.end_run();
                    if let (Some(failure), Stop::Returned) = (late, &(*ctx).stop) {
                        (*ctx).stop = Stop::Fault {
                            fault: Box::new(super::foreign::late_fault(&*ctx, failure)),
                            op: code.finish,
                        };
                    }
                }
            }
            let exit = match exit_of(&mut *ctx) {
                Ok(Some(exit)) => exit,
                Ok(None) => Exit::Returned((0..results as usize).map(|n| *cells.add(n)).collect()),
                Err(panic) => {
                    (*(*ctx).memory).pop_locals_to(csp);
                    resume_unwind(panic)
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

/// How a run ends whose handlers stopped, or wait for C; `None` if its function returned. A fault is located with the
/// stacks as they are, once: afterwards the context keeps the exit.
///
/// # Errors
/// The panic of a host function, which has to go on.
///
/// # Safety
/// The context's pointers are those of a run that is not over.
pub(super) unsafe fn exit_of(ctx: &mut Context) -> Result<Option<Exit>, Box<dyn Any + Send>> {
    // SAFETY: module, code, memory and shadow stack are the run's, which is not over.
    unsafe {
        let image = (*ctx.module).image();
        let code = &*ctx.code;
        let count = ctx.shadow.offset_from(ctx.shadow_base) as usize;
        let frames = std::slice::from_raw_parts(ctx.shadow_base, count);
        let exit = match mem::replace(&mut ctx.stop, Stop::Returned) {
            Stop::Returned => return Ok(None),
            Stop::Exit(exit) | Stop::Compiled(Left::Exit(exit)) => exit,
            Stop::Compiled(Left::Panic(panic)) => return Err(panic),
            Stop::Compiled(Left::Pending) => unreachable!("handlers keep what the callback left"),
            Stop::Compiled(Left::Fault { fault, mut place }) => {
                callers(image, code, frames, &mut place);
                Exit::Fault(Box::new(locate(image, *fault, place)))
            }
            Stop::Fault { fault, op } => {
                let mut place = Place {
                    ip: code.text_offset(op),
                    csp: (*ctx.memory).csp(),
                    callers: Vec::new(),
                    targets: Vec::new(),
                };
                callers(image, code, frames, &mut place);
                Exit::Fault(Box::new(locate(image, *fault, place)))
            }
        };
        ctx.stop = Stop::Exit(exit.clone());
        Ok(Some(exit))
    }
}

/// Adds the frames that shadow frames return to, innermost first. The outermost shadow frame returns to the host.
///
/// # Safety
/// The shadow frames are those of a run that is not over.
unsafe fn callers(image: &Image, code: &Code, shadow: &[ShadowFrame], place: &mut Place) {
    let callers = shadow.get(1..).unwrap_or(&[]);
    let is_sentinel = |frame: Option<&ShadowFrame>| frame.is_some_and(|f| f.ip == code.finish);
    for (number, frame) in callers.iter().enumerate().rev() {
        if is_sentinel(Some(frame)) {
            continue;
        }
        if frame.ip.is_null() {
            // SAFETY: such a frame stands for compiled ones that wait.
            unsafe { (*frame.fp.cast::<Segment>()).add_to(image, place) };
            continue;
        }
        // The op before the one returned to belongs to the call instruction.
        let Some(ip) = code.text_offset(frame.ip.wrapping_sub(1)) else {
            continue;
        };
        let Some(function) = image.function_at(ip) else {
            continue;
        };
        // A frame below a sentinel called C, which called back.
        let foreign = match is_sentinel(callers.get(number + 1)) {
            // SAFETY: the frame is one of the run's.
            true => unsafe { callee(image, ip, frame, &mut place.targets) },
            false => None,
        };
        place.callers.push(Frame {
            function,
            ip,
            foreign,
        });
    }
}

/// The C function that the instruction at `ip` called.
///
/// # Safety
/// The frame is that of the call, which is still going on.
unsafe fn callee(
    image: &Image,
    ip: u32,
    frame: &ShadowFrame,
    targets: &mut Vec<u64>,
) -> Option<Callee> {
    let (instruction, _) = decode(&image.text, ip as usize).ok()?;
    match (instruction.opcode, instruction.operand) {
        (Opcode::CallX, Operand::Index(import)) => Some(Callee::Import(import)),
        (Opcode::CallXi, _) => {
            // SAFETY: the frame returns behind a call through a pointer and its data cell; that call is still going on,
            // so the slot holds the pointer.
            let target = unsafe { *frame.fp.add(usize::from((*frame.ip.sub(2)).b)) };
            targets.push(target);
            Some(Callee::Symbol(targets.len() as u32 - 1))
        }
        _ => None,
    }
}
