//! The machine's own namespace `sys`: files, clocks, arguments, random bytes (`spec/host.md`).
//!
//! Invariants:
//! - a program reaches no file outside the directories that it was granted (`files` opens everything through a
//!   capability to the directory);
//! - no call allocates memory in proportion to a length that the program gives: data moves between the system and the
//!   program's own memory;
//! - an error of the system is a negative cell ([`HostError`]), a pointer that the program may not use is a fault.
//!   The pointer is checked first;
//! - calls: the order of `CALLS` is that of the table in the spec, checked when this is compiled.

mod error;
mod files;
mod shared;
mod streams;
pub(in crate::host) mod wait;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cvm_spec::host::{HOST_FUNCTIONS, HostError};
use cvm_spec::image::FunctionType;

use super::{HostModule, HostStop, Wasi, Watch};
use crate::memory::Memory;
use crate::symbols::Symbols;
use files::{Files, Grants};
use streams::{Output, Streams};

pub(in crate::host) use error::Stop;
pub(in crate::host) use shared::{Shared, SharedStreams};

pub use files::{DirGrant, SysError};
pub use streams::{Capture, Stdin};

/// Bytes that are moved between two looks at the clock.
const CHUNK: usize = 1 << 22;

/// What a program can see and reach through `sys`. The default is nothing: no arguments, no environment, no files, an
/// empty standard input, and output that is thrown away.
///
/// ```
/// use cvm::host::sys::{Capture, Sys, SysOptions};
///
/// let output = Capture::new(1 << 20);
/// let sys = Sys::new(SysOptions::default().args(["one", "two"]).stdout(output.clone())).unwrap();
/// # let _ = sys;
/// assert_eq!(output.text(), "");
/// ```
#[derive(Debug, Default)]
pub struct SysOptions {
    name: Vec<u8>,
    args: Vec<Vec<u8>>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    dirs: Vec<DirGrant>,
    streams: Streams,
}

impl SysOptions {
    /// The name by which the program is called, which programs in C get as their first argument. Empty by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<Vec<u8>>) -> SysOptions {
        self.name = name.into();
        self
    }

    /// The program's arguments, without its name.
    #[must_use]
    pub fn args<T: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = T>) -> SysOptions {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// An environment variable; a later one replaces an earlier one of the same name.
    #[must_use]
    pub fn env(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> SysOptions {
        let (name, value) = (name.into(), value.into());
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
        self
    }

    /// A directory that the program may use.
    #[must_use]
    pub fn dir(mut self, grant: DirGrant) -> SysOptions {
        self.dirs.push(grant);
        self
    }

    /// Standard input.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> SysOptions {
        self.streams.set_stdin(stdin);
        self
    }

    /// Standard output, buffered: it is written when the buffer is full, before the program waits for input or
    /// sleeps, and when the run ends, however it ends.
    #[must_use]
    pub fn stdout(mut self, stdout: impl std::io::Write + Send + 'static) -> SysOptions {
        self.streams.stdout = Output::buffered(Box::new(stdout));
        self
    }

    /// Standard output, written after every line.
    #[must_use]
    pub fn stdout_by_line(mut self, stdout: impl std::io::Write + Send + 'static) -> SysOptions {
        self.streams.stdout = Output::by_line(Box::new(stdout));
        self
    }

    /// Standard error, not buffered.
    #[must_use]
    pub fn stderr(mut self, stderr: impl std::io::Write + Send + 'static) -> SysOptions {
        self.streams.stderr = Output::unbuffered(Box::new(stderr));
        self
    }
}

/// The namespace `sys`.
#[derive(Debug)]
pub struct Sys {
    shared: Arc<Shared>,
    streams: SharedStreams,
    files: Files,
    start: Instant,
    watch: Watch,
    symbols: Arc<Symbols>,
}

impl Sys {
    /// Opens the granted directories.
    ///
    /// # Errors
    /// If one of them cannot be opened.
    pub fn new(options: SysOptions) -> Result<Sys, SysError> {
        Ok(Sys {
            shared: Arc::new(Shared {
                name: options.name,
                args: options.args,
                env: options.env,
                grants: Grants::open(options.dirs)?,
            }),
            streams: SharedStreams::new(options.streams),
            files: Files::default(),
            start: Instant::now(),
            watch: Watch::default(),
            symbols: Arc::default(),
        })
    }

    /// The same as the namespace of WASI: arguments, environment, granted directories and standard streams are this
    /// one's.
    ///
    /// # Errors
    /// If the system has no more files.
    pub fn wasi(&self) -> std::io::Result<Wasi> {
        Wasi::new(Arc::clone(&self.shared), self.streams.clone())
    }
}

