//! Files inside granted directories. Everything is opened through a capability to the directory, which follows no
//! path and no symbolic link out of it.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use cvm_spec::host::HostError;
use thiserror::Error;

use super::error::{Stop, host_error};
use super::wait;
use crate::host::Watch;

/// Most files that a program has open.
const OPEN_MAX: usize = 64;
/// Number of the first opened file; those below are the standard streams.
const FIRST: u64 = 3;
/// Longest path in bytes.
const PATH_MAX: usize = 4096;

/// A directory that a program may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// The directory.
    pub host: PathBuf,
    /// The name under which the program sees it; `.` stands for every relative path.
    pub guest: String,
    /// Files in it cannot be written, made or removed.
    pub read_only: bool,
}

impl DirGrant {
    /// A directory that the program sees under its own name, for reading and writing.
    pub fn new(host: impl Into<PathBuf>) -> DirGrant {
        let host = host.into();
        DirGrant {
            guest: host.to_string_lossy().into_owned(),
            host,
            read_only: false,
        }
    }

    /// Another name for the program.
    #[must_use]
    pub fn named(self, guest: impl Into<String>) -> DirGrant {
        DirGrant {
            guest: guest.into(),
            ..self
        }
    }

    /// For reading only.
    #[must_use]
    pub fn read_only(self) -> DirGrant {
        DirGrant {
            read_only: true,
            ..self
        }
    }
}

/// A granted directory cannot be opened.
#[derive(Debug, Error)]
#[error("cannot open the directory {}: {source}", path.display())]
pub struct SysError {
    /// The directory.
    pub path: PathBuf,
    /// The system's error.
    pub source: std::io::Error,
}

/// The path that a program gave, if it is one.
pub(super) fn guest_path(bytes: &[u8]) -> Result<&str, Stop> {
    if bytes.is_empty() {
        return Err(HostError::NotFound.into());
    }
    if bytes.len() > PATH_MAX || bytes.contains(&0) {
        return Err(HostError::Invalid.into());
    }
    std::str::from_utf8(bytes).map_err(|_| HostError::Invalid.into())
}

/// An opened grant.
#[derive(Debug)]
pub(in crate::host) struct Granted {
    guest: PathBuf,
    pub(in crate::host) dir: Dir,
    pub(in crate::host) read_only: bool,
}

impl Granted {
    /// The name under which the program sees it.
    pub(in crate::host) fn guest_name(&self) -> String {
        match self.guest.as_os_str().is_empty() {
            true => ".".to_string(),
            false => self.guest.to_string_lossy().into_owned(),
        }
    }
}

/// The granted directories.
#[derive(Debug, Default)]
pub(in crate::host) struct Grants(Vec<Granted>);

/// A path without the parts `.`, which mean nothing.
fn without_dots(path: &str) -> PathBuf {
    let parts = Path::new(path).components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

impl Grants {
    /// All of them, in the order in which they were given.
    pub(in crate::host) fn all(&self) -> &[Granted] {
        &self.0
    }

    pub(super) fn open(grants: Vec<DirGrant>) -> Result<Grants, SysError> {
        let open = |grant: DirGrant| {
            let dir = Dir::open_ambient_dir(&grant.host, ambient_authority());
            Ok(Granted {
                guest: without_dots(&grant.guest),
                dir: dir.map_err(|source| SysError {
                    path: grant.host,
                    source,
                })?,
                read_only: grant.read_only,
            })
        };
        grants
            .into_iter()
            .map(open)
            .collect::<Result<_, _>>()
            .map(Grants)
    }

    /// The grant with the longest name that a path begins with, of equals the last, and the rest of the path.
    fn find(&self, path: &str) -> Result<(&Granted, PathBuf), Stop> {
        let whole = without_dots(path);
        let best = self
            .0
            .iter()
            .filter_map(|granted| {
                let rest = match granted.guest.as_os_str().is_empty() {
                    true if whole.is_absolute() => return None,
                    true => whole.as_path(),
                    false => whole.strip_prefix(&granted.guest).ok()?,
                };
                Some((granted, rest))
            })
            .max_by_key(|(granted, _)| granted.guest.components().count());
        let (granted, rest) = best.ok_or(HostError::NotPermitted)?;
        let mut rest = match rest.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => rest.to_path_buf(),
        };
        if path.ends_with('/') {
            // Only a directory may be named with a slash at the end; `components` dropped it.
            rest.push("");
        }
        Ok((granted, rest))
    }

    pub(super) fn remove(&self, path: &str) -> Result<u64, Stop> {
        let (granted, rest) = self.find(path)?;
        if granted.read_only {
            return Err(HostError::NotPermitted.into());
        }
        granted.dir.remove_file(rest)?;
        Ok(0)
    }
}

/// How a program wants to open a file.
#[derive(Clone, Copy)]
struct Flags(u64);

impl Flags {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const CREATE: u64 = 4;
    const TRUNCATE: u64 = 8;
    const APPEND: u64 = 16;
    const CREATE_NEW: u64 = 32;
    const ALL: u64 = 63;

