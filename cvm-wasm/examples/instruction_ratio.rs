//! How many CVM instructions stand for one of WebAssembly, for each module that is given:
//!
//!     cargo run -p cvm-wasm --example instruction_ratio -- a.wasm b.wasm
//!
//! Blocks and their ends count, as instructions of WebAssembly; `declare` counts, as one of CVM. The last line is the sum.

use std::error::Error;
use std::path::Path;

use cvm_spec::codec::decode;
use cvm_spec::image::Image;
use wasmparser::{Parser, Payload};

/// Instructions in the functions of a module.
fn of_module(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            for operator in body.get_operators_reader()? {
                operator?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Instructions of an image.
fn of_image(image: &Image) -> Result<u64, Box<dyn Error>> {
    let (mut at, mut count) = (0, 0);
    while at < image.text.len() {
        (_, at) = decode(&image.text, at)?;
        count += 1;
    }
    Ok(count)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut all_ours, mut all_theirs) = (0, 0);
    let show = |name: &str, ours: u64, theirs: u64| {
        println!(
            "{name:<24} {ours:>9} / {theirs:>9} = {:.3}",
            ours as f64 / theirs as f64
        );
    };
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let image = cvm_wasm::translate(&bytes, &cvm_wasm::Options::default())?;
        let (ours, theirs) = (of_image(&image)?, of_module(&bytes)?);
        let name = Path::new(&path).file_name().unwrap_or_default();
        show(&name.to_string_lossy(), ours, theirs);
        all_ours += ours;
        all_theirs += theirs;
    }
    show("all", all_ours, all_theirs);
    Ok(())
}
