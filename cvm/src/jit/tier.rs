//! The engine that chooses: a run begins in the interpreter, which counts calls and rounds of loops; what is hot is
//! compiled on a thread of its own, and the interpreter goes on in compiled code at the next call, or at the head of
//! the loop that it is in.
//!
//! A unit of compilation is what is hot with a part of what it can call ([`super::choose`]). It calls what was compiled
//! before directly, and everything else by way of the interpreter. A run is then a stack of frames of both engines in turns.

#![allow(unsafe_code)]

use std::collections::HashSet;
use std::sync::Arc;

use cvm_spec::image::Image;

use crate::interp::CodeOptions;
use crate::interp::handover::{Entered, Hot, RunParts};
use crate::machine::Tiering;
use crate::memory::Descriptor;
use crate::verify::Module;

use super::context::State;
use super::machine::native;
pub(crate) use super::published::Published;
use super::published::Way;
use super::run::{enter, set_up};
use super::{NativeStack, native_stack};

/// So many more pass before the interpreter looks again whether code is there.
pub(crate) const AGAIN: u32 = 300;
/// Never looked at again.
const NEVER: u32 = u32::MAX;
/// A loop has to be hot so many times over, and for each [`PATIENCE_BYTES`] of its function once more so many, before the
/// function is compiled for it if there is code for another of its loops, or for its calls: mostly a way into that comes
/// first, and functions with many loops would be compiled for each of them.
const PATIENCE: u32 = 30;
const PATIENCE_BYTES: u32 = 4096;

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
        let code = self.published.code()?;
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
                code,
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
