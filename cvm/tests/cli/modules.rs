//! Programs of several modules: where modules are found, what is said when they are not, and what is shown of them.

use cvm_asm::{Options, SourceFile, assemble};
use cvm_spec::image::writer;

use super::support::{Bench, outcome};

const MAIN: &str = "\
.entry main
.import \"lib/answer\" answer () -> 1
.func main () -> 1
    call answer
    ret
.end
";

/// A module that gives a number.
fn module(number: u8) -> String {
    format!(".export answer\n.func answer () -> 1\n    push {number}\n    ret\n.end\n")
}

fn image(text: &str) -> Vec<u8> {
    let source = SourceFile {
        name: "answer.cvma".into(),
        text: text.into(),
    };
    let assembled = assemble(&[source], &Options::default());
    writer::write(&assembled.image.expect("the source is right"))
}

#[test]
fn modules_are_found_in_order() {
    let bench = Bench::with("app/main.cvma", MAIN);
    bench.file("one/lib/answer.cvm", image(&module(1)));
    bench.file("two/lib/answer.cvma", module(2));
    bench.file("path/lib/answer.cvm", image(&module(3)));
    bench.file("app/lib/answer.cvma", module(4));
    bench.cvm("run -L one -L two app/main.cvma").exits(1);
    bench.cvm("run -L two -L one app/main.cvma").exits(2);
    let mut with_path = bench.command("run app/main.cvma");
    with_path.env("CVM_PATH", "nowhere:path");
    outcome(&mut with_path).exits(3).silently();
    let mut with_both = bench.command("run -L one app/main.cvma");
    with_both.env("CVM_PATH", "path");
    outcome(&mut with_both).exits(1);
    bench.cvm("run app/main.cvma").exits(4).silently();
    // An image is preferred to a source beside it.
    bench.file("app/lib/answer.cvm", image(&module(5)));
    bench.cvm("run app/main.cvma").exits(5);
}

#[test]
fn a_missing_module_is_reported_with_where_it_was_looked_for() {
    let bench = Bench::with("main.cvma", MAIN);
    bench
        .cvm("run -L one main.cvma")
        .exits(66)
        .says("there is no module `lib/answer` [missing-module]")
        .says("one/lib/answer.cvm")
        .says("the standard modules")
        .says("main.cvma:4:5");
    bench.cvm("verify main.cvma").exits(66);
    let json = bench
        .cvm("run --fault-format json main.cvma")
        .exits(66)
        .json();
    assert_eq!(json["code"], "missing-module");
}

#[test]
fn a_module_that_cannot_be_used_is_reported() {
    let bench = Bench::with("main.cvma", MAIN);
    bench.file("lib/answer.cvm", b"\x89CVM\r\n\x01\0");
    bench
        .cvm("run main.cvma")
        .exits(65)
        .says("lib/answer.cvm")
        .says("[truncated-header]");
    bench.file(
        "lib/answer.cvm",
        image(".export other\n.func other ()\n ret\n.end\n"),
    );
    bench
        .cvm("run main.cvma")
        .exits(65)
        .says("[missing-symbol]")
        .says("does not export `answer`");
    std::fs::remove_file(bench.path().join("lib/answer.cvm")).expect("it is there");
    bench.file(
        "lib/answer.cvma",
        ".export answer\n.func answer () -> 1\n pusj 1\n ret\n.end\n",
    );
    bench
        .cvm("run main.cvma")
        .exits(1)
        .says("lib/answer.cvma")
        .says("pusj");
}

#[test]
fn standard_modules_need_no_file() {
    let bench = Bench::with(
        "main.cvma",
        ".entry main\n.import \"std/str\" parse (2) -> 2\n.data\nt: .ascii \"17\"\n.func main () -> 1\n push d:t\n push 2\n call parse\n drop\n ret\n.end\n",
    );
    bench.cvm("run main.cvma").exits(17).silently();
    bench.cvm("verify main.cvma").exits(0);
    // A directory comes before them.
    bench.file(
        "own/std/str.cvma",
        ".export parse\n.func parse (2) -> 2\n push 3\n push 1\n ret\n.end\n",
    );
    bench.cvm("run -L own main.cvma").exits(3);
}

#[test]
fn ldd_shows_what_is_found_where() {
    let bench = Bench::with(
        "main.cvma",
        ".entry main\n.import \"std/str\" parse (2) -> 2\n.import \"lib/answer\" answer () -> 1\n.host sys.exit (status)\n.func main ()\n call answer\n call sys.exit\n ret\n.end\n",
    );
    bench
        .cvm("ldd main.cvma")
        .exits(66)
        .prints("main.cvma:\n  std/str 1.0.0 => built in\n      parse\n  std/mem 1.0.0 => built in\n      compare, equal\n  lib/answer => not found\n  host: sys.exit\n");
    bench.file("lib/answer.cvma", module(1));
    let shown = bench.cvm("ldd -L . main.cvma").exits(0).silently();
    assert!(
        shown
            .stdout
            .contains("lib/answer => ./lib/answer.cvma\n      answer\n"),
        "{shown:#?}"
    );
    let json = bench.cvm("ldd --json main.cvma").exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    assert_eq!(json["type"], "ldd");
    assert_eq!(json["modules"][0]["module_version"], "1.0.0");
}

#[test]
fn a_fault_in_a_module_shows_its_source() {
    let bench = Bench::with(
        "main.cvma",
        ".entry main\n.import \"lib/bad\" fail ()\n.func main ()\n call fail\n ret\n.end\n",
    );
    bench.file(
        "lib/bad.cvma",
        ".export fail\n.init start\n.bss\nready: .quad 0\n.func start ()\n push 1\n i_write b:ready\n ret\n.end\n.func fail ()\n i_read b:ready\n push 0\n i_div\n drop\n ret\n.end\n",
    );
    bench
        .cvm("run main.cvma")
        .exits(136)
        .says("lib/bad.cvma:13:2")
        .says("lib/bad:fail")
        .says("i_div");
    bench.file(
        "lib/bad.cvma",
        ".export fail\n.init start\n.func start ()\n abort 7\n.end\n.func fail ()\n ret\n.end\n",
    );
    bench
        .cvm("run main.cvma")
        .exits(134)
        .says("while `lib/bad:start` initialised its module, before the entry");
}

#[test]
fn every_rule_of_the_linker_is_explained() {
    let bench = Bench::new();
    for code in cvm_spec::image::link::LinkCode::ALL {
        let shown = bench.cvm(&format!("explain {}", code.code())).exits(0);
        assert!(shown.stdout.contains("link rule"), "{shown:#?}");
    }
}

#[test]
fn constants_of_a_module_are_defined_from_outside() {
    let bench = Bench::with(
        "main.cvma",
        ".entry main\n.import \"lib/level\" level () -> 1\n.func main () -> 1\n call level\n ret\n.end\n",
    );
    bench.file(
        "lib/level.cvma",
        ".export level\n.ifndef LEVEL\nLEVEL = 1\n.endif\n.func level () -> 1\n push LEVEL\n ret\n.end\n",
    );
    bench.cvm("run main.cvma").exits(1).silently();
    bench
        .cvm("run -D lib/level:LEVEL=7 main.cvma")
        .exits(7)
        .silently();
    bench
        .cvm("run -D lib/other:LEVEL=7 main.cvma")
        .exits(1)
        .silently();
    bench
        .cvm("run -D LEVEL=7 main.cvma")
        .exits(64)
        .says("MODULE:NAME");
    bench
        .cvm("run -D lib/level:7 main.cvma")
        .exits(64)
        .says("is not a name");
}
