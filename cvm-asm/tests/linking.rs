//! Linking modules that lie, and arbitrary pairs of damaged modules.

use cvm_asm::{Options, SourceFile, assemble};
use cvm_spec::image::link::{self, Input, LinkError, link};
use cvm_spec::image::{Image, RelocationKind, SymbolKind, reader, writer};
use cvm_spec::pointer::Tag;
use proptest::prelude::*;

const PROGRAM: &str = include_str!("../../tests/cases/link/modules.cvma");
const MODULE: &str = include_str!("../../tests/cases/link/counter.cvma");

fn image(name: &str, text: &str) -> Image {
    let source = SourceFile {
        name: name.into(),
        text: text.into(),
    };
    let options = Options {
        debug: true,
        ..Options::default()
    };
    let assembled = assemble(&[source], &options);
    assembled.image.expect("the source is right")
}

fn linked(program: &Image, module: &Image) -> Result<Image, Box<LinkError>> {
    let input = |name, image| Input {
        name,
        origin: "",
        image,
    };
    let inputs = [input("main", program), input("counter", module)];
    link(&inputs, link::Options::default())
}

/// Links the program with a module that was changed; the code and the place of the error.
fn lie(change: impl FnOnce(&mut Image)) -> (&'static str, Option<(Tag, u32)>) {
    let mut module = image("counter.cvma", MODULE);
    change(&mut module);
    let read = reader::read(&writer::write(&module)).expect("the reader sees no lie");
    let error = linked(&image("main.cvma", PROGRAM), &read.image).expect_err("it lies");
    let place = error.place.map(|place| (place.segment, place.offset));
    (error.code.code(), place)
}

/// The position of the first relocation of a kind in the text.
fn first(module: &Image, kind: RelocationKind) -> usize {
    let mut relocations = module.relocations.iter();
    relocations
        .position(|relocation| relocation.kind == kind && relocation.segment == Tag::Text)
        .expect("the module has one")
}

#[test]
fn an_honest_module_is_linked_to_a_sound_image() {
    let program = image("main.cvma", PROGRAM);
    let linked = linked(&program, &image("counter.cvma", MODULE)).expect("it fits");
    let file = writer::write(&linked);
    assert_eq!(reader::read(&file).expect("an image").image, linked);
    assert!(linked.relocations.is_empty(), "nothing is left to link");
    assert_eq!(linked.functions[..program.functions.len()].len(), 2);
    assert!(linked.text.len() > program.text.len());
    let names: Vec<&str> = linked
        .symbols
        .iter()
        .filter(|symbol| symbol.kind == SymbolKind::Function)
        .filter_map(|symbol| linked.string(symbol.name))
        .collect();
    let expected = [
        "main",
        "own",
        "counter:start",
        "counter:next",
        "counter:step",
        "counter:through",
    ];
    assert_eq!(names, expected, "functions that nobody reaches stay out");
}

#[test]
fn the_addresses_of_the_program_stay() {
    let program = image("main.cvma", PROGRAM);
    let linked = linked(&program, &image("counter.cvma", MODULE)).expect("it fits");
    assert_eq!(linked.entry, program.entry);
    for (before, after) in program.functions.iter().zip(&linked.functions) {
        assert_eq!((before.start, before.size), (after.start, after.size));
    }
}

#[test]
fn an_export_outside_of_its_segment_is_no_image() {
    let mut module = image("counter.cvma", MODULE);
    let objects = module.exports.iter_mut();
    let export = objects
        .into_iter()
        .find(|export| export.size > 0)
        .expect("an object");
    export.size = 1 << 20;
    let error = reader::read(&writer::write(&module)).expect_err("it lies");
    assert_eq!(error.code, "export-outside-segment");
    assert!(error.offset > 48);
}

#[test]
fn a_relocation_has_to_stand_on_an_operand() {
    for kind in [
        RelocationKind::ShortPointer,
        RelocationKind::Import,
        RelocationKind::Type,
    ] {
        let mut place = 0;
        let (code, at) = lie(|module| {
            let index = first(module, kind);
            // It would change the opcode.
            module.relocations[index].offset -= 1;
            place = module.relocations[index].offset;
        });
        assert_eq!(
            (code, at),
            ("misplaced-relocation", Some((Tag::Text, place)))
        );
    }
}

#[test]
fn a_relocation_has_to_be_of_the_operands_kind() {
    let mut place = 0;
    let (code, at) = lie(|module| {
        // `call_i` with an import's number: the linker would make a call of it.
        let index = first(module, RelocationKind::Type);
        module.relocations[index].kind = RelocationKind::Import;
        module.relocations[index].target = 0;
        place = module.relocations[index].offset;
    });
    assert_eq!(
        (code, at),
        ("misplaced-relocation", Some((Tag::Text, place)))
    );
}

