//! The image under construction: text, functions, and the functions that the translator adds.

use std::collections::HashMap;

use cvm_spec::image::Function;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::Tag;
use cvm_spec::wasm::Trap;

use crate::Options;
use crate::error::TranslateError;
use crate::layout::{CELL, Layout, Size};
use crate::lines::Lines;
use crate::module::{Global, Module};
use crate::text::Text;
use crate::types::{Types, is_narrow};

/// Most locals of all functions together. A few bytes of a module declare thousands of them, an instruction of the image one.
const LOCALS_MAX: u64 = 1 << 24;

/// A function that the translator adds. Each is made once, when something needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Extra {
    /// An imported function as one of the image, whose address can be taken: its index.
    Import(u32),
    /// What other programs call: clears the upper halves of arguments that have 32 bits, then calls the function.
    Export(u32),
    /// `memory.init` of a segment.
    MemoryInit(u32),
    /// `table.init` of a table, from a segment.
    TableInit(u32, u32),
    /// `table.copy` to a table, from a table.
    TableCopy(u32, u32),
    /// `table.fill`.
    TableFill(u32),
    /// `table.grow`.
    TableGrow(u32),
    /// What has to be done before the program runs.
    Instantiate,
    /// An entry that does nothing, for programs that do everything when they are instantiated.
    Entry,
}

/// The image under construction.
pub(crate) struct Program<'m, 'a> {
    pub(crate) module: &'m Module<'a>,
    pub(crate) layout: &'m Layout,
    pub(crate) options: &'m Options,
    pub(crate) types: Types,
    pub(crate) text: Text,
    pub(crate) functions: Vec<Function>,
    /// Locals of the functions so far.
    locals: u64,
    numbers: HashMap<Extra, u32>,
    /// Added functions in the order of their numbers, which begin behind those of the module's functions.
    pub(crate) extras: Vec<Extra>,
    /// Where instructions come from, if the module says so.
    pub(crate) lines: Option<Lines>,
}

impl<'m, 'a> Program<'m, 'a> {
    pub(crate) fn new(module: &'m Module<'a>, layout: &'m Layout, options: &'m Options) -> Self {
        Program {
            types: Types::new(&module.types),
            module,
            layout,
            options,
            text: Text::for_code(module.code_size()),
            functions: Vec::with_capacity(module.bodies.len()),
            locals: 0,
            numbers: HashMap::new(),
            extras: Vec::new(),
            lines: match options.strip {
                true => None,
                false => Lines::new(module),
            },
        }
    }

    /// Notes that the next instruction is the one at a byte offset in the module.
    #[inline]
    pub(crate) fn note_line(&mut self, offset: u64) {
        if let Some(lines) = &mut self.lines {
            lines.instruction(offset, self.text.here());
        }
    }

    /// Counts locals that the module declares at a byte offset; fails when there are too many.
    pub(crate) fn count_locals(&mut self, more: u32, offset: u64) -> Result<(), TranslateError> {
        self.locals += u64::from(more);
        match self.locals <= LOCALS_MAX {
            true => Ok(()),
            false => Err(TranslateError::TooLarge {
                what: "locals of all functions",
                found: self.locals,
                limit: LOCALS_MAX,
                offset,
            }),
        }
    }

    /// Index in the image of an added function.
    pub(crate) fn extra(&mut self, extra: Extra) -> u32 {
        let next = (self.module.bodies.len() + self.extras.len()) as u32;
        let number = *self.numbers.entry(extra).or_insert(next);
        if number == next {
            self.extras.push(extra);
        }
        number
    }

    /// Index in the image of a function of the module, for calls and addresses.
    pub(crate) fn function(&mut self, function: u32) -> u32 {
        match function.checked_sub(self.module.imported()) {
            Some(number) => number,
            None => self.extra(Extra::Import(function)),
        }
    }

    /// Whether what an import gives back may have something in the upper halves of its 32-bit results.
    fn is_trusted(&self, import: u32) -> bool {
        let import = &self.module.imports[import as usize];
        self.options.is_host(import.module)
    }

    /// A call of a function of the module.
    pub(crate) fn call(&mut self, function: u32) {
        if function >= self.module.imported() {
            let number = function - self.module.imported();
            self.text.with(Opcode::Call, u64::from(number));
            return;
        }
        let is_trusted = self.is_trusted(function);
        let results = self.module.function_type(function).results();
        match results {
            _ if is_trusted => self.text.with(Opcode::CallX, u64::from(function)),
            [] => self.text.with(Opcode::CallX, u64::from(function)),
            [one] => {
                let is_narrow = is_narrow(*one);
                self.text.with(Opcode::CallX, u64::from(function));
                if is_narrow {
                    self.text.op(Opcode::IZextD);
                }
            }
            _ => self.call_extra(Extra::Import(function)),
        }
    }

    /// A tail call of a function of the module.
    pub(crate) fn return_call(&mut self, function: u32) {
        if function >= self.module.imported() {
            let number = function - self.module.imported();
            self.text.with(Opcode::RetCall, u64::from(number));
        } else {
            self.call(function);
            self.text.op(Opcode::Ret);
        }
    }

    /// A call of an added function.
    pub(crate) fn call_extra(&mut self, extra: Extra) {
        let number = self.extra(extra);
        self.text.with(Opcode::Call, u64::from(number));
    }

    /// Pushes the value of a global.
    pub(crate) fn global_get(&mut self, global: u32) {
        match self.module.globals[global as usize] {
            Global::Own(_) => self.text.at(Opcode::IReadA, Tag::Bss, global * CELL as u32),
            Global::Imported { number, is_narrow } => {
                let import = self.module.imported() + number;
                self.text.with(Opcode::CallX, u64::from(import));
                self.text.op(Opcode::IRead);
                if is_narrow {
                    self.text.op(Opcode::IZextD);
                }
            }
        }
    }

    /// Pops the value of a global.
    pub(crate) fn global_set(&mut self, global: u32) {
        match self.module.globals[global as usize] {
            Global::Own(_) => self
                .text
                .at(Opcode::IWriteA, Tag::Bss, global * CELL as u32),
            Global::Imported { number, .. } => {
                let import = self.module.imported() + number;
                self.text.with(Opcode::CallX, u64::from(import));
                self.text.op(Opcode::Swap);
                self.text.op(Opcode::IWrite);
            }
        }
    }

    /// Pushes a size.
    pub(crate) fn push_size(&mut self, size: Size) {
        match size {
            Size::Constant(value) => self.text.push(value),
            Size::Cell(at) => self.text.at(Opcode::IReadA, Tag::Bss, at),
        }
    }

    /// Sets a size to 0, if it is not a constant, which is one already.
    pub(crate) fn set_size_to_zero(&mut self, size: Size) {
        if let Size::Cell(at) = size {
            self.text.push(0);
            self.text.at(Opcode::IWriteA, Tag::Bss, at);
        }
    }

    /// Raises a trap if an index, of which an instruction pushes a copy, is not inside a table.
    pub(crate) fn check_index(&mut self, table: u32, copy: Opcode, trap: Trap) {
        self.text.op(copy);
        self.push_size(self.layout.tables[table as usize].size);
        self.text.op(Opcode::IUlt);
        self.text.demand(trap);
    }
}
