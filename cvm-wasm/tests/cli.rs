//! The program `cvm-wasm`: what it writes, what it says, and its exit statuses.

#![cfg(feature = "cli")]
#![allow(missing_docs, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cvm_spec::image::reader;

/// `(module (func (export "seven") (result i32) (i32.const 7)))`
const SEVEN: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x09\x01\x05seven\0\0\x0a\x06\x01\x04\0\x41\x07\x0b";

/// Runs the program in a directory.
fn run(directory: &Path, args: &[&str], input: &[u8]) -> Output {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_cvm-wasm"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // Who does not read its input closes it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    fs::write(folder.path().join("seven.wasm"), SEVEN).expect("it can be written");
    folder
}

#[test]
fn the_image_goes_beside_the_module_or_where_o_says() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(run(path, &["seven.wasm"], b"").status.code(), Some(0));
    let image = fs::read(path.join("seven.cvm")).expect("it was written");
    let read = reader::read(&image).expect("it is an image").image;
    assert_eq!(read.string(read.exports[0].name), Some("seven"));

    assert_eq!(
        run(path, &["-o", "other.cvm", "seven.wasm"], b"")
            .status
            .code(),
        Some(0)
    );
    assert_eq!(
        fs::read(path.join("other.cvm")).expect("it was written"),
        image
    );
    let piped = run(path, &["-o", "-", "-"], SEVEN);
    assert_eq!((piped.status.code(), piped.stdout), (Some(0), image));
    let names = fs::read_dir(path).expect("it is there").count();
    assert_eq!(names, 3, "nothing else is left behind");
}

#[test]
fn symbols_can_be_left_out() {
    let folder = folder();
    run(folder.path(), &["--strip", "seven.wasm"], b"");
    let image = fs::read(folder.path().join("seven.cvm")).expect("it was written");
    assert!(
        reader::read(&image)
            .expect("it is an image")
            .image
            .symbols
            .is_empty()
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("short.wasm"), &SEVEN[..20]).expect("it can be written");
    let short = run(path, &["short.wasm"], b"");
    assert_eq!(short.status.code(), Some(65));
    assert!(
        message(&short).contains("not a valid WebAssembly module"),
        "{}",
        message(&short)
    );
    assert!(
        message(&short).contains("at byte 0x"),
        "{}",
        message(&short)
    );
    assert!(!path.join("short.cvm").exists());

    let image = run(path, &["-o", "-", "seven.wasm"], b"").stdout;
    for (input, part) in [
        (&b"(module (func))\n"[..], "it is text"),
        (b"", "it is empty"),
        (b"\x7fELF\x02\x01", "it begins with 7F 45 4C 46"),
        (&image, "it is a CVM image"),
    ] {
        let other = run(path, &["-o", "x.cvm", "-"], input);
        assert_eq!(other.status.code(), Some(65));
        assert!(message(&other).contains(part), "{}", message(&other));
    }

    // The type of the result is v128.
    let mut vector = SEVEN.to_vec();
    vector[14] = 0x7b;
    let vector = run(path, &["-o", "x.cvm", "-"], &vector);
    assert_eq!(vector.status.code(), Some(65));
    assert!(
        message(&vector).contains("feature `simd`"),
        "{}",
        message(&vector)
    );
}

#[test]
fn other_mistakes_have_their_own_status() {
    let folder = folder();
    let path = folder.path();
    for (args, status, part) in [
        (&["missing.wasm"][..], 66, "there is no file"),
        (&[][..], 64, "Usage"),
        (&["-"][..], 64, "-o FILE"),
        (
            &["-o", "seven.wasm", "seven.wasm"][..],
            73,
            "will not be overwritten",
        ),
        (
            &["-o", "no/such/x.cvm", "seven.wasm"][..],
            73,
            "cannot create",
        ),
    ] {
        let output = run(path, args, b"");
        assert_eq!(output.status.code(), Some(status), "{args:?}");
        assert!(message(&output).contains(part), "{}", message(&output));
    }
    let help = run(path, &["--help"], b"");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
}
