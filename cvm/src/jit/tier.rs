//! The engine that chooses: a run begins in the interpreter, which counts calls and rounds of loops; what is hot is
//! compiled on a thread of its own, and the interpreter goes on in compiled code at the next call, or at the head of
//! the loop that it is in.
//!
//! A unit of compilation is a function with everything that it can call, so compiled code never has to go back to the
//! interpreter. A run is then a stack of the interpreter's frames with compiled ones, if any, on top of it.

#![allow(unsafe_code)]

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use cvm_spec::image::Image;

use crate::compiled::{CompiledUnit, Listener};
use crate::interp::CodeOptions;
use crate::interp::handover::{Entered, Hot, RunParts};
use crate::machine::{Compilation, Tiering};
use crate::memory::Descriptor;
use crate::verify::Module;
use crate::verify::body::Body;

use super::compile::{self, Hints, LOOP, Unit};
use super::context::State;
use super::machine::native;
use super::run::{enter, set_up};
use super::{CompileError, NativeCode, NativeStack, native_stack};

/// So many more pass before the interpreter looks again whether code is there.
const AGAIN: u32 = 300;
/// Never looked at again.
const NEVER: u32 = u32::MAX;

/// A way into compiled code.
#[derive(Clone, Debug)]
struct Entry {
    code: Arc<NativeCode>,
    adapter: *const u8,
    start: *const u8,
}

/// The same without a share in the code.
#[derive(Clone, Copy, Debug)]
struct Way {
    code: *const NativeCode,
    adapter: *const u8,
    start: *const u8,
}

impl From<&Entry> for Way {
    fn from(entry: &Entry) -> Way {
        Way {
            code: Arc::as_ptr(&entry.code),
            adapter: entry.adapter,
            start: entry.start,
        }
    }
}

