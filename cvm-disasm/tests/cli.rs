//! The command line: forms, statuses, outputs.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cvm_spec::codec::encode;
use cvm_spec::image::{Function, FunctionType, Image, RawSection, SectionKind, writer::write};
use cvm_spec::isa::Opcode;

fn disasm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvm-disasm"));
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    disasm(args).output().expect("the program starts")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("is UTF-8")
}

/// A program of one function with this text.
fn image(code: &[u8]) -> Image {
    let mut image = Image {
        text: code.to_vec(),
        entry: Some(0),
        ..Image::default()
    };
    let ty = FunctionType {
        args: 0,
        results: 1,
        brand: 0,
    };
    let type_index = image.intern_type(ty);
    image.functions.push(Function {
        start: 0,
        size: code.len() as u32,
        type_index,
    });
    image
}

const ANSWER: [u8; 3] = [0x20, 42, 0x16];

fn file(directory: &Path, name: &str, image: &Image) -> String {
    let path = directory.join(name);
    fs::write(&path, write(image)).expect("the directory is ours");
    path.to_str().expect("is UTF-8").to_owned()
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}

#[test]
fn each_form_prints_its_own() {
    let here = directory();
    let path = file(here.path(), "a.cvm", &image(&ANSWER));
    let starts = [
        (vec![&path[..]], ".entry func_0\n"),
        (vec!["--exact", &path], ".exact 1\n"),
        (vec!["--headers", &path], "header\n"),
        (vec!["--json", &path], "{\"version\":1,"),
        (vec!["--cfg", &path], "digraph program {\n"),
    ];
    for (args, start) in starts {
        let output = run(&args);
        assert_eq!(status(&output), 0, "{args:?}");
        assert!(text(&output.stdout).starts_with(start), "{args:?}");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn hex_stands_in_comments() {
    let here = directory();
    let path = file(here.path(), "a.cvm", &image(&ANSWER));
    for form in [vec!["--hex", &path], vec!["--hex", "--exact", &path]] {
        let shown = text(&run(&form).stdout);
        assert!(shown.contains("; 00000000  20 2a\n"), "{shown}");
        assert!(shown.contains("; 00000002  16\n"), "{shown}");
    }
}

#[test]
fn wrong_use_is_64() {
    let all = [
        vec![],
        vec!["--nonsense", "a.cvm"],
        vec!["a.cvm", "b.cvm"],
        vec!["--exact", "--json", "a.cvm"],
        vec!["--hex", "--json", "a.cvm"],
        vec!["--completions", "zsh", "a.cvm"],
    ];
    for args in all {
        let output = run(&args);
        assert_eq!(status(&output), 64, "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_missing_file_is_66_and_another_file_65() {
    let here = directory();
    let missing = here.path().join("missing.cvm");
    let output = run(&[missing.to_str().expect("is UTF-8")]);
    assert_eq!(status(&output), 66);
    assert!(text(&output.stderr).contains("missing.cvm"));

    let path = here.path().join("source.cvma");
    fs::write(&path, ".entry main\n").expect("the directory is ours");
    let output = run(&[path.to_str().expect("is UTF-8")]);
    assert_eq!(status(&output), 65);
    assert!(text(&output.stderr).contains("bad-magic at byte 0"));
}

#[test]
fn text_that_does_not_decode_is_refused_with_a_way_out() {
    let here = directory();
    let path = file(here.path(), "a.cvm", &image(&[0x20, 1, 0, 0x16]));
    let output = run(&[&path]);
    assert_eq!(status(&output), 65);
    assert!(output.stdout.is_empty());
    let message = text(&output.stderr);
    assert!(
        message.contains("does not decode at text offset 2"),
        "{message}"
    );
    assert!(message.contains("--exact"), "{message}");
    assert_eq!(status(&run(&["--exact", &path])), 0);
}

#[test]
fn damaged_debug_information_is_a_warning() {
    let here = directory();
    let mut damaged = image(&ANSWER);
    damaged.raw.push(RawSection {
        kind: SectionKind::Lines as u32,
        bytes: vec![1, 2, 3],
    });
    let path = file(here.path(), "a.cvm", &damaged);
    let output = run(&[&path]);
    assert_eq!(status(&output), 0);
    let message = text(&output.stderr);
    assert!(message.starts_with("warning: `"), "{message}");
    assert!(message.contains("[damaged-debug]"), "{message}");
}

#[test]
fn an_endless_file_that_is_no_image_is_not_read_to_its_end() {
    let output = run(&["/dev/zero"]);
    assert_eq!(status(&output), 65);
    assert!(text(&output.stderr).contains("bad-magic"));
}

#[test]
fn standard_input_is_an_image() {
    let mut child = disasm(&["-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("is piped");
    input.write_all(&write(&image(&ANSWER))).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(status(&output), 0);
    assert!(text(&output.stdout).contains("    push 42\n"));
}

#[test]
fn an_output_is_written_whole_or_not_at_all() {
    let here = directory();
    let good = file(here.path(), "good.cvm", &image(&ANSWER));
    let bad = file(here.path(), "bad.cvm", &image(&[0]));
    let out = here.path().join("out.cvma");
    let name = out.to_str().expect("is UTF-8");

    assert_eq!(status(&run(&[&good, "-o", name])), 0);
    let written = fs::read_to_string(&out).expect("it was written");
    assert!(written.contains("push 42"));
    assert_eq!(status(&run(&[&bad, "-o", name])), 65);
    assert_eq!(
        fs::read_to_string(&out).expect("it is still there"),
        written
    );
    assert_eq!(fs::read_dir(here.path()).expect("exists").count(), 3);

    let nowhere = here.path().join("no/such/directory");
    let output = run(&[&good, "-o", nowhere.to_str().expect("is UTF-8")]);
    assert_eq!(status(&output), 73);
    let output = run(&[&good, "-o", here.path().to_str().expect("is UTF-8")]);
    assert_eq!(status(&output), 73);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_74() {
    let here = directory();
    let good = file(here.path(), "good.cvm", &image(&ANSWER));
    let output = run(&[&good, "-o", "/dev/full"]);
    assert_eq!(status(&output), 74);
    assert!(text(&output.stderr).contains("/dev/full"));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let here = directory();
    let mut code = Vec::new();
    for _ in 0..100_000 {
        encode(&mut code, Opcode::Nop, 0);
    }
    code.extend(ANSWER);
    let path = file(here.path(), "long.cvm", &image(&code));
    for form in ["--exact", "--json", "--cfg", "--hex"] {
        let mut child = disasm(&[form, &path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = child.stdout.take().expect("is piped");
        output.read_exact(&mut [0; 8]).expect("it prints");
        drop(output);
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(status(&ended), 0, "{form}");
        assert!(ended.stderr.is_empty(), "{form}");
    }
}

#[test]
fn help_has_examples_and_statuses() {
    let output = run(&["--help"]);
    assert_eq!(status(&output), 0);
    let help = text(&output.stdout);
    for part in [
        "Examples:",
        "cvm-disasm --exact x.cvm | cvm-asm",
        "Exit status:",
    ] {
        assert!(help.contains(part), "{part}");
    }
    assert_eq!(status(&run(&["--version"])), 0);
}

#[test]
fn completions_and_manual_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["--completions", shell]);
        assert_eq!(status(&output), 0);
        assert!(text(&output.stdout).contains("cvm-disasm"));
    }
    let manual = text(&run(&["--man"]).stdout);
    assert!(manual.contains(".TH cvm-disasm"));
    assert!(manual.contains("jq"));
}
