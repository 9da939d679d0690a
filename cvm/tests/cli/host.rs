//! Standard streams, files, environment and time as a program sees them.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::support::{Bench, outcome};

/// Writes a line for ever.
const YES: &str = "\
.entry main
.host sys.write (3) -> 1
.data
text:   .ascii \"y\\n\"
.text
.func main ()
.again:
    push 1
    push d:text
    push 2
    call sys.write
    drop
    jmp .again
.end
";

/// Copies standard input to standard output, and faults at its end.
const ECHO: &str = "\
.entry main
.host sys.write (3) -> 1
.host sys.read (3) -> 1
.bss
buffer: .reserve 4096
.text
.func main ()
    declare n
.again:
    push 0
    push b:buffer
    push 4096
    call sys.read
    dup
    i_write l:n
    push 0
    i_gt
    jz .end
    push 1
    push b:buffer
    i_read l:n
    call sys.write
    drop
    jmp .again
.end:
    brk
    ret
.end
";

/// Opens the file that the first argument names and copies it to standard output; the status is -error.
const CAT: &str = "\
.entry main
.host sys.write (3) -> 1
.host sys.read (3) -> 1
.host sys.open (3) -> 1
.host sys.arg (3) -> 1
.bss
buffer: .reserve 4096
.text
.func main () -> 1
    declare file
    declare n
    push b:buffer
    push 0
    push b:buffer
    push 4096
    call sys.arg
    push 1
    call sys.open
    dup
    i_write l:file
    push 0
    i_lt
    jz .again
    i_read l:file
    i_neg
    ret
.again:
    i_read l:file
    push b:buffer
    push 4096
    call sys.read
    dup
    i_write l:n
    push 0
    i_gt
    jz .end
    push 1
    push b:buffer
    i_read l:n
    call sys.write
    drop
    jmp .again
.end:
    push 0
    ret
.end
";

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let bench = Bench::with("yes.cvma", YES);
    let mut command = bench.command("run --timeout 20s yes.cvma");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cvm starts");
    let mut stdout = child.stdout.take().expect("is piped");
    let mut head = [0; 4];
    stdout.read_exact(&mut head).expect("there is output");
    assert_eq!(&head, b"y\ny\n");
    drop(stdout);
    let output = child.wait_with_output().expect("cvm ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_full_disk_is_reported() {
    let bench = Bench::with("hello.cvma", YES.replace("jmp .again", "ret"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        return;
    };
    let mut command = bench.command("run hello.cvma");
    outcome(command.stdout(full))
        .exits(74)
        .says("[output-failed]");
}

#[test]
fn help_that_is_lost_is_no_success() {
    let bench = Bench::new();
    for line in [
        "--help",
        "run --help",
        "--version",
        "explain",
        "man",
        "completions bash",
    ] {
        let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
            return;
        };
        let mut command = bench.command(line);
        outcome(command.stdout(full))
            .exits(74)
            .says("[output-failed]");
    }
}

/// Writes `hello`, and ends with this status.
fn hello_with_status(status: u8) -> String {
    format!(
        ".entry main\n.host sys.write (3) -> 1\n.data\ntext: .ascii \"hello\"\n.text\n.func main () -> 1\n \
         push 1\n push d:text\n push 5\n call sys.write\n drop\n push {status}\n ret\n.end\n"
    )
}

#[test]
fn output_that_is_lost_at_the_end_is_no_success_of_any_status() {
    let bench = Bench::new();
    for status in [0, 3] {
        bench.file("hello.cvma", hello_with_status(status));
        let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
            return;
        };
        let mut command = bench.command("run hello.cvma");
        outcome(command.stdout(full))
            .exits(74)
            .says("[output-failed]");
    }
}

#[test]
fn output_is_complete_after_a_fault() {
    let bench = Bench::with("echo.cvma", ECHO);
    let input = "line\n".repeat(50_000);
    bench
        .cvm_reading("run echo.cvma", input.as_bytes())
        .exits(134)
        .prints(&input)
        .says("[breakpoint]");
}

#[test]
fn a_time_limit_ends_a_wait_for_input() {
    let bench = Bench::with("echo.cvma", ECHO);
    let mut command = bench.command("run --timeout 200ms echo.cvma");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().expect("cvm starts");
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("cvm ends");
    drop(stdin);
    assert_eq!(output.status.code(), Some(137));
    assert!(start.elapsed() < Duration::from_secs(10));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("[timeout]"), "{stderr}");
}

#[test]
fn a_time_limit_ends_a_wait_for_a_reader() {
    let bench = Bench::with("yes.cvma", YES);
    let mut command = bench.command("run --timeout 200ms yes.cvma");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().expect("cvm starts");
    // Nothing is read from the pipe, and it stays open.
    let stdout = child.stdout.take();
    let output = child.wait_with_output().expect("cvm ends");
    drop(stdout);
    assert_eq!(output.status.code(), Some(137));
    assert!(start.elapsed() < Duration::from_secs(10));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("[timeout]"), "{stderr}");
}

#[test]
fn files_need_a_grant_and_links_do_not_lead_out_of_it() {
    let bench = Bench::with("cat.cvma", CAT);
    bench.file("data/file.txt", "contents\n");
    bench.file("secret", "secret\n");
    symlink("../secret", bench.path().join("data/link")).expect("can be made");
    bench.cvm("run cat.cvma data/file.txt").exits(1);
    bench
        .cvm("run --dir data cat.cvma data/file.txt")
        .exits(0)
        .prints("contents\n");
    bench
        .cvm("run --dir data:d cat.cvma d/file.txt")
        .exits(0)
        .prints("contents\n");
    bench
        .cvm("run --dir data:d:ro cat.cvma d/file.txt")
        .exits(0);
    bench.cvm("run --dir . cat.cvma data/file.txt").exits(0);
    bench
        .cvm("run --dir . cat.cvma data/link")
        .exits(0)
        .prints("secret\n");
    bench
        .cvm("run --dir data cat.cvma data/link")
        .exits(1)
        .prints("");
    bench.cvm("run --dir data cat.cvma data/../secret").exits(1);
    bench.cvm("run --dir data cat.cvma data/none").exits(2);
    bench.cvm("run --dir data cat.cvma data").exits(6);
    bench
        .cvm("run --dir none cat.cvma x")
        .exits(66)
        .says("--dir");
}

/// Prints the value of the environment variable NAME; its status is the number of variables.
const ENV: &str = "\
.entry main
.host sys.write (3) -> 1
.host sys.env (4) -> 1
.host sys.env_count () -> 1
.data
name:   .ascii \"NAME\"
.bss
buffer: .reserve 64
.text
.func main () -> 1
    declare length
    push d:name
    push 4
    push b:buffer
    push 64
    call sys.env
    dup
    i_write l:length
    push 0
    i_lt
    jnz .none
    push 1
    push b:buffer
    i_read l:length
    call sys.write
    drop
.none:
    call sys.env_count
    ret
.end
";

#[test]
fn the_environment_is_hidden_unless_a_flag_shows_it() {
    let bench = Bench::with("env.cvma", ENV);
    let run = |line: &str| {
        let mut command = bench.command(line);
        command.env("NAME", "from outside");
        outcome(&mut command)
    };
    run("run env.cvma").exits(0).prints("");
    run("run --env NAME env.cvma")
        .exits(1)
        .prints("from outside");
    run("run --env NAME=given --env OTHER=x env.cvma")
        .exits(2)
        .prints("given");
    run("run --env UNSET_VARIABLE env.cvma").exits(0);
    let all = run("run --env-all env.cvma").prints("from outside");
    assert!(all.status > 1);
}
