//! The engine that chooses: a run begins in the interpreter, which counts calls and rounds of loops; what is hot is
//! compiled on a thread of its own, and the interpreter goes on in compiled code at the next call, or at the head of
//! the loop that it is in.
//!
//! A unit of compilation is what is hot with a part of what it can call ([`super::choose`]). It calls what was compiled
//! before directly, and everything else by way of the interpreter. A run is then a stack of frames of both engines in turns.

#![allow(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use cvm_spec::image::Image;

use crate::compiled::{CompiledUnit, Listener};
use crate::interp::CodeOptions;
use crate::interp::handover::{Entered, Hot, RunParts};
use crate::machine::{Compilation, Tiering};
use crate::memory::Descriptor;
use crate::verify::Module;

use super::choose::{Chooser, Unit};
use super::code::CodeUnit;
use super::compile::{self, Hints, LOOP};
use super::context::State;
use super::machine::native;
use super::run::{enter, set_up};
use super::{CompileError, NativeCode, NativeStack, native_stack};

/// So many more pass before the interpreter looks again whether code is there.
pub(crate) const AGAIN: u32 = 300;
/// Never looked at again.
const NEVER: u32 = u32::MAX;
/// A loop has to be hot so many times over, and for each [`PATIENCE_BYTES`] of its function once more so many, before the
/// function is compiled for it if there is code for another of its loops, or for its calls: mostly a way into that comes
/// first, and functions with many loops would be compiled for each of them.
const PATIENCE: u32 = 30;
const PATIENCE_BYTES: u32 = 4096;

/// A way into compiled code, which stays as long as what was published.
#[derive(Clone, Copy, Debug)]
struct Way {
    adapter: *const u8,
    start: *const u8,
}

