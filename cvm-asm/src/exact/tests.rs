use super::*;
use cvm_spec::image::Function;

fn run(text: &str) -> Assembled {
    let source = SourceFile {
        name: "x.cvma".into(),
        text: text.as_bytes().to_vec(),
    };
    assemble(&source, &Options::default())
}

/// The first diagnostic: code, the text it points at, and its message.
fn error(text: &str) -> (String, String, String) {
    let assembled = run(text);
    assert!(assembled.image.is_none(), "{text}");
    let first = &assembled.diagnostics[0];
    let span = first.span();
    (
        first.code.code().to_owned(),
        text[span.start as usize..span.end as usize].to_owned(),
        first.message.clone(),
    )
}

const TEXT: &str = ".exact 1\n.section types\n.type function, 0, 1, 0\n.section text\n";
const FUNCTIONS: &str = "\n.section functions\n.function 0, ";

/// The bytes of a text section.
fn text_of(statements: &str, size: usize) -> Vec<u8> {
    let source = format!("{TEXT}{statements}{FUNCTIONS}{size}, 0\n");
    let assembled = run(&source);
    let image = assembled.image;
    image
        .unwrap_or_else(|| panic!("{:?}", assembled.diagnostics))
        .text
}

#[test]
fn the_first_statement_tells() {
    assert!(is_exact(b".exact 1\n"));
    assert!(is_exact(b"; a comment\r\n\n  .exact 1 ; more"));
    assert!(!is_exact(b".func main ()\n.exact 1\n"));
    assert!(!is_exact(b""));
}

#[test]
fn every_operand_kind_is_spelled() {
    assert_eq!(text_of("push_b -1", 2), [0x20, 0xff]);
    assert_eq!(text_of("push_w 0x7f_ff", 3), [0x21, 0xff, 0x7f]);
    assert_eq!(text_of("push_d -5", 5), [0x22, 0xfb, 0xff, 0xff, 0xff]);
    assert_eq!(
        text_of("push_ud 4294967295", 5),
        [0x23, 0xff, 0xff, 0xff, 0xff]
    );
    assert_eq!(
        text_of("push_q -2", 9),
        [0x24, 0xfe, 255, 255, 255, 255, 255, 255, 255]
    );
    assert_eq!(text_of("push_a 7:1", 5), [0x25, 1, 0, 0, 0xe0]);
    assert_eq!(text_of("i_read", 1), [0x37]);
    assert_eq!(text_of("i_read l:8 ; local", 5), [0x47, 8, 0, 0, 0x80]);
    assert_eq!(text_of("abort 0b11", 3), [0x04, 3, 0]);
    assert_eq!(text_of("slide 1, 0o7", 5), [0x2d, 1, 0, 7, 0]);
    assert_eq!(text_of("declare 2", 5), [0x0b, 2, 0, 0, 0]);
    assert_eq!(text_of("pick 9", 3), [0x2b, 9, 0]);
    assert_eq!(text_of("call 1", 5), [0x10, 1, 0, 0, 0]);
}

#[test]
fn labels_and_distances() {
    assert_eq!(text_of("a: b: jmp a", 5), [5, 0xfb, 0xff, 0xff, 0xff]);
    assert_eq!(text_of("jmp end\nend: ret", 6), [5, 0, 0, 0, 0, 0x16]);
    assert_eq!(text_of("jmp -2147483648", 5), [5, 0, 0, 0, 0x80]);
    let table = [8, 2, 0, 0, 0, 0xf3, 0xff, 0xff, 0xff, 1, 0, 0, 0];
    assert_eq!(text_of("L: switch [L, +1]", 13), table);
}

#[test]
fn bytes_in_every_spelling() {
    let source = ".exact 1\n.section data\n.byte -128, 255, 'x'\n";
    assert_eq!(error(source).0, "unexpected-token");
    let source =
        ".exact 1\n.section data\n.byte -128, 0xff\n.zero 2\n.quad d:3, -1\n.ascii \"\\x41\\n;\"\n";
    let data = run(source).image.expect("assembles").data;
    let mut expected = vec![0x80, 0xff, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x40];
    expected.extend([0xff; 8]);
    expected.extend(b"A\n;");
    assert_eq!(data, expected);
}

