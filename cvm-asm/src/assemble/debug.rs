//! Symbols, lines and sources of the image, and the data of the map.

use cvm_spec::image::{Export, Function, Image, StringRef, Symbol, SymbolKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::map::{MapKind, MapSymbol};

use super::Assembler;
use super::names::Name;
use super::symbols::{ConstantValue, UNPLACED};

impl Assembler<'_> {
    /// Puts the image together.
    pub(super) fn image(
        &mut self,
        entry: Option<u32>,
        initialisers: Vec<u32>,
        exports: Vec<Export>,
    ) -> Image {
        let functions = self.functions.iter().map(|function| Function {
            start: function.start,
            size: function.size,
            type_index: function.type_index,
        });
        let mut image = Image {
            entry,
            bss_size: self.bss.size() as u32,
            functions: functions.collect(),
            initialisers,
            exports,
            imports: std::mem::take(&mut self.program.imports),
            ..Image::default()
        };
        if let Some((first, largest, _)) = self.program.heap {
            image.owns_heap = true;
            image.heap_first = first;
            image.heap_largest = largest;
        }
        let linkable = self.is_linkable(&image);
        image.bss_init = self.bss.extents(linkable);
        if linkable || !self.options.strip {
            let object_symbols = self.symbols(&mut image);
            if linkable {
                image.relocations = self.relocations(&object_symbols);
            }
        }
        if self.options.debug && !self.options.strip {
            self.sources(&mut image);
        }
        self.module_notes(&mut image, linkable);
        image.text = std::mem::take(&mut self.text);
        image.data = std::mem::take(&mut self.data);
        image.types = std::mem::take(&mut self.types.list);
        image.strings = std::mem::take(&mut self.program.strings.bytes);
        image
    }

    fn string(&mut self, name: Name) -> StringRef {
        let text = self.names.text(name).as_bytes();
        self.program.strings.add(text)
    }

    /// Adds the symbols; gives for each object the index of its symbol.
    fn symbols(&mut self, image: &mut Image) -> Vec<Option<u32>> {
        let mut symbols = Vec::with_capacity(self.functions.len() + self.objects.len());
        let plain = |kind, value, size, name| Symbol {
            kind,
            value,
            size,
            name,
            a: 0,
            b: 0,
        };
        for index in 0..self.functions.len() {
            let name = self.string(self.functions[index].name);
            symbols.push(plain(SymbolKind::Function, index as u32, 0, name));
        }
        let mut object_symbols = Vec::with_capacity(self.objects.len());
        for index in 0..self.objects.len() {
            let object = self.objects[index];
            if object.segment == Tag::Text {
                object_symbols.push(None);
                continue;
            }
            object_symbols.push(Some(symbols.len() as u32));
            let name = self.string(object.name);
            let pointer = ShortPointer::new(object.segment, object.offset);
            let value = pointer.map_or(0, |pointer| pointer.0);
            let size = object.end.saturating_sub(object.offset);
            symbols.push(plain(SymbolKind::Object, value, size, name));
        }
        if self.options.debug && !self.options.strip {
            self.debug_symbols(&mut symbols);
            self.reference_symbols(&object_symbols, &mut symbols);
        }
        image.symbols = symbols;
        object_symbols
    }

    /// Adds what only debug information has: arguments, locals, labels, constants.
    fn debug_symbols(&mut self, symbols: &mut Vec<Symbol>) {
        for index in 0..self.local_symbols.len() {
            let local = self.local_symbols[index];
            let function = self.functions[local.function as usize];
            symbols.push(Symbol {
                kind: if local.argument {
                    SymbolKind::Argument
                } else {
                    SymbolKind::Local
                },
                value: local.offset,
                size: local.size,
                name: self.string(local.name),
                a: function.start,
                b: function.start + function.size,
            });
        }
        let labels: Vec<(Name, u32)> = self
            .labels
            .iter()
            .filter(|label| label.segment == Tag::Text && label.offset != UNPLACED)
            .map(|label| (label.name, label.offset))
            .chain(
                self.objects
                    .iter()
                    .filter(|object| object.segment == Tag::Text)
                    .map(|object| (object.name, object.offset)),
            )
            .collect();
        for (name, offset) in labels {
            let pointer = ShortPointer::new(Tag::Text, offset);
            symbols.push(Symbol {
                kind: SymbolKind::Label,
                value: pointer.map_or(0, |pointer| pointer.0),
                size: 0,
                name: self.string(name),
                a: 0,
                b: 0,
            });
        }
        for index in 0..self.constants.len() {
            let constant = self.constants[index];
            if let ConstantValue::Known(value) = constant.value {
                symbols.push(Symbol {
                    kind: SymbolKind::Constant,
                    value: value.number as u32,
                    size: 0,
                    name: self.string(constant.name),
                    a: (value.number >> 32) as u32,
                    b: 0,
                });
            }
        }
    }

    /// Adds the line table, and the files that it names.
    fn sources(&mut self, image: &mut Image) {
        let mut lines = std::mem::take(&mut self.lines);
        let mut numbers: Vec<Option<u16>> = Vec::new();
        for line in &mut lines {
            let file = usize::from(line.source);
            if numbers.len() <= file {
                numbers.resize(file + 1, None);
            }
            line.source = *numbers[file].get_or_insert_with(|| {
                let name = self.files.name_of(file as u32).unwrap_or_default();
                let name = self.program.strings.add(name.as_bytes());
                image.sources.push(name);
                image.sources.len() as u16 - 1
            });
        }
        image.lines = lines;
    }

    /// The data of the map.
    pub(super) fn map(&self) -> Vec<MapSymbol> {
        let mut map = Vec::new();
        let mut add = |kind, name: Name, segment, value, size| {
            map.push(MapSymbol {
                kind,
                name: self.names.text(name).to_owned(),
                segment,
                value,
                size,
                span: self.place_span(self.names.entry(name).place),
            });
        };
        for function in &self.functions {
            let start = u64::from(function.start);
            add(
                MapKind::Function,
                function.name,
                Tag::Text,
                start,
                function.size,
            );
        }
        for object in &self.objects {
            if object.segment != Tag::Text {
                let size = object.end.saturating_sub(object.offset);
                let offset = u64::from(object.offset);
                add(MapKind::Object, object.name, object.segment, offset, size);
            }
        }
        for constant in &self.constants {
            if let ConstantValue::Known(value) = constant.value {
                add(MapKind::Constant, constant.name, Tag::Text, value.number, 0);
            }
        }
        for (index, import) in self.program.import_names.iter().enumerate() {
            add(MapKind::Import, import.name, Tag::Text, index as u64, 0);
        }
        map
    }
}