// SAFETY: the pointers refer to code that nobody changes.
unsafe impl Send for Way {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Way {}

/// What was compiled for a module so far, and what waits for it. Shared by all machines.
#[derive(Debug)]
pub(crate) struct Published {
    options: CodeOptions,
    /// By function number; `None` if the compiler failed.
    functions: Vec<OnceLock<Option<Way>>>,
    loops: Mutex<HashMap<Hot, Option<Way>>>,
    queue: Mutex<Queue>,
    /// What is known of the module once something is hot.
    known: OnceLock<Known>,
    /// Functions beyond the compiler's limits, as they were found, and why.
    too_large: Mutex<BTreeMap<u32, String>>,
    done: Mutex<Compilation>,
    /// In the order in which they were done.
    units: Mutex<Vec<CompiledUnit>>,
    /// Who is told of code before it runs.
    listener: Mutex<Option<Listener>>,
}

/// What compilations have in common.
#[derive(Debug)]
struct Known {
    code: NativeCode,
    hints: Hints,
    /// Numbers of function types, by index in the types section.
    types: Vec<u32>,
}

impl Known {
    fn new(image: &Image) -> Known {
        let types = compile::type_numbers(image);
        Known {
            code: NativeCode::new(image, &types),
            hints: compile::find_hints(image),
            types,
        }
    }
}

/// What waits for the compiler.
#[derive(Debug, Default)]
struct Queue {
    /// How often each was asked for, and its number, ascending.
    waiting: HashMap<Hot, (u32, u32)>,
    /// Whatever was ever asked for.
    asked: HashSet<Hot>,
    /// The functions of that.
    functions: HashSet<u32>,
    is_worked_on: bool,
}

impl Queue {
    /// Adds what was not asked for before; what waits is wanted more.
    fn ask(&mut self, hot: Hot) {
        self.functions.insert(hot.function);
        if self.asked.insert(hot) {
            self.waiting.insert(hot, (1, self.asked.len() as u32));
        } else if let Some((count, _)) = self.waiting.get_mut(&hot) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes what is wanted most for its size; of equals what came first.
    fn take(&mut self, image: &Image) -> Option<Hot> {
        let rank = |(hot, (count, number)): (&Hot, &(u32, u32))| {
            let size = image.functions[hot.function as usize].size;
            let heat = (u64::from(*count) << 32) / u64::from(size.max(SMALL));
            (heat, Reverse(*number))
        };
        let (next, _) = self.waiting.iter().max_by_key(|each| rank(*each))?;
        let next = *next;
        self.waiting.remove(&next);
        Some(next)
    }
}

/// Smaller functions take no less time to compile, in bytes of text.
const SMALL: u32 = 256;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at every moment, so a panic elsewhere does not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Published {
    pub(crate) fn new(functions: usize, options: CodeOptions) -> Published {
        Published {
            options,
            functions: (0..functions).map(|_| OnceLock::new()).collect(),
            loops: Mutex::default(),
            queue: Mutex::default(),
            known: OnceLock::new(),
            too_large: Mutex::default(),
            done: Mutex::default(),
            units: Mutex::default(),
            listener: Mutex::default(),
        }
    }

    /// Tells somebody of all code that is compiled from now on.
    pub(crate) fn set_listener(&self, listener: Option<&Listener>) {
        *lock(&self.listener) = listener.cloned();
    }

    /// What was compiled so far.
    pub(crate) fn compilation(&self) -> Compilation {
        *lock(&self.done)
    }

    /// What was compiled so far, and what could not be.
    pub(crate) fn units(&self) -> Vec<CompiledUnit> {
        lock(&self.units).clone()
    }

    /// The way into what is hot: not yet known, or known and perhaps not to be had. What is known stays.
    fn find(&self, hot: Hot) -> Option<Option<Way>> {
        match hot.head {
            None => self.functions.get(hot.function as usize)?.get().copied(),
            Some(_) => lock(&self.loops).get(&hot).copied(),
        }
    }

    /// Asks for a compilation.
    fn ask(self: &Arc<Self>, module: &Arc<Module>, hot: Hot, unit_bytes: u32) {
        let mut queue = lock(&self.queue);
        queue.ask(hot);
        if queue.is_worked_on || queue.waiting.is_empty() {
            return;
        }
        let (published, module) = (Arc::clone(self), Arc::clone(module));
        let thread = std::thread::Builder::new().name("cvm-compiler".into());
        // Without a thread the program stays in the interpreter.
        let work = move || published.work(&module, unit_bytes);
        queue.is_worked_on = thread.spawn(work).is_ok();
    }

    /// Whether there is code for a function or for one of its loops, or will be.
    fn is_asked(&self, function: u32) -> bool {
        lock(&self.queue).functions.contains(&function)
            || self.functions[function as usize].get().is_some()
    }

    /// Compiles until nothing waits.
    fn work(&self, module: &Module, unit_bytes: u32) {
        loop {
            let next = {
                let mut queue = lock(&self.queue);
                let next = queue.take(module.image());
                queue.is_worked_on = next.is_some();
                next
            };
            let Some(hot) = next else {
                return;
            };
            if self.find(hot).is_none() {
                self.compile(module, hot, unit_bytes);
            }
        }
    }

    /// Compiles what is hot, without what is too large.
    fn try_compile(
        &self,
        image: &Image,
        known: &Known,
        hot: Hot,
        bytes: u32,
    ) -> (Unit, Result<CodeUnit, CompileError>) {
        loop {
            let is_left_out = |function| {
                known.code.address(function).is_some()
                    || lock(&self.too_large).contains_key(&function)
            };
            let chooser = Chooser {
                image,
                types: &known.types,
                is_left_out: &is_left_out,
            };
            let unit = chooser.choose(hot, bytes);
            if let Some(message) = lock(&self.too_large).get(&hot.function) {
                let error = CompileError::TooLarge {
                    function: hot.function,
                    message: message.clone(),
                };
                return (unit, Err(error));
            }
            let linked = Some(&known.code);
            let code = compile::compile_unit(image, self.options, &unit, &known.hints, linked);
            match code {
                Err(CompileError::TooLarge { function, message }) => {
                    lock(&self.too_large).insert(function, message);
                }
                code => return (unit, code),
            }
        }
    }

    fn compile(&self, module: &Module, hot: Hot, bytes: u32) {
        let image = module.image();
        let start = Instant::now();
        let known = self.known.get_or_init(|| Known::new(image));
        let (unit, code) = self.try_compile(image, known, hot, bytes);
        let functions = unit.functions.len() + usize::from(unit.head.is_some());
        lock(&self.units).push(CompiledUnit {
            function: Some(hot.function),
            loop_head: hot.head,
            functions,
            bytes: code.as_ref().map_or(0, |code| code.size),
            started: start,
            time: start.elapsed(),
            failure: code.as_ref().err().map(ToString::to_string),
        });
        let code = code.ok().map(|code| known.code.add(code));
        if let Some(code) = code {
            let mut done = lock(&self.done);
            done.functions += functions;
            done.bytes += code.size;
            done.time += start.elapsed();
            drop(done);
            let listener = lock(&self.listener).clone();
            if let Some(Listener(tell)) = listener {
                tell(&code.pieces(image));
            }
        }
        let type_of = |function: u32| {
            let record = &image.functions[function as usize];
            image.function_type(record).unwrap_or_default()
        };
        if hot.head.is_some() {
            let found = code.and_then(|code| {
                Some(Way {
                    adapter: code.adapter((LOOP, type_of(hot.function).results))?,
                    start: code.memory.at(code.loop_start?),
                })
            });
            // What was found before stays: it may be running.
            lock(&self.loops).entry(hot).or_insert(found);
        }
        for function in unit.functions {
            let function_type = type_of(function);
            let found = code.and_then(|code| {
                Some(Way {
                    adapter: code.adapter((function_type.args, function_type.results))?,
                    start: code.start(function)?,
                })
            });
            // A function that was compiled before keeps its code; of a unit that failed only the function that was
            // asked for is given up.
            if found.is_some() || function == hot.function && hot.head.is_none() {
                let _ = self.functions[function as usize].set(found);
            }
            if let Some(code) = code {
                known.code.publish(function, code);
            }
        }
    }
}

/// Runs compiled code from a way into it on.
///
/// # Safety
/// The context behind the table is set up; the cells are as [`Tier::enter`] wants them. Code, image and stack stay as
/// long as the run.
unsafe fn go_on(
    table: *mut Descriptor,
    (way, image, stack): (Way, *const Image, *const NativeStack),
    (fuel, polls): (u64, u32),
    cells: *mut u64,
) -> Entered {
    // SAFETY: the caller's promise; the way's parts belong together.
    unsafe {
        (*native(table)).fuel = fuel;
        (*native(table)).polls = u64::from(polls);
        let way = (way.adapter, way.start);
        let ended = enter(table, &*image, way, cells, stack);
        let fuel = (*native(table)).fuel;
        match ended {
            Ok(()) => Entered::Returned {
                fuel,
                polls: (*native(table)).polls as u32,
            },
            Err(left) => Entered::Left { left, fuel },
        }
    }
}

/// A machine's part: counters, and its stack for compiled code.
#[derive(Debug)]
pub(crate) struct Tier {
    module: Arc<Module>,
    published: Arc<Published>,
    counters: Vec<u32>,
    call_stack: u64,
    tiering: Tiering,
    /// Counters of loops that were hot once already, in functions that are compiled.
    patient: HashSet<usize>,
    stack: Option<NativeStack>,
    /// Set at the first entry of a run.
    state: Option<Box<State>>,
}

// SAFETY: the pointers in the state are those of a run, which stays on its thread, and are set anew in the next.
unsafe impl Send for Tier {}

impl Tier {
    /// For the code of a module that has so many counters.
    pub(crate) fn new(
        module: &Arc<Module>,
        options: CodeOptions,
        counters: usize,
        call_stack: u64,
        tiering: Tiering,
    ) -> Tier {
        Tier {
            module: Arc::clone(module),
            published: module.published(options),
            counters: vec![tiering.threshold.max(1); counters],
            call_stack,
            tiering,
            patient: HashSet::new(),
            stack: None,
            state: None,
        }
    }

