//! Compiled frames that wait for what runs on top of them: the interpreter, or C that calls back.
//!
//! That runs on the host's stack, and enters compiled code again on the native stack, below the frames that wait. While it
//! runs, [`Native::frame`] is null and [`State::suspended`] is the frame that waits; [`Segment`] keeps both for the return.

#![allow(unsafe_code)]

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::Image;
use cvm_spec::isa::Opcode;

use crate::fault::{Callee, Frame};
use crate::locate::Place;
use crate::memory::Descriptor;

use super::NativeCode;
#[cfg(doc)]
use super::context::{Native, State};
use super::machine::native;

/// Compiled frames that wait.
#[derive(Debug)]
pub(crate) struct Segment {
    code: *const NativeCode,
    /// That of the stub which called C, or the machine, which called C or the interpreter.
    pub(super) frame: *const [u64; 2],
    /// What `call_xi` called, if that is how C was called.
    target: u64,
    /// The frame that waited before, as [`State::suspended`] had it.
    suspended: *const [u64; 2],
    /// In a run of compiled code alone: the segment further out.
    #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
    pub(super) outer: *const Segment,
}

impl Segment {
    /// The frames that wait now.
    ///
    /// # Safety
    /// The table is that of a run in which compiled code called out.
    pub(crate) unsafe fn waiting(table: *mut Descriptor) -> Segment {
        // SAFETY: the caller's promise; the state lives as long as the run.
        unsafe {
            let native = native(table);
            let state = (*native).state;
            #[cfg(feature = "ffi")]
            let target = (*state).foreign.as_ref().map_or(0, |f| f.target());
            #[cfg(not(feature = "ffi"))]
            let target = 0;
            Segment {
                code: (*state).code,
                frame: (*native).frame,
                target,
                suspended: (*state).suspended,
                outer: (*state).segments,
            }
        }
    }

    /// Lets other code run on top of these frames.
    ///
    /// # Safety
    /// As for [`Segment::waiting`]; [`Segment::resume`] follows on the same table, unless the run ends.
    pub(crate) unsafe fn suspend(&self, table: *mut Descriptor) {
        // SAFETY: the caller's promise.
        unsafe {
            let native = native(table);
            (*(*native).state).suspended = self.frame;
            (*native).frame = std::ptr::null();
        }
    }

    /// The frames go on.
    ///
    /// # Safety
    /// As for [`Segment::suspend`].
    pub(crate) unsafe fn resume(&self, table: *mut Descriptor) {
        // SAFETY: the caller's promise.
        unsafe {
            let native = native(table);
            // A profiler may look between the two: it finds the frames either way.
            (*native).frame = self.frame;
            (*(*native).state).suspended = self.suspended;
        }
    }

    /// Whether the innermost frame is this one.
    #[cfg(feature = "profile")]
    pub(crate) fn begins_at(&self, frame: *const [u64; 2]) -> bool {
        self.frame == frame
    }

    /// Text offsets of the instructions that the frames are in, innermost first.
    ///
    /// # Safety
    /// The frames still wait.
    pub(crate) unsafe fn tell(&self, tell: &mut dyn FnMut(u32)) {
        // SAFETY: the code is kept by the run; the frames are there, by the caller's promise.
        unsafe {
            (*self.code).walk(self.frame, &mut |ip| {
                if let Some(ip) = ip {
                    tell(ip);
                }
            });
        }
    }

    /// Text offset of the call that the innermost frame waits for.
    ///
    /// # Safety
    /// As for [`Segment::tell`].
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn position(&self) -> Option<u32> {
        let mut first = None;
        // SAFETY: the caller's promise.
        unsafe {
            self.tell(&mut |ip| {
                first.get_or_insert(ip);
            });
        }
        first
    }

    /// Adds the frames to those that called a faulting one.
    ///
    /// # Safety
    /// As for [`Segment::tell`].
    pub(crate) unsafe fn add_to(&self, image: &Image, place: &mut Place) {
        let mut is_first = true;
        // SAFETY: the caller's promise.
        unsafe {
            self.tell(&mut |ip| {
                let foreign = match is_first {
                    true => callee(image, ip, self.target, &mut place.targets),
                    false => None,
                };
                is_first = false;
                if let Some(function) = image.function_at(ip) {
                    place.callers.push(Frame {
                        function,
                        ip,
                        foreign,
                    });
                }
            });
        }
    }

    /// The place of a fault of the call that the innermost frame waits for.
    ///
    /// # Safety
    /// As for [`Segment::tell`].
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn place(&self, image: &Image, csp: u64) -> Place {
        let mut place = Place {
            ip: None,
            csp,
            callers: Vec::new(),
            targets: Vec::new(),
        };
        // SAFETY: the caller's promise.
        unsafe { self.add_to(image, &mut place) };
        if !place.callers.is_empty() {
            place.ip = Some(place.callers.remove(0).ip);
        }
        place.targets.clear();
        place
    }
}

/// The C function that the instruction at `ip` called.
fn callee(image: &Image, ip: u32, target: u64, targets: &mut Vec<u64>) -> Option<Callee> {
    let (instruction, _) = decode(&image.text, ip as usize).ok()?;
    match (instruction.opcode, instruction.operand) {
        (Opcode::CallX, Operand::Index(import)) => Some(Callee::Import(import)),
        (Opcode::CallXi, _) => {
            targets.push(target);
            Some(Callee::Symbol(targets.len() as u32 - 1))
        }
        _ => None,
    }
}

/// Fuel and polls that are left.
///
/// # Safety
/// The table is that of a run with compiled code.
pub(crate) unsafe fn budget(table: *mut Descriptor) -> (u64, u64) {
    // SAFETY: the caller's promise.
    unsafe { ((*native(table)).fuel, (*native(table)).polls) }
}

/// Hands fuel and polls back.
///
/// # Safety
/// As for [`budget`].
pub(crate) unsafe fn set_budget(table: *mut Descriptor, fuel: u64, polls: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        (*native(table)).fuel = fuel;
        (*native(table)).polls = polls;
    }
}
