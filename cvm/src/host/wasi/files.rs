//! What descriptors are, and everything done to one but reading, writing and seeking.

use cap_std::fs::{FileType, FileTypeExt, Metadata, MetadataExt};
use rustix::fs::{AtFlags, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::descriptors::{Descriptor, Directory, Entry};
use super::errno::{Errno, Stop};
use super::guest::{self, word};
use super::{Wasi, arguments};
use crate::memory::Memory;

/// Kinds of files.
const UNKNOWN: u8 = 0;
const BLOCK_DEVICE: u8 = 1;
const CHARACTER_DEVICE: u8 = 2;
const DIRECTORY: u8 = 3;
const REGULAR: u8 = 4;
const SOCKET: u8 = 6;
const LINK: u8 = 7;

/// Flags of an open file.
pub(super) const APPEND: u16 = 1;
const NONBLOCK: u16 = 4;

/// Rights: all of them, and those that a terminal does not have.
const ALL_RIGHTS: u64 = (1 << 30) - 1;
const SEEK_AND_TELL: u64 = 1 << 2 | 1 << 5;

/// The kind of a file.
fn kind(found: FileType) -> u8 {
    match () {
        () if found.is_file() => REGULAR,
        () if found.is_dir() => DIRECTORY,
        () if found.is_symlink() => LINK,
        () if found.is_char_device() => CHARACTER_DEVICE,
        () if found.is_block_device() => BLOCK_DEVICE,
        () if found.is_socket() => SOCKET,
        () => UNKNOWN,
    }
}

pub(super) fn fd_advise(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, _offset, _length, advice] = arguments(cells)?;
    wasi.descriptors.file(word(descriptor))?;
    match word(advice) {
        // Advice need not be taken.
        0..=5 => Ok(()),
        _ => Err(Errno::Invalid.into()),
    }
}

pub(super) fn fd_allocate(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, offset, length] = arguments(cells)?;
    let open = wasi.descriptors.writable_file(word(descriptor))?;
    let end = offset.checked_add(length).ok_or(Errno::FileTooLarge)?;
    if length == 0 {
        return Err(Errno::Invalid.into());
    }
    if open.file.metadata()?.len() < end {
        open.file.set_len(end)?;
    }
    Ok(())
}

pub(super) fn fd_close(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor] = arguments(cells)?;
    if matches!(
        wasi.descriptors.close(word(descriptor))?,
        Descriptor::Stdout
    ) {
        wasi.streams.flush()?;
    }
    Ok(())
}

pub(super) fn fd_sync(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor] = arguments(cells)?;
    match wasi.descriptors.get(word(descriptor))? {
        Descriptor::File(open) => open.file.sync_all()?,
        Descriptor::Stdout => wasi.streams.flush()?,
        Descriptor::Stdin | Descriptor::Stderr | Descriptor::Directory(_) => {}
    }
    Ok(())
}

pub(super) fn fd_datasync(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor] = arguments(cells)?;
    match wasi.descriptors.get(word(descriptor))? {
        Descriptor::File(open) => Ok(open.file.sync_data()?),
        _ => fd_sync(wasi, memory, cells),
    }
}

pub(super) fn fd_fdstat_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, result] = arguments(cells)?;
    let by_line = wasi.streams.is_stdout_by_line();
    let (kind, flags, rights) = match wasi.descriptors.get(word(descriptor))? {
        // A character device without a place is what C takes for a terminal.
        Descriptor::Stdout if by_line => (CHARACTER_DEVICE, 0, ALL_RIGHTS & !SEEK_AND_TELL),
        Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => {
            (UNKNOWN, 0, ALL_RIGHTS & !SEEK_AND_TELL)
        }
        Descriptor::Directory(_) => (DIRECTORY, 0, ALL_RIGHTS),
        Descriptor::File(open) => {
            let found = open.file.metadata()?.file_type();
            (kind(found), open.flags, ALL_RIGHTS)
        }
    };
    let mut status = [0; 24];
    status[0] = kind;
    status[2..4].copy_from_slice(&flags.to_le_bytes());
    status[8..16].copy_from_slice(&rights.to_le_bytes());
    status[16..24].copy_from_slice(&ALL_RIGHTS.to_le_bytes());
    guest::store(memory, word(result), &status)
}

pub(super) fn fd_fdstat_set_flags(
    wasi: &mut Wasi,
    _: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, flags] = arguments(cells)?;
    let flags = word(flags) as u16;
    if flags & !(APPEND | NONBLOCK) != 0 {
        return Err(Errno::NotSupported.into());
    }
    let open = wasi.descriptors.file(word(descriptor))?;
    let mut system = rustix::fs::fcntl_getfl(&open.file)?;
    system.set(OFlags::APPEND, flags & APPEND != 0);
    rustix::fs::fcntl_setfl(&open.file, system)?;
    open.flags = flags;
    Ok(())
}

/// Rights only ever become fewer, and nothing here depends on them.
pub(super) fn fd_fdstat_set_rights(
    wasi: &mut Wasi,
    _: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor] = arguments(cells)?;
    wasi.descriptors.get(word(descriptor))?;
    Err(Errno::NotSupported.into())
}

pub(super) fn fd_filestat_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, result] = arguments(cells)?;
    let metadata = match wasi.descriptors.get(word(descriptor))? {
        Descriptor::Directory(directory) => directory.dir.dir_metadata()?,
        Descriptor::File(open) => open.file.metadata()?,
        Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => {
            let mut status = [0; 64];
            status[16] = UNKNOWN;
            return guest::store(memory, word(result), &status);
        }
    };
    store_status(memory, word(result), &metadata)
}

