//! The three programs as a user runs them: text to image, image to text and back, running, and the exit statuses.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use cvm_tests::{discover, programs};
use tempfile::TempDir;

fn run(program: &str, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(programs::folder().join(program))
        .args(args)
        .current_dir(discover::root())
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("it is piped");
    let bytes = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that ends early closes the pipe.
        let _ = input.write_all(&bytes);
    });
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("not ended by a signal")
}

#[test]
fn an_image_goes_through_the_exact_form_and_back() {
    let folder = TempDir::new().expect("a folder");
    let image = folder.path().join("one.cvm");
    let again = folder.path().join("two.cvm");
    for case in [
        "tests/cases/directives/macro.cvma",
        "tests/cases/faults/dangling-local.cvma",
    ] {
        let image = image.to_str().expect("text");
        let again = again.to_str().expect("text");
        let assembled = run("cvm-asm", &["-g", "-o", image, case], b"");
        assert_eq!(status(&assembled), 0, "{}", text(&assembled.stderr));
        let exact = run("cvm-disasm", &["--exact", image], b"");
        assert_eq!(status(&exact), 0, "{}", text(&exact.stderr));
        let assembled = run("cvm-asm", &["-o", again, "-"], &exact.stdout);
        assert_eq!(status(&assembled), 0, "{}", text(&assembled.stderr));
        let one = std::fs::read(image).expect("written");
        let two = std::fs::read(again).expect("written");
        assert!(one == two, "{case}: other bytes");
        let readable = run("cvm-disasm", &[image], b"");
        let assembled = run("cvm-asm", &["-o", again, "-"], &readable.stdout);
        assert_eq!(status(&assembled), 0, "{}", text(&assembled.stderr));
        let (first, second) = (
            run("cvm", &["run", image], b""),
            run("cvm", &["run", again], b""),
        );
        assert_eq!(status(&first), status(&second));
        assert_eq!(first.stdout, second.stdout);
    }
}

#[test]
fn the_exit_status_says_how_a_program_ended() {
    let expected = [
        ("tests/cases/instructions/calls/ret.status.cvma", 44),
        ("tests/cases/faults/write-to-data.cvma", 139),
        ("tests/cases/faults/null-pointer.cvma", 139),
        ("tests/cases/faults/absolute-access.cvma", 139),
        ("tests/cases/faults/call-stack-overflow.cvma", 139),
        ("tests/cases/faults/divide-by-zero.cvma", 136),
        ("tests/cases/faults/abort.cvma", 134),
        ("tests/cases/verifier/unknown-opcode.cvma", 132),
        ("tests/cases/diagnostics/unknown-mnemonic.cvma", 1),
        ("tests/cases/directives/foreign.cvma", 77),
        ("tests/cases/no-such-file.cvma", 66),
        ("tests/malformed/magic-changed.cvm", 65),
        ("tests/cases/directives/export.module.cvma", 65),
    ];
    for (program, wanted) in expected {
        let output = run("cvm", &["run", program], b"");
        assert_eq!(
            status(&output),
            wanted,
            "{program}: {}",
            text(&output.stderr)
        );
        assert_eq!(output.stderr.is_empty(), wanted == 44, "{program}");
    }
    let endless = "tests/cases/faults/timeout.cvma";
    for limit in [["--fuel", "10000"], ["--timeout", "50ms"]] {
        let output = run("cvm", &["run", limit[0], limit[1], endless], b"");
        assert_eq!(status(&output), 137, "{limit:?}: {}", text(&output.stderr));
    }
    assert_eq!(status(&run("cvm", &["run", "--no-such-flag"], b"")), 64);
    let jit = run("cvm", &["run", "--engine", "jit", expected[0].0], b"");
    assert!([44, 64].contains(&status(&jit)), "{}", text(&jit.stderr));
}

#[test]
fn a_fault_is_reported_in_text_and_in_json() {
    let program = "tests/cases/faults/read-out-of-bounds.cvma";
    let plain = text(&run("cvm", &["run", program], b"").stderr);
    for part in [
        "read-out-of-bounds",
        "table",
        "read-out-of-bounds.cvma:30",
        "q_read",
        "sum",
        "main",
    ] {
        assert!(plain.contains(part), "no `{part}` in\n{plain}");
    }
    let output = run("cvm", &["run", "--fault-format", "json", program], b"");
    let json = text(&output.stderr);
    assert_eq!(json.lines().count(), 1, "{json}");
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["version"], 1);
    assert_eq!(report["code"], "read-out-of-bounds");
    assert_eq!(report["source"]["line"], 30);
    assert_eq!(report["access"]["symbol"]["name"], "table");
    assert_eq!(report["exit_status"], status(&output));
}

#[test]
fn everything_behind_the_program_s_name_belongs_to_the_program() {
    let program = "tests/cases/host/arg.cvma";
    let args = ["run", program, "first", "two words", "", "--fuel", "-"];
    let output = run("cvm", &args, b"");
    assert_eq!(
        status(&output),
        0,
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn a_closed_pipe_ends_a_program_quietly() {
    let source = b".entry main\n.host sys.write (3) -> 1\n.data\ntext: .ascii \"0123456789abcde\\n\"\n.text\n\
        .func main ()\n.next:\n push 1\n push d:text\n push 16\n call sys.write\n drop\n jmp .next\n.end\n";
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("endless.cvma");
    std::fs::write(&path, source).expect("written");
    let mut child = Command::new(programs::folder().join("cvm"))
        .arg("run")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(status(&output), 0);
    assert_eq!(text(&output.stderr), "");
}
