//! Whether everything that a library needs is there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::{Library, NotFound, Search};

/// Most libraries that are looked at.
const LIBRARIES_MAX: usize = 512;

/// A library that another one needs and that is nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingDependency {
    /// The library that needs it.
    pub needed_by: PathBuf,
    /// What was looked for, and where.
    pub not_found: NotFound,
}

/// The first library that the one at `path`, or one that it needs, asks for and that cannot be found.
pub fn missing_dependency(search: &Search, path: &Path) -> Option<MissingDependency> {
    let mut waiting = vec![path.to_path_buf()];
    let mut seen = HashSet::new();
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) || seen.len() > LIBRARIES_MAX {
            continue;
        }
        let Ok(library) = Library::read(&path) else {
            continue;
        };
        let origin = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        let first = library
            .run_path()
            .iter()
            .map(|directory| {
                let origin = origin.to_string_lossy();
                PathBuf::from(
                    directory
                        .replace("${ORIGIN}", &origin)
                        .replace("$ORIGIN", &origin),
                )
            })
            .collect();
        let search = search.with_first(first);
        for needed in library.needed() {
            match search.find(needed) {
                Ok(found) => waiting.push(found),
                // The dynamic linker itself is there whenever anything is.
                Err(_) if needed.starts_with("ld-linux") => {}
                Err(not_found) => {
                    return Some(MissingDependency {
                        needed_by: path,
                        not_found,
                    });
                }
            }
        }
    }
    None
}
