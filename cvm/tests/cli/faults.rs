//! Fault reports of whole programs, as text and as JSON.

use super::support::Bench;

/// A program that fills a table and goes one too far.
const FILL: &str = "\
.entry main
.bss
first:  .reserve 8
table:  .reserve 64
.text
.func fill (index, value)
    i_read l:index
    i_read l:value
    q_write b:table        ; the mistake
    ret
.end
.func main ()
    push 64
    push 42
    call fill
    ret
.end
";

#[test]
fn a_report_has_line_caret_address_symbol_operands_backtrace_and_hint() {
    let bench = Bench::with("fill.cvma", FILL);
    let run = bench.cvm("run fill.cvma").exits(139).prints("");
    let expected = "\
fault: write past the end of a segment [write-out-of-bounds]
 --> fill.cvma:9:5 in `fill`
  |
9 |     q_write b:table        ; the mistake
  |     ^^^^^^^^^^^^^^^

  tried        to write 8 bytes at b:0x48: right behind `table` (64 bytes)
  segment      bss, 72 bytes, policy rw; the access ends 8 bytes past its end
  instruction  q_write b:table  at t:0xa (fill+0xa)
  operands     offset  0x40  64
               v       0x2a  42
  registers    ip t:0xa  osp 2  csp 0x0  fp 0x0
  backtrace    0  fill+0xa  fill.cvma:9:5
               1  main+0x4  fill.cvma:15:5
  hint         compare the index with the object's size before writing
";
    assert_eq!(run.stderr, expected);
}

#[test]
fn the_same_as_json() {
    let bench = Bench::with("fill.cvma", FILL);
    let run = bench.cvm("run --fault-format json fill.cvma").exits(139);
    assert_eq!(run.stderr.lines().count(), 1);
    let json = run.json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["type"], "fault");
    assert_eq!(json["code"], "write-out-of-bounds");
    assert_eq!(json["exit_status"], 139);
    assert_eq!(json["source"]["file"], "fill.cvma");
    assert_eq!(json["source"]["line"], 9);
    assert_eq!(json["source"]["column"], 5);
    assert_eq!(json["access"]["segment"], "bss");
    assert_eq!(json["access"]["offset"], "72");
    assert_eq!(json["access"]["symbol"]["name"], "table");
    assert_eq!(json["access"]["symbol"]["distance"], "64");
    assert_eq!(json["operands"][1]["name"], "v");
    assert_eq!(json["operands"][1]["value"], "42");
    assert_eq!(json["backtrace"][1]["function"], "main");
    assert_eq!(json["instruction"]["text"], "q_write b:table");
}

/// A program whose `main` has this body.
fn program(body: &str) -> String {
    format!(
        ".entry main\n.data\nconst: .quad 1\n.bss\nvar: .quad 1\n.text\n.func main ()\n{body}\n ret\n.end\n"
    )
}

#[test]
fn each_kind_of_fault_has_its_status_code_and_words() {
    let bench = Bench::new();
    for (body, status, code, words) in [
        (
            "push d:const\n push 0\n push 1\n q_write",
            139,
            "write-to-data",
            "policy r",
        ),
        (
            "push t:main\n push 0\n q_read\n drop",
            139,
            "read-from-text",
            "policy x",
        ),
        (
            "push 0\n i_read\n drop",
            139,
            "null-pointer",
            "absolute memory",
        ),
        (
            "push 0x100000\n i_read\n drop",
            139,
            "absolute-access",
            "--allow-ffi",
        ),
        (
            "push 6\n push 61\n i_shl\n i_read\n drop",
            139,
            "reserved-segment",
            "reserved",
        ),
        (
            "push -1\n i_read\n drop",
            139,
            "upper-half-address",
            "tag 111",
        ),
        (
            "push b:var\n push -8\n q_read\n drop",
            139,
            "read-out-of-bounds",
            "8 bytes before the segment",
        ),
        (
            "push d:const\n call_i 0, 0",
            139,
            "call-to-non-function",
            "to call d:0x0",
        ),
        (
            "push 1\n push t:main\n call_i 1, 0",
            139,
            "call-type-mismatch",
            "(1) -> 0",
        ),
        (
            "push d:const\n jmp_i",
            139,
            "jump-to-non-text",
            "to jump to d:0x0",
        ),
        ("push t:main\n jmp_i", 139, "jump-to-non-land", "push"),
        (
            "push 1\n push 0\n i_div\n drop",
            136,
            "divide-by-zero",
            "b  0x0  0",
        ),
        (
            "push 1.0e300\n f_to_i\n drop",
            136,
            "invalid-conversion",
            "1e300",
        ),
        ("abort 42", 134, "abort", "code         42"),
        ("brk", 134, "breakpoint", "brk"),
    ] {
        bench.file("x.cvma", program(body));
        let run = bench
            .cvm("run x.cvma")
            .exits(status)
            .says(&format!("[{code}]"));
        let run = run.says("x.cvma:").says("hint").says(words);
        assert!(run.stderr.contains("fault: "), "{run:#?}");
        let json = bench
            .cvm("run --fault-format json x.cvma")
            .exits(status)
            .json();
        assert_eq!(json["code"], code);
        assert!(json["source"]["line"].as_u64() >= Some(8), "{json}");
    }
}

