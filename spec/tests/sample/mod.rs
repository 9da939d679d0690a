//! A sound image that has something in every section; tests take it as it is, or damage it.

use cvm_spec::codec::encode;
use cvm_spec::image::{
    Export, ExportKind, Extent, Function, FunctionType, IMPORT_LEAF, Image, Import, ImportKind,
    Line, Note, RawSection, Relocation, RelocationKind, Symbol, SymbolKind, Type,
};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

/// The sample image. Its text calls `write` with the 6 bytes at `d:0`, and has a second function and an initialiser.
pub(crate) fn image() -> Image {
    let mut image = Image {
        owns_heap: true,
        entry: Some(0),
        bss_size: 32,
        heap_first: 0x1_0000,
        heap_largest: 0x10_0000,
        data: b"hello\n\0\0".to_vec(),
        ..Image::default()
    };
    let main = type_index(&mut image, 0, 1);
    let none = type_index(&mut image, 0, 0);
    let write = type_index(&mut image, 3, 1);
    let signature = image.add_string("(cstr, {i32, f64}) -> u64");
    image.types.push(Type::Foreign {
        args: 3,
        results: 1,
        signature,
    });

    let mut text = Vec::new();
    encode(&mut text, Opcode::PushB, 1);
    let pointer = ShortPointer::new(Tag::Data, 0).expect("fits");
    encode(&mut text, Opcode::PushA, pointer.0.into());
    encode(&mut text, Opcode::PushB, 6);
    encode(&mut text, Opcode::CallX, 0);
    encode(&mut text, Opcode::Drop, 0);
    encode(&mut text, Opcode::PushB, 0);
    encode(&mut text, Opcode::Ret, 0);
    let main_size = text.len() as u32;
    encode(&mut text, Opcode::Nop, 0);
    encode(&mut text, Opcode::Ret, 0);
    let size = text.len() as u32;
    image.text = text;
    for (start, end, type_index) in [(0, main_size, main), (main_size, size, none)] {
        image.functions.push(Function {
            start,
            size: end - start,
            type_index,
        });
    }

    // Bss: 4 bytes at 4, then a pointer to the data at 16.
    image.bss_init = vec![
        Extent {
            offset: 4,
            bytes: vec![1, 2, 3, 4],
        },
        Extent {
            offset: 16,
            bytes: Pointer::new(Tag::Data, 0).0.to_le_bytes().to_vec(),
        },
    ];

    import(&mut image, ImportKind::Host, 0, write, "sys", "write");
    import(
        &mut image,
        ImportKind::Foreign,
        IMPORT_LEAF,
        3,
        "libc.so.6",
        "measure",
    );
    import(&mut image, ImportKind::Module, 0, none, "std/text", "trim");
    import(
        &mut image,
        ImportKind::ForeignData,
        0,
        main,
        "/lib/libc.so.6",
        "environ",
    );
    import(
        &mut image,
        ImportKind::ModuleData,
        0,
        main,
        "std/text",
        "table",
    );

    let hello = image.add_string("hello");
    let setup = image.add_string("setup");
    image.exports = vec![
        Export {
            kind: ExportKind::Object,
            value: pointer.0,
            size: 6,
            name: hello,
        },
        Export {
            kind: ExportKind::Function,
            value: 1,
            size: 0,
            name: setup,
        },
    ];
    image.initialisers = vec![1];

    let start = image.add_string("start");
    let symbol = |kind, value, size, name| Symbol {
        kind,
        value,
        size,
        name,
        a: 0,
        b: 0,
    };
    image.symbols = vec![
        symbol(SymbolKind::Function, 0, main_size, start),
        symbol(SymbolKind::Function, 1, 2, setup),
        symbol(SymbolKind::Object, pointer.0, 6, hello),
    ];
    let relocation = |kind, segment, offset, target| Relocation {
        kind,
        segment,
        offset,
        target,
        addend: 0,
    };
    image.relocations = vec![
        relocation(RelocationKind::ShortPointer, Tag::Text, 3, 2),
        relocation(RelocationKind::Import, Tag::Text, 10, 0),
        relocation(RelocationKind::Pointer, Tag::Bss, 16, 2),
    ];

    let source = image.add_string("hello.cvma");
    image.sources = vec![source];
    image.lines = [(0, 7), (2, 8), (7, 9)]
        .map(|(text, line)| Line {
            text,
            line,
            source: 0,
            column: 5,
        })
        .to_vec();
    let (name, value) = (image.add_string("producer"), image.add_string("the tests"));
    image.notes = vec![Note { name, value }];
    image.raw = vec![RawSection {
        kind: 0x8000_0001,
        bytes: b"of another tool".to_vec(),
    }];
    image
}

fn type_index(image: &mut Image, args: u16, results: u16) -> u32 {
    image.intern_type(FunctionType {
        args,
        results,
        brand: 0,
    })
}

fn import(
    image: &mut Image,
    kind: ImportKind,
    flags: u32,
    type_index: u32,
    module: &str,
    name: &str,
) {
    let module = image.add_string(module);
    let name = image.add_string(name);
    image.imports.push(Import {
        kind,
        flags,
        type_index,
        module,
        name,
    });
}
