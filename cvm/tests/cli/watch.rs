//! Watching a program: `--trace`, `--perf-map`, and what `--profile` refuses.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::support::{Bench, Outcome};

/// Engines that this build has.
pub(super) fn engines() -> Vec<&'static str> {
    match cvm::machine::Engine::Jit.is_available() {
        true => vec!["interp", "jit", "auto"],
        false => vec!["interp", "auto"],
    }
}

const TWICE: &str = "\
.entry main
.text
.func main () -> 1
    push 1
    push 2
    push 3
    push 4
    push 21
    call twice
    slide 4, 1
    ret
.end
.func twice (x) -> 1
    declare buf[2]
    push 8
    i_read l:x
    q_write l:buf
    i_read l:x
    push 8
    q_read l:buf
    i_add
    ret
.end
";

const TRACE: &str = "\
t:0x0      main                 push_b 1                  osp 0  csp 0x0  fp 0x0  []
t:0x2      main+0x2             push_b 2                  osp 1  csp 0x0  fp 0x0  [0x1]
t:0x4      main+0x4             push_b 3                  osp 2  csp 0x0  fp 0x0  [0x1 0x2]
t:0x6      main+0x6             push_b 4                  osp 3  csp 0x0  fp 0x0  [0x1 0x2 0x3]
t:0x8      main+0x8             push_b 21                 osp 4  csp 0x0  fp 0x0  [0x1 0x2 0x3 0x4]
t:0xa      main+0xa             call twice                osp 5  csp 0x0  fp 0x0  [… 0x2 0x3 0x4 0x15]
t:0x15     twice                declare 2                 osp 0  csp 0x10  fp 0x0  []
t:0x1a     twice+0x5            push_b 8                  osp 0  csp 0x10  fp 0x0  []
t:0x1c     twice+0x7            i_read l:x                osp 1  csp 0x10  fp 0x0  [0x8]
t:0x21     twice+0xc            q_write l:buf             osp 2  csp 0x10  fp 0x0  [0x8 0x15]
t:0x26     twice+0x11           i_read l:x                osp 0  csp 0x10  fp 0x0  []
t:0x2b     twice+0x16           push_b 8                  osp 1  csp 0x10  fp 0x0  [0x15]
t:0x2d     twice+0x18           q_read l:buf              osp 2  csp 0x10  fp 0x0  [0x15 0x8]
t:0x32     twice+0x1d           i_add                     osp 2  csp 0x10  fp 0x0  [0x15 0x15]
t:0x33     twice+0x1e           ret                       osp 1  csp 0x10  fp 0x0  [0x2a]
t:0xf      main+0xf             slide 4, 1                osp 5  csp 0x0  fp 0x0  [… 0x2 0x3 0x4 0x2a]
t:0x14     main+0x14            ret                       osp 1  csp 0x0  fp 0x0  [0x2a]
";

#[test]
fn a_trace_shows_every_instruction_whatever_the_engine() {
    let bench = Bench::with("twice.cvma", TWICE);
    for engine in engines() {
        let outcome = bench.cvm(&format!("run --engine {engine} --trace twice.cvma"));
        assert_eq!(outcome.exits(42).stderr, TRACE, "{engine}");
        bench
            .cvm(&format!("run --engine {engine} --trace=out.txt twice.cvma"))
            .exits(42)
            .silently();
        let written = fs::read_to_string(bench.path().join("out.txt")).expect("it is there");
        assert_eq!(written, TRACE, "{engine}");
    }
}

#[test]
fn a_trace_ends_with_the_instruction_that_faults() {
    let source = TWICE.replace("    push 21\n", "    push 1\n    push 0\n    i_div\n");
    let bench = Bench::with("twice.cvma", source);
    let outcome = bench.cvm("run --trace twice.cvma").exits(136);
    let lines: Vec<&str> = outcome.stderr.lines().take(8).collect();
    assert!(
        lines[6].contains("main+0xc             i_div"),
        "{lines:#?}"
    );
    assert!(lines[7].starts_with("fault: integer division by zero"));
    // Where fuel ends the instruction does not run.
    let outcome = bench.cvm("run --trace --fuel 3 twice.cvma").exits(137);
    assert!(outcome.stderr.starts_with("fault:"), "{outcome:?}");
}

const COUNTING: &str = "\
.entry main
.text
.func main ()
    declare i
.next:
    i_read l:i
    push 1
    i_add
    i_write l:i
    jmp .next
.end
";