/// A host function: arguments in, result out.
type Call = fn(&mut Sys, &mut Memory, &[u64]) -> Result<u64, Stop>;

/// The host functions in the order of the spec's table.
const CALLS: [(&str, Call); 20] = [
    ("exit", exit),
    ("write", write),
    ("read", read),
    ("open", open),
    ("close", close),
    ("seek", seek),
    ("size", size),
    ("remove", remove),
    ("flush", flush),
    ("arg_count", arg_count),
    ("arg", arg),
    ("env", env),
    ("env_count", env_count),
    ("env_at", env_at),
    ("clock", clock),
    ("time", time),
    ("sleep", sleep),
    ("errno", errno),
    ("random", random),
    ("symbol", symbol),
];

const _: () = {
    assert!(CALLS.len() == HOST_FUNCTIONS.len());
    let mut row = 0;
    while row < CALLS.len() {
        let (have, want) = (CALLS[row].0.as_bytes(), HOST_FUNCTIONS[row].name.as_bytes());
        assert!(have.len() == want.len());
        let mut at = 0;
        while at < have.len() {
            assert!(have[at] == want[at], "CALLS is not in the spec's order");
            at += 1;
        }
        row += 1;
    }
};

/// The first `N` arguments; the machine has checked their number against the table.
fn arguments<const N: usize>(cells: &[u64]) -> Result<[u64; N], Stop> {
    match cells.first_chunk() {
        Some(arguments) => Ok(*arguments),
        None => Err(HostError::Invalid.into()),
    }
}

impl HostModule for Sys {
    fn namespace(&self) -> &str {
        "sys"
    }

    fn function(&self, name: &str) -> Option<(FunctionType, u32)> {
        let number = HOST_FUNCTIONS.iter().position(|row| row.name == name)?;
        let row = &HOST_FUNCTIONS[number];
        let function_type = FunctionType {
            args: row.args.len() as u16,
            results: row.results.len() as u16,
            brand: 0,
        };
        Some((function_type, number as u32))
    }

    fn names(&self) -> Vec<String> {
        let names = HOST_FUNCTIONS.iter();
        names.map(|row| row.name.to_string()).collect()
    }

    fn call(
        &mut self,
        number: u32,
        memory: &mut Memory,
        cells: &mut [u64],
    ) -> Result<(), HostStop> {
        let Some((_, call)) = CALLS.get(number as usize) else {
            return Err(HostStop::Error(format!("sys has no function {number}")));
        };
        let result = match call(self, memory, cells) {
            Ok(result) => result,
            Err(Stop::Error(error)) => error.cell(),
            Err(Stop::Host(stop)) => return Err(stop),
        };
        if let Some(cell) = cells.first_mut() {
            *cell = result;
        }
        Ok(())
    }

    fn attach(&mut self, symbols: &Arc<Symbols>) {
        self.symbols = Arc::clone(symbols);
    }

    fn start(&mut self, watch: &Watch) {
        self.watch = watch.clone();
    }

    fn flush(&mut self) -> Result<(), HostStop> {
        self.streams.flush()
    }
}

fn exit(_: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [status] = arguments(cells)?;
    Err(HostStop::Exit(status as u8).into())
}

fn write(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file, buffer, length] = arguments(cells)?;
    let bytes = memory.read(buffer, length)?;
    let mut written = 0;
    for chunk in bytes.chunks(CHUNK) {
        let result = match file {
            0 => Err(HostError::BadFile.into()),
            1 => sys.streams.write_stdout(chunk),
            2 => sys.streams.write_stderr(chunk),
            _ => sys.files.write(file, chunk, &sys.watch),
        };
        match result {
            Ok(count) => written += count,
            // What was written before the error counts; the error comes back at the next call.
            Err(Stop::Error(_)) if written > 0 => break,
            Err(stop) => return Err(stop),
        }
        if chunk.len() == CHUNK {
            sys.watch.check()?;
        }
    }
    if length == 0 && file != 1 && file != 2 {
        sys.files.writable(file)?;
    }
    Ok(written)
}

fn read(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file, buffer, length] = arguments(cells)?;
    let bytes = memory.write(buffer, length)?;
    match file {
        0 => sys.streams.read_stdin(bytes, &sys.watch),
        1 | 2 => Err(HostError::BadFile.into()),
        _ => {
            if sys.files.waits(file) {
                sys.streams.flush_stdout()?;
            }
            sys.files.read(file, bytes, &sys.watch)
        }
    }
}

fn open(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [path, length, flags] = arguments(cells)?;
    let path = files::guest_path(memory.read(path, length)?)?;
    sys.files.open(&sys.shared.grants, path, flags, &sys.watch)
}

