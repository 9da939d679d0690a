//! Relocations: the places that change when the image is linked with others (`spec/linking.md`).
//!
//! Functions are named by their symbols. What lies in `b:` and in `d:` belongs together, so one symbol stands for each of
//! the two segments as a whole.

use std::collections::HashMap;

use cvm_spec::codec::{Operand, decode};
use cvm_spec::image::{Image, Relocation, RelocationKind, Symbol, SymbolKind};
use cvm_spec::isa::OperandKind;
use cvm_spec::pointer::{ShortPointer, Tag};

/// A cell of `b:` or `d:` that holds the pointer to a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointerCell {
    pub(crate) segment: Tag,
    pub(crate) offset: u32,
    /// Index of the function in the image.
    pub(crate) function: u32,
}

/// Adds all relocations, and symbols for what they name. The cells ascend.
pub(crate) fn add(image: &mut Image, cells: &[PointerCell]) {
    let functions = function_symbols(image);
    let bss = segment_symbol(image, Tag::Bss, image.bss_size, "(variables)");
    let data = segment_symbol(image, Tag::Data, image.data.len() as u32, "(constants)");
    let mut relocations = Vec::new();
    let mut at = 0;
    // The text was encoded by this crate.
    while let Ok((instruction, next)) = decode(&image.text, at) {
        let operand = match (instruction.opcode.operand(), instruction.operand) {
            (OperandKind::Function, Operand::Index(function)) => {
                let symbol = functions.get(&function).copied();
                symbol.map(|symbol| (RelocationKind::Call, symbol, 0))
            }
            (OperandKind::Type, Operand::Index(index)) => Some((RelocationKind::Type, index, 0)),
            (OperandKind::Import, Operand::Index(index)) => {
                Some((RelocationKind::Import, index, 0))
            }
            (_, Operand::Pointer(pointer)) => match pointer.tag() {
                Tag::Text => image
                    .function_starting_at(pointer.offset())
                    .and_then(|function| functions.get(&function))
                    .map(|symbol| (RelocationKind::ShortPointer, *symbol, 0)),
                Tag::Data => Some((RelocationKind::ShortPointer, data, pointer.offset())),
                Tag::Bss => Some((RelocationKind::ShortPointer, bss, pointer.offset())),
                _ => None,
            },
            _ => None,
        };
        if let Some((kind, target, addend)) = operand {
            relocations.push(Relocation {
                kind,
                segment: Tag::Text,
                offset: at as u32 + 1,
                target,
                addend,
            });
        }
        at = next;
        if at == image.text.len() {
            break;
        }
    }
    for segment in [Tag::Data, Tag::Bss] {
        for cell in cells.iter().filter(|cell| cell.segment == segment) {
            if let Some(symbol) = functions.get(&cell.function) {
                relocations.push(Relocation {
                    kind: RelocationKind::Pointer,
                    segment,
                    offset: cell.offset,
                    target: *symbol,
                    addend: 0,
                });
            }
        }
    }
    image.relocations = relocations;
}

/// The symbol of each function; those that have none get one.
fn function_symbols(image: &mut Image) -> HashMap<u32, u32> {
    let mut symbols: HashMap<u32, u32> = HashMap::new();
    for (number, symbol) in image.symbols.iter().enumerate() {
        if symbol.kind == SymbolKind::Function {
            symbols.entry(symbol.value).or_insert(number as u32);
        }
    }
    for function in 0..image.functions.len() as u32 {
        if symbols.contains_key(&function) {
            continue;
        }
        symbols.insert(function, image.symbols.len() as u32);
        let name = image.add_string(&format!("func[{function}]"));
        let size = image.functions[function as usize].size;
        image.symbols.push(Symbol {
            kind: SymbolKind::Function,
            value: function,
            size,
            name,
            a: 0,
            b: 0,
        });
    }
    symbols
}

/// A symbol for a whole segment.
fn segment_symbol(image: &mut Image, tag: Tag, size: u32, name: &str) -> u32 {
    let number = image.symbols.len() as u32;
    let name = image.add_string(name);
    image.symbols.push(Symbol {
        kind: SymbolKind::Object,
        value: ShortPointer::new(tag, 0).map_or(0, |pointer| pointer.0),
        size,
        name,
        a: 0,
        b: 0,
    });
    number
}
