//! Images that the reader accepts and nobody would write: the input of the property tests.

use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::image::*;
use cvm_spec::isa::{Opcode, OperandKind, ROWS};
use cvm_spec::pointer::{HEAP_PAGE, ShortPointer, Tag};

/// A small generator of random numbers (splitmix64), so that a seed gives the same image everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number that is often small, often at an edge.
    pub(crate) fn odd_number(&mut self) -> u64 {
        match self.below(5) {
            0 => self.below(4),
            1 => self.below(300),
            2 => self.below(4).wrapping_neg(),
            3 => 1 << self.below(64),
            _ => self.next(),
        }
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.below(4) > 0 && (bytes.len() as u64) < most {
            let length = self.below(most / 2 + 1);
            match self.below(4) {
                0 => bytes.extend((0..length).map(|_| 0)),
                1 => bytes.extend((0..length).map(|_| b' ' + self.below(95) as u8)),
                2 => bytes.extend_from_slice("two words\nä\"\\\t;\u{202e}\r".as_bytes()),
                _ => bytes.extend((0..length).map(|_| self.next() as u8)),
            }
        }
        bytes
    }
}

/// A random image; not every one is accepted by the reader.
pub(crate) fn image(random: &mut Random) -> Image {
    let mut image = Image {
        bss_size: random.below(200) as u32,
        data: random.bytes(200),
        strings: random.bytes(60),
        ..Image::default()
    };
    if random.one_in(2) {
        image.owns_heap = true;
        image.heap_first = HEAP_PAGE * random.below(3);
        image.heap_largest = HEAP_PAGE * (random.below(2) * 5);
    }
    types(random, &mut image);
    extents(random, &mut image);
    text(random, &mut image);
    links(random, &mut image);
    debug(random, &mut image);
    relocations(random, &mut image);
    for _ in 0..random.below(3) {
        let kind = image.raw.last().map_or(OPTIONAL, |raw| raw.kind) | OPTIONAL;
        image.raw.push(RawSection {
            kind: kind + 1 + random.below(1000) as u32,
            bytes: random.bytes(80),
        });
    }
    image.raw.retain(|raw| !raw.bytes.is_empty());
    image
}

fn types(random: &mut Random, image: &mut Image) {
    for _ in 0..=random.below(5) {
        let ty = if random.one_in(4) {
            let signature = image.add_string("(ptr, i32) -> f64");
            Type::Foreign {
                args: 2,
                results: 1,
                signature,
            }
        } else {
            Type::Function(FunctionType {
                args: random.below(4) as u16 * random.below(2) as u16,
                results: random.below(2) as u16,
                brand: random.below(3) as u32,
            })
        };
        image.types.push(ty);
    }
}

fn extents(random: &mut Random, image: &mut Image) {
    let mut at = random.below(20) as u32;
    while random.below(3) > 0 {
        let bytes = random.bytes(30);
        let end = at + bytes.len() as u32;
        if bytes.is_empty() || end > image.bss_size {
            return;
        }
        image.bss_init.push(Extent { offset: at, bytes });
        at = end + random.below(9) as u32;
    }
}

fn text(random: &mut Random, image: &mut Image) {
    let function_types: Vec<u32> = (0..image.types.len() as u32)
        .filter(|index| matches!(image.types[*index as usize], Type::Function(_)))
        .collect();
    if function_types.is_empty() {
        return;
    }
    for _ in 0..random.below(6) {
        let start = image.text.len();
        for _ in 0..=random.below(12) {
            instruction(random, &mut image.text);
        }
        if random.one_in(6) {
            image
                .text
                .truncate(start + 1 + random.below((image.text.len() - start) as u64) as usize);
        }
        let type_index = function_types[random.below(function_types.len() as u64) as usize];
        let function = Function {
            start: start as u32,
            size: (image.text.len() - start) as u32,
            type_index,
        };
        let ty = image.function_type(&function).unwrap_or_default();
        if ty.args == 0 && random.one_in(2) {
            image.entry = Some(function.start);
        }
        if (ty.args, ty.results) == (0, 0) && random.one_in(2) {
            image.initialisers.push(image.functions.len() as u32);
        }
        image.functions.push(function);
    }
}

/// An instruction with any operand, or bytes that may be none.
fn instruction(random: &mut Random, text: &mut Vec<u8>) {
    if random.one_in(10) {
        text.extend(random.bytes(24));
        return;
    }
    let row = &ROWS[random.below(ROWS.len() as u64) as usize];
    let here = text.len() as u64;
    let near = |random: &mut Random| (random.below(2 * here + 30) as i32) - here as i32;
    match row.operand {
        OperandKind::Table => {
            let count = 1 + random.below(4);
            let distances: Vec<i32> = (0..count).map(|_| near(random)).collect();
            encode_switch(text, distances.into_iter());
        }
        OperandKind::Jump if random.below(8) > 0 => {
            let distance = near(random);
            encode(text, row.opcode, distance as u64);
        }
        _ => {
            let operand = random.odd_number();
            encode(text, row.opcode, operand);
        }
    }
    if random.one_in(20) {
        text.push(Opcode::Switch.byte());
        text.extend_from_slice(&(random.odd_number() as u32).to_le_bytes());
    }
}