fn close(sys: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file] = arguments(cells)?;
    match file {
        0..=2 => Err(HostError::NotSupported.into()),
        _ => sys.files.close(file),
    }
}

fn seek(sys: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file, offset, whence] = arguments(cells)?;
    match file {
        0..=2 => Err(HostError::NotSeekable.into()),
        _ => sys.files.seek(file, offset, whence),
    }
}

fn size(sys: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file] = arguments(cells)?;
    match file {
        0..=2 => Err(HostError::NotSeekable.into()),
        _ => sys.files.size(file),
    }
}

fn remove(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [path, length] = arguments(cells)?;
    let path = files::guest_path(memory.read(path, length)?)?;
    sys.shared.grants.remove(path)
}

fn flush(sys: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [file] = arguments(cells)?;
    match file {
        0 => return Err(HostError::BadFile.into()),
        1 => sys.streams.flush_stdout()?,
        2 => sys.streams.flush_stderr()?,
        _ => sys.files.writable(file)?,
    }
    Ok(0)
}

fn arg_count(sys: &mut Sys, _: &mut Memory, _: &[u64]) -> Result<u64, Stop> {
    Ok(sys.shared.args.len() as u64)
}

fn arg(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [index, buffer, capacity] = arguments(cells)?;
    let target = memory.write(buffer, capacity)?;
    let index = usize::try_from(index).map_err(|_| HostError::NotFound)?;
    let argument = sys.shared.args.get(index).ok_or(HostError::NotFound)?;
    Ok(copy_parts(&[argument], target))
}

fn env(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [name, name_length, buffer, capacity] = arguments(cells)?;
    let name = memory.read(name, name_length)?;
    let found = sys.shared.env.iter().find(|(known, _)| known == name);
    let target = memory.write(buffer, capacity)?;
    let (_, value) = found.ok_or(HostError::NotFound)?;
    Ok(copy_parts(&[value], target))
}

fn env_count(sys: &mut Sys, _: &mut Memory, _: &[u64]) -> Result<u64, Stop> {
    Ok(sys.shared.env.len() as u64)
}

fn env_at(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [index, buffer, capacity] = arguments(cells)?;
    let target = memory.write(buffer, capacity)?;
    let index = usize::try_from(index).map_err(|_| HostError::NotFound)?;
    let (name, value) = sys.shared.env.get(index).ok_or(HostError::NotFound)?;
    Ok(copy_parts(&[name, b"=", value], target))
}

/// Copies as much of the parts, one behind the other, as fits; their whole length.
fn copy_parts(parts: &[&[u8]], mut target: &mut [u8]) -> u64 {
    let mut length = 0;
    for part in parts {
        let count = part.len().min(target.len());
        let (here, rest) = target.split_at_mut(count);
        here.copy_from_slice(&part[..count]);
        target = rest;
        length += part.len() as u64;
    }
    length
}

fn clock(sys: &mut Sys, _: &mut Memory, _: &[u64]) -> Result<u64, Stop> {
    Ok(sys.start.elapsed().as_nanos() as u64)
}

fn time(_: &mut Sys, _: &mut Memory, _: &[u64]) -> Result<u64, Stop> {
    let nanoseconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    };
    Ok(nanoseconds as u64)
}

fn sleep(sys: &mut Sys, _: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [nanoseconds] = arguments(cells)?;
    if (nanoseconds as i64) < 0 {
        return Err(HostError::Invalid.into());
    }
    sys.streams.flush_stdout()?;
    sys.watch.sleep(Duration::from_nanos(nanoseconds))?;
    Ok(0)
}

fn errno(sys: &mut Sys, _: &mut Memory, _: &[u64]) -> Result<u64, Stop> {
    Ok(i64::from(sys.watch.errno()) as u64)
}

fn random(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [buffer, length] = arguments(cells)?;
    for chunk in memory.write(buffer, length)?.chunks_mut(CHUNK) {
        getrandom::fill(chunk).map_err(|_| HostError::Other)?;
        if chunk.len() == CHUNK {
            sys.watch.check()?;
        }
    }
    Ok(0)
}

fn symbol(sys: &mut Sys, memory: &mut Memory, cells: &[u64]) -> Result<u64, Stop> {
    let [module, module_length, name, name_length] = arguments(cells)?;
    let module = std::str::from_utf8(memory.read(module, module_length)?);
    let name = std::str::from_utf8(memory.read(name, name_length)?);
    let (Ok(module), Ok(name)) = (module, name) else {
        return Err(HostError::NotFound.into());
    };
    let address = sys.symbols.address(module, name);
    Ok(address.ok_or(HostError::NotFound)?.0)
}