    /// The counters, by number. A counter that reaches 0 calls for [`Tier::enter`].
    pub(crate) fn counters(&mut self) -> *mut u32 {
        self.counters.as_mut_ptr()
    }

    /// A counter's value.
    #[cfg(test)]
    pub(crate) fn counter(&self, number: usize) -> u32 {
        self.counters[number]
    }

    /// A run begins.
    pub(crate) fn start(&mut self) {
        self.state = None;
    }

    /// Runs a hot function, or the rest of one from a hot loop on, in compiled code, if there is any.
    ///
    /// # Safety
    /// `tier` is the run's, and no reference to it is alive: C that compiled code calls may call back and come here again.
    /// The parts are those of the run that goes on. For a function, `cells` holds its arguments and has room for its
    /// results; for a loop, it is the interpreter's frame, settled.
    pub(crate) unsafe fn enter(
        tier: *mut Tier,
        hot: Hot,
        counter: usize,
        parts: RunParts,
        cells: *mut u64,
    ) -> Entered {
        let (table, budget) = (parts.table, (parts.fuel, parts.polls));
        // SAFETY: the caller's promise; the reference ends before compiled code runs.
        let Some((way, image, stack)) = (unsafe { (*tier).prepare(hot, counter, parts) }) else {
            return Entered::NotYet;
        };
        // SAFETY: the context is set up; the caller vouches for the cells.
        unsafe { go_on(table, (way, image, stack), budget, cells) }
    }

