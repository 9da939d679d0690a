//! Modules that are large, deep or damaged: each is translated and verified, or refused, in bounded time and memory.

use std::time::{Duration, Instant};

use cvm::verify::verify;
use cvm_wasm::{Options, TranslateError, translate};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// What the slowest of these may take; most take far less than a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A module of functions of one type.
fn module(params: usize, bodies: impl IntoIterator<Item = Function>) -> Vec<u8> {
    let mut types = TypeSection::new();
    types
        .ty()
        .function(std::iter::repeat_n(ValType::I32, params), []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    for body in bodies {
        functions.function(0);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types);
    module.section(&functions);
    module.section(&exports);
    module.section(&code);
    module.finish()
}

fn body(locals: u32, fill: impl FnOnce(&mut Function)) -> Function {
    let locals = (locals > 0).then_some((locals, ValType::I32));
    let mut function = Function::new(locals);
    fill(&mut function);
    function.instruction(&Instruction::End);
    function
}

/// Translates and verifies; the error of the translator, if it refuses.
fn try_translate(bytes: &[u8]) -> Result<(), TranslateError> {
    let start = Instant::now();
    let image = translate(bytes, &Options::default())?;
    let verified = verify(image);
    assert!(
        verified.is_ok(),
        "{}",
        verified.err().map_or(String::new(), |e| e.to_string())
    );
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    Ok(())
}

fn accepted(bytes: &[u8]) {
    if let Err(error) = try_translate(bytes) {
        panic!("{error}");
    }
}

fn refused(bytes: &[u8], part: &str) {
    match try_translate(bytes) {
        Ok(()) => panic!("it is translated"),
        Err(error) => assert!(error.to_string().contains(part), "{error}"),
    }
}

#[test]
fn many_locals() {
    accepted(&module(0, [body(50_000, |_| {})]));
    refused(&module(0, [body(50_001, |_| {})]), "too many locals");
    refused(&module(0, [body(1_000_000, |_| {})]), "too many locals");
    refused(&module(0, [body(u32::MAX, |_| {})]), "too many locals");
    // Three kilobytes.
    refused(
        &module(0, (0..400).map(|_| body(50_000, |_| {}))),
        "locals of all functions",
    );
}

#[test]
fn many_parameters() {
    accepted(&module(1_000, [body(0, |_| {})]));
    refused(&module(1_001, [body(0, |_| {})]), "");
}

#[test]
fn many_operands() {
    let push = |count: u32| {
        body(0, |function| {
            for _ in 0..count {
                function.instruction(&Instruction::I32Const(1));
            }
            for _ in 0..count {
                function.instruction(&Instruction::Drop);
            }
        })
    };
    accepted(&module(0, [push(59_000)]));
    refused(&module(0, [push(61_000)]), "locals and operands");
}

#[test]
fn many_functions() {
    accepted(&module(0, (0..1_000_000).map(|_| body(0, |_| {}))));
    refused(
        &module(0, (0..1_000_001).map(|_| body(0, |_| {}))),
        "functions count",
    );
}

#[test]
fn deep_nesting() {
    let depth = 500_000;
    for kind in 0..3 {
        let nested = body(0, |function| {
            for _ in 0..depth {
                match kind {
                    0 => function.instruction(&Instruction::Block(BlockType::Empty)),
                    1 => function.instruction(&Instruction::Loop(BlockType::Empty)),
                    _ => function
                        .instruction(&Instruction::I32Const(1))
                        .instruction(&Instruction::If(BlockType::Empty)),
                };
            }
            for _ in 0..depth {
                function.instruction(&Instruction::End);
            }
        });
        accepted(&module(0, [nested]));
    }
    // In code that no path reaches, and left by a branch to the outermost block.
    let dead = body(0, |function| {
        function.instruction(&Instruction::Block(BlockType::Empty));
        for _ in 0..depth {
            function.instruction(&Instruction::Block(BlockType::Empty));
        }
        function.instruction(&Instruction::Br(depth));
        for _ in 0..depth {
            function.instruction(&Instruction::Block(BlockType::Empty));
        }
        for _ in 0..2 * depth + 1 {
            function.instruction(&Instruction::End);
        }
    });
    accepted(&module(0, [dead]));
}

#[test]
fn wide_tables_of_branches() {
    let table = |count: usize| {
        body(0, |function| {
            function
                .instruction(&Instruction::Block(BlockType::Empty))
                .instruction(&Instruction::I64Const(1))
                .instruction(&Instruction::I32Const(7))
                .instruction(&Instruction::BrTable(vec![0; count].into(), 0))
                .instruction(&Instruction::End);
        })
    };
    accepted(&module(0, [table(1_000_000)]));
    refused(&module(0, [table(1_100_000)]), "targets of a branch");
}

#[test]
fn sizes_that_are_only_declared() {
    let sized = |pages: u64, entries: u64| {
        let (mut memories, mut tables) = (MemorySection::new(), TableSection::new());
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: entries,
            maximum: None,
            shared: false,
        });
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut module = Module::new();
        module.section(&tables);
        module.section(&memories);
        module.finish()
    };
    accepted(&sized(65_536, 10_000_000));
    refused(&sized(65_537, 0), "memory size");
    refused(&sized(1, u64::from(u32::MAX)), "");
}

/// A module of text, which need not be valid.
fn of_text(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("it is text");
    let mut parsed = wast::parser::parse::<wast::Wat<'_>>(&buffer).expect("it is a module");
    parsed.encode().expect("it can be encoded")
}

