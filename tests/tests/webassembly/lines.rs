//! Faults in C: the report has file, line and function. The modules are checked in; `make.sh` beside them makes them again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cvm::fault::Fault;
use cvm::host::Host;
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::report::{MemorySources, Reporter};
use cvm::verify::{Module, verify};
use cvm_wasm::{Options, translate};
use serde_json::Value;

const ENGINES: [Engine; 3] = [Engine::Interpreter, Engine::Jit, Engine::Auto];

/// Behind the end of linear memory, which has two pages.
const NOWHERE: u64 = 0xffff_fff0;

/// Where clang was told that the sources are.
const SOURCE: &str = "/c/lines.c";

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("webassembly/lines");
    fs::read(folder.join(name)).expect("the file is there")
}

/// Calls an export of a module; gives the fault that it ends in.
fn fault(module: &str, export: &str, argument: u64, engine: Engine) -> (Arc<Module>, Box<Fault>) {
    let image = translate(&read(module), &Options::default()).expect("it can be translated");
    let module = Arc::new(verify(image).expect("it is sound"));
    let mut machine =
        Machine::new(module.clone(), Host::new(), Limits::default()).expect("it needs nothing");
    machine.set_engine(engine);
    match machine.call(export, &[argument]).expect("it is there") {
        Exit::Fault(fault) => (module, fault),
        exit => panic!("{export}: {exit:?}"),
    }
}

/// Functions and places of the backtrace of a fault, innermost first; `-` for a place that is not known.
fn backtrace(module: &Module, fault: &Fault) -> Vec<String> {
    let json = Reporter::new().image(module.image()).fault_json(fault);
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    let frames = report["backtrace"].as_array().expect("it has frames");
    let places = frames.iter().map(|frame| {
        let function = frame["function"].as_str().expect("it has a name");
        let source = &frame["source"];
        match (source["file"].as_str(), source["line"].as_u64()) {
            (Some(file), Some(line)) => format!("{function} {file}:{line}"),
            _ => format!("{function} -"),
        }
    });
    places.collect()
}

#[test]
fn a_fault_shows_file_line_and_function_of_the_c_program() {
    // What the compiler puts into its caller has the caller's name, and its own line.
    let cases = [
        (
            "lines-O0.wasm",
            "in_place",
            NOWHERE,
            &["in_place /c/lines.c:21"][..],
        ),
        (
            "lines-O2.wasm",
            "in_place",
            NOWHERE,
            &["in_place /c/lines.c:21"],
        ),
        (
            "lines-O0.wasm",
            "called",
            0x10000,
            &["at /c/lines.c:6", "called /c/lines.c:17"],
        ),
        (
            "lines-O2.wasm",
            "called",
            0x10000,
            &["at /c/lines.c:6", "called /c/lines.c:17"],
        ),
        (
            "lines-O0.wasm",
            "inlined",
            NOWHERE,
            &["first /c/lines.c:10", "inlined /c/lines.c:25"],
        ),
        (
            "lines-O2.wasm",
            "inlined",
            NOWHERE,
            &["inlined /c/lines.c:10"],
        ),
    ];
    for engine in ENGINES {
        for (file, export, argument, expected) in cases {
            let (module, fault) = fault(file, export, argument, engine);
            let found = backtrace(&module, &fault);
            assert_eq!(found, expected, "{file} {export} {engine:?}");
        }
    }
}

#[test]
fn a_function_without_lines_has_none_of_its_neighbours() {
    for engine in ENGINES {
        for file in ["lines-O0.wasm", "lines-O2.wasm"] {
            let (module, fault) = fault(file, "without_lines", NOWHERE, engine);
            let expected = ["undebugged -", "without_lines /c/lines.c:29"];
            assert_eq!(backtrace(&module, &fault), expected, "{file} {engine:?}");
        }
    }
}

#[test]
fn the_report_shows_the_line_itself() {
    let sources = MemorySources(vec![(SOURCE.into(), read("lines.c"))]);
    let (module, fault) = fault("lines-O2.wasm", "called", 0x10000, Engine::Interpreter);
    let reporter = Reporter::new().image(module.image()).sources(&sources);
    let text = reporter.fault_text(&fault);
    let start = "fault: read past the end of a segment [read-out-of-bounds]
 --> /c/lines.c:6:12 in `at`
  |
6 |     return base[index];
  |            ^^^^^^^^^^^
";
    assert!(text.starts_with(start), "{text}");
    assert!(
        text.contains("trap         out of bounds memory access"),
        "{text}"
    );
}
