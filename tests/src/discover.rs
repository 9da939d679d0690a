//! Finds the cases.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Every case: the `.cvma` files below `tests/cases/` and `examples/`, in order of their paths. Those that print by C are
/// run by a test of their own.
pub fn case_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["tests/cases", "examples"] {
        collect(&root().join(folder), &mut found);
    }
    let printing = root().join("examples/foreign");
    found.retain(|path| !path.starts_with(&printing));
    found.sort();
    found
}

/// A case's name: its path from the root, without the ending.
pub fn name_of(path: &Path) -> String {
    let root = root();
    let path = path.strip_prefix(&root).unwrap_or(path);
    let path = path.strip_prefix("tests/cases").unwrap_or(path);
    path.with_extension("").to_string_lossy().into_owned()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "cvma") {
            found.push(path);
        }
    }
}