#[test]
fn an_operand_that_moves_has_to_have_a_relocation() {
    let mut place = 0;
    let (code, at) = lie(|module| {
        let index = first(module, RelocationKind::ShortPointer);
        place = module.relocations.remove(index).offset - 1;
    });
    assert_eq!((code, at), ("missing-relocation", Some((Tag::Text, place))));
}

#[test]
fn a_symbol_has_to_agree_with_what_points_to_it() {
    let mut place = (Tag::Text, 0);
    let (code, at) = lie(|module| {
        let pointers = module.relocations.iter();
        let first = pointers
            .filter(|relocation| relocation.kind == RelocationKind::ShortPointer)
            .find(|relocation| {
                module.symbols[relocation.target as usize].kind == SymbolKind::Object
            });
        let first = *first.expect("a pointer to an object");
        let symbol = &mut module.symbols[first.target as usize];
        symbol.value += 1;
        symbol.size -= 1;
        place = (first.segment, first.offset);
    });
    assert_eq!((code, at), ("symbol-disagrees", Some(place)));
}

#[test]
fn a_pointer_in_data_has_to_agree_too() {
    let mut offset = 0;
    let (code, at) = lie(|module| {
        let in_data = module.relocations.iter();
        let first = in_data
            .into_iter()
            .find(|relocation| relocation.segment == Tag::Data);
        offset = first.expect("a pointer in data").offset;
        module.data[offset as usize] ^= 1;
    });
    assert_eq!((code, at), ("symbol-disagrees", Some((Tag::Data, offset))));
}

#[test]
fn text_has_to_decode() {
    let (code, at) = lie(|module| module.text[0] = 0);
    assert_eq!((code, at), ("undecodable-text", Some((Tag::Text, 0))));
}

#[test]
fn a_version_has_to_be_one() {
    let module = MODULE.replace("version \"1.2.3\"", "version \"10.20.30\"");
    let mut module = image("counter.cvma", &module);
    let at = module
        .strings
        .windows(8)
        .position(|text| text == b"10.20.30");
    module.strings[at.expect("the version's note")] = b'x';
    let program = image("main.cvma", PROGRAM);
    let error = linked(&program, &module).expect_err("it is no version");
    assert_eq!(error.code.code(), "bad-version");
}

#[test]
fn a_module_may_be_linked_in_steps() {
    let main = ".entry main\n.import \"a\" f () -> 1\n.import \"b\" g () -> 1\n.func main () -> 1\n call f\n call g\n i_add\n ret\n.end\n";
    let a = ".export f\n.import \"b\" g () -> 1\n.data\nx: .quad 1\n.func f () -> 1\n push 0\n q_read d:x\n call g\n i_add\n ret\n.end\n";
    let b = ".export g\n.data\ny: .quad 2\n.func g () -> 1\n push 0\n q_read d:y\n ret\n.end\n";
    let (main, a, b) = (
        image("main.cvma", main),
        image("a.cvma", a),
        image("b.cvma", b),
    );
    let input = |name, image| Input {
        name,
        origin: "",
        image,
    };
    let open = link::Options {
        keep_open: true,
        strip: false,
    };
    let half = link(&[input("main", &main), input("a", &a)], open).expect("b stays open");
    assert_eq!(half.imports.len(), 1);
    assert!(!half.relocations.is_empty());
    let whole = link(&[input("main", &half), input("b", &b)], open).expect("nothing is missing");
    assert!(whole.imports.is_empty() && whole.relocations.is_empty());
    let at_once = [input("main", &main), input("b", &b), input("a", &a)];
    let at_once = link(&at_once, link::Options::default()).expect("nothing is missing");
    assert_eq!(
        (whole.text, whole.functions),
        (at_once.text, at_once.functions)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever the reader accepts is linked to an image that the reader accepts, or is an error.
    #[test]
    fn damaged_modules_are_linked_or_rejected(
        damage in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep_open: bool,
        strip: bool,
    ) {
        let mut files = [
            writer::write(&image("main.cvma", PROGRAM)),
            writer::write(&image("counter.cvma", MODULE)),
        ];
        for (which, index, value) in damage {
            let file = &mut files[usize::from(which)];
            let at = index.index(file.len());
            file[at] = value;
        }
        let images = files.map(|file| reader::read(&file).map(|read| read.image));
        if let [Ok(program), Ok(module)] = &images {
            let input = |name, image| Input { name, origin: "", image };
            let inputs = [input("main", program), input("counter", module)];
            if let Ok(linked) = link(&inputs, link::Options { keep_open, strip }) {
                let file = writer::write(&linked);
                prop_assert_eq!(reader::read(&file).expect("an image").image, linked);
            }
        }
    }
}
