//! Reports never fail, whatever they are given.

use cvm_spec::codec::encode;
use cvm_spec::fault::FaultCode;
use cvm_spec::image::{Function, FunctionType, Image, Line, StringRef, Symbol, SymbolKind, Type};
use cvm_spec::isa::{Opcode, ROWS};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};
use proptest::prelude::*;

use super::*;
use crate::fault::{Frame, RefusedAccess, Registers, Tried};

/// Two functions and two objects, with symbols and lines.
fn image() -> Image {
    let mut image = Image {
        bss_size: 72,
        ..Image::default()
    };
    let table = ShortPointer::new(Tag::Bss, 0).expect("fits");
    for (cells, name) in [(4, "fill"), (1, "main")] {
        let start = image.text.len() as u32;
        encode(&mut image.text, Opcode::Declare, cells);
        let local = ShortPointer::new(Tag::Local, 0).expect("fits");
        encode(&mut image.text, Opcode::PushA, local.0.into());
        encode(&mut image.text, Opcode::QWriteA, table.0.into());
        encode(&mut image.text, Opcode::Ret, 0);
        let end = image.text.len() as u32;
        image.functions.push(Function {
            start,
            size: end - start,
            type_index: 0,
        });
        let index = image.functions.len() as u32 - 1;
        add_symbol(&mut image, SymbolKind::Function, index, 0, name, 0, 0);
        add_symbol(
            &mut image,
            SymbolKind::Local,
            0,
            8 * cells as u32,
            "buf",
            start,
            end,
        );
        image.lines.push(Line {
            text: start,
            line: 10 * (index + 1),
            source: 0,
            column: 5,
        });
    }
    image.types.push(Type::Function(FunctionType::default()));
    add_symbol(&mut image, SymbolKind::Object, table.0, 64, "table", 0, 0);
    let source = image.add_string("fill.cvma");
    image.sources.push(source);
    image
}

fn add_symbol(
    image: &mut Image,
    kind: SymbolKind,
    value: u32,
    size: u32,
    name: &str,
    a: u32,
    b: u32,
) {
    let name = image.add_string(name);
    image.symbols.push(Symbol {
        kind,
        value,
        size,
        name,
        a,
        b,
    });
}

/// A write of 8 bytes at an address by `fill`, which `main` called.
fn fault(code: FaultCode, pointer: Pointer) -> Fault {
    Fault {
        opcode: Some(Opcode::QWriteA),
        registers: Registers {
            ip: 10,
            osp: 2,
            csp: 40,
            fp: 8,
        },
        access: Some(RefusedAccess {
            pointer,
            width: 8,
            segment_size: 72,
            tried: Tried::Write,
        }),
        operands: vec![("offset", 64), ("v", u64::MAX)],
        backtrace: vec![
            Frame {
                function: 0,
                ip: 10,
                foreign: None,
            },
            Frame {
                function: 1,
                ip: 21,
                foreign: None,
            },
        ],
        ..Fault::new(code)
    }
}

