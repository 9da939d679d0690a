//! SIGSEGV and SIGBUS: makes a refused access of [`super::absolute`] a result, and leaves every other signal to whom it
//! belongs.
//!
//! Signal handlers belong to the whole process. They are installed when the first machine is granted foreign access,
//! and stay. A signal that does not come from one of our routines goes to the handler that was there before; if there
//! was none, the process ends as it would have.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;

use libc::{c_int, c_void, sigaction, siginfo_t, ucontext_t};

use super::absolute;
use super::crash;

/// The signals that a refused access raises.
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What was installed for a signal before.
pub(crate) struct Previous(UnsafeCell<MaybeUninit<sigaction>>);

// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for Previous {}

impl Previous {
    pub(crate) const fn new() -> Previous {
        Previous(UnsafeCell::new(MaybeUninit::zeroed()))
    }
}

static PREVIOUS: [Previous; 2] = [const { Previous::new() }; 2];

/// A signal handler with all that the system tells.
pub(crate) type Handler = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Installs a handler for a signal, with these flags besides SA_SIGINFO, and keeps what was there. All zero bytes are the
/// default action.
///
/// # Safety
/// `previous` belongs to this signal alone and nothing reads it yet; the handler only does what a signal handler may.
pub(crate) unsafe fn install(signal: c_int, handler: Handler, previous: &Previous, flags: c_int) {
    // SAFETY: sigaction is plain data, for which zero bytes are valid; the handler has the type that SA_SIGINFO asks
    // for. The old action is known before the new one can run.
    unsafe {
        let mut action: sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | flags;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, ptr::null(), previous.0.get().cast());
        libc::sigaction(signal, &action, ptr::null_mut());
    }
}

/// Hands a signal to the handler that was there before.
///
/// # Safety
/// Called in a signal handler with its own arguments; `previous` was filled by [`install`] for this signal.
pub(crate) unsafe fn pass_on(
    previous: &Previous,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: the previous action was filled in before our handler was installed; a handler that stands in it has the
    // type that its flags say, and gets what the system gave us.
    unsafe {
        let action = &*previous.0.get().cast::<sigaction>();
        match action.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                // Back to what was there; the instruction runs again (or the signal is raised again) and the process
                // ends by it. A refused access cannot be ignored.
                let mut default: sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
            handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: Handler = std::mem::transmute(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler: unsafe extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

unsafe extern "C" fn on_access(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's ucontext_t. Only the program counter is
    // changed, and only from the first instruction of a routine to the place that returns from it.
    unsafe {
        let registers = &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        let pc = &mut registers[libc::REG_RIP as usize];
        if absolute::is_site(*pc as usize) {
            *pc = absolute::recover as *const () as i64;
            return;
        }
        #[cfg(feature = "jit")]
        if let Some(behind) = crate::jit::callback::skip_refused(*pc as u64) {
            *pc = behind as i64;
            return;
        }
        crash::on_signal(signal, info, context);
        let number = usize::from(signal == libc::SIGBUS);
        pass_on(&PREVIOUS[number], signal, info, context);
    }
}

/// They run on the stack for signals, and may be interrupted by each other.
pub(super) const ON_STACK: c_int = libc::SA_ONSTACK | libc::SA_NODEFER;

/// Installs the handlers, once for the process.
pub(crate) fn install_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
            // SAFETY: this runs once, each signal has its own place, and the handler only looks at its arguments.
            unsafe { install(signal, on_access, previous, ON_STACK) };
        }
    });
}

/// Bytes of the stack on which handlers run. C code that used up its own stack can still be reported.
const STACK: usize = 64 * 1024;

/// An alternate signal stack of this thread.
struct SignalStack(*mut c_void);

impl SignalStack {
    /// Gives this thread a signal stack, if it has none that is large enough.
    fn set() -> Option<SignalStack> {
        // SAFETY: the mapping is fresh memory that this value owns; the thread uses it as signal stack from now on, and
        // `drop` ends that before it is unmapped.
        unsafe {
            let mut present: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(ptr::null(), &mut present);
            let is_large = present.ss_flags & libc::SS_DISABLE == 0 && present.ss_size >= STACK;
            if is_large {
                return None;
            }
            let base = libc::mmap(
                ptr::null_mut(),
                STACK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return None;
            }
            let stack = libc::stack_t {
                ss_sp: base,
                ss_flags: 0,
                ss_size: STACK,
            };
            if libc::sigaltstack(&stack, ptr::null_mut()) != 0 {
                libc::munmap(base, STACK);
                return None;
            }
            Some(SignalStack(base))
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `set` and is unmapped once, after the thread stopped using it. If the thread
        // has another signal stack by now, that one stays.
        unsafe {
            let mut present: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(ptr::null(), &mut present);
            if present.ss_sp == self.0 {
                let mut none: libc::stack_t = std::mem::zeroed();
                none.ss_flags = libc::SS_DISABLE;
                libc::sigaltstack(&none, ptr::null_mut());
            }
            libc::munmap(self.0, STACK);
        }
    }
}

/// Prepares the calling thread for handlers; costs a look at a thread-local variable when it is ready.
pub(crate) fn prepare_thread() {
    thread_local! {
        static STACK: Option<SignalStack> = SignalStack::set();
    }
    STACK.with(|_| ());
}