#[test]
fn features_that_are_not_translated_are_named() {
    for (feature, text) in [
        ("simd", "(module (func (drop (v128.const i32x4 1 2 3 4))))"),
        ("threads", "(module (memory 1 1 shared))"),
        ("threads", "(module (func atomic.fence))"),
        ("multi-memory", "(module (memory 1) (memory 1))"),
        (
            "multi-memory",
            r#"(module (import "m" "a" (memory 1)) (memory 1))"#,
        ),
        (
            "multi-memory",
            r#"(module (import "m" "a" (memory 1)) (import "m" "b" (memory 1)))"#,
        ),
        ("memory64", "(module (memory i64 1))"),
        ("memory64", "(module (table i64 1 funcref))"),
        ("exceptions", "(module (tag))"),
        ("exceptions", r#"(module (import "m" "e" (tag)))"#),
        ("gc", "(module (type (struct (field i32))))"),
        ("gc", "(module (func (param anyref)))"),
        ("function-references", "(module (func (param (ref func))))"),
        ("custom-page-sizes", "(module (memory 1 (pagesize 1)))"),
        (
            "wide-arithmetic",
            "(module (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))",
        ),
        (
            "stack-switching",
            "(module (type $f (func)) (type (cont $f)))",
        ),
        ("component-model", "(component)"),
    ] {
        match translate(&of_text(text), &Options::default()) {
            Err(error @ TranslateError::Unsupported { .. }) => {
                let message = error.to_string();
                assert!(
                    message.contains(&format!("feature `{feature}`")),
                    "{text}: {message}"
                );
                assert!(message.contains("(at byte 0x"), "{text}: {message}");
            }
            other => panic!("{text}: {:?}", other.err()),
        }
    }
}

/// A module with DWARF of version 4, whose only function has two bytes: units of one table of lines and one of abbreviations each.
fn with_lines(units: u32, abbreviations: &[u8], lines: u32) -> Vec<u8> {
    let sized =
        |contents: Vec<u8>| [&(contents.len() as u32).to_le_bytes()[..], &contents].concat();
    // Version, offset of the abbreviations, bytes of an address; the abbreviation, offset of the line table.
    let unit = sized([&[4, 0, 0, 0, 0, 0, 4][..], &[1, 0, 0, 0, 0]].concat());
    // From `minimum_instruction_length` to the end of the only name.
    let header = b"\x01\x01\x01\xfb\x0e\x0d\0\x01\x01\x01\x01\0\0\0\x01\0\0\x01\0a.c\0\0\0\0\0";
    let mut table = sized(header.to_vec());
    table.splice(0..0, [4, 0]);
    table.extend_from_slice(b"\0\x05\x02\0\0\0\0");
    // `DW_LNS_copy`, each a row; the function's code ends at 4.
    table.extend(std::iter::repeat_n(1, lines as usize));
    table.extend_from_slice(b"\x02\x04\0\x01\x01");
    let mut bytes = module(0, [body(0, |_| {})]);
    for (name, contents) in [
        (".debug_info", unit.repeat(units as usize)),
        (".debug_abbrev", abbreviations.to_vec()),
        (".debug_line", sized(table)),
    ] {
        let section = wasm_encoder::CustomSection {
            name: name.into(),
            data: contents.into(),
        };
        bytes.push(0);
        wasm_encoder::Encode::encode(&section, &mut bytes);
    }
    bytes
}

#[test]
fn line_information_takes_time_in_proportion_to_its_size() {
    // A unit with a line table: `DW_AT_stmt_list` as `DW_FORM_sec_offset`.
    let unit = b"\x01\x11\0\x10\x17\0\0";
    let short = [&unit[..], b"\0"].concat();
    let image = translate(&with_lines(1, &short, 10), &Options::default()).expect("it is sound");
    assert_eq!(image.lines.len(), 1);
    // Many units that share one table of lines, or one of abbreviations, or have a million attributes without a byte each.
    let many = (2..16_000_u16).flat_map(|number| {
        let [low, high] = [number as u8 & 0x7f | 0x80, (number >> 7) as u8];
        [low, high, 0x34, 0, 0, 0]
    });
    let many: Vec<u8> = unit.iter().copied().chain(many).chain([0]).collect();
    let flags = [3, 0x19].repeat(500_000);
    let wide = [&unit[..5], &flags, &[0, 0, 0]].concat();
    let patience = Duration::from_secs(20);
    for bytes in [
        with_lines(5_000, &short, 500_000),
        with_lines(50_000, &many, 1),
        with_lines(5_000, &wide, 1),
    ] {
        let start = Instant::now();
        accepted(&bytes);
        assert!(start.elapsed() < patience, "{:?}", start.elapsed());
    }
}

#[test]
fn every_prefix_and_every_changed_byte() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory 1 4) (table 4 8 funcref) (global $g (mut i64) (i64.const 7))
        (elem (i32.const 1) $f $exit) (elem $p funcref (ref.func $f)) (data $d \"text\")
        (data (i32.const 8) \"more\")
        (func $f (export \"f\") (param i32 f64) (result i32) (local i64 f32)
            (block $b (result i32)
                (loop $l (br_if $l (i32.eqz (local.get 0))))
                (br_table $b $b (i32.const 5) (local.get 0)))
            (if (then (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)))
                (else (table.init $p (i32.const 0) (i32.const 0) (i32.const 1))))
            (call_indirect (param i32 f64) (result i32) (local.get 0) (f64.const 1.5) (i32.const 1))))";
    let whole = of_text(text);
    accepted(&whole);
    for length in 0..whole.len() {
        let _ = try_translate(&whole[..length]);
    }
    let mut damaged = whole.clone();
    for at in 0..whole.len() {
        for value in [
            0,
            1,
            0x0b,
            0x40,
            0x7f,
            0x80,
            0xfc,
            0xff,
            whole[at] ^ 1,
            whole[at] ^ 0x80,
        ] {
            damaged[at] = value;
            let _ = try_translate(&damaged);
        }
        damaged[at] = whole[at];
    }
}