#[test]
fn errors_say_where_and_what() {
    let at = |text: &str| {
        let (code, found, _) = error(text);
        (code, found)
    };
    let pair = |code: &str, found: &str| (code.to_owned(), found.to_owned());
    assert_eq!(at(".exact 2"), pair("out-of-range", "2"));
    assert_eq!(at(".bss 1\n.exact 1"), pair("misplaced-statement", ".bss"));
    assert_eq!(
        at(".exact 1\n.bss 1\n.bss 1"),
        pair("misplaced-statement", ".bss")
    );
    assert_eq!(at(".exact 1\n.data"), pair("unknown-directive", ".data"));
    assert_eq!(
        at(".exact 1\n.bss 4294967296"),
        pair("out-of-range", "4294967296")
    );
    assert_eq!(at(".exact 1\n.bss 12q"), pair("invalid-number", "12q"));
    assert_eq!(at(".exact 1\n.bss"), pair("unexpected-token", ""));
    assert_eq!(at(".exact 1\n.bss 1 2"), pair("unexpected-token", "2"));
    assert_eq!(
        at(".exact 1\n.heap mine, 0, 0"),
        pair("unexpected-token", "mine")
    );
    assert_eq!(
        at(".exact 1\n.section nothing"),
        pair("unexpected-token", "nothing")
    );
    assert_eq!(at(".exact 1\n.section 4"), pair("out-of-range", "4"));
    assert_eq!(
        at(".exact 1\n.section text\n.section data"),
        pair("misplaced-statement", "data")
    );
    assert_eq!(
        at(".exact 1\n.section bss-init\n.byte 1"),
        pair("misplaced-statement", ".byte")
    );
    assert_eq!(
        at(".exact 1\n.section data\n.zero 5000000000"),
        pair("out-of-range", "5000000000")
    );
    assert_eq!(
        at(".exact 1\n.section data\n.ascii \"abc"),
        pair("unterminated-string", "\"abc")
    );
    assert_eq!(
        at(".exact 1\n.section data\n.ascii \"\\q\""),
        pair("invalid-escape", "\\q")
    );
    assert_eq!(
        at(".exact 1\n.section types\n.types 1"),
        pair("unknown-directive", ".types")
    );
    let text = |statement: &str| at(&format!("{TEXT}{statement}"));
    assert_eq!(text("push 1"), pair("unknown-mnemonic", "push"));
    assert_eq!(text("push_b 128"), pair("out-of-range", "128"));
    assert_eq!(text("push_b -129"), pair("out-of-range", "-129"));
    assert_eq!(text("jmp nowhere"), pair("undefined-name", "nowhere"));
    assert_eq!(text("jmp 5"), pair("unexpected-token", "5"));
    assert_eq!(text("a:\na:"), pair("duplicate-name", "a"));
    assert_eq!(text("switch []"), pair("unexpected-token", "]"));
    assert_eq!(
        text("push_a d:536870912"),
        pair("out-of-range", "536870912")
    );
    assert_eq!(text("push_a 12"), pair("unexpected-token", "12"));
    assert_eq!(text("nop 1"), pair("unexpected-token", "1"));
    let (code, _, message) = error(".exact 1\n.heap shared, 65536, 0");
    assert_eq!(code, "invalid-image");
    assert!(message.contains("heap-not-owned at byte 32"), "{message}");
}

#[test]
fn many_errors_come_from_one_run() {
    let text = format!("{TEXT}push 1\nnop\njmp nowhere\npush_b 999\n");
    let codes: Vec<&str> = run(&text)
        .diagnostics
        .iter()
        .map(|d| d.code.code())
        .collect();
    assert_eq!(
        codes,
        ["unknown-mnemonic", "undefined-name", "out-of-range"]
    );
    let text = format!("{TEXT}{}", "bad\n".repeat(10_000));
    assert_eq!(run(&text).diagnostics.len(), MOST_ERRORS);
}

#[test]
fn records_keep_all_their_fields() {
    let function = Function {
        start: 0,
        size: 1,
        type_index: 0,
    };
    let text = format!(
        "{TEXT}ret{FUNCTIONS}1, 0\n.section strings\n.ascii \"f\"\n.section symbols\n.symbol function, t:5, 6, 0:1, 8, 9\n.section lines\n.line 0, 1, 2, 3\n.section 14\n.byte 1\n.section 0x80000000\n.zero 1"
    );
    let image = run(&text).image.expect("assembles");
    assert_eq!(image.functions, [function]);
    let symbol = image.symbols[0];
    assert_eq!(
        (symbol.value, symbol.size, symbol.a, symbol.b),
        (0x2000_0005, 6, 8, 9)
    );
    let line = image.lines[0];
    assert_eq!(
        (line.text, line.source, line.line, line.column),
        (0, 1, 2, 3)
    );
    assert_eq!(image.raw.len(), 2);
}
