//! The text section: instructions where they decode, `.byte` elsewhere.

use cvm_spec::codec::{Instruction, Operand};
use cvm_spec::image::{Image, StringRef};
use cvm_spec::isa::{Opcode, OperandKind};

use super::COMMENT;
use super::pool::segment;
use crate::Options;
use crate::bytes::byte_line;
use crate::names::{function_names, string};
use crate::output::Text;
use crate::sweep::{Region, Step, Sweep, regions, step, target};

/// Most bytes of a `.byte` line.
const PER_LINE: usize = 8;

struct Printer<'a, 'w, 't> {
    image: &'a Image,
    out: &'t mut Text<'w>,
    names: Vec<Option<StringRef>>,
    sweep: Sweep,
    hex: bool,
}

/// Prints the text section.
pub(super) fn print(out: &mut Text<'_>, image: &Image, options: Options) {
    let regions = regions(image);
    let mut printer = Printer {
        image,
        out,
        names: function_names(image),
        sweep: Sweep::new(image, &regions),
        hex: options.hex,
    };
    for region in &regions {
        printer.region(region);
        if printer.out.failed() {
            return;
        }
    }
}

impl Printer<'_, '_, '_> {
    fn region(&mut self, region: &Region) {
        self.title(region);
        let image = self.image;
        let end = region.range.end;
        let mut at = region.range.start;
        while at < end {
            if self.sweep.targets.contains(at) {
                self.out.str("L").number(at).str(":").end();
            }
            at = match step(&image.text, at, end) {
                Step::Instruction(instruction, next) => {
                    self.instruction(&instruction, next);
                    if self.hex {
                        self.hex(at, next);
                    }
                    self.out.end();
                    next
                }
                Step::Bytes(next) => {
                    self.raw(at, next);
                    next
                }
            };
        }
    }

    fn title(&mut self, region: &Region) {
        let Some(index) = region.function else {
            self.out.line("; bytes of no function");
            return;
        };
        self.out.str("; function ").number(index).str(": ");
        match self.names.get(index).copied().flatten() {
            Some(name) => self.out.quoted_short(string(self.image, name)),
            None => self.out.str("without a name"),
        };
        if let Some(ty) = self.image.function_type(&self.image.functions[index]) {
            self.out.str(" (").number(ty.args).str(") -> ");
            self.out.number(ty.results);
        }
        self.out.end();
    }

    fn raw(&mut self, from: usize, to: usize) {
        let bytes = &self.image.text[from..to];
        if bytes.len() > PER_LINE && bytes.iter().all(|byte| *byte == 0) {
            self.out.str("    .zero ").number(bytes.len()).end();
            return;
        }
        for (index, line) in bytes.chunks(PER_LINE).enumerate() {
            byte_line(self.out, line);
            if self.hex {
                let at = from + index * PER_LINE;
                self.hex(at, at + line.len());
            }
            self.out.end();
        }
    }

    #[inline]
    fn instruction(&mut self, instruction: &Instruction<'_>, next: usize) {
        let opcode = instruction.opcode;
        self.out.str("    ").str(opcode.mnemonic());
        match instruction.operand {
            Operand::None => {}
            Operand::Constant(value) => {
                self.out.byte(b' ');
                match opcode {
                    Opcode::PushQ => self.out.hex(value),
                    _ => self.out.number(value as i64),
                };
            }
            Operand::Pointer(pointer) => {
                self.out.byte(b' ').byte(segment(pointer.tag())).byte(b':');
                self.out.number(pointer.offset());
            }
            Operand::Jump(distance) => {
                self.out.byte(b' ');
                self.target(next, distance);
            }
            Operand::Table(table) => {
                self.out.str(" [");
                for (index, distance) in table.distances().enumerate() {
                    if index > 0 {
                        self.out.str(", ");
                    }
                    self.target(next, distance);
                }
                self.out.str("]");
            }
            Operand::Index(index) => {
                self.out.byte(b' ').number(index);
                self.index_name(opcode, index);
            }
            Operand::Code(number) | Operand::Depth(number) => {
                self.out.byte(b' ').number(number);
            }
            Operand::Slide { dropped, kept } => {
                self.out.byte(b' ').number(dropped).str(", ").number(kept);
            }
            Operand::Cells(cells) => {
                self.out.byte(b' ').number(cells);
            }
        }
    }

    #[inline]
    fn target(&mut self, next: usize, distance: i32) {
        match target(next, distance) {
            Some(offset) if self.sweep.targets.contains(offset) => {
                self.out.byte(b'L').number(offset);
            }
            _ => {
                if distance >= 0 {
                    self.out.byte(b'+');
                }
                self.out.number(distance);
            }
        }
    }

    /// The name behind an index, as a comment.
    fn index_name(&mut self, opcode: Opcode, index: u32) {
        let image = self.image;
        match opcode.operand() {
            OperandKind::Function => {
                if let Some(Some(name)) = self.names.get(index as usize) {
                    self.out
                        .pad(COMMENT)
                        .str("; ")
                        .quoted_short(string(image, *name));
                }
            }
            OperandKind::Import => {
                if let Some(import) = image.imports.get(index as usize) {
                    let (module, name) = (string(image, import.module), string(image, import.name));
                    self.out.pad(COMMENT).str("; ").quoted_short(module);
                    self.out.str(" ").quoted_short(name);
                }
            }
            _ => {}
        }
    }

    fn hex(&mut self, at: usize, next: usize) {
        crate::hex::comment(self.out, &self.image.text, at, next);
    }
}
