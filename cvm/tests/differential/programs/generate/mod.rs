//! Random programs that verify: structured control flow over random instruction sequences, with constants, pointers
//! and offsets chosen so that most accesses hit and some miss, at the edges and far off.

mod body;
mod call;
mod flow;
mod memory;
mod record;
mod value;

use std::collections::HashMap;

use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::image::{
    Extent, Function, FunctionType, Image, Import, ImportKind, Line, StringRef, Type,
};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{HEAP_PAGE, Pointer, ShortPointer, Tag};

use super::random::Random;
use super::world;

/// Bytes of constants; the last [`TABLE`] cells are text pointers.
const DATA: u32 = 64;
/// Cells of the jump table in data.
const TABLE: u32 = 4;
const BSS: u32 = 256;
/// The cells of bss that hold pointers, most of the time.
const POINTERS: u32 = BSS - 32;

/// An instruction, or a place that one refers to.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Plain(Opcode, u64),
    Jump(Opcode, usize),
    Switch(Vec<usize>),
    Label(usize),
    /// `push_a` of a `land`, a label of this function.
    PushLand(usize),
    /// `push_a` of a function's entry.
    PushFunction(usize),
}

/// A program: the items of each function, and what surrounds them. Its last function is the entry and has one result.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) functions: Vec<Vec<Item>>,
    /// Everything but text and functions.
    frame: Image,
    /// What the cells of the jump table name: a label of a function, or something wrong.
    table: Vec<(usize, Option<usize>, u32)>,
    /// Its call stack is small and its functions call deep.
    pub(crate) is_deep: bool,
}

/// A program from a source of choices.
pub(crate) fn program(random: &mut Random<'_>) -> Program {
    let is_deep = random.one_in(40);
    let count = random.pick(&[1, 1, 2, 2, 3, 4]);
    let mut types: Vec<FunctionType> = (0..count).map(|_| function_type(random)).collect();
    let has_initialiser = random.one_in(20);
    if has_initialiser {
        types[0] = FunctionType::default();
    }
    types.push(FunctionType {
        args: 0,
        results: 1,
        brand: 0,
    });
    let mut frame = Image {
        owns_heap: true,
        heap_first: random.pick(&[0, 1, 1, 1]) * HEAP_PAGE,
        heap_largest: 2 * HEAP_PAGE,
        bss_size: BSS,
        types: types.iter().map(|t| Type::Function(*t)).collect(),
        data: (0..DATA).map(|_| random.next() as u8).collect(),
        bss_init: vec![
            Extent {
                offset: 8,
                bytes: (0..32).map(|_| random.next() as u8).collect(),
            },
            Extent {
                offset: POINTERS,
                bytes: [
                    Pointer::new(Tag::Bss, 16).0,
                    Pointer::new(Tag::Heap, 8).0,
                    Pointer::new(Tag::Data, 8).0,
                ]
                .map(u64::to_le_bytes)
                .concat(),
            },
        ],
        ..Image::default()
    };
    if has_initialiser {
        frame.initialisers = vec![0];
    }
    import_world(&mut frame);
    frame.sources = vec![frame.imports[0].module];
    let mut program = Program {
        functions: Vec::new(),
        frame,
        table: vec![(0, None, 0); TABLE as usize],
        is_deep,
    };
    for own in 0..types.len() {
        let (items, lands) = body::body(random, &types, own, &program);
        program.functions.push(items);
        for land in lands {
            let cell = random.below(TABLE as usize);
            let wrong = if random.one_in(20) { 1 } else { 0 };
            program.table[cell] = (own, Some(land), wrong);
        }
    }
    program
}

fn function_type(random: &mut Random<'_>) -> FunctionType {
    let many = random.one_in(8);
    let most = if many { 12 } else { 4 };
    FunctionType {
        args: random.below(most) as u16,
        results: random.below(most) as u16,
        brand: u32::from(random.one_in(6)),
    }
}

