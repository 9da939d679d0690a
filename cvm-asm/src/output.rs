//! Output files: all are written beside their place first and put there together, or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why an output could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The file, or a temporary one beside it, cannot be created.
    #[error("cannot create {}: {}", name(path), reason(error))]
    Create {
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
    /// The exit status of `cvm-asm`: a broken pipe ends quietly.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Create { .. } => 73,
            Self::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Write { .. } => 74,
        }
    }
}

/// Outputs that are complete but not yet in place.
#[derive(Default)]
pub(crate) struct Outputs {
    staged: Vec<Staged>,
}

struct Staged {
    path: PathBuf,
    contents: Contents,
}

enum Contents {
    /// A file beside the place, to be renamed.
    Temporary(NamedTempFile),
    /// Bytes for standard output, a device or a pipe, which cannot be replaced.
    Bytes(Vec<u8>),
}

impl Outputs {
    /// Prepares one output; `-` is standard output.
    ///
    /// # Errors
    /// If no file can be made beside the place, or writing to it fails. What was prepared disappears on drop.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        let failed = |error| OutputError::Write {
            path: path.to_owned(),
            error,
        };
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&place).ok();
        if !is_standard(path) && existing.as_ref().is_some_and(|m| m.is_dir()) {
            let error = io::ErrorKind::IsADirectory.into();
            return Err(OutputError::Create {
                path: path.to_owned(),
                error,
            });
        }
        let special = existing.as_ref().is_some_and(|m| !m.is_file());
        if is_standard(path) || special {
            let mut bytes = Vec::new();
            write(&mut bytes).map_err(failed)?;
            self.staged.push(Staged {
                path: path.to_owned(),
                contents: Contents::Bytes(bytes),
            });
            return Ok(());
        }
        let cannot_create = |error| OutputError::Create {
            path: path.to_owned(),
            error,
        };
        let file = temporary_beside(&place).map_err(cannot_create)?;
        if let Some(existing) = existing {
            let permissions = existing.permissions();
            file.as_file()
                .set_permissions(permissions)
                .map_err(failed)?;
        }
        let mut buffered = BufWriter::new(file);
        write(&mut buffered).map_err(failed)?;
        let file = buffered.into_inner().map_err(|e| failed(e.into_error()))?;
        self.staged.push(Staged {
            path: place,
            contents: Contents::Temporary(file),
        });
        Ok(())
    }

    /// Puts all outputs in place: devices and pipes first, since only writing to them can still fail in earnest.
    ///
    /// # Errors
    /// If a rename or a write to a device fails.
    pub(crate) fn commit(mut self) -> Result<(), OutputError> {
        self.staged
            .sort_by_key(|staged| matches!(staged.contents, Contents::Temporary(_)));
        for Staged { path, contents } in self.staged {
            match contents {
                Contents::Temporary(file) => {
                    if let Err(error) = file.persist(&path) {
                        let error = error.error;
                        return Err(OutputError::Create { path, error });
                    }
                }
                Contents::Bytes(bytes) => {
                    if let Err(error) = write_bytes(&path, &bytes) {
                        return Err(OutputError::Write { path, error });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a path means standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn name(path: &Path) -> String {
    match is_standard(path) {
        true => "standard output".to_owned(),
        false => format!("`{}`", path.display()),
    }
}

/// What identifies a file that may not exist yet.
pub(crate) fn identity(path: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(path) {
        return whole;
    }
    let (directory, name) = (parent(path), path.file_name());
    match (fs::canonicalize(directory), name) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

/// The system's words without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary_beside(place: &Path) -> io::Result<NamedTempFile> {
    if place.file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cvm-asm-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less what the umask takes
    }
    builder.tempfile_in(parent(place))
}

fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_standard(path) {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        return out.flush();
    }
    let mut file = File::options().write(true).open(path)?;
    file.write_all(bytes)?;
    file.flush()
}
