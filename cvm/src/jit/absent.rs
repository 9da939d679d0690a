//! Stands in for the compiler where there is none: on other processors and systems, and without the feature `jit`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cvm_spec::image::Image;
use thiserror::Error;

use crate::compiled::{CompiledCode, CompiledUnit, Listener};
use crate::host::Host;
use crate::host::call::ImportTarget;
use crate::interp::CodeOptions;
use crate::interp::foreign::Foreign;
use crate::memory::Memory;
use crate::verify::Module;

/// There is no compiler.
pub(crate) const IS_PRESENT: bool = false;

/// Why a module could not be compiled.
#[derive(Debug, Error)]
#[error("this build has no compiler for this computer")]
pub(crate) struct CompileError;

impl CompileError {
    /// Nothing is.
    pub(crate) fn is_too_large(&self) -> bool {
        false
    }
}

/// Machine code, which cannot exist.
#[derive(Debug)]
pub(crate) struct NativeCode(Infallible);

impl NativeCode {
    /// Always fails.
    pub(crate) fn compile(_: &Image, _: CodeOptions) -> Result<NativeCode, CompileError> {
        Err(CompileError)
    }

    /// How many functions were compiled.
    pub(crate) fn functions(&self) -> usize {
        match self.0 {}
    }

    /// How long compilation took.
    pub(crate) fn time(&self) -> Duration {
        match self.0 {}
    }

    /// What was compiled.
    pub(crate) fn unit(&self) -> CompiledUnit {
        match self.0 {}
    }

    /// What lies where.
    pub(crate) fn pieces(&self, _: &Image) -> Vec<CompiledCode> {
        match self.0 {}
    }

    /// Bytes of machine code.
    pub(crate) fn size(&self) -> usize {
        match self.0 {}
    }
}

/// The stack of compiled code.
#[derive(Debug)]
pub(crate) struct NativeStack;

/// Always fails.
pub(crate) fn native_stack(_: u64) -> io::Result<NativeStack> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) mod run {
    use super::*;
    use crate::interp::run::Ended;

    /// What a run needs besides the code, of which there is none.
    #[allow(dead_code)]
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
        pub(crate) foreign: *const Foreign,
        pub(crate) profiler: Option<*mut crate::profile::Profiler>,
    }

    impl Run<'_> {
        /// Never called.
        pub(crate) fn run(self, _: u32, _: &[u64]) -> Ended {
            match self.code.0 {}
        }
    }
}

/// Compiled frames that wait, which cannot exist.
pub(crate) mod segment {
    use crate::locate::Place;
    use crate::memory::Descriptor;

    use super::Infallible;
    use cvm_spec::image::Image;

    /// There are none.
    #[derive(Debug)]
    pub(crate) struct Segment(Infallible);

    #[allow(unsafe_code)]
    impl Segment {
        /// Never called.
        pub(crate) unsafe fn waiting(_: *mut Descriptor) -> Segment {
            unreachable!("without a compiler no compiled code calls C")
        }

        /// Never called.
        pub(crate) unsafe fn suspend(&self, _: *mut Descriptor) {
            match self.0 {}
        }

        /// Never called.
        pub(crate) unsafe fn resume(&self, _: *mut Descriptor) {
            match self.0 {}
        }

        /// Never called.
        pub(crate) unsafe fn tell(&self, _: &mut dyn FnMut(u32)) {
            match self.0 {}
        }

        /// Never called.
        #[cfg(feature = "ffi")]
        pub(crate) unsafe fn position(&self) -> Option<u32> {
            match self.0 {}
        }

        /// Never called.
        pub(crate) unsafe fn add_to(&self, _: &Image, _: &mut Place) {
            match self.0 {}
        }

        /// Never called.
        #[cfg(feature = "profile")]
        pub(crate) fn begins_at(&self, _: *const [u64; 2]) -> bool {
            match self.0 {}
        }

        /// Never called.
        #[cfg(feature = "ffi")]
        pub(crate) unsafe fn place(&self, _: &Image, _: u64) -> Place {
            match self.0 {}
        }
    }