fn links(random: &mut Random, image: &mut Image) {
    let kinds = [
        (ImportKind::Host, "sys"),
        (ImportKind::Foreign, "libc.so.6"),
        (ImportKind::Module, "a/b"),
        (ImportKind::ForeignData, "lib ; \"x\""),
        (ImportKind::ModuleData, "m"),
    ];
    for _ in 0..random.below(5) {
        let (kind, module) = kinds[random.below(5) as usize];
        let fits = |ty: &Type| match (kind, ty) {
            (ImportKind::Foreign, Type::Foreign { .. }) => true,
            (ImportKind::Host | ImportKind::Module, Type::Function(_)) => true,
            (ImportKind::ForeignData | ImportKind::ModuleData, Type::Function(_)) => {
                ty.arity() == (0, 1)
            }
            _ => false,
        };
        let Some(type_index) = image.types.iter().position(fits) else {
            continue;
        };
        let flags = match kind {
            ImportKind::Foreign => random.below(2) as u32,
            _ => 0,
        };
        let module = image.add_string(module);
        let name =
            image.add_string(["write", "näme \\ ; \" x", "l:1", "0"][random.below(4) as usize]);
        image.imports.push(Import {
            kind,
            flags,
            type_index: type_index as u32,
            module,
            name,
        });
    }
    for index in 0..random.below(4) {
        let name = image.add_string(&format!("export {index}"));
        let object = match random.below(2) {
            0 => (Tag::Data, image.data.len() as u64),
            _ => (Tag::Bss, u64::from(image.bss_size)),
        };
        let export = if random.one_in(2) && !image.functions.is_empty() {
            Export {
                kind: ExportKind::Function,
                value: random.below(image.functions.len() as u64) as u32,
                size: 0,
                name,
            }
        } else {
            let offset = random.below(object.1 + 1) as u32;
            Export {
                kind: ExportKind::Object,
                value: ShortPointer::new(object.0, offset).expect("is small").0,
                size: random.below(object.1 - u64::from(offset) + 1) as u32,
                name,
            }
        };
        image.exports.push(export);
    }
}

fn reference(random: &mut Random, image: &mut Image) -> StringRef {
    match random.below(4) {
        0 => StringRef {
            offset: random.odd_number() as u32,
            length: random.odd_number() as u32,
        },
        1 => StringRef {
            offset: random.below(image.strings.len() as u64 + 1) as u32,
            length: random.below(9) as u32,
        },
        _ => {
            let names = ["x", "count", "", "i_add", "two words", ".next", "d", "ä\n"];
            image.add_string(names[random.below(8) as usize])
        }
    }
}

fn debug(random: &mut Random, image: &mut Image) {
    for _ in 0..random.below(8) {
        let kind = SymbolKind::from_number(1 + random.below(7) as u32).expect("is a kind");
        let (value, size) = match kind {
            SymbolKind::Object if random.below(4) > 0 && !image.data.is_empty() => {
                let offset = random.below(image.data.len() as u64);
                let size = random.below(image.data.len() as u64 - offset + 1);
                let pointer = ShortPointer::new(Tag::Data, offset as u32);
                (pointer.expect("is small").0, size as u32)
            }
            _ => (random.odd_number() as u32, random.odd_number() as u32),
        };
        let name = reference(random, image);
        image.symbols.push(Symbol {
            kind,
            value,
            size,
            name,
            a: random.odd_number() as u32,
            b: random.odd_number() as u32,
        });
    }
    let mut text = 0;
    for _ in 0..random.below(5) {
        text += 1 + random.below(9) as u32;
        image.lines.push(Line {
            text,
            line: random.odd_number() as u32,
            source: random.below(3) as u16,
            column: random.odd_number() as u16,
        });
    }
    for _ in 0..random.below(3) {
        let name = reference(random, image);
        image.sources.push(name);
        let value = reference(random, image);
        image.notes.push(Note { name, value });
    }
    for kind in [
        SectionKind::Symbols,
        SectionKind::Lines,
        SectionKind::Sources,
        SectionKind::Notes,
    ] {
        if random.one_in(6) {
            match kind {
                SectionKind::Symbols => image.symbols.clear(),
                SectionKind::Lines => image.lines.clear(),
                SectionKind::Sources => image.sources.clear(),
                _ => image.notes.clear(),
            }
            image.raw.push(RawSection {
                kind: kind as u32,
                bytes: random.bytes(70),
            });
        }
    }
}

fn relocations(random: &mut Random, image: &mut Image) {
    let object = image.symbols.iter().position(|symbol| {
        let pointer = ShortPointer(symbol.value);
        let end = u64::from(pointer.offset()) + u64::from(symbol.size);
        let in_data = pointer.tag() == Tag::Data && end <= image.data.len() as u64;
        symbol.kind == SymbolKind::Object && in_data
    });
    let Some(target) = object else {
        return;
    };
    let size = image.symbols[target].size;
    for (segment, length) in [(Tag::Text, image.text.len()), (Tag::Data, image.data.len())] {
        let mut at = random.below(10) as u32;
        while at as usize + 8 <= length {
            let kind = match random.below(2) {
                0 => RelocationKind::Pointer,
                _ => RelocationKind::ShortPointer,
            };
            image.relocations.push(Relocation {
                kind,
                segment,
                offset: at,
                target: target as u32,
                addend: random.below(u64::from(size) + 1) as u32,
            });
            at += 8 + random.below(40) as u32;
        }
    }
}

/// Changes some bytes of a file.
pub(crate) fn mutate(random: &mut Random, file: &mut [u8]) {
    for _ in 0..=random.below(4) {
        let at = random.below(file.len() as u64) as usize;
        match random.below(4) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.odd_number() as u8,
            2 => file[at] = file[at].wrapping_add(1),
            _ => {
                let from = random.below(file.len() as u64) as usize;
                file[at] = file[from];
            }
        }
    }
}
