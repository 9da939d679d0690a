//! Names for numbers: functions, objects, locals and source places from an image's symbols.
//!
//! Symbols and lines are debug information and may be damaged: whoever follows a reference finds something or nothing.

use cvm_spec::codec::{Instruction, Operand, decode};
use cvm_spec::image::{ExportKind, Image, Import, Symbol, SymbolKind, Type};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::escape::escaped;
use crate::verify::body::Body;
use crate::verify::frame::{Frame, Home};

/// Looks names up in an image.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    image: &'a Image,
}

/// A place in a source.
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// An object and where an address lies relative to its first byte.
pub(super) struct Near {
    pub(super) name: String,
    pub(super) size: u64,
    /// Bytes from the object's first byte; negative before it.
    pub(super) distance: i64,
}

/// A local object with an address.
pub(super) struct LocalObject {
    pub(super) name: String,
    /// Bytes from fp.
    pub(super) address: u64,
    pub(super) size: u64,
}

impl<'a> Names<'a> {
    pub(super) fn new(image: &'a Image) -> Names<'a> {
        Names { image }
    }

    /// Whether there is a line table at all.
    pub(super) fn has_lines(self) -> bool {
        !self.image.lines.is_empty()
    }

    /// Whether the program was translated from WebAssembly.
    pub(super) fn is_webassembly(self) -> bool {
        cvm_spec::wasm::is_translated(self.image)
    }

    /// Whether a text offset is the first byte of a function.
    pub(super) fn is_entry(self, offset: u32) -> bool {
        self.function_at(offset)
            .is_some_and(|(_, start)| start == offset)
    }

    fn text(self, symbol: &Symbol) -> Option<String> {
        self.image
            .string(symbol.name)
            .filter(|name| !name.is_empty())
            .map(escaped)
    }

    /// A function's symbol, else the name under which it is exported.
    pub(super) fn known_function(self, function: u32) -> Option<String> {
        let symbols = self.image.symbols.iter();
        symbols
            .filter(|symbol| symbol.kind == SymbolKind::Function && symbol.value == function)
            .find_map(|symbol| self.text(symbol))
            .or_else(|| {
                let mut exports = self.image.exports.iter();
                let found = exports
                    .find(|export| export.kind == ExportKind::Function && export.value == function);
                self.image.string(found?.name).map(escaped)
            })
    }

    /// A name for a function, `function 7` if it has none.
    pub(super) fn function(self, function: u32) -> String {
        self.known_function(function)
            .unwrap_or_else(|| format!("function {function}"))
    }

    /// The module that a function was linked in from.
    pub(super) fn module(self, function: u32) -> Option<String> {
        let name = self.known_function(function)?;
        let (module, _) = name.split_once(':')?;
        Some(module.to_string())
    }

    /// The module of the function that holds a text offset.
    pub(super) fn module_around(self, offset: u32) -> Option<String> {
        self.module(self.function_at(offset)?.0)
    }

    /// The function that holds a text offset, with its first offset.
    fn function_at(self, offset: u32) -> Option<(u32, u32)> {
        let functions = &self.image.functions;
        let index = functions
            .partition_point(|f| f.start <= offset)
            .checked_sub(1)?;
        let found = functions.get(index)?;
        (offset - found.start < found.size).then_some((index as u32, found.start))
    }

    /// The name of the function that holds a text offset.
    pub(super) fn function_around(self, offset: u32) -> Option<String> {
        Some(self.function(self.function_at(offset)?.0))
    }

    /// `main+0xc` for a text offset.
    pub(super) fn code(self, offset: u32) -> Option<String> {
        let (function, start) = self.function_at(offset)?;
        let name = self.function(function);
        Some(match offset - start {
            0 => name,
            inside => format!("{name}+{inside:#x}"),
        })
    }

    /// The source place of a text offset.
    pub(super) fn place(self, offset: u32) -> Option<Place> {
        let line = self.image.line_at(offset)?;
        let source = self.image.sources.get(usize::from(line.source))?;
        Some(Place {
            file: self.image.string(*source)?.to_string(),
            line: line.line,
            column: u32::from(line.column).max(1),
        })
    }

    /// The data or bss object that holds an offset, else the last one that begins before it.
    pub(super) fn object(self, tag: Tag, offset: u64) -> Option<Near> {
        let start = |symbol: &Symbol| u64::from(ShortPointer(symbol.value).offset());
        let symbol = self
            .image
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == SymbolKind::Object && symbol.size > 0)
            .filter(|symbol| ShortPointer(symbol.value).tag() == tag && start(symbol) <= offset)
            .max_by_key(|symbol| start(symbol))?;
        Some(Near {
            name: self.text(symbol)?,
            size: symbol.size.into(),
            distance: i64::try_from(offset - start(symbol)).ok()?,
        })
    }

