//! Files that can keep a program waiting: pipes, terminals, devices. They are opened so that the system never waits by
//! itself; the machine waits for them, with an eye on the time limit and the interrupt flag. What the system says is wrong
//! goes to each namespace as it is: they tell programs of it in different detail.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use cap_std::fs::{Dir, File, FileTypeExt, OpenOptions, OpenOptionsExt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::host::Watch;
use crate::host::stop::Stop;

/// How long to wait before a named pipe without a reader is opened again.
const RETRY: Duration = Duration::from_millis(10);

/// Waits until a file is ready for reading (`IN`) or writing (`OUT`), or at its end.
pub(in crate::host) fn wait<E>(
    file: impl AsFd,
    ready: PollFlags,
    watch: &Watch,
) -> Result<(), Stop<E>>
where
    Stop<E>: From<io::Error>,
{
    loop {
        watch.check()?;
        let patience = watch.patience().map(timespec);
        match poll(&mut [PollFd::new(&file, ready)], patience.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Opens a file. A named pipe that is opened for writing only waits for a reader, as the system would.
pub(in crate::host) fn open<E>(
    dir: &Dir,
    path: &Path,
    mut options: OpenOptions,
    watch: &Watch,
) -> Result<File, Stop<E>>
where
    Stop<E>: From<io::Error>,
{
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    loop {
        match dir.open_with(path, &options) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                // Without a reader; or it is a socket or a device that is not there.
                if !dir.metadata(path)?.file_type().is_fifo() {
                    return Err(error.into());
                }
                watch.sleep(RETRY)?;
            }
            result => return Ok(result?),
        }
    }
}

/// Reads what is there, waiting for at least a byte; 0 at the end.
pub(in crate::host) fn read<E>(
    file: &mut File,
    bytes: &mut [u8],
    watch: &Watch,
) -> Result<u64, Stop<E>>
where
    Stop<E>: From<io::Error>,
{
    loop {
        if !bytes.is_empty() {
            wait(&*file, PollFlags::IN, watch)?;
        }
        match file.read(bytes) {
            Err(error) if is_not_ready(&error) => {}
            result => return Ok(result? as u64),
        }
    }
}

/// Writes all of it, waiting as often as need be; less than all only before an error.
pub(in crate::host) fn write<E>(
    file: &mut File,
    bytes: &[u8],
    watch: &Watch,
) -> Result<u64, Stop<E>>
where
    Stop<E>: From<io::Error>,
{
    let mut written = 0;
    while written < bytes.len() {
        wait(&*file, PollFlags::OUT, watch)?;
        match file.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if is_not_ready(&error) => {}
            Err(_) if written > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(written as u64)
}

/// Writes as much as the system takes; less than all only before an error. `write` gets what is left, and how much came before.
pub(in crate::host) fn write_all_it_takes(
    bytes: &[u8],
    mut write: impl FnMut(&[u8], u64) -> io::Result<usize>,
) -> io::Result<u64> {
    let mut written = 0;
    while written < bytes.len() {
        match write(&bytes[written..], written as u64) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written as u64)
}

fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}
