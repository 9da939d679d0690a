//! The interpreter on images built by hand.

use std::sync::Arc;

use cvm_spec::codec::encode;
use cvm_spec::image::{Function, FunctionType, Image, Type};
use cvm_spec::isa::Opcode;

use crate::host::Host;
use crate::machine::{Exit, Limits, Machine};
use crate::verify::verify;

/// An image whose functions have these types and texts; the last one is the entry.
fn image(functions: &[(u16, u16, Vec<u8>)]) -> Image {
    let mut image = Image::default();
    for (args, results, text) in functions {
        let type_index = image.types.len() as u32;
        image.types.push(Type::Function(FunctionType {
            args: *args,
            results: *results,
            brand: 0,
        }));
        image.functions.push(Function {
            start: image.text.len() as u32,
            size: text.len() as u32,
            type_index,
        });
        image.text.extend_from_slice(text);
    }
    image.entry = image.functions.last().map(|f| f.start);
    image
}

fn text(instructions: &[(Opcode, u64)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (opcode, operand) in instructions {
        encode(&mut text, *opcode, *operand);
    }
    text
}

/// fib(n) by double recursion, in functions 0 and main.
fn fib(n: u64) -> Image {
    use Opcode::*;
    let local = u64::from(4u32 << 29);
    let fib = text(&[
        (IReadA, local),
        (PushB, 2),
        (ILt, 0),
        (Jz, 6),
        (IReadA, local),
        (Ret, 0),
        (IReadA, local),
        (PushB, 1),
        (ISub, 0),
        (Call, 0),
        (IReadA, local),
        (PushB, 2),
        (ISub, 0),
        (Call, 0),
        (IAdd, 0),
        (Ret, 0),
    ]);
    image(&[
        (1, 1, fib),
        (0, 1, text(&[(PushB, n), (Call, 0), (Ret, 0)])),
    ])
}

fn run(image: Image, limits: Limits) -> Exit {
    let module = Arc::new(verify(image).expect("verifies"));
    let mut machine = Machine::new(module, Host::new(), limits).expect("starts");
    machine.run().expect("is a program")
}

#[test]
fn fib_of_20_is_6765() {
    assert_eq!(run(fib(20), Limits::default()), Exit::Returned(vec![6765]));
}

#[test]
fn fuel_runs_out() {
    let limits = Limits {
        fuel: Some(1000),
        ..Limits::default()
    };
    let exit = run(fib(20), limits);
    assert_eq!(
        exit.fault_code(),
        Some(cvm_spec::fault::FaultCode::OutOfFuel)
    );
}

#[test]
fn endless_recursion_is_a_fault_with_a_backtrace() {
    let image = image(&[(0, 0, text(&[(Opcode::Call, 0), (Opcode::Ret, 0)]))]);
    let Exit::Fault(fault) = run(image, Limits::default()) else {
        panic!("a fault")
    };
    assert_eq!(fault.code, cvm_spec::fault::FaultCode::CallStackOverflow);
    assert_eq!(fault.backtrace.len(), crate::fault::BACKTRACE_MAX);
    assert!(fault.omitted.is_some());
}
