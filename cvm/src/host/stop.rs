//! Why a function of a namespace has no result.

use super::HostStop;
use crate::memory::Violation;

/// Why a function has no result; `E` is what its namespace tells programs.
#[derive(Debug)]
pub(in crate::host) enum Stop<E> {
    /// The program gets this, and goes on.
    Error(E),
    /// The program does not go on.
    Host(HostStop),
}

impl<E> From<HostStop> for Stop<E> {
    fn from(stop: HostStop) -> Stop<E> {
        Stop::Host(stop)
    }
}

impl<E> From<Violation> for Stop<E> {
    fn from(violation: Violation) -> Stop<E> {
        Stop::Host(HostStop::Violation(violation))
    }
}
