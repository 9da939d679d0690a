//! What was compiled for a module while its machines run, what waits to be compiled, and the thread that does it.

#![allow(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use cvm_spec::image::Image;

use crate::compiled::{CompiledUnit, Listener};
use crate::interp::CodeOptions;
use crate::interp::handover::Hot;
use crate::machine::Compilation;
use crate::verify::Module;

use super::bridge::LOOP;
use super::choose::{Chooser, Unit};
use super::code::CodeUnit;
use super::compile;
use super::hints::{self, Hints};
use super::{CompileError, NativeCode};

/// A way into compiled code, which stays as long as what was published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) adapter: *const u8,
    pub(super) start: *const u8,
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
            hints: hints::find_hints(image),
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

    /// The code, once something was compiled.
    pub(super) fn code(&self) -> Option<&NativeCode> {
        Some(&self.known.get()?.code)
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
    pub(super) fn find(&self, hot: Hot) -> Option<Option<Way>> {
        match hot.head {
            None => self.functions.get(hot.function as usize)?.get().copied(),
            Some(_) => lock(&self.loops).get(&hot).copied(),
        }
    }

    /// Asks for a compilation.
    pub(super) fn ask(self: &Arc<Self>, module: &Arc<Module>, hot: Hot, unit_bytes: u32) {
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
    pub(super) fn is_asked(&self, function: u32) -> bool {
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

    /// Compiles what is hot.
    pub(super) fn compile(&self, module: &Module, hot: Hot, bytes: u32) {
        lock(&self.queue).functions.insert(hot.function);
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
