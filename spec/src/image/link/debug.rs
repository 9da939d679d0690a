//! Symbols, lines and sources of the merged image.
//!
//! Names of functions and objects of modules get the module's name in front, `str:length`, so that two modules may
//! use the same name and reports say which is meant.

use std::collections::HashMap;

use super::layout::Placed;
use super::strings::{Pool, Strings};
use super::{Input, Options};
use crate::image::{Function, Image, Line, StringRef, Symbol, SymbolKind};
use crate::pointer::{ShortPointer, Tag};

/// The debug sections that are being made.
#[derive(Default)]
pub(super) struct Debug {
    pub(super) symbols: Vec<Symbol>,
    pub(super) lines: Vec<Line>,
    pub(super) sources: Vec<StringRef>,
    known_sources: HashMap<StringRef, Option<u16>>,
    /// For each new function its symbol.
    functions: HashMap<u32, u32>,
    /// Symbols of objects by short pointer and size.
    objects: HashMap<(u32, u32), u32>,
}

/// What became of the symbols of one input: for each its new index, if it is kept.
pub(super) type SymbolMap = Vec<Option<u32>>;

impl Debug {
    /// Adds the symbols and lines of an input.
    pub(super) fn add(
        &mut self,
        input: &Input<'_>,
        placed: &Placed,
        strings: &mut Strings<'_>,
        pool: &mut Pool,
        options: Options,
    ) -> SymbolMap {
        let image = input.image;
        let mut map = vec![None; image.symbols.len()];
        for (index, symbol) in image.symbols.iter().enumerate() {
            let is_global = matches!(
                symbol.kind,
                SymbolKind::Function | SymbolKind::Object | SymbolKind::Label
            );
            if options.strip && !is_global || symbol.kind == SymbolKind::Reference {
                continue;
            }
            let Some(mut moved) = moved(image, placed, symbol) else {
                continue;
            };
            moved.name = match symbol.kind {
                SymbolKind::Function | SymbolKind::Object | SymbolKind::Constant => {
                    strings.qualify(pool, symbol.name)
                }
                _ => strings.keep(pool, symbol.name),
            };
            map[index] = Some(self.push(moved));
        }
        if options.strip {
            return map;
        }
        for symbol in &image.symbols {
            if symbol.kind != SymbolKind::Reference {
                continue;
            }
            let target = map.get(symbol.a as usize).copied().flatten();
            let place = text_offset(image, placed, symbol.value);
            if let (Some(a), Some(value)) = (target, place) {
                self.push(Symbol {
                    a,
                    value,
                    ..*symbol
                });
            }
        }
        self.add_lines(image, placed, strings, pool);
        map
    }

    fn push(&mut self, symbol: Symbol) -> u32 {
        let index = self.symbols.len() as u32;
        match symbol.kind {
            SymbolKind::Function => {
                self.functions.entry(symbol.value).or_insert(index);
            }
            SymbolKind::Object => {
                let key = (symbol.value, symbol.size);
                self.objects.entry(key).or_insert(index);
            }
            _ => {}
        }
        self.symbols.push(symbol);
        index
    }

    /// The symbol of a function, made if it has none.
    pub(super) fn function_symbol(&mut self, function: u32, name: StringRef) -> u32 {
        match self.functions.get(&function) {
            Some(symbol) => *symbol,
            None => self.push(plain(SymbolKind::Function, function, 0, name)),
        }
    }

    /// The symbol of an object, made if it has none.
    pub(super) fn object_symbol(&mut self, pointer: u32, size: u32, name: StringRef) -> u32 {
        match self.objects.get(&(pointer, size)) {
            Some(symbol) => *symbol,
            None => self.push(plain(SymbolKind::Object, pointer, size, name)),
        }
    }

    fn add_lines(
        &mut self,
        image: &Image,
        placed: &Placed,
        strings: &mut Strings<'_>,
        pool: &mut Pool,
    ) {
        let mut lines = image.lines.iter().peekable();
        for (function, place) in image.functions.iter().zip(&placed.functions) {
            while lines.next_if(|line| line.text < function.start).is_some() {}
            let Some((_, start)) = place else {
                continue;
            };
            while let Some(line) = lines.next_if(|line| line.text < function.end()) {
                let name = image.sources.get(usize::from(line.source));
                let source = name.and_then(|name| self.source(strings.keep(pool, *name)));
                if let Some(source) = source {
                    self.lines.push(Line {
                        text: line.text - function.start + start,
                        source,
                        ..*line
                    });
                }
            }
        }
    }

    /// The number of a source, while there are numbers left.
    fn source(&mut self, name: StringRef) -> Option<u16> {
        let sources = &mut self.sources;
        *self.known_sources.entry(name).or_insert_with(|| {
            let number = u16::try_from(sources.len()).ok()?;
            sources.push(name);
            Some(number)
        })
    }
}

/// A symbol without a range.
fn plain(kind: SymbolKind, value: u32, size: u32, name: StringRef) -> Symbol {
    Symbol {
        kind,
        value,
        size,
        name,
        a: 0,
        b: 0,
    }
}

/// The function of a text offset.
fn function_of<'a>(
    image: &'a Image,
    placed: &Placed,
    offset: u32,
) -> Option<(&'a Function, (u32, u32))> {
    let index = image.function_at(offset)? as usize;
    let place = placed.functions.get(index).copied().flatten()?;
    Some((&image.functions[index], place))
}

/// A text offset after linking, if its function is kept.
pub(super) fn text_offset(image: &Image, placed: &Placed, offset: u32) -> Option<u32> {
    let (function, (_, start)) = function_of(image, placed, offset)?;
    Some(offset - function.start + start)
}

/// A symbol where its thing went; nothing if that is not kept, or if there is no such thing.
fn moved(image: &Image, placed: &Placed, symbol: &Symbol) -> Option<Symbol> {
    let short = ShortPointer(symbol.value);
    let mut moved = *symbol;
    match symbol.kind {
        SymbolKind::Function => {
            let place = placed
                .functions
                .get(symbol.value as usize)
                .copied()
                .flatten();
            moved.value = place?.0;
        }
        SymbolKind::Object => {
            let offset = short.offset().checked_add(placed.base(short.tag())?)?;
            moved.value = ShortPointer::new(short.tag(), offset)?.0;
        }
        SymbolKind::Label if short.tag() == Tag::Text => {
            let offset = text_offset(image, placed, short.offset())?;
            moved.value = ShortPointer::new(Tag::Text, offset)?.0;
        }
        SymbolKind::Argument | SymbolKind::Local => {
            let (function, (_, start)) = function_of(image, placed, symbol.a)?;
            let length = symbol.b.min(function.end()).checked_sub(symbol.a)?;
            moved.a = symbol.a - function.start + start;
            moved.b = moved.a + length;
        }
        SymbolKind::Constant => {}
        SymbolKind::Label | SymbolKind::Reference => return None,
    }
    Some(moved)
}
