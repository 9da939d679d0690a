//! Where a library is.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::Library;

/// Longest configuration file or linker script that is read, in bytes.
const TEXT_MAX: u64 = 1 << 20;
/// Most directories that the system's configuration may name.
const DIRECTORIES_MAX: usize = 256;

/// How a program names a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// `-l m` or `-lm`: as a linker takes it.
    Linker(&'a str),
    /// With a slash: a file.
    Path(&'a str),
    /// A file name in one of the directories, such as `libc.so.6`.
    File(&'a str),
}

impl<'a> Name<'a> {
    /// Takes a name apart.
    pub fn of(name: &'a str) -> Name<'a> {
        match name.strip_prefix("-l") {
            Some(short) if !short.trim().is_empty() && !short.contains('/') => {
                Name::Linker(short.trim())
            }
            _ if name.contains('/') => Name::Path(name),
            _ => Name::File(name),
        }
    }
}

/// A library that is in none of the places.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no library `{name}`")]
pub struct NotFound {
    /// As it was asked for.
    pub name: String,
    /// The files that were looked for, in order.
    pub tried: Vec<PathBuf>,
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Search {
    directories: Vec<PathBuf>,
    /// Looked at before all others.
    first: Vec<PathBuf>,
}

impl Search {
    /// Looks in these directories first (`-L`), then where the system's dynamic linker looks.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Search {
        Search {
            directories: directories.into_iter().collect(),
            first: Vec::new(),
        }
    }

    /// The same, with directories that come before all (a library's own run path).
    pub(crate) fn with_first(&self, first: Vec<PathBuf>) -> Search {
        Search {
            directories: self.directories.clone(),
            first,
        }
    }

    /// The file of a library, in the directories given to [`Search::new`] only.
    pub fn find_in_given(&self, name: &str) -> Option<PathBuf> {
        self.find_in(name, &self.directories, &mut Vec::new())
    }

    /// The file of a library.
    ///
    /// # Errors
    /// If it is nowhere; the error lists the places.
    pub fn find(&self, name: &str) -> Result<PathBuf, NotFound> {
        let mut tried = Vec::new();
        let mut directories = self.first.clone();
        directories.extend(self.directories.iter().cloned());
        if let Name::Path(path) = Name::of(name) {
            let path = Path::new(path);
            if path.is_file() {
                return Ok(path.to_path_buf());
            }
            tried.push(path.to_path_buf());
            if path.is_absolute() {
                directories.clear();
            }
        } else {
            directories.extend(system_directories());
        }
        match self.find_in(name, &directories, &mut tried) {
            Some(path) => Ok(path),
            None => Err(NotFound {
                name: name.to_string(),
                tried,
            }),
        }
    }

    fn find_in(
        &self,
        name: &str,
        directories: &[PathBuf],
        tried: &mut Vec<PathBuf>,
    ) -> Option<PathBuf> {
        let mut seen = HashSet::new();
        for directory in directories {
            if !seen.insert(directory.clone()) {
                continue;
            }
            let found = match Name::of(name) {
                Name::Linker(short) => linker_file(directory, short, tried),
                Name::Path(file) | Name::File(file) => {
                    let path = directory.join(file);
                    let exists = path.is_file();
                    tried.push(path.clone());
                    exists.then_some(path)
                }
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// What `-l short` is in a directory: `libshort.so` (what the file links to, or what a linker script names), else the
/// highest version of it.
fn linker_file(directory: &Path, short: &str, tried: &mut Vec<PathBuf>) -> Option<PathBuf> {
    let base = directory.join(format!("lib{short}.so"));
    tried.push(base.clone());
    if base.is_file() {
        if Library::is_library(&base) {
            return Some(versioned(&base));
        }
        if let Some(named) = named_by_script(&base) {
            return Some(named);
        }
    }
    let prefix = format!("lib{short}.so.");
    let mut versions: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version: Option<Vec<u32>> = name
                .strip_prefix(&prefix)?
                .split('.')
                .map(|part| part.parse().ok())
                .collect();
            Some((version?, entry.path()))
        })
        .collect();
    // The first number is the interface; `libm.so.6` stands for `libm.so.6.1.2`.
    versions.sort_by(|(a, _), (b, _)| (a[0], b.len()).cmp(&(b[0], a.len())));
    versions.pop().map(|(_, path)| path)
}

/// The file beside a development link that has the library's own name: `libm.so` → `libm.so.6`.
fn versioned(path: &Path) -> PathBuf {
    let soname = Library::read(path).ok().and_then(|library| {
        let soname = library.soname()?.to_string();
        let mut parts = Path::new(&soname).components();
        let is_plain = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(_)), None)
        );
        is_plain.then_some(soname)
    });
    match soname {
        Some(soname) if path.with_file_name(&soname).is_file() => path.with_file_name(soname),
        _ => path.to_path_buf(),
    }
}

/// The first shared library in a linker script's GROUP or INPUT.
fn named_by_script(path: &Path) -> Option<PathBuf> {
    let text = small_text(path)?;
    let start = text.find("GROUP").or_else(|| text.find("INPUT"))?;
    let list = text[start..].split_once('(')?.1;
    list.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
        .filter(|word| word.starts_with('/') && word.contains(".so"))
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

fn small_text(path: &Path) -> Option<String> {
    let is_small = fs::metadata(path).ok()?.len() <= TEXT_MAX;
    is_small
        .then(|| fs::read(path).ok())
        .flatten()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The directories of the dynamic linker: LD_LIBRARY_PATH, its configuration, and its own.
fn system_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = std::env::var_os("LD_LIBRARY_PATH")
        .map(|paths| {
            let paths = std::env::split_paths(&paths);
            paths.filter(|path| !path.as_os_str().is_empty()).collect()
        })
        .unwrap_or_default();
    configured(Path::new("/etc/ld.so.conf"), 0, &mut directories);
    for directory in [
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
    ] {
        directories.push(directory.into());
    }
    let mut seen = HashSet::new();
    directories.retain(|directory| seen.insert(directory.clone()));
    directories
}

/// Reads a file of the form of ld.so.conf.
fn configured(path: &Path, depth: u32, directories: &mut Vec<PathBuf>) {
    let Some(text) = small_text(path).filter(|_| depth < 4) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if directories.len() >= DIRECTORIES_MAX {
            return;
        }
        match line.strip_prefix("include ") {
            Some(pattern) => {
                for file in matching(pattern.trim()) {
                    configured(&file, depth + 1, directories);
                }
            }
            None if line.starts_with('/') => directories.push(line.into()),
            None => {}
        }
    }
}

/// The files of `dir/*.conf`, in order.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((directory, name)) = pattern.rsplit_once('/') else {
        return Vec::new();
    };
    let Some((before, after)) = name.split_once('*') else {
        return vec![pattern.into()];
    };
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(before) && name.ends_with(after)
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}
