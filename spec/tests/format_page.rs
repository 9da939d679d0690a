//! The worked example in `spec/format.md` is a real file: its bytes are what the writer makes.

use std::fs;
use std::path::Path;

use cvm_spec::codec::encode;
use cvm_spec::image::reader::read;
use cvm_spec::image::writer::write;
use cvm_spec::image::{
    Extent, Function, FunctionType, Image, Import, ImportKind, SectionKind, Symbol, SymbolKind,
};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{ShortPointer, Tag};

/// The program that the page shows.
fn example() -> Image {
    let mut image = Image {
        entry: Some(0),
        bss_size: 8,
        data: b"hi\n".to_vec(),
        ..Image::default()
    };
    let main_type = image.intern_type(FunctionType {
        args: 0,
        results: 1,
        brand: 0,
    });
    let write_type = image.intern_type(FunctionType {
        args: 3,
        results: 1,
        brand: 0,
    });
    image.bss_init.push(Extent {
        offset: 0,
        bytes: vec![1],
    });
    let text = ShortPointer::new(Tag::Data, 0).expect("fits");
    encode(&mut image.text, Opcode::PushB, 1);
    encode(&mut image.text, Opcode::PushA, text.0.into());
    encode(&mut image.text, Opcode::PushB, 3);
    encode(&mut image.text, Opcode::CallX, 0);
    encode(&mut image.text, Opcode::Drop, 0);
    encode(&mut image.text, Opcode::PushB, 0);
    encode(&mut image.text, Opcode::Ret, 0);
    image.functions.push(Function {
        start: 0,
        size: image.text.len() as u32,
        type_index: main_type,
    });
    let (module, name) = (image.add_string("sys"), image.add_string("write"));
    image.imports.push(Import {
        kind: ImportKind::Host,
        flags: 0,
        type_index: write_type,
        module,
        name,
    });
    let name = image.add_string("main");
    image.symbols.push(Symbol {
        kind: SymbolKind::Function,
        value: 0,
        size: image.text.len() as u32,
        name,
        a: 0,
        b: 0,
    });
    image
}

/// The bytes of the dump in the page: lines of `OFFSET  bytes  what they are`.
fn dump(page: &str) -> Vec<u8> {
    let block = page
        .split("```hexdump\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the page has a hexdump");
    let mut bytes = Vec::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("--") {
            continue;
        }
        let (offset, rest) = line.split_once("  ").expect("an offset");
        assert_eq!(
            usize::from_str_radix(offset, 16).expect("a hexadecimal offset"),
            bytes.len(),
            "{line}"
        );
        let hex = rest.trim_start().split("  ").next().unwrap_or_default();
        for byte in hex.split_whitespace() {
            bytes.push(u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{line}")));
        }
    }
    bytes
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("format.md");
    fs::read_to_string(path).expect("spec/format.md can be read")
}

#[test]
fn the_hexdump_is_the_file() {
    let file = write(&example());
    let shown = dump(&page());
    let differs = file.iter().zip(&shown).position(|(a, b)| a != b);
    assert!(
        file == shown,
        "spec/format.md differs from the writer at byte {:#x?}: {} bytes written, {} shown",
        differs.unwrap_or(file.len().min(shown.len())),
        file.len(),
        shown.len()
    );
    assert_eq!(read(&file).expect("reads").image, example());
}

#[test]
fn the_page_describes_every_section_and_its_size() {
    let page = page();
    for kind in SectionKind::ALL {
        let heading = format!("### {} ({})", kind.name(), kind as u32);
        let part = page
            .split(&heading)
            .nth(1)
            .unwrap_or_else(|| panic!("no heading `{heading}`"));
        let part = part.split("\n### ").next().unwrap_or(part);
        if let Some(size) = kind.record_size() {
            assert!(
                part.contains(&format!("{size} bytes")),
                "{heading}: record size"
            );
        }
    }
}