    /// Never called.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn budget(_: *mut Descriptor) -> (u64, u64) {
        unreachable!("without a compiler no compiled code calls C")
    }

    /// Never called.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn set_budget(_: *mut Descriptor, _: u64, _: u64) {}
}

/// Compiled code and C.
#[cfg(feature = "ffi")]
pub(crate) mod callback {
    use crate::memory::Descriptor;

    /// Never called.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn tell_frames(_: *mut Descriptor, _: &mut dyn FnMut(u32)) {}

    /// None.
    #[cfg(feature = "ffi")]
    #[allow(unsafe_code)]
    pub(crate) unsafe fn active(_: *mut Descriptor, _: u64, _: u64) -> Option<crate::ffi::Active> {
        None
    }
}

/// Where compiled code is, of which there is none.
#[cfg(feature = "profile")]
#[allow(unsafe_code)]
pub(crate) mod profile {
    use crate::memory::Descriptor;
    use crate::profile::Registers;

    /// It never is.
    pub(crate) fn is_entered(_: *mut Descriptor) -> bool {
        false
    }

    /// Never called.
    pub(crate) unsafe fn is_in_code(_: *mut Descriptor, _: &Registers) -> bool {
        false
    }

    /// Never called.
    pub(crate) unsafe fn tell_in_code(_: *mut Descriptor, _: &Registers, _: &mut dyn FnMut(u32)) {}

    /// Never called.
    pub(crate) unsafe fn tell_called_out(
        _: *mut Descriptor,
        _: &Registers,
        _: &mut dyn FnMut(u32),
    ) -> bool {
        false
    }

    /// None.
    pub(crate) unsafe fn suspended(_: *mut Descriptor) -> *const [u64; 2] {
        std::ptr::null()
    }

    /// Never called.
    pub(crate) unsafe fn tell_suspended(
        _: *mut Descriptor,
        _: *const [u64; 2],
        _: &mut dyn FnMut(u32),
    ) {
    }

    /// Never called.
    pub(crate) unsafe fn tell_alone(_: *mut Descriptor, _: &Registers, _: &mut dyn FnMut(u32)) {}
}

pub(crate) mod tier {
    use super::*;

    /// Of no use.
    pub(crate) const AGAIN: u32 = u32::MAX;

    use crate::interp::handover::{Entered, Hot, RunParts};
    use crate::machine::{Compilation, Tiering};

    /// What was compiled: nothing.
    #[derive(Debug)]
    pub(crate) struct Published;

    impl Published {
        /// Nothing is ever in it.
        pub(crate) fn new(_: usize, _: CodeOptions) -> Published {
            Published
        }

        /// Nothing is ever compiled.
        pub(crate) fn set_listener(&self, _: Option<&Listener>) {}

        /// Nothing.
        pub(crate) fn units(&self) -> Vec<CompiledUnit> {
            Vec::new()
        }

        /// Nothing.
        pub(crate) fn compilation(&self) -> Compilation {
            Compilation::default()
        }
    }

    /// A machine's part, which no machine has, because nothing counts.
    #[derive(Debug)]
    pub(crate) struct Tier(Infallible);

    impl Tier {
        /// Never called.
        pub(crate) fn new(_: &Arc<Module>, _: CodeOptions, _: usize, _: u64, _: Tiering) -> Tier {
            unreachable!("without a compiler nothing counts")
        }

        /// Never called.
        pub(crate) fn counters(&mut self) -> *mut u32 {
            match self.0 {}
        }

        /// Never called.
        pub(crate) fn start(&mut self) {
            match self.0 {}
        }

        /// Never called.
        #[allow(unsafe_code)]
        pub(crate) unsafe fn enter(
            _: *mut Tier,
            _: Hot,
            _: usize,
            _: RunParts,
            _: *mut u64,
        ) -> Entered {
            unreachable!("without a compiler nothing counts")
        }

        /// Never called.
        #[allow(unsafe_code)]
        #[cfg_attr(not(feature = "ffi"), allow(dead_code))]
        pub(crate) unsafe fn enter_again(
            _: *const Tier,
            _: *mut crate::memory::Descriptor,
            _: u32,
            _: (u64, u32),
            _: *mut u64,
        ) -> Entered {
            unreachable!("without a compiler nothing counts")
        }
    }
}
