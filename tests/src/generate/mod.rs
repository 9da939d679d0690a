//! Random programs that the verifier accepts.
//!
//! A program is made as an image: functions with arguments, results and locals, bodies that keep the operand stack in
//! order on every path, calls of each other, constants, variables, a heap. What it computes makes no sense, and it
//! may fault or run for ever; it only has to be valid. [`Style`] says whether it sticks to what the assembler would
//! write, so that it comes back from the readable disassembly unchanged.

mod body;
mod layout;
mod tables;

use cvm_spec::image::{Function, FunctionType, Image, Type};

use crate::random::Random;
use body::Body;

/// How free the generator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As the assembler would write it: shortest constants, symbols that name what exists.
    Canonical,
    /// Everything that the format allows: long encodings, odd debug information, unknown sections.
    Free,
}

/// What the bodies of a program may refer to.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Types of the functions, by index.
    pub(crate) functions: Vec<FunctionType>,
    /// Arguments and results of the imports, by index.
    pub(crate) imports: Vec<(u16, u16)>,
    /// Bytes of the data segment.
    pub(crate) data_size: u32,
    /// Bytes of the bss segment.
    pub(crate) bss_size: u32,
    /// First and largest size of the heap; 0 for an image that does not own it.
    pub(crate) heap: (u32, u32),
    /// How free the generator is.
    pub(crate) style: Style,
}

/// A program.
pub fn program(random: &mut Random, style: Style) -> Image {
    let mut image = Image::default();
    let count = random.range(1, 5) as usize;
    let mut functions: Vec<FunctionType> = (0..count)
        .map(|_| FunctionType {
            args: random.below(5) as u16,
            results: random.below(4) as u16,
            brand: if random.one_in(8) { 7 } else { 0 },
        })
        .collect();
    let entry = random.below(count as u64) as usize;
    functions[entry] = FunctionType {
        args: 0,
        results: random.below(2) as u16,
        brand: 0,
    };
    let type_indices: Vec<u32> = functions.iter().map(|t| image.intern_type(*t)).collect();
    let imports = tables::imports(random, &mut image);
    tables::segments(random, &mut image);
    let surroundings = Surroundings {
        data_size: image.data.len() as u32,
        bss_size: image.bss_size,
        heap: (image.heap_first as u32, image.heap_largest as u32),
        functions,
        imports,
        style,
    };
    let bodies: Vec<Body> = (0..count)
        .map(|number| Body::generate(random, &surroundings, &mut image, number))
        .collect();

    let starts = layout::place(&bodies);
    for (number, body) in bodies.iter().enumerate() {
        image.functions.push(Function {
            start: starts[number],
            size: body.size(),
            type_index: type_indices[number],
        });
        body.encode(&starts, &mut image.text);
    }
    image.entry = Some(starts[entry]);
    tables::pointers(random, &mut image, &starts);
    tables::symbols(random, &mut image, &bodies, &starts, style);
    image
}

/// The types section's index of a function type, which is there.
pub(crate) fn type_index(image: &Image, wanted: FunctionType) -> u32 {
    let wanted = Type::Function(wanted);
    let index = image.types.iter().position(|t| *t == wanted);
    index.expect("every function's type was interned") as u32
}
