//! The programs `cvm`, `cvm-asm`, `cvm-disasm` and `cvm-wasm` as a user has them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::discover;

/// The folder that holds the programs, as they are built from the present sources.
///
/// # Panics
/// If they do not build.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build)
}

/// Cargo builds programs for the integration tests of their own package only, so another cargo is asked. After `cargo test
/// --workspace` it finds everything built: it is asked for the whole workspace, and for an example among it, because
/// features of dev-dependencies count only where something is built that can use them, and with other features all
/// dependencies, Cranelift among them, would be compiled once more.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let folder = test.ancestors().nth(2).expect("target/profile/deps/test");
    let mut build = Command::new(env!("CARGO"));
    build
        .current_dir(discover::root())
        .args(["build", "--quiet", "--workspace", "--bins"])
        .args(["--example", "plugins"])
        .arg("--target-dir")
        .arg(folder.parent().expect("target"));
    if folder.file_name().is_some_and(|name| name == "release") {
        build.arg("--release");
    }
    let status = build.status().expect("cargo runs");
    assert!(status.success(), "the programs do not build");
    folder.to_path_buf()
}
