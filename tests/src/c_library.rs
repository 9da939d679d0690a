//! C that tests call: compiled with the system's compiler when a test first needs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::discover;

/// A folder of this test process, removed by the operating system's cleaning of temporary files at the latest: a static is
/// never dropped.
fn scratch() -> Result<&'static Path, String> {
    static FOLDER: OnceLock<Result<TempDir, String>> = OnceLock::new();
    FOLDER
        .get_or_init(|| TempDir::new().map_err(|error| error.to_string()))
        .as_ref()
        .map(TempDir::path)
        .map_err(Clone::clone)
}

/// Compiles C sources; `flags` come before them.
///
/// # Errors
/// If there is no compiler, or it refuses.
pub fn compile(flags: &[&str], sources: &[PathBuf], output: &Path) -> Result<(), String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let made = Command::new(&compiler)
        .args(["-std=gnu11", "-O1", "-Wall", "-Werror"])
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(output)
        .output()
        .map_err(|error| format!("the C compiler `{compiler}` cannot be started: {error}"))?;
    match made.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&made.stderr).into_owned()),
    }
}

/// Compiles a shared library.
///
/// # Errors
/// As for [`compile`].
pub fn shared(source: &Path, output: &Path, flags: &[&str]) -> Result<(), String> {
    let mut all = vec!["-shared", "-fPIC", "-pthread"];
    all.extend(flags);
    compile(&all, &[source.to_path_buf()], output)
}

/// The folder that holds `libcvmtest.so`, the library of `tests/foreign/cvmtest.c`, and others that go wrong in some way:
/// `libneedy.so` needs a library that is not there, `libbroken.so` is no library.
///
/// # Errors
/// If it cannot be made.
pub fn folder() -> Result<PathBuf, String> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> Result<PathBuf, String> {
    let folder = scratch()?.join("lib");
    let source = discover::root().join("tests/foreign");
    std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
    shared(
        &source.join("cvmtest.c"),
        &folder.join("libcvmtest.so"),
        &[
            "-Wl,-soname,libcvmtest.so",
            &format!(
                "-Wl,--version-script={}",
                source.join("cvmtest.map").display()
            ),
        ],
    )?;
    let gone = folder.join("libgone.so");
    let empty = source.join("empty.c");
    shared(&empty, &gone, &["-Wl,-soname,libgone.so"])?;
    let link = format!("-L{}", folder.display());
    shared(
        &empty,
        &folder.join("libneedy.so"),
        &["-Wl,--no-as-needed", &link, "-lgone"],
    )?;
    std::fs::remove_file(gone).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("libbroken.so"), "\x7fELF and nothing else\n")
        .map_err(|error| error.to_string())?;
    Ok(folder)
}
