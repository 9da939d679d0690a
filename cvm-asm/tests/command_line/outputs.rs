//! What the flags put into the image, and the listing, the map and the rule for make.

use super::{HELLO, Place};
use cvm_spec::image::SymbolKind;

#[test]
fn debug_information_only_when_asked_for() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    place.run(["hello.cvma"]).expect(0);
    let plain = place.image("hello.cvm");
    assert!(plain.lines.is_empty());
    assert!(plain.symbols.iter().any(|s| s.kind == SymbolKind::Function));
    place.run(["-g", "hello.cvma"]).expect(0);
    let debug = place.image("hello.cvm");
    assert!(!debug.lines.is_empty());
    assert_eq!(debug.string(debug.sources[0]), Some("hello.cvma"));
    assert_eq!(debug.text, plain.text);
    place.run(["--strip", "hello.cvma"]).expect(0);
    let stripped = place.image("hello.cvm");
    assert!(stripped.symbols.is_empty() && stripped.lines.is_empty());
    assert_eq!(stripped.text, plain.text);
}

#[test]
fn includes_are_found_beside_the_file_and_in_given_directories() {
    let main = ".include \"common.inc\"\n.entry main\n.func main () -> 1\n    push STATUS\n    ret\n.end\n";
    let place = Place::new(&[
        ("src/main.cvma", main),
        ("one/common.inc", ".equ STATUS, 1\n"),
        ("two/common.inc", ".equ STATUS, 2\n"),
    ]);
    place
        .run(["src/main.cvma"])
        .expect(1)
        .says("error[file-not-found]")
        .says("src/main.cvma:1:10");
    let status = |place: &Place| place.image("src/main.cvm").text[1];
    place
        .run(["-I", "one", "-I", "two", "src/main.cvma"])
        .expect(0);
    assert_eq!(status(&place), 1);
    place.run(["-Itwo", "-Ione", "src/main.cvma"]).expect(0);
    assert_eq!(status(&place), 2);
    place.write("src/common.inc", ".equ STATUS, 3\n");
    place.run(["-I", "one", "src/main.cvma"]).expect(0);
    assert_eq!(status(&place), 3);
}

#[test]
fn definitions_from_the_command_line() {
    let main = ".entry main\n.func main () -> 1\n.ifdef LEVEL\n    push LEVEL\n.else\n    push 99\n.endif\n    ret\n.end\n";
    let place = Place::new(&[("main.cvma", main)]);
    for (arguments, expected) in [
        (&["main.cvma"][..], 99),
        (&["-D", "LEVEL=7", "main.cvma"], 7),
        (&["-DLEVEL=0x10", "main.cvma"], 16),
        (&["-D", "LEVEL", "main.cvma"], 1),
    ] {
        place.run(arguments).expect(0);
        assert_eq!(place.image("main.cvm").text[1], expected, "{arguments:?}");
    }
}

#[test]
fn the_listing_shows_lines_addresses_and_bytes() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    place
        .run(["hello.cvma", "--listing", "hello.lst"])
        .expect(0);
    let listing = place.text("hello.lst");
    let row = |number: usize| {
        let start = format!("{number:>6}  ");
        listing
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("{listing}"))
    };
    assert!(row(1).ends_with(" ; Writes a greeting."), "{listing}");
    assert!(
        row(6).contains("d:00000000 68 65 6c 6c 6f 2c 20 77 hello:  .ascii"),
        "{listing}"
    );
    assert!(
        listing.contains("          d:00000008 6f 72 6c 64 0a\n")
            || listing.contains("        d:00000008 6f 72 6c 64 0a\n"),
        "{listing}"
    );
    assert!(
        row(16).contains("t:") && row(16).ends_with("    ret"),
        "{listing}"
    );
    for (index, line) in HELLO.lines().enumerate() {
        assert!(
            row(index + 1).ends_with(line.trim_start()),
            "line {}",
            index + 1
        );
    }
}

