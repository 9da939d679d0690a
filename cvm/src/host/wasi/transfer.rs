//! Reading, writing, and the place in a file where that happens.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use cap_std::fs::FileExt;

use super::descriptors::Descriptor;
use super::errno::{Errno, Stop};
use super::guest::{self, word};
use super::{Wasi, arguments};
use crate::host::sys::wait;
use crate::memory::Memory;

pub(super) fn fd_write(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, parts, count, result] = arguments(cells)?;
    let parts = guest::parts(memory, word(parts), word(count))?;
    let mut written: u64 = 0;
    for part in parts {
        let bytes = guest::bytes(memory, part.address, part.length)?;
        let outcome = match wasi.descriptors.get(word(descriptor))? {
            Descriptor::Stdin => Err(Errno::BadFile.into()),
            Descriptor::Stdout => wasi.streams.write_stdout(bytes).map_err(Stop::from),
            Descriptor::Stderr => wasi.streams.write_stderr(bytes).map_err(Stop::from),
            Descriptor::Directory(_) => Err(Errno::BadFile.into()),
            Descriptor::File(open) if !open.writes => Err(Errno::BadFile.into()),
            Descriptor::File(open) if open.waits => wait::write(&mut open.file, bytes, &wasi.watch),
            Descriptor::File(open) => {
                wait::write_all_it_takes(bytes, |rest, _| open.file.write(rest)).map_err(Stop::from)
            }
        };
        match outcome {
            Ok(done) => {
                written += done;
                if done < u64::from(part.length) {
                    break;
                }
            }
            // What was written before the error counts; the error comes back at the next call.
            Err(Stop::Error(_)) if written > 0 => break,
            Err(stop) => return Err(stop),
        }
        wasi.watch.check()?;
    }
    guest::store_word(memory, word(result), written as u32)
}

pub(super) fn fd_read(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, parts, count, result] = arguments(cells)?;
    let parts = guest::parts(memory, word(parts), word(count))?;
    let mut total: u64 = 0;
    for part in parts {
        if part.length == 0 {
            continue;
        }
        let bytes = guest::buffer(memory, part.address, part.length)?;
        let outcome = match wasi.descriptors.get(word(descriptor))? {
            Descriptor::Stdin => wasi
                .streams
                .read_stdin(bytes, &wasi.watch)
                .map_err(Stop::from),
            Descriptor::Directory(_) => Err(Errno::IsDirectory.into()),
            Descriptor::Stdout | Descriptor::Stderr => Err(Errno::BadFile.into()),
            Descriptor::File(open) if !open.reads => Err(Errno::BadFile.into()),
            Descriptor::File(open) if open.waits => {
                wasi.streams.flush()?;
                wait::read(&mut open.file, bytes, &wasi.watch)
            }
            Descriptor::File(open) => some(bytes, |bytes| open.file.read(bytes)),
        };
        match outcome {
            Ok(done) => {
                total += done;
                if done < u64::from(part.length) {
                    break;
                }
            }
            Err(Stop::Error(_)) if total > 0 => break,
            Err(stop) => return Err(stop),
        }
    }
    guest::store_word(memory, word(result), total as u32)
}

/// Reads what is there.
fn some(
    bytes: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>,
) -> Result<u64, Stop> {
    loop {
        match read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Ok(result? as u64),
        }
    }
}

pub(super) fn fd_pread(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, parts, count, offset, result] = arguments(cells)?;
    let parts = guest::parts(memory, word(parts), word(count))?;
    let mut total: u64 = 0;
    for part in parts {
        let bytes = guest::buffer(memory, part.address, part.length)?;
        let open = wasi.descriptors.file(word(descriptor))?;
        if !open.reads {
            return Err(Errno::BadFile.into());
        }
        let at = offset.checked_add(total).ok_or(Errno::Invalid)?;
        let done = some(bytes, |bytes| open.file.read_at(bytes, at))?;
        total += done;
        if done < u64::from(part.length) {
            break;
        }
    }
    guest::store_word(memory, word(result), total as u32)
}

pub(super) fn fd_pwrite(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, parts, count, offset, result] = arguments(cells)?;
    let parts = guest::parts(memory, word(parts), word(count))?;
    let mut written: u64 = 0;
    for part in parts {
        let bytes = guest::bytes(memory, part.address, part.length)?;
        let open = wasi.descriptors.writable_file(word(descriptor))?;
        let at = offset.checked_add(written).ok_or(Errno::Invalid)?;
        let done = wait::write_all_it_takes(bytes, |rest, done| {
            open.file.write_at(rest, at.saturating_add(done))
        })?;
        written += done;
        if done < u64::from(part.length) {
            break;
        }
    }
    guest::store_word(memory, word(result), written as u32)
}

pub(super) fn fd_seek(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, offset, whence, result] = arguments(cells)?;
    let open = wasi.descriptors.file(word(descriptor))?;
    let signed = offset as i64;
    let target = match word(whence) {
        0 if signed < 0 => return Err(Errno::Invalid.into()),
        0 => SeekFrom::Start(offset),
        1 => SeekFrom::Current(signed),
        2 => SeekFrom::End(signed),
        _ => return Err(Errno::Invalid.into()),
    };
    let place = open.file.seek(target)?;
    guest::store_long(memory, word(result), place)
}

pub(super) fn fd_tell(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, result] = arguments(cells)?;
    let place = wasi
        .descriptors
        .file(word(descriptor))?
        .file
        .stream_position()?;
    guest::store_long(memory, word(result), place)
}
