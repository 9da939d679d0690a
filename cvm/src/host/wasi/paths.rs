//! Files and directories by their paths, which begin at a directory's descriptor and never lead out of it.

use std::io;

use cap_std::fs::{Dir, Metadata, OpenOptions};

use super::descriptors::{Descriptor, Directory, OpenFile};
use super::errno::{Errno, Stop};
use super::files::{APPEND, store_status, times};
use super::guest::{self, word};
use super::{Wasi, arguments};
use crate::host::sys::wait;
use crate::memory::Memory;

/// A symbolic link at the end of the path is followed.
const FOLLOW: u32 = 1;

/// How a file is opened.
const CREATE: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCLUSIVE: u32 = 4;
const TRUNCATE: u32 = 8;

/// Rights that a program asks for when it opens a file: to read, and those that change something.
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6 | 1 << 8 | 1 << 22;

/// The metadata of a file, or of the link that the path names.
fn metadata(dir: &Dir, path: &str, flags: u64) -> Result<Metadata, Stop> {
    Ok(match word(flags) & FOLLOW {
        0 => dir.symlink_metadata(path)?,
        _ => dir.metadata(path)?,
    })
}

pub(super) fn path_open(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [
        directory,
        lookup,
        path,
        length,
        how,
        rights,
        _inherited,
        flags,
        result,
    ] = arguments(cells)?;
    let path = guest::path(memory, word(path), word(length))?;
    guest::buffer(memory, word(result), 4)?;
    wasi.descriptors.check_room()?;
    let parent = wasi.descriptors.directory(word(directory))?;
    let (how, flags) = (word(how), word(flags) as u16);
    let (reads, writes) = (rights & READ != 0, rights & WRITE != 0);
    let changes = writes || how & (CREATE | TRUNCATE) != 0 || flags & APPEND != 0;
    if word(lookup) & FOLLOW == 0 {
        let is_link = parent.dir.symlink_metadata(&path);
        if is_link.is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(Errno::Loop.into());
        }
    }
    let is_directory = parent.dir.metadata(&path).is_ok_and(|found| found.is_dir());
    let read_only = parent.read_only;
    let descriptor = if is_directory || how & DIRECTORY != 0 {
        if how & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE {
            return Err(Errno::Exists.into());
        }
        // Who asks for a directory may ask for every right.
        if how & TRUNCATE != 0 || writes && how & DIRECTORY == 0 {
            return Err(Errno::IsDirectory.into());
        }
        let dir = parent.dir.open_dir(&path)?;
        Descriptor::Directory(Directory::new(dir, read_only))
    } else {
        if read_only && changes {
            return Err(Errno::ReadOnly.into());
        }
        let mut options = OpenOptions::new();
        options
            .read(reads || !writes)
            .write(writes || how & (CREATE | TRUNCATE) != 0)
            .append(flags & APPEND != 0)
            .create(how & CREATE != 0)
            .create_new(how & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE)
            .truncate(how & TRUNCATE != 0);
        let file = wait::open::<Errno>(&parent.dir, path.as_ref(), options, &wasi.watch)?;
        let waits = !file.metadata()?.is_file();
        Descriptor::File(OpenFile {
            file,
            reads: reads || !writes,
            writes,
            read_only,
            waits,
            flags,
        })
    };
    let number = wasi.descriptors.add(descriptor)?;
    guest::store_word(memory, word(result), number)
}

pub(super) fn path_filestat_get(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [directory, flags, path, length, result] = arguments(cells)?;
    let path = guest::path(memory, word(path), word(length))?;
    let parent = wasi.descriptors.directory(word(directory))?;
    let found = metadata(&parent.dir, &path, flags)?;
    store_status(memory, word(result), &found)
}

