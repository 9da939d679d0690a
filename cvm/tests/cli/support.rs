//! Running the program `cvm` in a directory of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory with files, in which `cvm` runs.
pub(crate) struct Bench {
    directory: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Checks the exit status and gives itself back.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Outcome {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Checks standard output.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Outcome {
        assert_eq!(self.stdout, text, "{self:#?}");
        self
    }

    /// Checks that standard error holds a text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Outcome {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// Checks that standard error is empty.
    #[track_caller]
    pub(crate) fn silently(self) -> Outcome {
        assert_eq!(self.stderr, "", "{self:#?}");
        self
    }

    /// The JSON object in the last line of standard error.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        assert!(line.starts_with('{'), "{self:#?}");
        serde_json::from_str(line).expect("the line is JSON")
    }
}

impl Bench {
    /// An empty directory.
    pub(crate) fn new() -> Bench {
        Bench {
            directory: tempfile::tempdir().expect("a directory can be made"),
        }
    }

    /// A directory with one file.
    pub(crate) fn with(name: &str, text: impl AsRef<[u8]>) -> Bench {
        let bench = Bench::new();
        bench.file(name, text);
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory can be made");
        }
        fs::write(&path, text).expect("a file can be written");
        path
    }

    /// `cvm` with words divided at blanks, ready to start.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvm"));
        command
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs `cvm` with words divided at blanks.
    pub(crate) fn cvm(&self, line: &str) -> Outcome {
        outcome(&mut self.command(line))
    }

    /// Runs `cvm` with this standard input.
    pub(crate) fn cvm_reading(&self, line: &str, input: &[u8]) -> Outcome {
        let mut command = self.command(line);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("cvm starts");
        let mut stdin = child.stdin.take().expect("is piped");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // The program may end without reading all of it.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("cvm ends");
        writer.join().expect("the writer ends");
        read(&output)
    }
}

/// Runs a command to its end.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    read(&command.output().expect("the command starts"))
}

fn read(output: &std::process::Output) -> Outcome {
    Outcome {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