// SAFETY: the pointers refer to the code, which the entry keeps alive and nobody changes.
unsafe impl Send for Entry {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Entry {}

/// What was compiled for a module so far, and what waits for it. Shared by all machines.
#[derive(Debug)]
pub(crate) struct Published {
    options: CodeOptions,
    /// By function number; `None` if the compiler failed.
    functions: Vec<OnceLock<Option<Entry>>>,
    loops: Mutex<HashMap<Hot, Option<Entry>>>,
    queue: Mutex<Queue>,
    hints: OnceLock<Hints>,
    /// Functions beyond the compiler's limits, as they were found, and why. No unit with one of them is tried again.
    too_large: Mutex<BTreeMap<u32, String>>,
    done: Mutex<Compilation>,
    /// In the order in which they were done.
    units: Mutex<Vec<CompiledUnit>>,
    /// Who is told of code before it runs.
    listener: Mutex<Option<Listener>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Hot>,
    asked: HashSet<Hot>,
    is_worked_on: bool,
}

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
            hints: OnceLock::new(),
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
            None => {
                let known = self.functions.get(hot.function as usize)?.get()?;
                Some(known.as_ref().map(Way::from))
            }
            Some(_) => Some(lock(&self.loops).get(&hot)?.as_ref().map(Way::from)),
        }
    }

    /// Asks for a compilation, once.
    fn ask(self: &Arc<Self>, module: &Arc<Module>, hot: Hot) {
        let mut queue = lock(&self.queue);
        if !queue.asked.insert(hot) {
            return;
        }
        queue.waiting.push_back(hot);
        if queue.is_worked_on {
            return;
        }
        let (published, module) = (Arc::clone(self), Arc::clone(module));
        let thread = std::thread::Builder::new().name("cvm-compiler".into());
        // Without a thread the program stays in the interpreter.
        queue.is_worked_on = thread.spawn(move || published.work(&module)).is_ok();
    }

    /// Compiles until nothing waits.
    fn work(&self, module: &Module) {
        loop {
            let next = {
                let mut queue = lock(&self.queue);
                let next = queue.waiting.pop_front();
                queue.is_worked_on = next.is_some();
                next
            };
            let Some(hot) = next else {
                return;
            };
            if self.find(hot).is_none() {
                self.compile(module, hot);
            }
        }
    }

    /// Refuses a unit with a function that is known to be too large.
    fn check_known(&self, unit: &Unit) -> Result<(), CompileError> {
        let known = lock(&self.too_large);
        let mut functions = unit.functions.iter();
        let found = functions.find_map(|function| known.get_key_value(function));
        match found {
            None => Ok(()),
            Some((function, message)) => Err(CompileError::TooLarge {
                function: *function,
                message: message.clone(),
            }),
        }
    }

    fn compile(&self, module: &Module, hot: Hot) {
        let image = module.image();
        let hints = self.hints.get_or_init(|| compile::find_hints(image));
        let types = compile::type_numbers(image);
        let head = hot.head.and_then(|offset| {
            let mut body = Body::default();
            let record = &image.functions[hot.function as usize];
            body.decode(&image.text, hot.function, record).ok()?;
            body.at(offset)
        });
        let unit = Unit {
            functions: compile::closure(image, &types, hot.function),
            head: head.map(|head| (hot.function, head)),
        };
        let start = Instant::now();
        let code = self.check_known(&unit).and_then(|()| {
            let code = compile::compile_unit(image, self.options, &unit, hints);
            if let Err(CompileError::TooLarge { function, message }) = &code {
                lock(&self.too_large).insert(*function, message.clone());
            }
            code
        });
        lock(&self.units).push(CompiledUnit {
            function: Some(hot.function),
            loop_head: hot.head,
            functions: unit.functions.len(),
            bytes: code.as_ref().map_or(0, NativeCode::size),
            started: start,
            time: start.elapsed(),
            failure: code.as_ref().err().map(ToString::to_string),
        });
        let code = code.ok().map(Arc::new);
        if let Some(code) = &code {
            let mut done = lock(&self.done);
            done.functions += code.functions();
            done.bytes += code.size();
            done.time += start.elapsed();
            drop(done);
            let listener = lock(&self.listener).clone();
            if let Some(Listener(tell)) = listener {
                tell(&code.pieces(image));
            }
        }
        let entry = |start: Option<*const u8>, adapter: (u16, u16)| {
            let code = code.as_ref()?;
            Some(Entry {
                adapter: code.memory.at(*code.adapters.get(&adapter)?),
                start: start?,
                code: Arc::clone(code),
            })
        };
        let type_of = |function: u32| {
            let record = &image.functions[function as usize];
            image.function_type(record).unwrap_or_default()
        };
        if hot.head.is_some() {
            let code_start = code
                .as_ref()
                .and_then(|code| Some(code.memory.at(code.loop_start?)));
            let found = entry(code_start, (LOOP, type_of(hot.function).results));
            // What was found before stays: it may be running.
            lock(&self.loops).entry(hot).or_insert(found);
        }
        for function in unit.functions {
            let function_type = type_of(function);
            let start = code
                .as_ref()
                .map(|code| code.callees[function as usize + 1].code);
            let found = entry(start, (function_type.args, function_type.results));
            // A function that was compiled before keeps its code; of a unit that failed only the function that was
            // asked for is given up.
            if found.is_some() || function == hot.function && hot.head.is_none() {
                let _ = self.functions[function as usize].set(found);
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
        let start = (way.adapter, way.start);
        let ended = enter(table, &*image, &*way.code, start, cells, stack);
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
        if self.tiering.waits && self.published.find(hot).is_none() {
            self.published.compile(&self.module, hot);
        }
        let way = match self.published.find(hot) {
            Some(Some(way)) => way,
            Some(None) => {
                self.counters[counter] = NEVER;
                return None;
            }
            None => {
                self.counters[counter] = AGAIN;
                self.published.ask(&self.module, hot);
                return None;
            }
        };
        if self.stack.is_none() {
            self.stack = native_stack(self.call_stack).ok();
        }
        let Some(stack) = &self.stack else {
            self.counters[counter] = NEVER;
            return None;
        };
        // The next call goes the same way at once. Where that was a loop, its function was compiled with it, and the next
        // call of that need not wait for the loop: the whole function is better code than its rest from a loop head on.
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
                code: std::ptr::null(),
                stack,
                foreign: parts.foreign,
                suspended: std::ptr::null(),
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
