//! Damage: to bytes anywhere, inside one section of an image, or to the image's records.

use cvm_spec::image::{Image, reader, writer};
use cvm_spec::isa::ROWS;
use fastrand::Rng;

/// Numbers at the edges of what fields hold.
const EDGES: &[u32] = &[
    0,
    1,
    7,
    8,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x1fff_ffff,
    0x2000_0000,
    0x4000_0000,
    0x6000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
];

/// Pieces of text that mean something to a parser.
const PIECES: &[&str] = &[
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    "*",
    "->",
    "...",
    "fn",
    "arg0",
    "arg9",
    "ptr",
    "const ",
    "i32",
    "void",
    "owned ",
    "[4 x ",
    "\u{e9}",
    "\0",
    "99999999999",
];

/// Damages bytes in one to six places, mostly in one.
pub(super) fn bytes(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.u8(1..7).min(rng.u8(1..7)).min(rng.u8(1..7)) {
        let end = bytes.len();
        once(bytes, 0, end, rng);
    }
}

/// Changes something between two offsets.
fn once(bytes: &mut Vec<u8>, start: usize, end: usize, rng: &mut Rng) {
    if start >= end {
        bytes.push(rng.u8(..));
        return;
    }
    let at = rng.usize(start..end);
    match rng.u8(0..10) {
        0 => bytes[at] ^= 1 << rng.u8(0..8),
        1 => bytes[at] = rng.u8(..),
        2 => bytes[at] = bytes[at].wrapping_add(rng.u8(0..9)).wrapping_sub(4),
        3 | 4 => put(bytes, at, *rng.choice(EDGES).expect("not empty")),
        5 => put(bytes, at, rng.u32(..) >> rng.u32(0..32)),
        6 => bytes[at] = rng.choice(ROWS).expect("not empty").opcode.byte(),
        7 => {
            let from = rng.usize(start..end);
            let length = rng.usize(0..=(end - at.max(from)).min(16));
            bytes.copy_within(from..from + length, at);
        }
        8 => {
            bytes.remove(at);
        }
        _ => {
            let piece = rng.choice(PIECES).expect("not empty").bytes();
            bytes.splice(at..at, piece);
        }
    }
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    let value = value.to_le_bytes();
    let length = (bytes.len() - at).min(4);
    bytes[at..at + length].copy_from_slice(&value[..length]);
}

/// A damaged image.
pub(super) fn image(file: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut damaged = file.to_vec();
    match rng.u8(0..8) {
        // Anywhere: mostly a test of the reader.
        0 | 1 => bytes(&mut damaged, rng),
        2 => damaged.truncate(rng.usize(0..=file.len())),
        // Behind the section table, without a change of size.
        3 | 4 => {
            let table = u32::from_le_bytes(file[20..24].try_into().expect("a sound header"));
            let start = 48 + 24 * table as usize;
            for _ in 0..rng.u8(1..4) {
                inside(&mut damaged, start, rng);
            }
        }
        // The image's own parts, sizes included, so that the reader accepts most of them.
        _ => {
            let Ok(read) = reader::read(file) else {
                return damaged;
            };
            let mut image = read.image;
            for _ in 0..rng.u8(1..4) {
                part(&mut image, rng);
            }
            damaged = writer::write(&image);
        }
    }
    damaged
}

/// Changes bytes behind `start` and keeps the length.
fn inside(bytes: &mut [u8], start: usize, rng: &mut Rng) {
    if start >= bytes.len() {
        return;
    }
    let at = rng.usize(start..bytes.len());
    match rng.u8(0..4) {
        0 => bytes[at] ^= 1 << rng.u8(0..8),
        1 => bytes[at] = bytes[at].wrapping_add(rng.u8(0..9)).wrapping_sub(4),
        2 => put(bytes, at, *rng.choice(EDGES).expect("not empty")),
        _ => bytes[at] = rng.choice(ROWS).expect("not empty").opcode.byte(),
    }
}

/// Changes one part of an image.
fn part(image: &mut Image, rng: &mut Rng) {
    match rng.u8(0..12) {
        // The text of one function, and the functions behind it with it.
        0..=5 => text(image, rng),
        6 => image.bss_size = rng.u32(..) >> rng.u32(3..32),
        7 => image.data.truncate(rng.usize(0..=image.data.len())),
        8 => {
            let functions = image.functions.len() as u32;
            image.entry = (functions > 0)
                .then(|| image.functions[rng.u32(0..functions) as usize].start)
                .filter(|_| rng.bool());
        }
        9 => {
            if let Some(symbol) = rng.choice(&mut image.symbols) {
                symbol.value = *rng.choice(EDGES).expect("not empty");
                symbol.a = rng.u32(..) >> rng.u32(0..32);
                symbol.b = rng.u32(..) >> rng.u32(0..32);
            }
        }
        10 => {
            if let Some(line) = rng.choice(&mut image.lines) {
                line.source = rng.u16(..);
                line.line = rng.u32(..);
            }
        }
        _ => image.relocations.clear(),
    }
}

/// Damages the text of one function and keeps the functions tiling the text.
fn text(image: &mut Image, rng: &mut Rng) {
    if image.functions.is_empty() {
        return;
    }
    let index = rng.usize(0..image.functions.len());
    let function = image.functions[index];
    let (start, end) = (function.start as usize, function.end() as usize);
    let before = image.text.len();
    once(&mut image.text, start, end, rng);
    let difference = image.text.len() as i64 - before as i64;
    let moved = |offset: u32| (i64::from(offset) + difference) as u32;
    image.functions[index].size = moved(function.size);
    for later in &mut image.functions[index + 1..] {
        later.start = moved(later.start);
    }
    if let Some(entry) = image.entry.filter(|entry| *entry > function.start) {
        image.entry = Some(moved(entry));
    }
    image.relocations.clear();
}
