//! The timer, and the signal handler that writes the stack of calls down.
//!
//! The handler runs on the thread of the machine, so what it looks at does not change under it. It may find a frame that
//! is just being made or left; the engines' own parts ([`crate::interp::profile`], `crate::jit::profile`) say what they
//! do about it. It allocates nothing, locks nothing, and reads no address that is not known to be there.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{Ordering, compiler_fence};

use libc::{c_int, c_void, siginfo_t, timer_t, ucontext_t};

use super::stacks::Stacks;
use super::{INTERVAL_MS, Profile, Registers, Source};
use crate::ffi::signal::{Previous, install, pass_on};

/// What a machine that profiles keeps.
#[derive(Debug)]
pub(crate) struct Profiler {
    stacks: Stacks,
    /// Why there was no timer.
    failed: Option<io::Error>,
}

impl Profiler {
    pub(crate) fn new() -> Profiler {
        Profiler {
            stacks: Stacks::new(),
            failed: None,
        }
    }

    /// What was seen since the last time, or why nothing could be.
    pub(crate) fn take(&mut self) -> io::Result<Profile> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(self.stacks.take()),
        }
    }
}

/// A run that is looked at; what it is part of knows where the run is until this is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    /// What was looked at before on this thread.
    outer: Watched,
    is_watched: bool,
}

/// Who writes down what.
#[derive(Clone, Copy, Debug)]
struct Watched {
    profiler: *mut Profiler,
    source: Source,
    timer: timer_t,
}

const NOTHING: Watched = Watched {
    profiler: ptr::null_mut(),
    source: Source::Compiled(ptr::null_mut()),
    timer: ptr::null_mut(),
};

thread_local! {
    /// The run that is looked at on this thread.
    static WATCHED: Cell<Watched> = const { Cell::new(NOTHING) };
}

/// Our own timers' signals carry its address.
static MARK: u8 = 0;

impl Session {
    /// Lets the profiler look at a run from now on, until the session is dropped; without one, nothing.
    ///
    /// # Safety
    /// Profiler and source outlive the session, and nothing else uses the profiler meanwhile.
    pub(crate) unsafe fn begin(profiler: Option<*mut Profiler>, source: Source) -> Session {
        let mut session = Session {
            outer: NOTHING,
            is_watched: false,
        };
        let Some(profiler) = profiler else {
            return session;
        };
        match start_timer() {
            Ok(timer) => {
                session.is_watched = true;
                session.outer = WATCHED.replace(Watched {
                    profiler,
                    source,
                    timer,
                });
                compiler_fence(Ordering::SeqCst);
            }
            // SAFETY: the caller's promise.
            Err(error) => unsafe { (*profiler).failed = Some(error) },
        }
        session
    }

    /// The run is over.
    pub(crate) fn end(self) {
        drop(self);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_watched {
            let ended = WATCHED.replace(self.outer);
            compiler_fence(Ordering::SeqCst);
            // SAFETY: the timer was made by `start_timer` and is deleted once. A signal of it that is still on its way
            // finds the outer session, or none.
            unsafe { libc::timer_delete(ended.timer) };
        }
    }
}

/// A timer that interrupts this thread after each interval of its processor time.
fn start_timer() -> io::Result<timer_t> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: this runs once, the place is this signal's own, and the handler keeps to what a handler may do.
        unsafe { install(libc::SIGPROF, on_timer, &PREVIOUS, libc::SA_RESTART) };
    });
    // SAFETY: sigevent is plain data, for which zero bytes are valid. The timer is deleted if it cannot be started.
    unsafe {
        let mut event: libc::sigevent = mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGPROF;
        event.sigev_notify_thread_id = libc::gettid();
        event.sigev_value.sival_ptr = mark();
        let mut timer: timer_t = ptr::null_mut();
        if libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &mut event, &mut timer) != 0 {
            return Err(io::Error::last_os_error());
        }
        let interval = libc::timespec {
            tv_sec: 0,
            tv_nsec: INTERVAL_MS as i64 * 1_000_000,
        };
        let times = libc::itimerspec {
            it_interval: interval,
            it_value: interval,
        };
        if libc::timer_settime(timer, 0, &times, ptr::null_mut()) != 0 {
            let error = io::Error::last_os_error();
            libc::timer_delete(timer);
            return Err(error);
        }
        Ok(timer)
    }
}

/// What stood for the signal before.
static PREVIOUS: Previous = Previous::new();

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

unsafe extern "C" fn on_timer(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the arguments are what their types say. A session's profiler and source are there as long
    // as it is noted, and this thread, which uses them, is interrupted.
    unsafe {
        let is_ours = (*info).si_code == libc::SI_TIMER && (*info).si_value().sival_ptr == mark();
        if !is_ours {
            return pass_on(&PREVIOUS, signal, info, context);
        }
        let watched = WATCHED.get();
        if watched.profiler.is_null() {
            return;
        }
        let errno = *libc::__errno_location();
        let missed = libc::timer_getoverrun(watched.timer).max(0) as u64;
        let general = &(*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        let register = |number: c_int| general[number as usize] as u64;
        let registers = Registers {
            pc: register(libc::REG_RIP),
            sp: register(libc::REG_RSP),
            bp: register(libc::REG_RBP),
            di: register(libc::REG_RDI),
            dx: register(libc::REG_RDX),
        };
        let stacks = &mut (*watched.profiler).stacks;
        stacks.add(1 + missed, |tell| match watched.source {
            Source::Interpreter(ctx) => crate::interp::profile::tell(ctx, &registers, tell),
            Source::Compiled(table) => crate::jit::profile::tell_alone(table, &registers, tell),
        });
        *libc::__errno_location() = errno;
    }
}