#[test]
fn a_report_says_where_the_access_was_and_what_it_missed() {
    let image = image();
    let lines = (1..30).map(|n| match n {
        10 => "    q_write b:table   ; \x1b[31m\n".to_string(),
        _ => "\n".to_string(),
    });
    let text: String = lines.collect();
    let sources = MemorySources(vec![("fill.cvma".into(), text.into_bytes())]);
    let reporter = Reporter::new().image(&image).sources(&sources);
    let fault = fault(FaultCode::WriteOutOfBounds, Pointer::new(Tag::Bss, 68));
    let expected = "\
fault: write past the end of a segment [write-out-of-bounds]
  --> fill.cvma:10:5 in `fill`
   |
10 |     q_write b:table   ; ␛[31m
   |     ^^^^^^^^^^^^^^^

  tried        to write 8 bytes at b:0x44: 4 bytes past the end of `table` (64 bytes)
  segment      bss, 72 bytes, policy rw; the access ends 4 bytes past its end
  instruction  q_write b:table  at t:0xa (fill+0xa)
  operands     offset  0x40                64
               v       0xffffffffffffffff  -1
  registers    ip t:0xa  osp 2  csp 0x28  fp 0x8
  backtrace    0  fill+0xa  fill.cvma:10:5
               1  main+0x5  fill.cvma:20:5
  hint         compare the index with the object's size before writing
";
    assert_eq!(reporter.fault_text(&fault), expected);
}

#[test]
fn addresses_are_told_relative_to_the_nearest_object() {
    let image = image();
    let reporter = Reporter::new().image(&image);
    let tried = |pointer| {
        let text = reporter.fault_text(&fault(FaultCode::WriteOutOfBounds, pointer));
        let row = text.lines().find(|line| line.contains("tried"));
        let (_, relation) = row
            .and_then(|row| row.split_once("at "))
            .expect("has a row");
        relation.to_string()
    };
    let at = |tag, offset| tried(Pointer::new(tag, offset));
    assert_eq!(at(Tag::Bss, 0), "b:0x0: the start of `table` (64 bytes)");
    assert_eq!(
        at(Tag::Bss, 60),
        "b:0x3c: byte 60 of `table` (64 bytes), reaching 4 bytes past its end"
    );
    assert_eq!(at(Tag::Bss, 64), "b:0x40: right behind `table` (64 bytes)");
    assert_eq!(
        at(Tag::Bss, 0u64.wrapping_sub(8)),
        "b:0x1ffffffffffffff8: 8 bytes before the segment's first byte"
    );
    assert_eq!(at(Tag::Local, 16), "l:0x10: byte 8 of `buf` (32 bytes)");
    assert_eq!(
        at(Tag::Local, 4),
        "l:0x4: byte 4 of `buf of main` (8 bytes), reaching 4 bytes past its end"
    );
    assert_eq!(at(Tag::Text, 10), "t:0xa: `fill+0xa`");
    assert_eq!(at(Tag::Heap, 10), "h:0xa");
}

#[test]
fn json_is_one_line_with_large_numbers_as_strings() {
    let image = image();
    let fault = fault(FaultCode::WriteOutOfBounds, Pointer::new(Tag::Bss, 64));
    let json = Reporter::new().image(&image).fault_json(&fault);
    assert!(json.starts_with('{') && !json.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    assert_eq!(value["version"], 1);
    assert_eq!(value["code"], "write-out-of-bounds");
    assert_eq!(value["exit_status"], 139);
    assert_eq!(value["source"]["line"], 10);
    assert_eq!(value["access"]["symbol"]["name"], "table");
    assert_eq!(value["access"]["offset"], "64");
    assert_eq!(value["operands"][1]["value"], "18446744073709551615");
    assert_eq!(value["backtrace"][1]["function"], "main");
}

const SPEC: &str = include_str!("../../../spec/fault-json.md");

/// All names of fields, but those of a map with free names.
fn field_names(value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                names.push(name.clone());
                if name != "details" {
                    field_names(value, names);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| field_names(item, names)),
        _ => {}
    }
}

#[test]
fn every_field_is_in_the_spec_and_the_example_is_true() {
    let image = image();
    let reporter = Reporter::new().image(&image);
    let fault = fault(FaultCode::WriteOutOfBounds, Pointer::new(Tag::Bss, 68));
    let json = reporter.fault_json(&fault);
    assert!(SPEC.contains(&json), "the example should be\n{json}");

    let mut rich = fault;
    rich.omitted = Some((1, 7));
    rich.types = Some([(1, 2, 3); 2]);
    let mut problem = Problem::new("missing-import", "message").detail("found", "x");
    problem.instruction = Some(10);
    let mut names = Vec::new();
    for json in [reporter.fault_json(&rich), reporter.problem_json(&problem)] {
        let value: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
        field_names(&value, &mut names);
    }
    for name in names {
        assert!(
            SPEC.contains(&format!("`{name}`")),
            "{name} is not in the spec"
        );
    }
}

fn any_reference() -> impl Strategy<Value = StringRef> {
    (0..60u32, 0..60u32).prop_map(|(offset, length)| StringRef { offset, length })
}

fn any_symbol() -> impl Strategy<Value = Symbol> {
    let number = || prop_oneof![0..80u32, any::<u32>()];
    let kind = (1..=7u32).prop_map(|n| SymbolKind::from_number(n).expect("1 to 7 are kinds"));
    (
        kind,
        number(),
        number(),
        any_reference(),
        number(),
        number(),
    )
        .prop_map(|(kind, value, size, name, a, b)| Symbol {
            kind,
            value,
            size,
            name,
            a,
            b,
        })
}

prop_compose! {
    /// The image with damaged debug information, and sometimes damaged text and functions.
    fn any_image()(
        symbols in prop::collection::vec(any_symbol(), 0..12),
        lines in prop::collection::vec((any::<u32>(), any::<u32>(), 0..3u16, any::<u16>()), 0..6),
        sources in prop::collection::vec(any_reference(), 0..3),
        strings in prop::collection::vec(any::<u8>(), 0..80),
        functions in prop::collection::vec((any::<u32>(), any::<u32>(), 0..3u32), 0..3),
        text in prop::collection::vec(any::<u8>(), 0..40),
        keeps_code in any::<bool>(),
    ) -> Image {
        let mut image = image();
        image.symbols = symbols;
        image.strings = strings;
        image.sources = sources;
        image.lines = lines
            .into_iter()
            .map(|(text, line, source, column)| Line { text, line, source, column })
            .collect();
        if !keeps_code {
            image.text = text;
            image.functions = functions
                .into_iter()
                .map(|(start, size, type_index)| Function { start, size, type_index })
                .collect();
        }
        image
    }
}

prop_compose! {
    fn any_fault()(
        code in prop::sample::select(FaultCode::ALL),
        row in prop::option::of(prop::sample::select(ROWS)),
        (ip, osp, csp, fp) in (prop_oneof![0..40u32, any::<u32>()], any::<u32>(), any::<u64>(), any::<u64>()),
        access in prop::option::of((any::<u64>(), any::<u64>(), any::<u64>(), 0..4usize)),
        local_object in any::<Option<u32>>(),
        operands in prop::collection::vec(any::<u64>(), 0..4),
        frames in prop::collection::vec((0..3u32, prop_oneof![0..40u32, any::<u32>()]), 0..30),
        omitted in any::<Option<(usize, u64)>>(),
        abort_code in any::<Option<u16>>(),
        types in any::<Option<[(u16, u16, u32); 2]>>(),
        import in any::<Option<u32>>(),
        message in any::<Option<String>>(),
    ) -> Fault {
        let tried = [Tried::Read, Tried::Write, Tried::Jump, Tried::Call];
        Fault {
            opcode: row.map(|row| row.opcode),
            registers: Registers { ip, osp, csp, fp },
            access: access.map(|(pointer, width, segment_size, kind)| RefusedAccess {
                pointer: Pointer(pointer),
                width,
                segment_size,
                tried: tried[kind],
            }),
            local_object,
            operands: operands.into_iter().map(|value| ("base", value)).collect(),
            backtrace: frames.into_iter().map(|(function, ip)| Frame { function, ip, foreign: None }).collect(),
            omitted,
            abort_code,
            types,
            import,
            message,
            ..Fault::new(code)
        }
    }
}

proptest! {
    #[test]
    fn no_fault_and_no_damage_makes_a_report_fail(fault in any_fault(), image in any_image()) {
        let reporter = Reporter::new().image(&image);
        let text = reporter.fault_text(&fault);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        prop_assert!(text.starts_with("fault: "));
        let json = reporter.fault_json(&fault);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        let without_image = Reporter::new().color(true).fault_text(&fault);
        prop_assert!(!without_image.is_empty());
    }

    #[test]
    fn no_error_makes_a_report_fail(
        image in any_image(),
        message in any::<String>(),
        instruction in prop::option::of(prop_oneof![0..40u32, any::<u32>()]),
        import in any::<Option<u32>>(),
        file_offset in any::<Option<u64>>(),
        row in prop::sample::select(PROBLEMS),
    ) {
        let mut problem = Problem::new(row.code, message.clone()).detail("found", message).hint("x");
        problem.instruction = instruction;
        problem.import = import;
        problem.file_offset = file_offset;
        let reporter = Reporter::new().image(&image);
        let text = reporter.problem_text(&problem);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let json = reporter.problem_json(&problem);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    }
}
