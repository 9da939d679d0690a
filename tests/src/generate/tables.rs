//! Everything of a random image but its code.

use cvm_spec::image::{
    Extent, FunctionType, Image, Import, ImportKind, Line, Note, RawSection, Symbol, SymbolKind,
};
use cvm_spec::pointer::{HEAP_PAGE, Pointer, Tag};

use super::Style;
use super::body::Body;
use crate::random::Random;

/// Host functions whose results depend on nothing but the program.
const IMPORTS: [(&str, u16, u16); 5] = [
    ("write", 3, 1),
    ("read", 3, 1),
    ("arg_count", 0, 1),
    ("close", 1, 1),
    ("exit", 1, 0),
];

/// Adds imports; gives their counts of arguments and results.
pub(super) fn imports(random: &mut Random, image: &mut Image) -> Vec<(u16, u16)> {
    let mut counts = Vec::new();
    let module = image.add_string("sys");
    for (name, args, results) in IMPORTS {
        if random.one_in(2) {
            continue;
        }
        let type_index = image.intern_type(FunctionType {
            args,
            results,
            brand: 0,
        });
        let name = image.add_string(name);
        image.imports.push(Import {
            kind: ImportKind::Host,
            flags: 0,
            type_index,
            module,
            name,
        });
        counts.push((args, results));
    }
    if counts.is_empty() {
        image.strings.clear();
    }
    counts
}

/// Fills data, bss and the heap's sizes.
pub(super) fn segments(random: &mut Random, image: &mut Image) {
    let size = random.below(80);
    image.data = (0..size).map(|_| byte(random)).collect();
    image.bss_size = random.below(120) as u32;
    let mut at = 0;
    while random.one_in(2) {
        at += random.below(20) as u32;
        let length = random.range(1, 12) as u32;
        if at + length > image.bss_size {
            break;
        }
        image.bss_init.push(Extent {
            offset: at,
            bytes: (0..length).map(|_| byte(random)).collect(),
        });
        // Extents that touch would be one.
        at += length + 1;
    }
    if random.one_in(2) {
        let pages = random.below(3);
        image.owns_heap = true;
        image.heap_first = pages * HEAP_PAGE;
        image.heap_largest = (pages + random.range(1, 2)) * HEAP_PAGE;
    }
}

fn byte(random: &mut Random) -> u8 {
    match random.below(3) {
        0 => 0,
        1 => random.range(32, 126) as u8,
        _ => random.next() as u8,
    }
}

/// Puts some pointers into data.
pub(super) fn pointers(random: &mut Random, image: &mut Image, starts: &[u32]) {
    let count = image.data.len() / 8;
    for at in 0..count {
        if random.one_in(4) {
            let pointer = match random.below(3) {
                0 => Pointer::new(Tag::Text, u64::from(random.pick(starts))),
                1 => Pointer::new(Tag::Data, random.below(image.data.len() as u64 + 1)),
                _ => Pointer::new(Tag::Bss, random.below(u64::from(image.bss_size) + 1)),
            };
            image.data[at * 8..at * 8 + 8].copy_from_slice(&pointer.0.to_le_bytes());
        }
    }
}

/// Adds debug information: none, what an assembler would give, or anything.
pub(super) fn symbols(
    random: &mut Random,
    image: &mut Image,
    bodies: &[Body],
    starts: &[u32],
    style: Style,
) {
    if random.one_in(3) {
        return;
    }
    for number in 0..bodies.len() {
        let name = format!("f{number}");
        let symbol = Symbol {
            kind: SymbolKind::Function,
            value: number as u32,
            size: image.functions[number].size,
            name: name_for(random, image, &name, style),
            a: 0,
            b: 0,
        };
        image.symbols.push(symbol);
    }
    objects(random, image, Tag::Data, style);
    objects(random, image, Tag::Bss, style);
    if random.one_in(2) {
        locals(random, image, bodies, starts, style);
    }
    if style == Style::Free {
        odd_symbols(random, image);
        lines(random, image, bodies, starts);
        raw(random, image);
    }
}

fn name_for(
    random: &mut Random,
    image: &mut Image,
    name: &str,
    style: Style,
) -> cvm_spec::image::StringRef {
    const ODD: [&str; 8] = ["", "push", "a b", "été", "f0", ".x", "1", "line\nbreak"];
    match style {
        Style::Free if random.one_in(4) => image.add_string(random.pick(&ODD)),
        _ => image.add_string(name),
    }
}

fn objects(random: &mut Random, image: &mut Image, tag: Tag, style: Style) {
    let end = match tag {
        Tag::Data => image.data.len() as u32,
        _ => image.bss_size,
    };
    let mut at = 0;
    let mut number = 0;
    while at < end && random.below(5) != 0 {
        let size = (random.range(1, 24) as u32).min(end - at);
        let letter = tag.prefix().unwrap_or('x');
        let name = name_for(random, image, &format!("{letter}{number}"), style);
        image.symbols.push(Symbol {
            kind: SymbolKind::Object,
            value: (tag as u32) << 29 | at,
            size,
            name,
            a: 0,
            b: 0,
        });
        at += size;
        number += 1;
    }
}

fn locals(random: &mut Random, image: &mut Image, bodies: &[Body], starts: &[u32], style: Style) {
    for (body, start) in bodies.iter().zip(starts) {
        for (number, (offset, size)) in body.objects.iter().enumerate() {
            let is_argument = number < body.args;
            let name = format!("{}{number}", if is_argument { "a" } else { "l" });
            let name = name_for(random, image, &name, style);
            image.symbols.push(Symbol {
                kind: match is_argument {
                    true => SymbolKind::Argument,
                    false => SymbolKind::Local,
                },
                value: *offset,
                size: *size,
                name,
                a: *start,
                b: start + body.size(),
            });
        }
    }
}

fn odd_symbols(random: &mut Random, image: &mut Image) {
    for _ in 0..random.below(4) {
        let kind = SymbolKind::from_number(random.range(1, 7) as u32);
        let name = image.add_string("odd");
        image.symbols.push(Symbol {
            kind: kind.unwrap_or(SymbolKind::Constant),
            value: random.cell() as u32,
            size: random.cell() as u32,
            name,
            a: random.cell() as u32,
            b: random.cell() as u32,
        });
    }
}

fn lines(random: &mut Random, image: &mut Image, bodies: &[Body], starts: &[u32]) {
    if random.one_in(2) {
        return;
    }
    let source = image.add_string("generated.cvma");
    image.sources.push(source);
    let mut line = 1;
    for (body, start) in bodies.iter().zip(starts) {
        for offset in &body.offsets()[..body.items.len()] {
            line += random.below(3) as u32;
            image.lines.push(Line {
                text: start + offset,
                line,
                source: 0,
                column: random.range(1, 80) as u16,
            });
        }
    }
}

fn raw(random: &mut Random, image: &mut Image) {
    if random.one_in(3) {
        let (name, value) = (image.add_string("tool"), image.add_string("generator"));
        image.notes.push(Note { name, value });
    }
    if random.one_in(4) {
        let bytes = (0..random.range(1, 40))
            .map(|_| random.next() as u8)
            .collect();
        image.raw.push(RawSection {
            kind: 0x8000_0000 | random.range(100, 200) as u32,
            bytes,
        });
    }
}
