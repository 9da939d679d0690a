//! Where the bytes come from: sound inputs, then damage.
//!
//! Everything follows from one seed and the number of the iteration, so that a failure can be repeated.

mod damage;
mod program;

// The sample image that the tests of `cvm-spec` use.
#[allow(unreachable_pub)]
#[path = "../../spec/tests/sample/mod.rs"]
mod sample;

use std::fs;
use std::path::Path;

use cvm_spec::image::{reader, writer};
use fastrand::Rng;

use crate::Input;

/// Sound inputs of each kind.
pub struct Inputs {
    images: Vec<Vec<u8>>,
    signatures: Vec<Vec<u8>>,
}

/// Signatures that together use the whole grammar.
const SIGNATURES: &[&str] = &[
    "()",
    "(cstr) -> u64",
    "(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, ptr) -> void",
    "(ptr[arg1*8], u64, const ptr[arg1*arg3], u16) -> i32",
    "({i32, f64, [4 x f32], {u8, [2 x [3 x i16]]}}) -> {i32, i32}",
    "(ptr, u64, u64, fn(const ptr, const ptr) -> i32)",
    "(cstr, ..., i32, f64, ptr[16]) -> i32",
    "(u64) -> ptr[arg0] owned free",
];

impl Inputs {
    /// The sample image, generated programs, and the accepted `.cvm` files under these directories.
    pub fn new(seed: u64, directories: &[&Path]) -> Inputs {
        let mut rng = Rng::with_seed(seed);
        let mut images = vec![writer::write(&sample::image())];
        for _ in 0..64 {
            images.push(writer::write(&program::generate(&mut rng)));
        }
        for directory in directories {
            collect(directory, &mut images);
        }
        Inputs {
            images,
            signatures: SIGNATURES
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect(),
        }
    }

    /// Number of sound images.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// A damaged input of a kind.
    pub fn damaged(&self, kind: Input, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = match kind {
            Input::Image => {
                let image = rng.choice(&self.images).expect("there is a sample");
                return damage::image(image, rng);
            }
            Input::Signature => rng.choice(&self.signatures).expect("not empty").clone(),
            Input::Code => program::code(rng),
        };
        damage::bytes(&mut bytes, rng);
        bytes
    }
}

/// Adds every image below a directory that the reader accepts, in order of names.
fn collect(directory: &Path, images: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, images);
        } else if path.extension().is_some_and(|extension| extension == "cvm") {
            if let Ok(bytes) = fs::read(&path) {
                if reader::read(&bytes).is_ok() {
                    images.push(bytes);
                }
            }
        }
    }
}