    /// The shape of a function's frame.
    fn frame(self, function: u32) -> Option<Frame> {
        let record = self.image.functions.get(function as usize)?;
        let end = record.start.checked_add(record.size)?;
        self.image.text.get(..end as usize)?;
        let args = self.image.function_type(record).unwrap_or_default().args;
        let mut body = Body::default();
        body.decode(&self.image.text, function, record).ok()?;
        let mut frame = Frame::default();
        frame.lay_out(&body, function, args).ok()?;
        Some(frame)
    }

    /// Bytes that a function's frame takes in the `l:` segment.
    pub(super) fn local_size(self, function: u32) -> Option<u64> {
        Some(self.frame(function)?.local_size.into())
    }

    /// The name that an argument or local at a frame offset has at an instruction.
    fn local_name(self, function: u32, ip: u32, frame_offset: u32) -> Option<String> {
        let record = self.image.functions.get(function as usize)?;
        let end = record.start.checked_add(record.size)?;
        let mut found = None;
        for symbol in &self.image.symbols {
            let is_local = matches!(symbol.kind, SymbolKind::Argument | SymbolKind::Local);
            if !is_local || symbol.value != frame_offset {
                continue;
            }
            if (symbol.a..symbol.b).contains(&ip) {
                return self.text(symbol);
            }
            if (record.start..end).contains(&symbol.a) {
                found = found.or_else(|| self.text(symbol));
            }
        }
        found
    }

    /// The addressable object that holds a byte of a function's frame, counted from fp.
    pub(super) fn local_at(self, function: u32, ip: u32, from_fp: u64) -> Option<LocalObject> {
        self.find_local(function, ip, |_, address, size| {
            from_fp >= address && from_fp - address < size
        })
    }

    /// The addressable object that begins at a frame offset.
    pub(super) fn local_object(
        self,
        function: u32,
        ip: u32,
        frame_offset: u32,
    ) -> Option<LocalObject> {
        self.find_local(function, ip, |offset, _, _| offset == frame_offset)
    }

    fn find_local(
        self,
        function: u32,
        ip: u32,
        wanted: impl Fn(u32, u64, u64) -> bool,
    ) -> Option<LocalObject> {
        let frame = self.frame(function)?;
        frame.objects.iter().find_map(|object| {
            let Home::Address(address) = object.home else {
                return None;
            };
            let (address, size) = (u64::from(address), u64::from(object.size));
            wanted(object.offset, address, size).then(|| LocalObject {
                name: self
                    .local_name(function, ip, object.offset)
                    .unwrap_or_else(|| format!("l:{}", object.offset)),
                address,
                size,
            })
        })
    }

    /// The full name of an import: `sys.write`, `strlen` of a library.
    pub(super) fn import(self, index: u32) -> Option<String> {
        self.image
            .imports
            .get(index as usize)
            .map(|import| self.import_name(import))
    }

    /// The library of a C function or object.
    pub(super) fn import_library(self, index: u32) -> Option<String> {
        use cvm_spec::image::ImportKind;
        let import = self.image.imports.get(index as usize)?;
        let is_foreign = matches!(import.kind, ImportKind::Foreign | ImportKind::ForeignData);
        let library = is_foreign
            .then(|| self.image.string(import.module))
            .flatten();
        library.map(escaped)
    }

    pub(super) fn import_name(self, import: &Import) -> String {
        let module = self.image.string(import.module).unwrap_or_default();
        let name = self.image.string(import.name).unwrap_or_default();
        match import.kind {
            cvm_spec::image::ImportKind::Host if !module.is_empty() => {
                escaped(&format!("{module}.{name}"))
            }
            _ => escaped(name),
        }
    }

    /// Text offset of the first call of an import.
    pub(super) fn first_call(self, import: u32) -> Option<u32> {
        let mut at = 0;
        while let Ok((instruction, next)) = decode(&self.image.text, at) {
            if instruction.opcode == Opcode::CallX && instruction.operand == Operand::Index(import)
            {
                return u32::try_from(at).ok();
            }
            at = next;
        }
        None
    }