    /// The flags, if they make sense together.
    fn new(bits: u64) -> Result<Flags, Stop> {
        let flags = Flags(bits);
        let unknown = bits & !Self::ALL != 0;
        let nothing = bits & (Self::READ | Self::WRITE | Self::APPEND) == 0;
        let changes = bits & (Self::CREATE | Self::TRUNCATE | Self::CREATE_NEW) != 0;
        let contradicts = flags.has(Self::TRUNCATE) && flags.has(Self::APPEND);
        if unknown || nothing || contradicts || changes && !flags.writes() {
            return Err(HostError::Invalid.into());
        }
        Ok(flags)
    }

    const fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    const fn writes(self) -> bool {
        self.has(Self::WRITE | Self::APPEND)
    }

    fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options
            .read(self.has(Self::READ))
            .write(self.has(Self::WRITE))
            .create(self.has(Self::CREATE))
            .truncate(self.has(Self::TRUNCATE))
            .append(self.has(Self::APPEND))
            .create_new(self.has(Self::CREATE_NEW));
        options
    }
}

/// An open file.
#[derive(Debug)]
struct Open {
    file: File,
    reads: bool,
    writes: bool,
    /// No regular file: reading and writing may have to wait.
    waits: bool,
}

/// The open files, by number less [`FIRST`].
#[derive(Debug, Default)]
pub(super) struct Files(Vec<Option<Open>>);

impl Files {
    fn get(&mut self, number: u64) -> Result<&mut Open, Stop> {
        let index = number.checked_sub(FIRST).map(usize::try_from);
        let Some(Ok(index)) = index else {
            return Err(HostError::BadFile.into());
        };
        let open = self.0.get_mut(index).and_then(Option::as_mut);
        open.ok_or_else(|| HostError::BadFile.into())
    }

    pub(super) fn open(
        &mut self,
        grants: &Grants,
        path: &str,
        flags: u64,
        watch: &Watch,
    ) -> Result<u64, Stop> {
        let flags = Flags::new(flags)?;
        let (granted, rest) = grants.find(path)?;
        if granted.read_only && flags.writes() {
            return Err(HostError::NotPermitted.into());
        }
        let free = self.0.iter().position(Option::is_none);
        let index = free.unwrap_or(self.0.len());
        if index >= OPEN_MAX {
            return Err(HostError::TooManyFiles.into());
        }
        let file = wait::open(&granted.dir, &rest, flags.options(), watch)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(HostError::IsDirectory.into());
        }
        let open = Some(Open {
            file,
            reads: flags.has(Flags::READ),
            writes: flags.writes(),
            waits: !metadata.is_file(),
        });
        match self.0.get_mut(index) {
            Some(slot) => *slot = open,
            None => self.0.push(open),
        }
        Ok(index as u64 + FIRST)
    }

    pub(super) fn close(&mut self, number: u64) -> Result<u64, Stop> {
        self.get(number)?;
        self.0[(number - FIRST) as usize] = None;
        Ok(0)
    }

    /// Whether the number is a file that is open for writing.
    pub(super) fn writable(&mut self, number: u64) -> Result<(), Stop> {
        match self.get(number)?.writes {
            true => Ok(()),
            false => Err(HostError::BadFile.into()),
        }
    }

    /// Whether reading it may have to wait.
    pub(super) fn waits(&mut self, number: u64) -> bool {
        self.get(number).is_ok_and(|open| open.waits)
    }

    /// Writes as much as the system takes; less than all only before an error.
    pub(super) fn write(&mut self, number: u64, bytes: &[u8], watch: &Watch) -> Result<u64, Stop> {
        self.writable(number)?;
        let Open { file, waits, .. } = self.get(number)?;
        if *waits {
            return wait::write(file, bytes, watch);
        }
        Ok(wait::write_all_it_takes(bytes, |rest, _| file.write(rest))?)
    }

    /// Reads what is there; 0 at the end.
    pub(super) fn read(
        &mut self,
        number: u64,
        bytes: &mut [u8],
        watch: &Watch,
    ) -> Result<u64, Stop> {
        let open = self.get(number)?;
        if !open.reads {
            return Err(HostError::BadFile.into());
        }
        if open.waits {
            return wait::read(&mut open.file, bytes, watch);
        }
        loop {
            match open.file.read(bytes) {
                Ok(count) => return Ok(count as u64),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(host_error(&error).into()),
            }
        }
    }

    pub(super) fn seek(&mut self, number: u64, offset: u64, whence: u64) -> Result<u64, Stop> {
        let file = &mut self.get(number)?.file;
        let signed = offset as i64;
        let target = match whence {
            0 if signed < 0 => return Err(HostError::Invalid.into()),
            0 => SeekFrom::Start(offset),
            1 => SeekFrom::Current(signed),
            2 => SeekFrom::End(signed),
            _ => return Err(HostError::Invalid.into()),
        };
        Ok(file.seek(target)?)
    }

    pub(super) fn size(&mut self, number: u64) -> Result<u64, Stop> {
        let metadata = self.get(number)?.file.metadata()?;
        match metadata.is_file() {
            true => Ok(metadata.len()),
            false => Err(HostError::NotSeekable.into()),
        }
    }
}