/// Adds imports of everything that the world offers, and their types behind those of the functions.
fn import_world(image: &mut Image) {
    for (name, args, results) in world::FUNCTIONS {
        let type_index = image.types.len() as u32;
        image.types.push(Type::Function(FunctionType {
            args,
            results,
            brand: 0,
        }));
        let mut string = |text: &str| {
            let offset = image.strings.len() as u32;
            image.strings.extend_from_slice(text.as_bytes());
            StringRef {
                offset,
                length: text.len() as u32,
            }
        };
        let (module, name) = (string(world::NAMESPACE), string(name));
        image.imports.push(Import {
            kind: ImportKind::Host,
            flags: 0,
            type_index,
            module,
            name,
        });
    }
}

impl Program {
    /// The image. Its debug information gives every instruction a line: its text offset plus 1.
    pub(crate) fn image(&self) -> Image {
        let mut image = self.frame.clone();
        // Function starts first: operands name them, and sizes do not depend on operands.
        let mut start = 0;
        let starts: Vec<u32> = self
            .functions
            .iter()
            .map(|items| {
                let this = start;
                start += items.iter().map(size).sum::<u32>();
                this
            })
            .collect();
        let mut labels = Vec::new();
        for (own, items) in self.functions.iter().enumerate() {
            let begin = image.text.len() as u32;
            assert_eq!(begin, starts[own]);
            labels.push(lay_out(&mut image, items, &starts));
            image.functions.push(Function {
                start: begin,
                size: image.text.len() as u32 - begin,
                type_index: own as u32,
            });
        }
        let table = (DATA - 8 * TABLE) as usize;
        for (cell, (function, label, wrong)) in self.table.iter().enumerate() {
            let place = label.and_then(|label| labels.get(*function)?.get(&label));
            let pointer = Pointer::new(Tag::Text, u64::from(place.unwrap_or(&0) + wrong)).0;
            image.data[table + 8 * cell..][..8].copy_from_slice(&pointer.to_le_bytes());
        }
        image.entry = image.functions.last().map(|f| f.start);
        image
    }
}

fn size(item: &Item) -> u32 {
    match item {
        Item::Plain(opcode, _) => 1 + opcode.operand().size() as u32,
        Item::Jump(..) | Item::PushLand(_) | Item::PushFunction(_) => 5,
        Item::Switch(targets) => 5 + 4 * targets.len() as u32,
        Item::Label(_) => 0,
    }
}

/// Appends a function to the text; gives the places of its labels.
fn lay_out(image: &mut Image, items: &[Item], starts: &[u32]) -> HashMap<usize, u32> {
    let text = &mut image.text;
    let mut labels = HashMap::new();
    let mut at = text.len() as u32;
    for item in items {
        if let Item::Label(label) = item {
            labels.insert(*label, at);
        }
        at += size(item);
    }
    let text_pointer = |offset| u64::from(ShortPointer::new(Tag::Text, offset).expect("fits").0);
    for item in items {
        let at = text.len() as u32;
        let next = at + size(item);
        let place = |label: &usize| labels.get(label).copied().unwrap_or(u32::MAX >> 4);
        let distance = |label: &usize| place(label).wrapping_sub(next) as i32;
        if !matches!(item, Item::Label(_)) {
            image.lines.push(Line {
                text: at,
                line: at + 1,
                source: 0,
                column: 1,
            });
        }
        match item {
            Item::PushFunction(number) => {
                encode(text, Opcode::PushA, text_pointer(starts[*number]))
            }
            Item::Plain(opcode, operand) => encode(text, *opcode, *operand),
            Item::Jump(opcode, label) => encode(text, *opcode, distance(label) as u64),
            Item::Switch(targets) => encode_switch(text, targets.iter().map(distance)),
            Item::PushLand(label) => encode(text, Opcode::PushA, text_pointer(place(label))),
            Item::Label(_) => {}
        }
    }
    labels
}
