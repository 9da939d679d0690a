//! Standard input, output and error.

use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, LineWriter, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::PollFlags;

use super::error::{Stop, host_error};
use super::wait::wait;
use crate::host::{HostStop, Watch};

/// Bytes of the buffers for input and output.
const BUFFER: usize = 1 << 16;

/// Where a program's standard input comes from.
pub enum Stdin {
    /// It is at its end.
    Empty,
    /// From this; a read that waits cannot be ended by a time limit.
    Reader(Box<dyn Read + Send>),
    /// The standard input of the process; a time limit ends a wait for it.
    Process,
}

impl Stdin {
    /// These bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Stdin {
        Stdin::Reader(Box::new(io::Cursor::new(bytes.into())))
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stdin::Empty => "Empty",
            Stdin::Reader(_) => "Reader",
            Stdin::Process => "Process",
        })
    }
}

/// The three standard streams.
#[derive(Debug)]
pub(super) struct Streams {
    stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            stdin: Input::new(Stdin::Empty),
            stdout: Output::unbuffered(Box::new(io::sink())),
            stderr: Output::unbuffered(Box::new(io::sink())),
        }
    }
}

impl Streams {
    pub(super) fn set_stdin(&mut self, stdin: Stdin) {
        self.stdin = Input::new(stdin);
    }

    /// Reads what is there, waiting for at least a byte; 0 at the end. Standard output is flushed before a wait.
    pub(super) fn read_stdin(&mut self, bytes: &mut [u8], watch: &Watch) -> Result<u64, Stop> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.stdin.reader.buffer().is_empty() {
            self.stdout.flush()?;
            if self.stdin.is_process {
                wait_for_stdin(watch)?;
            }
        }
        loop {
            match self.stdin.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => watch.check()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.stdin.reader.read(bytes)? as u64)
    }
}

/// Waits until the process's standard input has something to read or is at its end. Without limits the read itself
/// does that.
fn wait_for_stdin(watch: &Watch) -> Result<(), Stop> {
    match watch.is_unlimited() {
        true => Ok(()),
        false => wait(io::stdin(), PollFlags::IN, watch),
    }
}

/// Standard input with its buffer.
struct Input {
    reader: BufReader<Box<dyn Read + Send>>,
    is_process: bool,
}

impl Input {
    fn new(stdin: Stdin) -> Input {
        let is_process = matches!(stdin, Stdin::Process);
        let reader: Box<dyn Read + Send> = match stdin {
            Stdin::Empty => Box::new(io::empty()),
            Stdin::Reader(reader) => reader,
            Stdin::Process => Box::new(io::stdin()),
        };
        let size = if is_process { BUFFER } else { 8192 };
        Input {
            reader: BufReader::with_capacity(size, reader),
            is_process,
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

type Sink = Box<dyn Write + Send>;

/// Standard output or error with its way of buffering.
pub(super) enum Output {
    Buffered(BufWriter<Sink>),
    ByLine(LineWriter<Sink>),
    Unbuffered(Sink),
}

impl Output {
    pub(super) fn buffered(sink: Sink) -> Output {
        Output::Buffered(BufWriter::with_capacity(BUFFER, sink))
    }

    pub(super) fn by_line(sink: Sink) -> Output {
        Output::ByLine(LineWriter::with_capacity(BUFFER, sink))
    }

    pub(super) fn unbuffered(sink: Sink) -> Output {
        Output::Unbuffered(sink)
    }

    fn sink(&mut self) -> &mut dyn Write {
        match self {
            Output::Buffered(writer) => writer,
            Output::ByLine(writer) => writer,
            Output::Unbuffered(sink) => sink,
        }
    }

    /// Writes all of it. A reader that is gone ends the program.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<u64, Stop> {
        let written = self.sink().write_all(bytes);
        written.map(|()| bytes.len() as u64).map_err(stop)
    }

    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        self.sink().flush().map_err(stop)
    }
}

fn stop(error: io::Error) -> Stop {
    match error.kind() {
        ErrorKind::BrokenPipe => HostStop::BrokenPipe.into(),
        _ => host_error(&error).into(),
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Output::Buffered(_) => "Buffered",
            Output::ByLine(_) => "ByLine",
            Output::Unbuffered(_) => "Unbuffered",
        })
    }
}

/// Output kept in memory, for embedders. Clones share the bytes. Output beyond the limit is refused: the program
/// sees the error `no-space`.
#[derive(Clone, Debug)]
pub struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Capture {
    /// Keeps at most `limit` bytes.
    pub fn new(limit: usize) -> Capture {
        Capture {
            bytes: Arc::default(),
            limit,
        }
    }

    /// The bytes so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// The bytes so far as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.lock();
        let room = self.limit.saturating_sub(kept.len());
        if room == 0 && !bytes.is_empty() {
            return Err(ErrorKind::StorageFull.into());
        }
        let count = bytes.len().min(room);
        kept.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
