//! Output files: written beside their place first and put there as a whole, or not at all.
//!
//! [`Outputs`] is for what is small enough to be kept until all of it is there. A program that writes as it goes looks
//! with [`Destination::of`] where that goes.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::status::{CANNOT_CREATE, CANNOT_WRITE};

/// Why an output could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file, or a temporary one beside it, cannot be created.
    #[error("cannot create {}: {}", name(path), reason(error))]
    Create {
        /// The output.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A device or pipe cannot be opened.
    #[error("cannot create {}: {}", name(path), reason(error))]
    Open {
        /// The output.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Writing stopped on the way.
    #[error("cannot write {}: {}", name(path), reason(error))]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OutputError {
    /// The exit status; 0 for a broken pipe, which ends a program quietly.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Create { .. } | Self::Open { .. } => CANNOT_CREATE,
            Self::Write { error, .. } if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Write { .. } => CANNOT_WRITE,
        }
    }
}

/// Whether a path means standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The system's words without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// What identifies a file that may not exist yet.
pub fn identity(path: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(path) {
        return whole;
    }
    match (fs::canonicalize(parent(path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

/// Writes to standard output; a closed pipe is the end, not an error.
///
/// # Errors
/// What the system says when it takes no more.
pub fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Where an output goes.
#[derive(Debug)]
pub enum Destination {
    /// Standard output.
    Standard,
    /// A device or a pipe, which cannot be replaced.
    Special,
    /// A file that is there or will be.
    File(Place),
}

impl Destination {
    /// Where an output with this path goes; `-` is standard output.
    pub fn of(path: &Path) -> Destination {
        if is_standard(path) {
            return Destination::Standard;
        }
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&place).ok();
        match &existing {
            Some(found) if !found.is_file() && !found.is_dir() => Destination::Special,
            _ => Destination::File(Place { place, existing }),
        }
    }
}

/// The place of a file that is there or will be.
#[derive(Debug)]
pub struct Place {
    /// Without symbolic links, if it exists.
    place: PathBuf,
    existing: Option<fs::Metadata>,
}

impl Place {
    /// Whether there is a directory, which cannot be replaced.
    pub fn is_directory(&self) -> bool {
        self.existing.as_ref().is_some_and(fs::Metadata::is_dir)
    }

    /// A file beside the place, with the permissions of the one that is there. Its name begins with a dot and `prefix`.
    ///
    /// # Errors
    /// If it cannot be created, or cannot have these permissions.
    pub fn create(&self, prefix: &str) -> io::Result<Temporary> {
        let temporary = Temporary::beside(&self.place, prefix)?;
        if let Some(existing) = self.existing.as_ref().filter(|found| found.is_file()) {
            let file = temporary.file.as_file();
            file.set_permissions(existing.permissions())?;
        }
        Ok(temporary)
    }
}

/// A file that is not yet in its place. It disappears when it is not put there.
#[derive(Debug)]
pub struct Temporary {
    file: NamedTempFile,
    place: PathBuf,
}

impl Temporary {
    /// A file beside a place, with the permissions of any new file. Its name begins with a dot and `prefix`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn beside(place: &Path, prefix: &str) -> io::Result<Temporary> {
        let prefix = format!(".{prefix}-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666)); // less what the umask takes
        }
        Ok(Temporary {
            file: builder.tempfile_in(parent(place))?,
            place: place.to_owned(),
        })
    }

    /// Puts the file in its place, instead of what is there.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn put(self) -> io::Result<()> {
        let put = self.file.persist(&self.place);
        put.map(drop).map_err(|error| error.error)
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Outputs that are complete but not yet in place: all of them are put there, or none.
#[derive(Debug)]
pub struct Outputs {
    /// The program's name.
    program: &'static str,
    staged: Vec<Staged>,
}

#[derive(Debug)]
struct Staged {
    path: PathBuf,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    /// A file beside the place, to be renamed.
    Temporary(Temporary),
    /// Bytes for standard output, a device or a pipe, which cannot be replaced.
    Bytes(Vec<u8>),
}

impl Outputs {
    /// No outputs yet, of the program with this name.
    pub fn new(program: &'static str) -> Outputs {
        Outputs {
            program,
            staged: Vec::new(),
        }
    }

    /// Prepares one output; `-` is standard output.
    ///
    /// # Errors
    /// If no file can be made beside the place, or writing to it fails. What was prepared disappears on drop.
    pub fn add(
        &mut self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        let path = path.to_owned();
        let contents = match Destination::of(&path) {
            Destination::Standard | Destination::Special => {
                let mut bytes = Vec::new();
                write(&mut bytes).map(|()| Contents::Bytes(bytes))
            }
            Destination::File(place) => {
                let file = match place.is_directory() {
                    true => Err(ErrorKind::IsADirectory.into()),
                    false => place.create(self.program),
                };
                let file = match file {
                    Ok(file) => file,
                    Err(error) => return Err(OutputError::Create { path, error }),
                };
                let mut buffered = BufWriter::new(file);
                write(&mut buffered).and_then(|()| match buffered.into_inner() {
                    Ok(file) => Ok(Contents::Temporary(file)),
                    Err(error) => Err(error.into_error()),
                })
            }
        };
        match contents {
            Ok(contents) => self.staged.push(Staged { path, contents }),
            Err(error) => return Err(OutputError::Write { path, error }),
        }
        Ok(())
    }

    /// Puts all outputs in place: devices and pipes first, since only writing to them can still fail in earnest.
    ///
    /// # Errors
    /// If a rename or a write to a device fails.
    pub fn commit(mut self) -> Result<(), OutputError> {
        self.staged
            .sort_by_key(|staged| matches!(staged.contents, Contents::Temporary(_)));
        for Staged { path, contents } in self.staged {
            match contents {
                Contents::Temporary(file) => match file.put() {
                    Ok(()) => {}
                    Err(error) => return Err(OutputError::Create { path, error }),
                },
                Contents::Bytes(bytes) => write_bytes(path, &bytes)?,
            }
        }
        Ok(())
    }
}

/// Writes to standard output, a device or a pipe.
fn write_bytes(path: PathBuf, bytes: &[u8]) -> Result<(), OutputError> {
    let mut out: Box<dyn Write> = match is_standard(&path) {
        true => Box::new(io::stdout().lock()),
        false => match File::options().write(true).open(&path) {
            Ok(file) => Box::new(file),
            Err(error) => return Err(OutputError::Open { path, error }),
        },
    };
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| OutputError::Write { path, error })
}

fn name(path: &Path) -> String {
    match is_standard(path) {
        true => "standard output".to_owned(),
        false => format!("`{}`", path.display()),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
