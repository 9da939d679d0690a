//! Descriptors: what the numbers of a program's open files and directories stand for.

use cap_std::fs::{Dir, File};

use super::errno::{Errno, Stop};

/// Most descriptors that a program has.
const MOST: usize = 1024;

/// What a descriptor stands for.
#[derive(Debug)]
pub(super) enum Descriptor {
    Stdin,
    Stdout,
    Stderr,
    Directory(Directory),
    File(OpenFile),
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) dir: Dir,
    /// Nothing in it can be changed.
    pub(super) read_only: bool,
    /// The name by which the program sees it, if it was granted.
    pub(super) granted_as: Option<String>,
    /// What it held when reading it began.
    pub(super) listing: Vec<Entry>,
}

impl Directory {
    pub(super) fn new(dir: Dir, read_only: bool) -> Directory {
        Directory {
            dir,
            read_only,
            granted_as: None,
            listing: Vec::new(),
        }
    }

    /// The directory, to change something in it.
    pub(super) fn writable(&self) -> Result<&Dir, Stop> {
        match self.read_only {
            true => Err(Errno::ReadOnly.into()),
            false => Ok(&self.dir),
        }
    }
}

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
    pub(super) kind: u8,
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) reads: bool,
    pub(super) writes: bool,
    /// Its directory was granted for reading only.
    pub(super) read_only: bool,
    /// No regular file: reading and writing may have to wait.
    pub(super) waits: bool,
    /// Flags as the program gave them.
    pub(super) flags: u16,
}

/// All descriptors, by number.
#[derive(Debug)]
pub(super) struct Descriptors(Vec<Option<Descriptor>>);

impl Descriptors {
    /// The standard streams and these directories.
    pub(super) fn new(directories: impl Iterator<Item = Directory>) -> Descriptors {
        let streams = [Descriptor::Stdin, Descriptor::Stdout, Descriptor::Stderr];
        let all = streams
            .into_iter()
            .chain(directories.map(Descriptor::Directory));
        Descriptors(all.map(Some).collect())
    }

    pub(super) fn get(&mut self, number: u32) -> Result<&mut Descriptor, Stop> {
        let slot = self.0.get_mut(number as usize).and_then(Option::as_mut);
        slot.ok_or_else(|| Errno::BadFile.into())
    }

    pub(super) fn file(&mut self, number: u32) -> Result<&mut OpenFile, Stop> {
        match self.get(number)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Directory(_) => Err(Errno::IsDirectory.into()),
            _ => Err(Errno::NotSeekable.into()),
        }
    }

    /// A file, to change it.
    pub(super) fn writable_file(&mut self, number: u32) -> Result<&mut OpenFile, Stop> {
        let file = self.file(number)?;
        match (file.read_only, file.writes) {
            (true, _) => Err(Errno::ReadOnly.into()),
            (_, false) => Err(Errno::BadFile.into()),
            _ => Ok(file),
        }
    }

    pub(super) fn directory(&mut self, number: u32) -> Result<&mut Directory, Stop> {
        match self.get(number)? {
            Descriptor::Directory(directory) => Ok(directory),
            _ => Err(Errno::NotDirectory.into()),
        }
    }

    /// Two directories, which may be the same.
    pub(super) fn directories(
        &self,
        first: u32,
        second: u32,
    ) -> Result<(&Directory, &Directory), Stop> {
        let find = |number: u32| match self.0.get(number as usize) {
            Some(Some(Descriptor::Directory(directory))) => Ok(directory),
            Some(Some(_)) => Err(Stop::Error(Errno::NotDirectory)),
            _ => Err(Stop::Error(Errno::BadFile)),
        };
        Ok((find(first)?, find(second)?))
    }

    /// Whether one more has room.
    pub(super) fn check_room(&self) -> Result<(), Stop> {
        let is_full = self.0.len() >= MOST && self.0.iter().all(Option::is_some);
        match is_full {
            true => Err(Errno::TooManyFiles.into()),
            false => Ok(()),
        }
    }

    /// Gives the lowest free number to a descriptor.
    pub(super) fn add(&mut self, descriptor: Descriptor) -> Result<u32, Stop> {
        self.check_room()?;
        let free = self.0.iter().position(Option::is_none);
        let number = free.unwrap_or(self.0.len());
        match self.0.get_mut(number) {
            Some(slot) => *slot = Some(descriptor),
            None => self.0.push(Some(descriptor)),
        }
        Ok(number as u32)
    }

    pub(super) fn close(&mut self, number: u32) -> Result<Descriptor, Stop> {
        let slot = self.0.get_mut(number as usize).and_then(Option::take);
        slot.ok_or_else(|| Errno::BadFile.into())
    }

    /// Moves a descriptor to the number of another, which is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Stop> {
        self.get(to)?;
        let moved = self.close(from)?;
        self.0[to as usize] = Some(moved);
        Ok(())
    }
}
