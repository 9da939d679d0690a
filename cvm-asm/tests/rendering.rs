//! How diagnostics look: each test compares with a file in `tests/snapshots/`; `INSTA_UPDATE=always` rewrites them.

use cvm_asm::diagnostic::{Diagnostic, DiagnosticCode, Span};
use cvm_asm::render::{self, render};
use cvm_asm::source::{SourceFile, SourceMap};

fn source(name: &str, text: impl Into<Vec<u8>>) -> SourceFile {
    SourceFile {
        name: name.to_owned(),
        text: text.into(),
    }
}

/// The span of the first `needle` in a file.
fn span(files: &[SourceFile], file: u32, needle: &str) -> Span {
    let text = &files[file as usize].text;
    let at = text
        .windows(needle.len())
        .position(|window| window == needle.as_bytes())
        .expect("the text holds the needle");
    Span::new(file, at as u32, (at + needle.len()) as u32)
}

#[track_caller]
fn check(name: &str, files: &[SourceFile], diagnostics: &[Diagnostic], color: bool) {
    let text = render(diagnostics, &SourceMap::new(files), color);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn a_place_with_help_and_notes() {
    let files = [source(
        "count.cvma",
        ".bss\ncount:\t.quad 0\n.text\n.func main ()\n\tpush 1\n\ti_write b:cout\n\tret\n.end\n",
    )];
    let place = span(&files, 0, "cout");
    let diagnostic = Diagnostic::new(
        DiagnosticCode::UndefinedName,
        place,
        "`cout` is not defined",
    )
    .at("no label in .bss has this name")
    .note("the prefix `b:` asks for a label in .bss")
    .help("did you mean `count`?")
    .fix(place, "count");
    check("help-and-notes", &files, &[diagnostic], false);
}

#[test]
fn colour_is_only_added() {
    let files = [source("a.cvma", "nop nop\n")];
    let place = span(&files, 0, "nop nop");
    let diagnostic = Diagnostic::new(
        DiagnosticCode::ExtraOperand,
        place,
        "`nop` takes no operand",
    )
    .help("write one statement a line");
    check("colour", &files, std::slice::from_ref(&diagnostic), true);
    let map = SourceMap::new(&files);
    assert!(!render(&[diagnostic], &map, false).contains('\u{1b}'));
}

#[test]
fn both_definitions_however_far_apart() {
    let mut text = String::from("x:  .quad 1\n");
    text.push_str(&"    .quad 2\n".repeat(5000));
    text.push_str("y:  .quad 3\nx:  .byte 4\ny:  .byte 5\n");
    let files = [source("far.cvma", text)];
    let second = span(&files, 0, "x:  .byte");
    let near = span(&files, 0, "y:  .byte");
    let name = |s: Span| Span {
        end: s.start + 1,
        ..s
    };
    let far = Diagnostic::new(
        DiagnosticCode::DuplicateName,
        name(second),
        "`x` is defined twice",
    )
    .at("defined again here")
    .also(name(span(&files, 0, "x:  .quad")), "first defined here");
    let close = Diagnostic::new(
        DiagnosticCode::DuplicateName,
        name(near),
        "`y` is defined twice",
    )
    .at("defined again here")
    .also(name(span(&files, 0, "y:  .quad")), "first defined here");
    check("two-definitions", &files, &[far, close], false);
}

#[test]
fn a_macro_in_another_file() {
    let files = [
        source(
            "main.cvma",
            ".include \"macros.inc\"\n.func main ()\n    store 5, count\n    ret\n.end\n",
        ),
        source(
            "macros.inc",
            ".macro store value, place\n    push \\value\n    i_wite b:\\place\n.endm\n",
        ),
    ];
    let diagnostic = Diagnostic::new(
        DiagnosticCode::UnknownMnemonic,
        span(&files, 1, "i_wite"),
        "no instruction, directive or macro is called `i_wite`",
    )
    .also(span(&files, 0, "store 5, count"), "in this call of `store`")
    .help("did you mean `i_write`?");
    check("macro", &files, &[diagnostic], false);
}

#[test]
fn several_labels_on_one_line() {
    let files = [source("a.cvma", "    slide 70000, 300\n")];
    let diagnostic = Diagnostic::new(
        DiagnosticCode::OutOfRange,
        span(&files, 0, "70000"),
        "operand out of range",
    )
    .at("at most 65535")
    .also(span(&files, 0, "slide"), "takes two counts")
    .also(span(&files, 0, "300"), "this one is fine");
    check("labels-on-a-line", &files, &[diagnostic], false);
}

#[test]
fn characters_that_a_terminal_must_not_see() {
    let text = b"a:\t.ascii \"\x1b[31m\x07\xc2\x9b \xe6\xbc\xa2\xe5\xad\x97 \xff\xfe e\xcc\x81 \xe2\x80\xae\" junk\n";
    let files = [source("odd\u{1b}[2J.cvma", *text)];
    let diagnostic = Diagnostic::new(
        DiagnosticCode::UnexpectedToken,
        span(&files, 0, "junk"),
        "unexpected `\u{1b}]0;title\u{7}` and a\nsecond line",
    )
    .at("\u{1b}[5mhere")
    .note("\u{9b}2J")
    .help("\u{202e}sdrawkcab");
    check("control-characters", &files, &[diagnostic], false);
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let filler = "q 0x1234, ".repeat(3000);
    let files = [source("long.cvma", format!("{filler}bad {filler}"))];
    let place = span(&files, 0, "bad");
    let start = Diagnostic::new(
        DiagnosticCode::UnexpectedToken,
        Span::new(0, 0, 1),
        "at the start",
    );
    let middle =
        Diagnostic::new(DiagnosticCode::UnexpectedToken, place, "in the middle").at("here");
    let whole = Span::new(0, 0, files[0].text.len() as u32);
    let all = Diagnostic::new(DiagnosticCode::UnexpectedToken, whole, "the whole line");
    let message = Diagnostic::new(DiagnosticCode::UnexpectedToken, place, "long ".repeat(500));
    check("long-lines", &files, &[start, middle, all, message], false);
}

#[test]
fn places_at_the_edges() {
    let files = [
        source("edge.cvma", ".func f ()\r\n  nop\r\n"),
        source("empty.cvma", ""),
    ];
    let end = files[0].text.len() as u32;
    let diagnostics = [
        Diagnostic::new(
            DiagnosticCode::UnclosedBlock,
            Span::new(0, end, end),
            "at the end of the file",
        ),
        Diagnostic::new(
            DiagnosticCode::UnclosedBlock,
            Span::new(0, 10, 10),
            "at the end of a line",
        ),
        Diagnostic::new(
            DiagnosticCode::UnclosedBlock,
            Span::new(0, 0, end),
            "over several lines",
        ),
        Diagnostic::new(
            DiagnosticCode::NoEntry,
            Span::new(1, 0, 0),
            "in an empty file",
        ),
        Diagnostic::new(
            DiagnosticCode::NoEntry,
            Span::new(0, 900, 990),
            "behind the end",
        ),
        Diagnostic::new(DiagnosticCode::NoEntry, Span::new(9, 0, 0), "in no file"),
    ];
    check("edges", &files, &diagnostics, false);
}

#[test]
fn warnings_look_like_warnings() {
    let files = [source("a.cvma", ".loop:\n")];
    let diagnostic = Diagnostic::new(
        DiagnosticCode::UnusedLabel,
        span(&files, 0, ".loop"),
        "`.loop` is never used",
    );
    check("warning", &files, &[diagnostic], false);
}

#[test]
fn the_closing_line_counts() {
    assert_eq!(render::summary(1, 0), "1 error, 0 warnings");
    assert_eq!(render::summary(3, 1), "3 errors, 1 warning");
}

/// Ten times the diagnostics, each with a second place at the far end of the file, are ten times the text.
#[test]
fn the_output_grows_with_the_diagnostics_only() {
    let size = |count: usize| {
        let files = [source("big.cvma", "x: .quad 1\n".repeat(count))];
        let diagnostics: Vec<_> = (0..count as u32)
            .map(|line| {
                Diagnostic::new(
                    DiagnosticCode::DuplicateName,
                    Span::new(0, line * 11, line * 11 + 1),
                    "twice",
                )
                .also(Span::new(0, 0, 1), "first")
            })
            .collect();
        render(&diagnostics, &SourceMap::new(&files), false).len()
    };
    let (small, large) = (size(1_000), size(10_000));
    assert!(small > 1_000 * 50, "{small}");
    assert!(large < small * 11, "1,000: {small}, 10,000: {large}");
}

mod any_input {
    use super::*;
    use cvm_asm::json;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\t".to_vec()),
            Just("漢e\u{301}\u{202e}\u{9b}".as_bytes().to_vec()),
            Just(b"word ".to_vec()),
            Just(b"long ".repeat(200)),
            proptest::collection::vec(any::<u8>(), 1..5),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    fn diagnostic() -> impl Strategy<Value = Diagnostic> {
        let label = (0..3u32, 0..3000u32, 0..40u32, ".{0,6}");
        let labels = proptest::collection::vec(label, 1..6);
        (labels, ".{0,9}").prop_map(|(labels, message)| {
            let spans = labels
                .iter()
                .map(|(file, start, size, _)| Span::new(*file, *start, start + size));
            let mut places = spans.zip(labels.iter().map(|label| &label.3));
            let (first, remark) = places.next().expect("at least one");
            let diagnostic =
                Diagnostic::new(DiagnosticCode::UndefinedName, first, message).at(remark);
            places.fold(diagnostic, |diagnostic, (span, remark)| {
                diagnostic.also(span, remark)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn never_panics_nor_prints_control_characters(
            texts in proptest::collection::vec(text(), 0..3),
            diagnostic in diagnostic(),
            color: bool,
        ) {
            let files: Vec<_> = texts.into_iter().map(|text| source("a.cvma", text)).collect();
            let map = SourceMap::new(&files);
            let text = render(std::slice::from_ref(&diagnostic), &map, color);
            let bad = |c: char| c.is_control() && c != '\n' && !(color && c == '\u{1b}');
            prop_assert!(!text.contains(bad), "{text:?}");
            prop_assert!(!json::diagnostic(&diagnostic, &map).contains('\n'));
        }
    }
}