    /// Runs a function in compiled code, if there is any and the run has been in compiled code before. The budget is the
    /// fuel and the polls that are left.
    ///
    /// # Safety
    /// As for [`Tier::enter`]; the table is that of the run.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(crate) unsafe fn enter_again(
        tier: *const Tier,
        table: *mut Descriptor,
        function: u32,
        budget: (u64, u32),
        cells: *mut u64,
    ) -> Entered {
        let hot = Hot {
            function,
            head: None,
        };
        // SAFETY: the caller's promise; the references end before compiled code runs.
        unsafe {
            let found = match (&(*tier).state, &(*tier).stack) {
                (Some(_), Some(stack)) => (*tier).published.find(hot).flatten().zip(Some(stack)),
                _ => None,
            };
            let Some((way, stack)) = found else {
                return Entered::NotYet;
            };
            let parts = (
                way,
                (*tier).module.image() as *const Image,
                &raw const *stack,
            );
            go_on(table, parts, budget, cells)
        }
    }

    /// The way into what is hot, with the context set up, if there is one.
    fn prepare(
        &mut self,
        hot: Hot,
        counter: usize,
        parts: RunParts,
    ) -> Option<(Way, *const Image, *const NativeStack)> {
        let bytes = self.tiering.unit_bytes;
        if self.published.find(hot).is_none() {
            if hot.head.is_some()
                && self.published.is_asked(hot.function)
                && self.patient.insert(counter)
            {
                let size = self.module.image().functions[hot.function as usize].size;
                let patience = PATIENCE.saturating_mul(1 + size / PATIENCE_BYTES);
                self.counters[hot.function as usize] = 1;
                self.counters[counter] = self.tiering.threshold.max(1).saturating_mul(patience);
                return None;
            }
            if self.tiering.waits {
                lock(&self.published.queue).functions.insert(hot.function);
                self.published.compile(&self.module, hot, bytes);
            }
        }
        let way = match self.published.find(hot) {
            Some(Some(way)) => way,
            Some(None) => {
                self.counters[counter] = NEVER;
                return None;
            }
            None => {
                self.counters[counter] = AGAIN;
                self.published.ask(&self.module, hot, bytes);
                if hot.head.is_some() {
                    // A next call, if there is one, need not wait for the loop.
                    self.counters[hot.function as usize] = 1;
                }
                return None;
            }
        };
        let known = self.published.known.get()?;
        if self.stack.is_none() {
            self.stack = native_stack(self.call_stack).ok();
        }
        let Some(stack) = &self.stack else {
            self.counters[counter] = NEVER;
            return None;
        };
        // The next call goes the same way at once. Where that was a loop, the next call of its function does not wait for the
        // loop: the whole function is better code than its rest from a loop head on.
        self.counters[counter] = 1;
        self.counters[hot.function as usize] = 1;
        let image = self.module.image();
        if self.state.is_none() {
            let state = self.state.insert(Box::new(State {
                memory: parts.memory,
                host: parts.host,
                imports: parts.imports,
                metered: parts.metered,
                text: image.text.as_slice(),
                deadline: parts.deadline,
                // SAFETY: the run's, which goes on.
                interrupt: Arc::clone(unsafe { &*parts.interrupt }),
                stop: None,
                image,
                code: &raw const known.code,
                stack,
                foreign: parts.foreign,
                suspended: std::ptr::null(),
                interpreter: parts.context,
                segments: std::ptr::null(),
                pending: None,
            }));
            // SAFETY: memory is the run's, and only looked at.
            let local_capacity = unsafe { (*parts.memory).local_capacity() };
            // SAFETY: the table is the run's memory's; the state lives in a box until the next run.
            unsafe { set_up(parts.table, image, stack, local_capacity, &raw mut **state) };
        }
        Some((way, image, stack))
    }
}
