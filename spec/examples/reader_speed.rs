//! How fast images are read and written: builds a large image in memory and prints MB/s.
//!
//! ```text
//! cargo run --release -p cvm-spec --example reader_speed [MEGABYTES]
//! ```
//!
//! Three images of the size: mostly text and data, mostly records (functions, imports, exports, symbols, lines,
//! relocations), and mostly strings that exports and symbols refer to. Then one that is made to be slow: imports whose
//! long names share their bytes.

use std::time::Instant;

use cvm_spec::image::reader::read;
use cvm_spec::image::writer::write;
use cvm_spec::image::{
    Export, ExportKind, Function, FunctionType, Image, Import, ImportKind, Line, Relocation,
    RelocationKind, StringRef, Symbol, SymbolKind,
};
use cvm_spec::pointer::Tag;

fn main() {
    let argument = std::env::args().nth(1);
    let megabytes = argument.and_then(|text| text.parse().ok()).unwrap_or(64);
    let size = megabytes * 1_000_000;
    measure("segments", &segments(size));
    measure("records", &records(size, 8));
    measure("strings", &records(size, 400));
    measure("hostile", &hostile(size));
}

fn measure(name: &str, image: &Image) {
    let file = write(image);
    let best = |run: &dyn Fn()| {
        let times = (0..3).map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        });
        file.len() as f64 / 1e6 / times.fold(f64::INFINITY, f64::min)
    };
    let reading = best(&|| {
        let read = read(&file).expect("the image is sound");
        assert_eq!(read.warnings, []);
    });
    let writing = best(&|| assert_eq!(write(image).len(), file.len()));
    println!(
        "{name:<10} {:>6.1} MB: read {reading:>6.0} MB/s, write {writing:>6.0} MB/s",
        file.len() as f64 / 1e6
    );
}

/// Text and data, one function.
fn segments(size: usize) -> Image {
    let mut image = Image {
        data: vec![7; size / 2],
        text: vec![1; size / 2],
        ..Image::default()
    };
    let type_index = image.intern_type(FunctionType::default());
    image.functions.push(Function {
        start: 0,
        size: image.text.len() as u32,
        type_index,
    });
    image
}

/// Imports that refer to the same stretches of the pool, each from another place.
fn hostile(size: usize) -> Image {
    let mut image = Image::default();
    let type_index = image.intern_type(FunctionType::default());
    let pool = image.add_string(&"n".repeat(100_000));
    let part = |index: usize, length: u32| StringRef {
        offset: pool.offset + (index as u32 * 7) % (pool.length - length),
        length,
    };
    for index in 0..size / 32 {
        image.imports.push(Import {
            kind: ImportKind::Module,
            flags: 0,
            type_index,
            module: part(index, 1024),
            name: part(index, 4096),
        });
    }
    image
}

/// Records of every kind, with names of so many bytes.
fn records(size: usize, name_length: usize) -> Image {
    let mut image = Image::default();
    let type_index = image.intern_type(FunctionType::default());
    let each = 16 + 12 + 32 + 24 + 28 + 3 * 12 + 20 + 2 * name_length;
    let module = image.add_string("module");
    let source = image.add_string("source.cvma");
    image.sources.push(source);
    for index in 0..(size / each) as u32 {
        let start = index * 16;
        image.text.extend_from_slice(&[1; 16]);
        image.functions.push(Function {
            start,
            size: 16,
            type_index,
        });
        let name = image.add_string(&format!("{index:0name_length$}"));
        let imported = image.add_string(&format!("{index:0name_length$}"));
        image.imports.push(Import {
            kind: ImportKind::Module,
            flags: 0,
            type_index,
            module,
            name: imported,
        });
        image.exports.push(Export {
            kind: ExportKind::Function,
            value: index,
            size: 0,
            name,
        });
        image.symbols.push(Symbol {
            kind: SymbolKind::Function,
            value: index,
            size: 16,
            name,
            a: 0,
            b: 0,
        });
        image.relocations.push(Relocation {
            kind: RelocationKind::Call,
            segment: Tag::Text,
            offset: start + 1,
            target: index,
            addend: 0,
        });
        for instruction in 0..3 {
            image.lines.push(Line {
                text: start + instruction,
                line: index + 1,
                source: 0,
                column: 1,
            });
        }
    }
    image
}
