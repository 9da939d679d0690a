//! Small programs that the verifier accepts, so that damage to them reaches deep.

use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::image::{Function, FunctionType, Image};
use cvm_spec::isa::{Flow, Opcode, OperandKind, ROWS};
use cvm_spec::pointer::{ShortPointer, Tag};
use fastrand::Rng;

/// A program of a few functions in which every operand stack is right.
pub(super) fn generate(rng: &mut Rng) -> Image {
    let mut image = Image {
        entry: Some(0),
        bss_size: 64,
        data: (0..64).collect(),
        ..Image::default()
    };
    for number in 0..rng.u32(1..6) {
        let (args, results) = match number {
            0 => (0, rng.u16(0..2)),
            _ => (rng.u16(0..4), rng.u16(0..3)),
        };
        let type_index = image.intern_type(FunctionType {
            args,
            results,
            brand: 0,
        });
        let start = image.text.len() as u32;
        body(&mut image, args, results, rng);
        let size = image.text.len() as u32 - start;
        image.functions.push(Function {
            start,
            size,
            type_index,
        });
    }
    image
}

/// Appends a function: instructions in a row, with jumps over some of them that leave the depth alone.
fn body(image: &mut Image, args: u16, results: u16, rng: &mut Rng) {
    let mut depth = 0u16;
    for _ in 0..rng.u32(0..40) {
        match rng.u8(0..8) {
            0 => call(image, &mut depth, rng),
            1 => branch(image, &mut depth, rng),
            2 if args > 0 => {
                let local = ShortPointer::new(Tag::Local, 8 * rng.u32(0..args.into()));
                let local = local.expect("a small offset fits");
                encode(&mut image.text, Opcode::IReadA, local.0.into());
                depth += 1;
            }
            _ => plain(image, &mut depth, rng),
        }
    }
    while depth < results {
        encode(&mut image.text, Opcode::PushB, rng.u64(..));
        depth += 1;
    }
    encode(&mut image.text, Opcode::Ret, 0);
}

/// An instruction with a fixed effect that the depth allows.
fn plain(image: &mut Image, depth: &mut u16, rng: &mut Rng) {
    for _ in 0..20 {
        let row = rng.choice(ROWS).expect("the table has rows");
        let Some((pops, pushes)) = row.opcode.fixed_effect() else {
            continue;
        };
        let needs_care = matches!(row.opcode, Opcode::Land | Opcode::Declare);
        if row.flow != Flow::Next || needs_care || u16::from(pops) > *depth {
            continue;
        }
        let operand = match row.operand {
            OperandKind::Pointer => {
                let offset = rng.u32(0..8) * 8;
                let pointer = ShortPointer::new(Tag::Bss, offset.min(56));
                u64::from(pointer.expect("a small offset fits").0)
            }
            _ => rng.u64(..),
        };
        encode(&mut image.text, row.opcode, operand);
        *depth = *depth - u16::from(pops) + u16::from(pushes);
        return;
    }
}

/// A call of a function that exists already.
fn call(image: &mut Image, depth: &mut u16, rng: &mut Rng) {
    if image.functions.is_empty() {
        return;
    }
    let index = rng.usize(0..image.functions.len());
    let ty = image
        .function_type(&image.functions[index])
        .unwrap_or_default();
    if ty.args <= *depth {
        encode(&mut image.text, Opcode::Call, index as u64);
        *depth = *depth - ty.args + ty.results;
    }
}

/// A conditional jump or a switch over instructions that leave the depth alone.
fn branch(image: &mut Image, depth: &mut u16, rng: &mut Rng) {
    if *depth == 0 {
        return;
    }
    *depth -= 1;
    let mut skipped = Vec::new();
    for _ in 0..rng.u32(0..4) {
        encode(&mut skipped, Opcode::PushW, rng.u64(..));
        encode(&mut skipped, Opcode::Drop, 0);
    }
    let distance = skipped.len() as i32;
    match rng.u8(0..3) {
        0 => encode(&mut image.text, Opcode::Jz, distance as u64),
        1 => encode(&mut image.text, Opcode::Jnz, distance as u64),
        _ => encode_switch(&mut image.text, [0, distance, distance].into_iter()),
    }
    image.text.extend_from_slice(&skipped);
}

/// Instructions in a row, whatever they do.
pub(super) fn code(rng: &mut Rng) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..rng.u32(1..30) {
        let row = rng.choice(ROWS).expect("the table has rows");
        if row.operand == OperandKind::Table {
            let distances: Vec<i32> = (0..rng.u8(1..5)).map(|_| rng.i32(..)).collect();
            encode_switch(&mut text, distances.into_iter());
        } else {
            encode(&mut text, row.opcode, rng.u64(..));
        }
    }
    text
}
