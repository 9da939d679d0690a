//! Assembly and WebAssembly in one program: either calls the other, and both see the same memory.

use std::sync::Arc;

use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::verify::verify;
use cvm_asm::SourceFile;
use cvm_spec::image::{Image, link};
use cvm_wasm::{Options, translate};

/// Doubles through assembly, and adds what assembly left in memory; counts its calls.
const MODULE: &str = r#"
(module
  (import "double" "twice" (func $twice (param i64) (result i64)))
  (memory 1 1)
  (global $calls (export "calls") (mut i64) (i64.const 0))
  (func (export "four_times") (param i64) (result i64)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i64.add
      (call $twice (call $twice (local.get 0)))
      (i64.load (i32.const 64))))
  (func (export "low_half") (param i32) (result i32)
    local.get 0))
"#;

const DOUBLE: &str = "
.export twice
.func twice (n) -> 1
    i_read l:n
    i_read l:n
    i_add
    ret
.end
";

const MAIN: &str = r#"
.export main
.import "math" four_times (1) -> 1
.import "math" low_half (1) -> 1
.import "math" calls data
.func main () -> 3
    push h:64
    push 0
    push 2
    q_write
    push 10
    call four_times
    drop
    push 10
    call four_times
    push 0x1_0000_0007
    call low_half
    call calls
    push 0
    q_read
    ret
.end
"#;

fn assembled(name: &str, text: &str) -> Image {
    let source = SourceFile {
        name: name.into(),
        text: text.into(),
    };
    let assembled = cvm_asm::assemble(&[source], &cvm_asm::Options::default());
    let diagnostics = assembled.diagnostics;
    assembled.image.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn translated(text: &str) -> Image {
    let buffer = wast::parser::ParseBuffer::new(text).expect("it is text");
    let mut parsed = wast::parser::parse::<wast::Wat<'_>>(&buffer).expect("it is a module");
    let bytes = parsed.encode().expect("it can be encoded");
    let options = Options {
        shared: true,
        ..Options::default()
    };
    translate(&bytes, &options).expect("it can be translated")
}

#[test]
fn assembly_and_webassembly_call_each_other() {
    let images = [
        ("main", assembled("main.cvma", MAIN)),
        ("math", translated(MODULE)),
        ("double", assembled("double.cvma", DOUBLE)),
    ];
    let inputs: Vec<link::Input<'_>> = images
        .iter()
        .map(|(name, image)| link::Input {
            name,
            origin: "",
            image,
        })
        .collect();
    let linked = link::link(&inputs, link::Options::default()).expect("they fit each other");
    let module = Arc::new(verify(linked).expect("it is sound"));
    for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
        let host = Host::new();
        let mut machine =
            Machine::new(module.clone(), host, Limits::default()).expect("nothing is missing");
        machine.set_engine(engine);
        let exit = machine.call("main", &[]).expect("it is exported");
        // The upper half of an i32 that comes from outside is cleared.
        assert_eq!(exit, Exit::Returned(vec![42, 7, 2]), "{engine:?}");
    }
}

#[test]
fn what_is_no_program_is_initialised_before_it_is_called() {
    // What the start function and `_initialize` leave behind shows their order, and that each ran once.
    let functions = r#"
        (global $order (mut i64) (i64.const 0))
        (func $then (param i64)
            (global.set $order (i64.add (i64.mul (global.get $order) (i64.const 10)) (local.get 0))))
        (func $first (call $then (i64.const 1)))
        (start $first)
        (func (export "_initialize") (call $then (i64.const 2)))
        (func (export "order") (result i64) (global.get $order))"#;
    let start = r#"(func (export "_start") (call $then (i64.const 3)))"#;
    for (text, order) in [
        (format!("(module {functions})"), 12),
        // A program has another way to do that.
        (format!("(module {functions} {start})"), 1),
    ] {
        let module = Arc::new(verify(translated(&text)).expect("it is sound"));
        for engine in [Engine::Interpreter, Engine::Jit, Engine::Auto] {
            let host = Host::new();
            let mut machine =
                Machine::new(module.clone(), host, Limits::default()).expect("nothing is missing");
            machine.set_engine(engine);
            for _ in 0..2 {
                let exit = machine.call("order", &[]).expect("it is exported");
                assert_eq!(exit, Exit::Returned(vec![order]), "{engine:?}");
            }
        }
    }
}
