//! The output file: written beside its place first, then put there as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::Failure;

/// Exit status when the output cannot be created.
pub(crate) const CANNOT_CREATE: u8 = 73;
/// Exit status when writing stops on the way.
const CANNOT_WRITE: u8 = 74;

/// Whether a path means standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The system's words without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn name(path: &Path) -> String {
    match is_standard(path) {
        true => "standard output".to_owned(),
        false => format!("`{}`", path.display()),
    }
}

fn not_created(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot create {}: {}", name(path), reason(error));
    Failure::new(message, CANNOT_CREATE)
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write {}: {}", name(path), reason(error));
    let status = match error.kind() {
        // A closed pipe is the end, not an error.
        io::ErrorKind::BrokenPipe => 0,
        _ => CANNOT_WRITE,
    };
    Failure::new(message, status)
}

/// Writes the output as a whole or not at all; standard output, devices and pipes directly.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&place).ok();
    if is_standard(path) {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        return written.map_err(|error| not_written(path, &error));
    }
    if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(not_created(path, &io::ErrorKind::IsADirectory.into()));
    }
    if existing.as_ref().is_some_and(|found| !found.is_file()) {
        let mut file = File::options()
            .write(true)
            .open(path)
            .map_err(|error| not_created(path, &error))?;
        let written = file.write_all(bytes).and_then(|()| file.flush());
        return written.map_err(|error| not_written(path, &error));
    }
    let directory = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cvm-wasm-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less what the umask takes
    }
    let mut file = builder
        .tempfile_in(directory)
        .map_err(|error| not_created(path, &error))?;
    if let Some(existing) = existing {
        file.as_file()
            .set_permissions(existing.permissions())
            .map_err(|error| not_written(path, &error))?;
    }
    file.write_all(bytes)
        .map_err(|error| not_written(path, &error))?;
    match file.persist(&place) {
        Ok(_) => Ok(()),
        Err(error) => Err(not_created(path, &error.error)),
    }
}
