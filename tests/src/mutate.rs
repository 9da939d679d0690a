//! Damaged images: a valid one, changed in a few places.
//!
//! Changing bytes of the file mostly ends at the reader's first rules. So half of the mutants are changed as an image
//! and written again: those reach the later rules, the verifier and the disassembler.

use cvm_spec::image::{Image, Type, writer};
use cvm_spec::isa::ROWS;

use crate::random::Random;

/// The bytes of a mutant.
pub fn mutant(random: &mut Random, corpus: &[Vec<u8>], images: &[Image]) -> Vec<u8> {
    let number = random.below(corpus.len() as u64) as usize;
    if random.one_in(2) {
        let other = random.below(corpus.len() as u64) as usize;
        return change_file(random, &corpus[number], &corpus[other]);
    }
    let number = random.below(images.len() as u64) as usize;
    let mut image = images[number].clone();
    for _ in 0..random.range(1, 3) {
        change_image(random, &mut image);
    }
    writer::write(&image)
}

/// Numbers that break sums and comparisons.
fn interesting(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.pick(&[
            0,
            1,
            2,
            7,
            8,
            127,
            128,
            255,
            0x7fff,
            0x8000,
            0xffff,
            0x1fff_ffff,
            0x2000_0000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 32,
            u64::MAX,
            u64::MAX >> 1,
        ]),
        1 => random.below(64),
        _ => random.cell(),
    }
}

fn change_file(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.range(1, 4) {
        let length = bytes.len() as u64;
        if length == 0 {
            bytes.push(random.next() as u8);
            continue;
        }
        // Header and section table are where most rules are.
        let reach = if random.one_in(2) {
            length.min(400)
        } else {
            length
        };
        let at = random.below(reach) as usize;
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2..=4 => {
                let width = random.pick(&[1usize, 2, 4, 8]).min(bytes.len() - at);
                let value = interesting(random).to_le_bytes();
                bytes[at..at + width].copy_from_slice(&value[..width]);
            }
            5 => bytes.truncate(at),
            6 => {
                let extra: Vec<u8> = (0..random.range(1, 30))
                    .map(|_| random.next() as u8)
                    .collect();
                bytes.splice(at..at, extra);
            }
            _ => {
                let from = random.below(other.len() as u64 + 1) as usize;
                let count = (random.range(1, 40) as usize).min(other.len() - from);
                let count = count.min(bytes.len() - at);
                bytes[at..at + count].copy_from_slice(&other[from..from + count]);
            }
        }
    }
    bytes
}

fn change_u32(random: &mut Random, field: &mut u32) {
    *field = match random.below(3) {
        0 => field.wrapping_add(random.below(17) as u32).wrapping_sub(8),
        _ => interesting(random) as u32,
    };
}

fn change_u16(random: &mut Random, field: &mut u16) {
    *field = match random.below(3) {
        0 => field.wrapping_add(random.below(5) as u16).wrapping_sub(2),
        _ => interesting(random) as u16,
    };
}

/// One of the elements, if there are any.
fn any<'a, T>(random: &mut Random, list: &'a mut [T]) -> Option<&'a mut T> {
    let length = list.len() as u64;
    list.get_mut(random.below(length) as usize)
}

fn change_image(random: &mut Random, image: &mut Image) {
    match random.below(20) {
        0..=7 => change_text(random, image),
        8 => {
            let mut entry = image.entry.unwrap_or(0);
            change_u32(random, &mut entry);
            image.entry = (!random.one_in(4)).then_some(entry);
        }
        9 => change_u32(random, &mut image.bss_size),
        10 => {
            image.owns_heap = !image.owns_heap || random.one_in(2);
            image.heap_first = interesting(random) & !0xffff;
            image.heap_largest = interesting(random) & !0xffff;
        }
        11 => match any(random, &mut image.types) {
            Some(Type::Function(found)) => match random.below(3) {
                0 => change_u16(random, &mut found.args),
                1 => change_u16(random, &mut found.results),
                _ => change_u32(random, &mut found.brand),
            },
            _ => image.types.clear(),
        },
        12 => {
            if let Some(function) = any(random, &mut image.functions) {
                match random.below(3) {
                    0 => change_u32(random, &mut function.start),
                    1 => change_u32(random, &mut function.size),
                    _ => change_u32(random, &mut function.type_index),
                }
            }
        }
        13 => {
            if let Some(import) = any(random, &mut image.imports) {
                match random.below(4) {
                    0 => change_u32(random, &mut import.type_index),
                    1 => change_u32(random, &mut import.flags),
                    2 => change_u32(random, &mut import.name.offset),
                    _ => change_u32(random, &mut import.module.length),
                }
            }
        }
        14 => {
            if let Some(extent) = any(random, &mut image.bss_init) {
                change_u32(random, &mut extent.offset);
            }
        }
        15 | 16 => {
            if let Some(symbol) = any(random, &mut image.symbols) {
                match random.below(6) {
                    0 => change_u32(random, &mut symbol.value),
                    1 => change_u32(random, &mut symbol.size),
                    2 => change_u32(random, &mut symbol.a),
                    3 => change_u32(random, &mut symbol.b),
                    4 => change_u32(random, &mut symbol.name.offset),
                    _ => change_u32(random, &mut symbol.name.length),
                }
            }
        }
        17 => {
            if let Some(line) = any(random, &mut image.lines) {
                match random.below(3) {
                    0 => change_u32(random, &mut line.text),
                    1 => change_u32(random, &mut line.line),
                    _ => change_u16(random, &mut line.source),
                }
            }
        }
        18 => {
            if let Some(byte) = any(random, &mut image.strings) {
                *byte = random.next() as u8;
            }
        }
        _ => {
            let length = random.below(image.data.len() as u64 + 2) as usize;
            image.data.resize(length, 0x5a);
        }
    }
}

/// Changes code without changing its length, so that the functions stay where they are.
fn change_text(random: &mut Random, image: &mut Image) {
    let length = image.text.len() as u64;
    let at = random.below(length) as usize;
    let Some(byte) = image.text.get_mut(at) else {
        return;
    };
    match random.below(4) {
        0 => *byte = ROWS[random.below(ROWS.len() as u64) as usize].opcode.byte(),
        1 => *byte = random.next() as u8,
        2 => *byte ^= 1 << random.below(8),
        _ => {
            let width = random.pick(&[1usize, 2, 4]).min(image.text.len() - at);
            let value = interesting(random).to_le_bytes();
            image.text[at..at + width].copy_from_slice(&value[..width]);
        }
    }
}
