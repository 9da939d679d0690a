//! Files that are missing, of another kind, damaged or rejected.

use cvm_asm::{SourceFile, assemble};
use cvm_spec::image::{RawSection, SectionKind, writer};

use super::support::Bench;

#[test]
fn a_missing_file_gets_66_and_a_similar_name() {
    let bench = Bench::with("program.cvma", ".func f ()\n ret\n.end\n");
    bench
        .cvm("run progam.cvma")
        .exits(66)
        .says("did you mean `program.cvma`?");
    bench
        .cvm("run program.cvm")
        .exits(66)
        .says("there is `program.cvma`");
    bench
        .cvm("run program")
        .exits(66)
        .says("did you mean `program.cvma`?");
    bench
        .cvm("run nowhere/x.cvm")
        .exits(66)
        .says("there is no directory `nowhere`");
    bench.cvm("completely-else.cvm").exits(66);
    let json = bench
        .cvm("run --fault-format json progam.cvma")
        .exits(66)
        .json();
    assert_eq!(json["type"], "error");
    assert_eq!(json["code"], "missing-file");
    assert_eq!(json["exit_status"], 66);
}

#[test]
fn files_of_another_kind_get_65_and_a_hint() {
    let bench = Bench::new();
    bench.file("empty.cvm", "");
    bench.file("text.cvm", ".func main ()\n ret\n.end\n");
    bench.file("module.wat", ";; a comment\n(module)\n");
    bench.file("module.wasm", b"\0asm\x01\0\0\0");
    bench.file("component.wasm", b"\0asm\x0d\0\x01\0");
    bench.file("elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    bench.file("noise.cvm", (0..=255).rev().collect::<Vec<u8>>());
    bench.file("cut.cvm", b"\x89CVM\r\n\x01\0");
    bench
        .cvm("run empty.cvm")
        .exits(65)
        .says("[truncated-header]");
    bench.cvm("run text.cvm").exits(65).says(".cvma");
    bench.cvm("run module.wat").exits(65).says("wat2wasm");
    bench
        .cvm("run module.wasm")
        .exits(65)
        .says("[no-entry]")
        .says("--invoke");
    bench.cvm("run component.wasm").exits(65).says("component");
    bench.cvm("run elf").exits(65).says("ELF");
    bench.cvm("run noise.cvm").exits(65).says("[bad-magic]");
    bench
        .cvm("run cut.cvm")
        .exits(65)
        .says("[truncated-header]")
        .says("at byte");
    bench.cvm("run .").exits(65).says("is a directory");
    let json = bench
        .cvm("run --fault-format json noise.cvm")
        .exits(65)
        .json();
    assert_eq!(json["code"], "bad-magic");
    assert_eq!(json["file_offset"], "0");
}

#[test]
fn damaged_debug_information_is_a_warning_and_the_program_runs() {
    let source = SourceFile {
        name: "x.cvma".into(),
        text: b".entry main\n.func main () -> 1\n push 3\n ret\n.end\n".to_vec(),
    };
    let image = assemble(&[source], &Default::default()).image;
    let mut image = image.expect("the source is right");
    image.raw.push(RawSection {
        kind: SectionKind::Lines as u32,
        bytes: vec![0; 13],
    });
    let bytes = writer::write(&image);
    let offset = bytes.len() - 13;
    let bench = Bench::with("x.cvm", bytes);
    let text = format!(
        "warning: 13 bytes are no whole number of lines records; the lines section is ignored [damaged-debug]\n  \
         at byte      {offset} ({offset:#x}) of `x.cvm`\n"
    );
    for (command, status) in [("run", 3), ("verify", 0), ("info", 0)] {
        let run = bench.cvm(&format!("{command} x.cvm")).exits(status);
        assert_eq!(run.stderr, text, "{command}");
    }
    for (command, status) in [("run", 3), ("verify", 0)] {
        let line = format!("{command} --fault-format json x.cvm");
        let json = bench.cvm(&line).exits(status).json();
        assert_eq!(json["type"], "warning");
        assert_eq!(json["code"], "damaged-debug");
        assert_eq!(json["file"], "x.cvm");
        assert_eq!(json["file_offset"], offset.to_string());
    }
    bench.cvm("explain damaged-debug").exits(0);
}

#[test]
fn errors_in_a_source_get_1_and_their_places() {
    let bench = Bench::with(
        "bad.cvma",
        ".func main ()\n    pusj 1\n    ret\n.end\n.entry main\n",
    );
    bench
        .cvm("run bad.cvma")
        .exits(1)
        .says("bad.cvma:2:5")
        .says("push")
        .says("1 error");
    bench.cvm("verify bad.cvma").exits(1);
    bench.cvm("info bad.cvma").exits(1);
    let json = bench
        .cvm("run --fault-format json bad.cvma")
        .exits(1)
        .json();
    assert_eq!(json["type"], "summary");
    bench
        .cvm_reading("run -", b"  pusj 1\n")
        .exits(1)
        .says("<stdin>:1:3");
}

#[test]
fn the_verifier_names_rule_function_and_line() {
    let source = ".entry main\n.func main () -> 1\n    push 1\n    i_add\n    ret\n.end\n";
    let bench = Bench::with("under.cvma", source);
    let run = bench.cvm("run under.cvma");
    // The assembler may find it first.
    if run.status == 1 {
        return;
    }
    run.exits(132)
        .says("[stack-underflow]")
        .says("under.cvma:4:5")
        .says("in `main`");
    let json = bench
        .cvm("verify --fault-format json under.cvma")
        .exits(132)
        .json();
    assert_eq!(json["code"], "stack-underflow");
    assert_eq!(json["source"]["line"], 4);
    assert_eq!(json["instruction"]["mnemonic"], "i_add");
}

#[test]
fn foreign_functions_are_refused_and_the_flag_is_named() {
    let source = "\
.entry main
.foreign \"libc.so.6\" abs (i32) -> i32
.func main () -> 1
    push -3
    call abs
    ret
.end
";
    let bench = Bench::with("foreign.cvma", source);
    bench
        .cvm("run foreign.cvma")
        .exits(77)
        .says("[not-permitted]")
        .says("`abs` of `libc.so.6`")
        .says("--allow-ffi=libc.so.6")
        .says("foreign.cvma:5");
    bench
        .cvm("run --allow-ffi=libm.so.6 foreign.cvma")
        .exits(77)
        .says("[not-permitted]");
    for grant in ["--allow-ffi", "--allow-ffi=libm.so.6,libc.so.6"] {
        let outcome = bench.cvm(&format!("run {grant} foreign.cvma"));
        match cfg!(feature = "ffi") {
            true => outcome.exits(3).silently(),
            false => outcome.exits(77).says("[foreign-unavailable]"),
        };
    }
    let json = bench
        .cvm("run --fault-format json foreign.cvma")
        .exits(77)
        .json();
    assert_eq!(json["import"], "abs");
    assert_eq!(json["source"]["line"], 5);
}

#[test]
fn imports_that_nothing_provides_are_named() {
    let bench = Bench::new();
    bench.file(
        "plug.cvma",
        ".entry main\n.host plug.draw (1)\n.func main ()\n push 1\n call plug.draw\n ret\n.end\n",
    );
    bench
        .cvm("run plug.cvma")
        .exits(65)
        .says("[missing-import]")
        .says("`plug.draw`");
    bench.file("module.cvma", ".entry main\n.import \"list\" sort (2) -> 1\n.func main () -> 1\n push 1\n push 2\n call sort\n ret\n.end\n");
    bench
        .cvm("run module.cvma")
        .exits(66)
        .says("[missing-module]")
        .says("`list`")
        .says("module.cvma:6:2");
}