#[test]
fn limits_end_an_endless_loop() {
    let bench = Bench::with("loop.cvma", program(".again:\n jmp .again"));
    bench
        .cvm("run --fuel 1000 loop.cvma")
        .exits(137)
        .says("[out-of-fuel]")
        .says("--fuel");
    bench
        .cvm("run --timeout 100ms loop.cvma")
        .exits(137)
        .says("[timeout]")
        .says("loop.cvma:");
    for (limit, code) in [
        ("--fuel 1000", "out-of-fuel"),
        ("--timeout 100ms", "timeout"),
    ] {
        let line = format!("run {limit} --fault-format json loop.cvma");
        let json = bench.cvm(&line).exits(137).json();
        assert_eq!(json["code"], code);
        assert_eq!(json["class"], "limit reached");
        assert_eq!(json["exit_status"], 137);
        assert_eq!(json["source"]["line"], 9);
        assert_eq!(json["instruction"]["function"], "main");
    }
}

#[test]
fn recursion_without_end_is_reported_with_a_short_backtrace() {
    let source = ".entry main\n.func f (n)\n i_read l:n\n push 1\n i_add\n call f\n ret\n.end\n.func main ()\n push 0\n call f\n ret\n.end\n";
    let bench = Bench::with("deep.cvma", source);
    let run = bench
        .cvm("run deep.cvma")
        .exits(139)
        .says("[call-stack-overflow]");
    let run = run
        .says("more frames")
        .says("recursion: f → f")
        .says("main+");
    assert!(run.stderr.lines().count() < 100);
    bench.cvm("run --call-stack 64K deep.cvma").exits(139);
    bench.cvm("run --call-stack 0 deep.cvma").exits(139);
}

#[test]
fn memory_that_cannot_be_had_is_a_limit() {
    let bench = Bench::with(
        "x.cvma",
        ".heap 64M, 128M\n.entry main\n.func main ()\n ret\n.end\n",
    );
    bench.cvm("run x.cvma").exits(0);
    bench
        .cvm("run --max-heap 1M x.cvma")
        .exits(137)
        .says("--max-heap");
    bench
        .cvm("run --call-stack 17179869183G x.cvma")
        .exits(137)
        .says("--call-stack");
}

#[test]
fn locals_are_named() {
    let source = "\
.entry main
.func write (pointer)
    i_read l:pointer
    push 24
    push 1
    q_write
    ret
.end
.func main ()
    declare other[2]
    declare buf[2]
    push l:other
    drop
    push l:buf
    call write
    push 16
    push 5
    q_write l:other
    ret
.end
";
    let bench = Bench::with("locals.cvma", source);
    // Outside main's frame, but csp is above: the first write faults because csp is 32.
    bench
        .cvm("run locals.cvma")
        .exits(139)
        .says("[dangling-local]")
        .says("main+");
    let fixed = source.replace("push 24", "push 8");
    bench.file("fixed.cvma", fixed);
    bench
        .cvm("run fixed.cvma")
        .exits(139)
        .says("[write-outside-local]")
        .says("right behind `other` (16 bytes)")
        .says("q_write l:other");
}

#[test]
fn names_with_control_characters_are_escaped() {
    let bench = Bench::new();
    bench.file(
        "x\x1b[31m.cvma",
        ".entry main\n.func main ()\n brk\n ret\n.end\n",
    );
    let run = bench.cvm("run x\x1b[31m.cvma").exits(134);
    assert!(!run.stderr.contains('\x1b'), "{run:#?}");
}