/// Writes what is known of a file.
pub(super) fn store_status(
    memory: &mut Memory,
    address: u32,
    metadata: &Metadata,
) -> Result<(), Stop> {
    let nanoseconds = |seconds: i64, rest: i64| {
        let seconds = (seconds as u64).wrapping_mul(1_000_000_000);
        seconds.wrapping_add(rest as u64)
    };
    let numbers = [
        metadata.dev(),
        metadata.ino(),
        u64::from(kind(metadata.file_type())),
        metadata.nlink(),
        metadata.len(),
        nanoseconds(metadata.atime(), metadata.atime_nsec()),
        nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    ];
    let mut status = [0; 64];
    for (field, number) in status.chunks_exact_mut(8).zip(numbers) {
        field.copy_from_slice(&number.to_le_bytes());
    }
    guest::store(memory, address, &status)
}

pub(super) fn fd_filestat_set_size(
    wasi: &mut Wasi,
    _: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, size] = arguments(cells)?;
    let open = wasi.descriptors.writable_file(word(descriptor))?;
    Ok(open.file.set_len(size)?)
}

pub(super) fn fd_filestat_set_times(
    wasi: &mut Wasi,
    _: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, accessed, modified, which] = arguments(cells)?;
    let times = times(accessed, modified, which)?;
    match wasi.descriptors.get(word(descriptor))? {
        Descriptor::File(open) if open.read_only => Err(Errno::ReadOnly.into()),
        Descriptor::File(open) => Ok(rustix::fs::futimens(&open.file, &times)?),
        Descriptor::Directory(directory) => {
            let dir = directory.writable()?;
            Ok(rustix::fs::utimensat(dir, ".", &times, AtFlags::empty())?)
        }
        _ => Err(Errno::BadFile.into()),
    }
}

/// The times that a file is to have.
pub(super) fn times(accessed: u64, modified: u64, which: u64) -> Result<Timestamps, Stop> {
    let which = word(which);
    if which & !15 != 0 {
        return Err(Errno::Invalid.into());
    }
    let time = |value: u64, set: bool, now: bool| match (set, now) {
        (true, true) => Err(Stop::Error(Errno::Invalid)),
        (true, false) => Ok(Timespec {
            tv_sec: (value / 1_000_000_000) as i64,
            tv_nsec: (value % 1_000_000_000) as i64,
        }),
        (false, now) => Ok(Timespec {
            tv_sec: 0,
            tv_nsec: if now { UTIME_NOW } else { UTIME_OMIT },
        }),
    };
    Ok(Timestamps {
        last_access: time(accessed, which & 1 != 0, which & 2 != 0)?,
        last_modification: time(modified, which & 4 != 0, which & 8 != 0)?,
    })
}

pub(super) fn fd_prestat_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, result] = arguments(cells)?;
    let length = granted_name(wasi, descriptor)?.len() as u32;
    // Kind 0 is a directory.
    guest::store_long(memory, word(result), u64::from(length) << 32)
}

pub(super) fn fd_prestat_dir_name(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [descriptor, address, length] = arguments(cells)?;
    let name = granted_name(wasi, descriptor)?;
    if (word(length) as usize) < name.len() {
        return Err(Errno::NameTooLong.into());
    }
    guest::store(memory, word(address), name.as_bytes())
}

fn granted_name(wasi: &mut Wasi, descriptor: u64) -> Result<String, Stop> {
    match wasi.descriptors.get(word(descriptor))? {
        Descriptor::Directory(Directory {
            granted_as: Some(name),
            ..
        }) => Ok(name.clone()),
        _ => Err(Errno::BadFile.into()),
    }
}

pub(super) fn fd_renumber(wasi: &mut Wasi, _: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [from, to] = arguments(cells)?;
    wasi.descriptors.renumber(word(from), word(to))
}

/// Bytes of an entry of a directory, before its name.
const ENTRY: usize = 24;

/// Lists a directory. The listing is made when reading begins (cookie 0) and stays as it is until then.
pub(super) fn fd_readdir(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [descriptor, address, length, cookie, result] = arguments(cells)?;
    let directory = wasi.descriptors.directory(word(descriptor))?;
    let target = guest::buffer(memory, word(address), word(length))?;
    if cookie == 0 {
        directory.listing = listing(directory)?;
    }
    let mut used = 0;
    let first = usize::try_from(cookie).unwrap_or(usize::MAX);
    let entries = directory.listing.iter().zip(1_u64..).skip(first);
    for (entry, next) in entries {
        let mut head = [0; ENTRY];
        head[..8].copy_from_slice(&next.to_le_bytes());
        head[8..16].copy_from_slice(&entry.inode.to_le_bytes());
        head[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
        head[20] = entry.kind;
        // An entry that does not fit is cut; a full buffer says that there is more.
        for part in [&head[..], &entry.name] {
            let count = part.len().min(target.len() - used);
            target[used..used + count].copy_from_slice(&part[..count]);
            used += count;
        }
        if used == target.len() {
            break;
        }
    }
    guest::store_word(memory, word(result), used as u32)
}

fn listing(directory: &Directory) -> Result<Vec<Entry>, Stop> {
    let inode = directory.dir.dir_metadata()?.ino();
    let itself = [&b"."[..], b".."].map(|name| Entry {
        name: name.to_vec(),
        inode,
        kind: DIRECTORY,
    });
    let mut entries = Vec::from(itself);
    for entry in directory.dir.entries()? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        entries.push(Entry {
            name: entry.file_name().into_encoded_bytes(),
            inode: metadata.ino(),
            kind: kind(metadata.file_type()),
        });
    }
    Ok(entries)
}
