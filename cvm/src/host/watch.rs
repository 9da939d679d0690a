//! The clock and the interrupt flag of a run, for host functions that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use cvm_spec::fault::FaultCode;

use super::HostStop;

/// How long a wait lasts before the interrupt flag is looked at again.
const SLICE: Duration = Duration::from_millis(20);

/// When a run has to end: its time limit and its interrupt flag.
///
/// A machine hands it to every namespace with [`HostModule::start`](super::HostModule::start). A host function that
/// waits or works for long should look at it, because the machine cannot stop a host function from outside.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    deadline: Option<Instant>,
    interrupt: Option<Arc<AtomicBool>>,
    errno: Option<Arc<AtomicI32>>,
}

impl Watch {
    /// A watch with these limits.
    pub(crate) fn new(deadline: Option<Instant>, interrupt: Option<Arc<AtomicBool>>) -> Watch {
        Watch {
            deadline,
            interrupt,
            errno: None,
        }
    }

    /// The same, with the place where foreign calls leave C's `errno`.
    #[cfg(feature = "ffi")]
    pub(crate) fn with_errno(mut self, errno: Option<Arc<AtomicI32>>) -> Watch {
        self.errno = errno;
        self
    }

    /// C's `errno` after the last foreign call; 0 if there was none.
    pub fn errno(&self) -> i32 {
        self.errno
            .as_ref()
            .map_or(0, |errno| errno.load(Ordering::Relaxed))
    }

    /// Whether there is anything to watch.
    pub fn is_unlimited(&self) -> bool {
        self.deadline.is_none() && self.interrupt.is_none()
    }

    /// Looks at clock and flag.
    ///
    /// # Errors
    /// The stop that the host function should return, if the run has to end.
    pub fn check(&self) -> Result<(), HostStop> {
        let interrupted = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        if self.interrupt.as_ref().is_some_and(interrupted) {
            return Err(HostStop::Fault(FaultCode::Interrupted));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => {
                Err(HostStop::Fault(FaultCode::Timeout))
            }
            _ => Ok(()),
        }
    }

    /// How long to wait at most before the next [`check`](Watch::check); `None` for as long as it takes.
    pub fn patience(&self) -> Option<Duration> {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match (left, &self.interrupt) {
            (left, None) => left,
            (None, Some(_)) => Some(SLICE),
            (Some(left), Some(_)) => Some(left.min(SLICE)),
        }
    }

    /// Sleeps, but not longer than the run may last.
    ///
    /// # Errors
    /// The stop that the host function should return, if the run has to end.
    pub fn sleep(&self, duration: Duration) -> Result<(), HostStop> {
        // A sleep whose end is beyond what the clock can show goes on until the watch ends it.
        let end = Instant::now().checked_add(duration);
        loop {
            self.check()?;
            let left = end.map_or(duration, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(self.patience().map_or(left, |most| left.min(most)));
        }
    }
}