    /// The program's instructions.
    pub(super) fn text_section(self) -> &'a [u8] {
        &self.image.text
    }

    /// The mnemonic at a text offset.
    pub(super) fn mnemonic(self, offset: u32) -> Option<&'static str> {
        let (instruction, _) = decode(&self.image.text, offset as usize).ok()?;
        Some(instruction.opcode.mnemonic())
    }

    /// The instruction at a text offset as assembly.
    pub(super) fn instruction(self, offset: u32) -> Option<String> {
        let (instruction, next) = decode(&self.image.text, offset as usize).ok()?;
        let mnemonic = instruction.opcode.mnemonic();
        let operand = self.operand(offset, &instruction, next);
        Some(match operand.is_empty() {
            true => mnemonic.to_string(),
            false => format!("{mnemonic} {operand}"),
        })
    }

    fn operand(self, at: u32, instruction: &Instruction<'_>, next: usize) -> String {
        match instruction.operand {
            Operand::None => String::new(),
            Operand::Constant(value) => (value as i64).to_string(),
            Operand::Pointer(pointer) => self.pointer_operand(at, pointer),
            Operand::Code(code) => code.to_string(),
            Operand::Jump(distance) => self.jump_target(next, distance),
            Operand::Table(table) => format!("[{} targets]", table.len()),
            Operand::Index(index) => match instruction.opcode.operand() {
                OperandKind::Function => self.function(index),
                OperandKind::Import => self
                    .import(index)
                    .unwrap_or_else(|| format!("import {index}")),
                _ => self.type_name(index),
            },
            Operand::Depth(depth) => depth.to_string(),
            Operand::Slide { dropped, kept } => format!("{dropped}, {kept}"),
            Operand::Cells(cells) => cells.to_string(),
        }
    }

    fn jump_target(self, next: usize, distance: i32) -> String {
        let target = (next as i64).checked_add(distance.into());
        let Some(target) = target.and_then(|target| u32::try_from(target).ok()) else {
            return distance.to_string();
        };
        self.label(target)
            .unwrap_or_else(|| format!("t:{target:#x}"))
    }

    /// The label at a text offset.
    fn label(self, offset: u32) -> Option<String> {
        let pointer = ShortPointer::new(Tag::Text, offset)?;
        let mut symbols = self.image.symbols.iter();
        let is_it = |s: &&Symbol| s.kind == SymbolKind::Label && s.value == pointer.0;
        self.text(symbols.find(is_it)?)
    }

    fn type_name(self, index: u32) -> String {
        match self.image.types.get(index as usize) {
            Some(Type::Function(t)) if t.brand != 0 => {
                format!("{}, {}, brand {}", t.args, t.results, t.brand)
            }
            Some(t) => {
                let (args, results) = t.arity();
                format!("{args}, {results}")
            }
            None => format!("type {index}"),
        }
    }

    /// `b:table+8`: as the program's author wrote it if the symbols tell, else the nearest object.
    fn pointer_operand(self, at: u32, pointer: ShortPointer) -> String {
        let Some(prefix) = pointer.tag().prefix() else {
            return pointer.to_string();
        };
        if pointer.tag() == Tag::Local {
            let function = self.function_at(at);
            let name = function.and_then(|(f, _)| self.local_name(f, at, pointer.offset()));
            return name.map_or_else(|| pointer.to_string(), |name| format!("l:{name}"));
        }
        let symbols = &self.image.symbols;
        let written = symbols
            .iter()
            .find(|symbol| symbol.kind == SymbolKind::Reference && symbol.value == at)
            .and_then(|reference| {
                let symbol = symbols.get(reference.a as usize)?;
                Some((self.text(symbol)?, u64::from(reference.b)))
            });
        let nearest = || match pointer.tag() {
            Tag::Text => self.code(pointer.offset()).map(|name| (name, 0)),
            tag => {
                let near = self.object(tag, pointer.offset().into())?;
                let distance = u64::try_from(near.distance).ok()?;
                (distance <= near.size).then_some((near.name, distance))
            }
        };
        match written.or_else(nearest) {
            Some((name, 0)) => format!("{prefix}:{name}"),
            Some((name, distance)) => format!("{prefix}:{name}+{distance}"),
            None => pointer.to_string(),
        }
    }
}
