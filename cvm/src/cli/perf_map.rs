//! `--perf-map`: the names of compiled functions, where Linux's `perf` looks for them.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cvm::compiled::CompiledCode;
use cvm::machine::Machine;
use cvm::report::Problem;

use super::Failure;

/// Writes a line for each function when it is compiled, so that the file is complete whenever and however the run ends.
pub(super) fn start(machine: &mut Machine) -> Result<(), Failure> {
    let path = PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()));
    let file = create(&path).map_err(|error| {
        let message = format!("cannot create `{}`: {error}", path.display());
        Problem::new("output-failed", message)
    })?;
    let file = Mutex::new(file);
    machine.on_compiled(move |pieces| {
        let Ok(mut file) = file.lock() else {
            return;
        };
        // Who profiles sees that names are missing; the program goes on.
        let _ = file.write_all(lines(pieces).as_bytes());
    });
    Ok(())
}

/// A line for each piece: address, size, name, without line breaks in it.
fn lines(pieces: &[CompiledCode]) -> String {
    pieces.iter().fold(String::new(), |mut lines, piece| {
        let name = piece.name.replace(char::is_control, "?");
        let _ = writeln!(lines, "{:x} {:x} {name}", piece.address, piece.size);
        lines
    })
}

/// A new file, in place of one that another process of the same number left. Everybody can write to the directory, so
/// nothing that is there is written to.
fn create(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()
        }
        result => result,
    }
}