pub(super) fn path_filestat_set_times(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [directory, flags, path, length, accessed, modified, which] = arguments(cells)?;
    let path = guest::path(memory, word(path), word(length))?;
    let dir = wasi.descriptors.directory(word(directory))?.writable()?;
    let times = times(accessed, modified, which)?;
    let found = metadata(dir, &path, flags)?;
    if found.is_symlink() {
        // A link's own times would have to be set by its path, which may change meanwhile.
        return Err(Errno::NotSupported.into());
    }
    if found.is_dir() {
        let dir = dir.open_dir(&path)?;
        return Ok(rustix::fs::utimensat(
            &dir,
            ".",
            &times,
            rustix::fs::AtFlags::empty(),
        )?);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    let file = wait::open::<Errno>(dir, path.as_ref(), options, &wasi.watch)?;
    Ok(rustix::fs::futimens(&file, &times)?)
}

/// Does something to the entry of a directory that may be written.
fn change(
    wasi: &mut Wasi,
    memory: &Memory,
    cells: &[u64],
    what: impl Fn(&Dir, String) -> io::Result<()>,
) -> Result<(), Stop> {
    let [directory, path, length] = arguments(cells)?;
    let path = guest::path(memory, word(path), word(length))?;
    let dir = wasi.descriptors.directory(word(directory))?.writable()?;
    Ok(what(dir, path)?)
}

pub(super) fn path_create_directory(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    change(wasi, memory, cells, Dir::create_dir)
}

pub(super) fn path_remove_directory(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    change(wasi, memory, cells, |dir, path| {
        // `cap-std` takes no slash behind the name of a directory that it removes; the system does.
        match path.trim_end_matches('/') {
            "" => dir.remove_dir(&path),
            name => dir.remove_dir(name),
        }
    })
}

pub(super) fn path_unlink_file(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    change(wasi, memory, cells, Dir::remove_file)
}

pub(super) fn path_rename(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [from_dir, from, from_length, to_dir, to, to_length] = arguments(cells)?;
    let from = guest::path(memory, word(from), word(from_length))?;
    let to = guest::path(memory, word(to), word(to_length))?;
    let (source, target) = wasi.descriptors.directories(word(from_dir), word(to_dir))?;
    let (source, target) = (source.writable()?, target.writable()?);
    Ok(source.rename(from, target, to)?)
}

pub(super) fn path_link(wasi: &mut Wasi, memory: &mut Memory, cells: &[u64]) -> Result<(), Stop> {
    let [from_dir, flags, from, from_length, to_dir, to, to_length] = arguments(cells)?;
    let from = guest::path(memory, word(from), word(from_length))?;
    let to = guest::path(memory, word(to), word(to_length))?;
    if word(flags) & FOLLOW != 0 {
        return Err(Errno::Invalid.into());
    }
    let (source, target) = wasi.descriptors.directories(word(from_dir), word(to_dir))?;
    // A second name could be in a directory that may be written.
    let (source, target) = (source.writable()?, target.writable()?);
    Ok(source.hard_link(from, target, to)?)
}

pub(super) fn path_symlink(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [target, target_length, directory, path, length] = arguments(cells)?;
    let target = guest::path(memory, word(target), word(target_length))?;
    let path = guest::path(memory, word(path), word(length))?;
    let dir = wasi.descriptors.directory(word(directory))?.writable()?;
    Ok(dir.symlink(target, path)?)
}

pub(super) fn path_readlink(
    wasi: &mut Wasi,
    memory: &mut Memory,
    cells: &[u64],
) -> Result<(), Stop> {
    let [directory, path, length, address, capacity, result] = arguments(cells)?;
    let path = guest::path(memory, word(path), word(length))?;
    let parent = wasi.descriptors.directory(word(directory))?;
    let target = parent.dir.read_link(path)?;
    let target = target.as_os_str().as_encoded_bytes();
    let count = target.len().min(word(capacity) as usize);
    guest::store(memory, word(address), &target[..count])?;
    guest::store_word(memory, word(result), count as u32)
}
