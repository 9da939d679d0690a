//! The program's standard output and error: the process's own, written with an eye on the time limit, and with a memory
//! for what went wrong.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cvm::host::{HostModule, HostStop, Watch};
use cvm::memory::Memory;
use cvm_spec::image::FunctionType;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Failure;
use super::console::output_failed;

/// Bytes that a pipe which is ready for writing takes without waiting.
const PIPE_BUF: usize = 4096;

/// What the two streams share. As a namespace without functions it hears from the machine how long a run may last.
#[derive(Clone, Default)]
pub(super) struct Output {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// The first error, which may come long after the program wrote what was lost.
    failure: Option<io::Error>,
    watch: Watch,
}

impl Output {
    /// A stream that writes to this file.
    pub(super) fn stream(&self, file: BorrowedFd<'_>) -> Result<Stream, Failure> {
        let file = file.try_clone_to_owned().map_err(|e| output_failed(&e))?;
        let file = File::from(file);
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Ok(Stream {
            file,
            waits: !is_file,
            output: self.clone(),
        })
    }

    /// The first error, once.
    pub(super) fn take(&self) -> Option<io::Error> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostModule for Output {
    fn namespace(&self) -> &str {
        ""
    }

    fn function(&self, _: &str) -> Option<(FunctionType, u32)> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn call(&mut self, number: u32, _: &mut Memory, _: &mut [u64]) -> Result<(), HostStop> {
        Err(HostStop::Error(format!("there is no function {number}")))
    }

    fn start(&mut self, watch: &Watch) {
        self.lock().watch = watch.clone();
    }
}

/// Standard output or error.
pub(super) struct Stream {
    file: File,
    /// A pipe or a terminal, whose reader may keep the program waiting.
    waits: bool,
    output: Output,
}

impl Stream {
    /// Writes as much as the file takes. A reader that takes nothing until the run's time is over is an error.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let watch = self.output.lock().watch.clone();
        if !self.waits || watch.is_unlimited() {
            return self.file.write(bytes);
        }
        loop {
            let patience = watch.patience().map(|patience| Timespec {
                tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: patience.subsec_nanos().into(),
            });
            let ready = &mut [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::OUT)];
            match poll(ready, patience.as_ref()) {
                Ok(0) if watch.check().is_err() => return Err(ErrorKind::TimedOut.into()),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.file.write(&bytes[..bytes.len().min(PIPE_BUF)]),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.write_some(bytes);
        if let Err(error) = &written
            && !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted)
        {
            let copy = match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => error.kind().into(),
            };
            self.output.lock().failure.get_or_insert(copy);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