#[test]
fn the_listing_marks_expansions_and_included_files() {
    let place = Place::new(&[
        (
            "main.cvma",
            ".include \"part.inc\"\n.entry main\n.macro twice n\n    push \\n\n    drop\n.endm\n.func main () -> 1\n    twice 5\n    push 0\n    ret\n.end\n",
        ),
        ("part.inc", ".data\ntable: .byte 1, 2, 3\n"),
    ]);
    place
        .run(["main.cvma", "--listing", "-", "-o", "x.cvm"])
        .expect(0);
    let listing = place
        .run(["main.cvma", "--listing", "-", "-o", "x.cvm"])
        .expect(0)
        .out_text();
    let lines: Vec<_> = listing.lines().map(str::trim_end).collect();
    let at = |text: &str| {
        let found = lines.iter().position(|line| line.ends_with(text));
        found.unwrap_or_else(|| panic!("no `{text}` in\n{listing}"))
    };
    assert!(at("; main.cvma") < at(".include \"part.inc\""));
    assert!(at(".include \"part.inc\"") < at("; part.inc"));
    assert!(at("; part.inc") < at("table: .byte 1, 2, 3"));
    assert!(at("table: .byte 1, 2, 3") < at("; main.cvma, continued"));
    let call = at("    twice 5");
    assert!(lines[call + 1].starts_with("     4+ t:"), "{listing}");
    assert!(lines[call + 2].starts_with("     5+ t:"), "{listing}");
    assert!(lines[call + 3].starts_with("     9  t:"), "{listing}");
}

#[test]
fn the_map_is_sorted_by_address() {
    let text = [
        HELLO,
        ".func second ()\n    ret\n.end\n.bss\ncount: .quad 1\nspace: .reserve 100\n",
    ]
    .concat();
    let place = Place::new(&[("hello.cvma", &text)]);
    place.run(["hello.cvma", "--map", "hello.map"]).expect(0);
    let map = place.text("hello.map");
    let words: Vec<Vec<&str>> = map
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let row = |name: &str| {
        let found = words
            .iter()
            .position(|words| words.len() > 2 && words.contains(&name));
        found.unwrap_or_else(|| panic!("no {name} in\n{map}"))
    };
    assert_eq!(
        words[row("hello")],
        ["d:00000000", "13", "hello", "hello.cvma:6"]
    );
    assert_eq!(
        words[row("count")],
        ["b:00000000", "8", "count", "hello.cvma:22"]
    );
    assert_eq!(
        words[row("space")],
        ["b:00000008", "100", "space", "hello.cvma:23"]
    );
    assert_eq!(
        words[row("STDOUT")],
        ["0x0000000000000001", "1", "STDOUT", "hello.cvma:4"]
    );
    assert!(words[row("main")][0] == "t:00000000" && words[row("main")][3] == "hello.cvma:9");
    let order = [
        "main",
        "second",
        "hello",
        "count",
        "space",
        "sys.write",
        "STDOUT",
        "hello_len",
    ]
    .map(row);
    assert!(order.is_sorted(), "{map}");
    assert!(map.contains("Entry\n  main\n"), "{map}");
}

#[test]
fn the_rule_for_make_names_all_files() {
    let place = Place::new(&[
        (
            "my main.cvma",
            ".include \"inc/a#1.inc\"\n.data\nblob: .incbin \"blob.bin\"\n",
        ),
        ("inc/a#1.inc", "; nothing\n"),
        ("blob.bin", "bytes"),
    ]);
    place.run(["my main.cvma", "--deps", "x.d"]).expect(0);
    let expected = "my\\ main.cvm: \\\n  my\\ main.cvma \\\n  inc/a\\#1.inc \\\n  blob.bin\n\ninc/a\\#1.inc:\n\nblob.bin:\n";
    assert_eq!(place.text("x.d"), expected);
    place
        .run_with_input(
            ["-", "-o", "y.cvm", "--deps", "y.d"],
            b".include \"inc/a#1.inc\"\n",
        )
        .expect(0);
    assert_eq!(
        place.text("y.d"),
        "y.cvm: \\\n  inc/a\\#1.inc\n\ninc/a\\#1.inc:\n"
    );
}

#[test]
fn one_stream_for_one_output() {
    let place = Place::new(&[("hello.cvma", HELLO)]);
    let map = place.run(["hello.cvma", "--map", "-"]).expect(0).out_text();
    assert!(map.starts_with("Segments\n"));
    place
        .run(["hello.cvma", "--map", "-", "--listing", "-"])
        .expect(64)
        .says("two outputs");
}
