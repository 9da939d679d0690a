//! The programs that are measured: CVM's own, built from this tree, and what the machine has of the others.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::measure::{Output, execute};

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The directory `bench`.
    pub(crate) bench: PathBuf,
    /// `cvm`.
    pub(crate) cvm: PathBuf,
    /// `cvm-asm`.
    pub(crate) cvm_asm: PathBuf,
    /// `cvm-disasm`.
    pub(crate) cvm_disasm: PathBuf,
    /// `cvm-wasm`.
    pub(crate) cvm_wasm: PathBuf,
    /// The example `generate_source` of cvm-asm.
    pub(crate) generate_source: PathBuf,
    /// The example `instruction_ratio` of cvm-wasm.
    pub(crate) instruction_ratio: PathBuf,
}

impl Tools {
    /// Builds CVM's programs.
    pub(crate) fn build() -> Result<Tools, Error> {
        let bench = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let manifest = bench.join("../Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let metadata = execute(
            Command::new(&cargo)
                .args([
                    "metadata",
                    "--no-deps",
                    "--format-version",
                    "1",
                    "--manifest-path",
                ])
                .arg(&manifest),
            Output::Kept,
        )?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata.output)
            .map_err(|error| Error::Other(format!("cargo metadata: {error}")))?;
        let target = metadata["target_directory"]
            .as_str()
            .ok_or_else(|| Error::Other("cargo metadata names no target directory".into()))?;
        let release = Path::new(target).join("release");
        eprintln!("building CVM in {}", release.display());
        // All at once: what they share is built with the same features, so once.
        execute(
            Command::new(&cargo)
                .args(["build", "--release", "--manifest-path"])
                .arg(&manifest)
                .args([
                    "-p",
                    "cvm",
                    "-p",
                    "cvm-asm",
                    "-p",
                    "cvm-disasm",
                    "-p",
                    "cvm-wasm",
                ])
                .args(["--bins", "--example", "generate_source"])
                .args(["--example", "instruction_ratio"]),
            Output::Dropped,
        )?;
        Ok(Tools {
            bench,
            cvm: release.join("cvm"),
            cvm_asm: release.join("cvm-asm"),
            cvm_disasm: release.join("cvm-disasm"),
            cvm_wasm: release.join("cvm-wasm"),
            generate_source: release.join("examples/generate_source"),
            instruction_ratio: release.join("examples/instruction_ratio"),
        })
    }
}

impl Tools {
    /// Builds the program that runs WebAssembly with wasmtime; a workspace of its own, because wasmtime takes minutes.
    pub(crate) fn build_wasmtime(&self) -> Result<PathBuf, Error> {
        self.build_workspace("wasmtime", "run-wasmtime")
    }

    /// Builds the program that measures steps of the machine, and code without checks; a workspace of its own, because
    /// the machine is built with a feature that nothing else may have.
    pub(crate) fn build_runner(&self) -> Result<PathBuf, Error> {
        self.build_workspace("runner", "run-cvm")
    }

    /// Builds a workspace in a folder of its own beside this one; gives its program.
    fn build_workspace(&self, folder: &str, program: &str) -> Result<PathBuf, Error> {
        let directory = self.bench.join(folder);
        eprintln!("building {program} in {}", directory.display());
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        execute(
            Command::new(cargo)
                .args(["build", "--release", "--manifest-path"])
                .arg(directory.join("Cargo.toml"))
                .arg("--target-dir")
                .arg(directory.join("target")),
            Output::Dropped,
        )?;
        Ok(directory.join("target/release").join(program))
    }
}

/// The version line of a program, if it is installed; a message if not.
pub(crate) fn find(program: &str, version_flag: &str) -> Option<String> {
    let output = Command::new(program).arg(version_flag).output();
    match output {
        Ok(output) if output.status.success() => {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            Some(text.lines().next().unwrap_or("").trim().to_string())
        }
        _ => {
            eprintln!("{program} is not installed: left out");
            None
        }
    }
}

/// What kind of machine this is, for the record.
pub(crate) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name")?
                .split_once(':')
                .map(|(_, name)| name.trim().to_string())
        })
        .unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

/// The load of the machine over the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("").to_string()
}
