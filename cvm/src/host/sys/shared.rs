//! What the namespaces `sys` and `wasi_snapshot_preview1` of one machine share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Stop;
use super::files::Grants;
use super::streams::{Output, Streams};
use crate::host::{HostStop, Watch};

/// What a program can see, and does not change.
#[derive(Debug)]
pub(in crate::host) struct Shared {
    pub(super) name: Vec<u8>,
    pub(super) args: Vec<Vec<u8>>,
    pub(in crate::host) env: Vec<(Vec<u8>, Vec<u8>)>,
    pub(in crate::host) grants: Grants,
}

impl Shared {
    /// The program's name and its arguments.
    pub(in crate::host) fn words(&self) -> impl Iterator<Item = Vec<u8>> {
        std::iter::once(&self.name).chain(&self.args).cloned()
    }
}

/// The standard streams. A machine calls one host function at a time, so nothing waits for the lock.
#[derive(Clone, Debug)]
pub(in crate::host) struct SharedStreams(Arc<Mutex<Streams>>);

impl SharedStreams {
    pub(super) fn new(streams: Streams) -> SharedStreams {
        SharedStreams(Arc::new(Mutex::new(streams)))
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to standard output, which may be buffered.
    pub(in crate::host) fn write_stdout(&self, bytes: &[u8]) -> Result<u64, Stop> {
        self.lock().stdout.write(bytes)
    }

    /// Writes to standard error.
    pub(in crate::host) fn write_stderr(&self, bytes: &[u8]) -> Result<u64, Stop> {
        self.lock().stderr.write(bytes)
    }

    /// Reads what is there, waiting for at least a byte; 0 at the end.
    pub(in crate::host) fn read_stdin(&self, bytes: &mut [u8], watch: &Watch) -> Result<u64, Stop> {
        self.lock().read_stdin(bytes, watch)
    }

    /// Hands buffered output to the system.
    pub(in crate::host) fn flush_stdout(&self) -> Result<(), Stop> {
        self.lock().stdout.flush()
    }

    /// The same for standard error.
    pub(in crate::host) fn flush_stderr(&self) -> Result<(), Stop> {
        self.lock().stderr.flush()
    }

    /// Hands buffered output to the system where the program cannot be told an error number.
    pub(in crate::host) fn flush(&self) -> Result<(), HostStop> {
        match self.flush_stdout() {
            Ok(()) => Ok(()),
            Err(Stop::Host(stop)) => Err(stop),
            Err(Stop::Error(error)) => Err(HostStop::Error(format!(
                "standard output: {}",
                error.name()
            ))),
        }
    }

    /// Whether standard output is written line by line, as on a terminal.
    pub(in crate::host) fn is_stdout_by_line(&self) -> bool {
        matches!(self.lock().stdout, Output::ByLine(_))
    }
}
