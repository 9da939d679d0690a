//! The program `cvm-asm` from outside: flags, files, exit statuses.

mod files;
mod messages;
mod modules;
mod outputs;

use cvm_spec::image::{Image, reader};
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A program without a warning.
const HELLO: &str = "\
; Writes a greeting.
.entry main
.host sys.write (3) -> 1
.equ STDOUT, 1
.data
hello:  .ascii \"hello, world\\n\"
hello_len = . - hello
.text
.func main () -> 1
    push STDOUT
    push d:hello
    push hello_len
    call sys.write
    drop
    push 0
    ret
.end
";

/// A program with one warning, `unused-label`.
const WARNED: &str = ".entry main\n.func main () -> 1\n.nowhere:\n    push 0\n    ret\n.end\n";

/// A program with one error, on line 3 column 5.
const WRONG: &str = ".entry main\n.func main () -> 1\n    pusj 0\n    push 0\n    ret\n.end\n";

/// A directory with files, in which `cvm-asm` runs.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, contents).expect("a file");
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("text")
    }

    fn image(&self, name: &str) -> Image {
        image(&self.bytes(name))
    }

    /// The names in the directory, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).expect("the directory");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        command(self.directory.path(), arguments)
    }

    fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
        Ran::of(self.command(arguments).output().expect("cvm-asm starts"))
    }

    fn run_with_input(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: &[u8],
    ) -> Ran {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("cvm-asm starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // The program may end before it has read everything.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ran::of(child.wait_with_output().expect("it ends"))
    }
}

/// What a run left behind.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    out: Vec<u8>,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }

    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.err);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no `{text}` in\n{}", self.err);
        self
    }

    fn out_text(&self) -> String {
        String::from_utf8(self.out.clone()).expect("text")
    }
}

fn command(directory: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvm-asm"));
    command
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn image(bytes: &[u8]) -> Image {
    let read = reader::read(bytes).expect("cvm-asm writes valid images");
    assert!(read.warnings.is_empty());
    read.image
}