#[test]
fn whoever_reads_a_trace_may_stop_reading() {
    let bench = Bench::with("count.cvma", COUNTING);
    let mut child = bench
        .command("run --trace count.cvma")
        .stderr(Stdio::piped())
        .spawn()
        .expect("cvm starts");
    let mut reader = BufReader::new(child.stderr.take().expect("is piped"));
    let mut line = String::new();
    for _ in 0..3 {
        line.clear();
        reader.read_line(&mut line).expect("there are lines");
    }
    assert!(line.contains("push_b 1"), "{line}");
    drop(reader);
    // The program itself would never end.
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error() {
    let bench = Bench::with("twice.cvma", TWICE);
    bench
        .cvm("run --trace=none/x twice.cvma")
        .exits(74)
        .says("cannot create `none/x`");
    bench
        .cvm("run --trace=/dev/full twice.cvma")
        .exits(42)
        .silently();
    let bench = Bench::with("count.cvma", COUNTING);
    bench
        .cvm("run --trace=/dev/full count.cvma")
        .exits(74)
        .says("cannot write the trace");
}

/// `hot` divides in a loop and fills memory; `cold` does next to nothing.
pub(super) const TWO: &str = "\
.entry main
.bss
room: .reserve 8192
.text
.func main () -> 1
    declare i
.next:
    i_read l:i
    call hot
    drop
    i_read l:i
    call cold
    drop
    i_read l:i
    push 1
    i_add
    i_write l:i
    i_read l:i
    push ROUNDS
    i_lt
    jnz .next
    push 0
    ret
.end
.func hot (n) -> 1
    declare i
    declare x
.next:
    i_read l:x
    i_read l:i
    i_add
    i_read l:n
    push 1
    i_or
    i_rem
    i_write l:x
    i_read l:i
    push 1
    i_add
    i_write l:i
    i_read l:i
    push 1000
    i_lt
    jnz .next
    FILL
    i_read l:x
    ret
.end
.func cold (n) -> 1
    i_read l:n
    push 3
    i_mul
    ret
.end
";

#[test]
fn a_profile_that_cannot_be_written_is_an_error_before_the_program_runs() {
    let bench = Bench::with("count.cvma", COUNTING);
    let profiles = cfg!(feature = "profile");
    bench
        .cvm("run --profile out.txt count.cvma")
        .exits(64)
        .says(if profiles { ".folded" } else { "no profiler" });
    bench
        .cvm("run --profile none/out.svg count.cvma")
        .exits(if profiles { 74 } else { 64 });
    bench
        .cvm("run --trace --profile out.svg count.cvma")
        .exits(64)
        .says("cannot be used with");
}

#[test]
fn perf_finds_the_names_of_compiled_functions() {
    if !cvm::machine::Engine::Jit.is_available() {
        return;
    }
    let source = TWO.replace("FILL", "nop").replace("ROUNDS", "3000");
    let bench = Bench::with("two.cvma", source);
    let run = |engine: &str| -> (Outcome, String) {
        let line = format!("run --engine {engine} --perf-map two.cvma");
        let child = bench
            .command(&line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cvm starts");
        let map = format!("/tmp/perf-{}.map", child.id());
        let output = child.wait_with_output().expect("cvm ends");
        let outcome = Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let text = fs::read_to_string(&map).expect("it is written");
        fs::remove_file(&map).expect("it can be removed");
        (outcome, text)
    };
    for engine in ["jit", "auto"] {
        let (outcome, map) = run(engine);
        outcome.exits(0).silently();
        let mut ends = 0;
        let mut names = Vec::new();
        for line in map.lines() {
            let mut words = line.splitn(3, ' ');
            let mut number = || {
                let word = words.next().expect("an address and a size");
                u64::from_str_radix(word, 16).expect("they are hexadecimal")
            };
            let (address, size) = (number(), number());
            assert!(size > 0 && (engine == "auto" || address >= ends), "{map}");
            ends = address + size;
            names.push(words.next().expect("a name").to_string());
        }
        assert!(names.iter().any(|name| name == "hot two.cvma:26"), "{map}");
        if engine == "jit" {
            for name in ["main two.cvma:6", "cold two.cvma:50"] {
                assert!(
                    names.iter().any(|found| found == name),
                    "no {name} in {map}"
                );
            }
        }
    }
    let map = format!("/tmp/perf-{}.map", std::process::id());
    assert!(
        !fs::exists(map).expect("it can be asked"),
        "not without the flag"
    );
}
