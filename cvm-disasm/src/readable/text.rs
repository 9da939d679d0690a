//! Functions.

use cvm_spec::codec::{Instruction, Operand, shortest_push};
use cvm_spec::image::{Image, Line, Type};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

use super::Program;
use super::frame::Frame;
use super::number::constant;
use crate::Options;
use crate::names::string;
use crate::output::Text;
use crate::sweep::{Region, Step, step, target};

/// Column at which source lines stand.
const COMMENT: usize = 40;

pub(super) struct Printer<'a, 'w, 't> {
    pub(super) program: &'a Program<'a>,
    pub(super) image: &'a Image,
    pub(super) out: &'t mut Text<'w>,
    pub(super) options: Options,
    frame: Frame,
    /// What is left of the line table.
    lines: &'a [Line],
    /// The line that was shown last.
    shown: Option<(u16, u32)>,
    /// The function that is printed.
    region: Region,
}

impl<'a, 'w, 't> Printer<'a, 'w, 't> {
    pub(super) fn new(program: &'a Program<'a>, out: &'t mut Text<'w>, options: Options) -> Self {
        Self {
            program,
            image: program.image,
            out,
            options,
            frame: Frame::default(),
            lines: &program.image.lines,
            shown: None,
            region: Region {
                range: 0..0,
                function: None,
            },
        }
    }

    /// Prints a function with its header and end.
    pub(super) fn function(&mut self, region: &Region) {
        let Some(index) = region.function else {
            return;
        };
        let image = self.image;
        self.region = region.clone();
        let ty = image
            .function_type(&image.functions[index])
            .unwrap_or_default();
        let program = self.program;
        self.frame
            .lay_out(image, &program.namer, &program.given, region, ty.args);
        self.shown = None;
        self.out.end();
        self.out
            .bytes(b".func ")
            .bytes(self.program.function_name(index));
        self.out.byte(b' ');
        self.frame.arguments(self.out);
        if ty.results > 0 {
            self.out.str(" -> ").number(ty.results);
        }
        if ty.brand != 0 {
            self.out.str(", brand ").number(ty.brand);
        }
        self.out.end();
        self.body();
        self.out.line(".end");
    }

    fn body(&mut self) {
        let text = &self.image.text[..];
        let end = self.region.range.end;
        let mut at = self.region.range.start;
        while at < end {
            if self.program.labels.contains(at) {
                self.program.labels.print(self.out, at);
                self.out.byte(b':').end();
            }
            // All text decodes, or it would not have come here.
            let Step::Instruction(instruction, next) = step(text, at, end) else {
                return;
            };
            self.instruction(&instruction, at, next);
            if !self.lines.is_empty() {
                self.source_line(at);
            }
            if self.options.hex {
                crate::hex::comment(self.out, text, at, next);
            }
            self.out.end();
            at = next;
        }
    }

    /// A comment with the source line where that changes.
    fn source_line(&mut self, at: usize) {
        let mut found = None;
        while let Some((first, rest)) = self.lines.split_first()
            && first.text as usize <= at
        {
            found = Some(*first);
            self.lines = rest;
        }
        let Some(line) = found else {
            return;
        };
        let before = self.shown.replace((line.source, line.line));
        if before == self.shown {
            return;
        }
        self.out.pad(COMMENT).str("; ");
        let same_file = before.is_some_and(|(source, _)| source == line.source);
        match self.image.sources.get(usize::from(line.source)) {
            Some(source) if !same_file => {
                let name = crate::describe::shown(string(self.image, *source));
                self.out.str(&name).byte(b':');
            }
            _ => {
                self.out.str("line ");
            }
        }
        self.out.number(line.line);
    }

    #[inline]
    fn instruction(&mut self, instruction: &Instruction<'_>, at: usize, next: usize) {
        let opcode = instruction.opcode;
        self.out.bytes(b"    ");
        match instruction.operand {
            Operand::None => {
                self.out.str(opcode.mnemonic());
            }
            Operand::Constant(value) => self.push(opcode, value, at, next),
            Operand::Pointer(pointer) => {
                let mnemonic = match opcode {
                    Opcode::PushA => "push",
                    _ => opcode.mnemonic(),
                };
                self.out.str(mnemonic).byte(b' ');
                self.pointer(pointer);
            }
            Operand::Jump(distance) => {
                self.out.str(opcode.mnemonic()).byte(b' ');
                self.target(next, distance);
            }
            Operand::Table(table) => {
                self.out.str("switch [");
                for (index, distance) in table.distances().enumerate() {
                    if index > 0 {
                        self.out.str(", ");
                    }
                    self.target(next, distance);
                }
                self.out.byte(b']');
            }
            Operand::Index(index) => self.index(opcode, index),
            Operand::Code(number) | Operand::Depth(number) => {
                self.out.str(opcode.mnemonic()).byte(b' ').number(number);
            }
            Operand::Slide { dropped, kept } => {
                self.out
                    .str("slide ")
                    .number(dropped)
                    .str(", ")
                    .number(kept);
            }
            Operand::Cells(cells) => {
                self.out.str("declare ");
                self.frame.declaration(self.out, cells);
            }
        }
    }

    /// `push` where the assembler would choose this encoding, else the mnemonic that forces it.
    #[inline]
    fn push(&mut self, opcode: Opcode, value: u64, at: usize, next: usize) {
        let wide = opcode == Opcode::PushQ && self.program.has_pointer(at + 1);
        let mnemonic = match shortest_push(value) == opcode {
            true if !wide => "push",
            _ => opcode.mnemonic(),
        };
        self.out.str(mnemonic).byte(b' ');
        if wide {
            let pointer = Pointer(value);
            let here = Some(&self.region);
            self.program
                .pointer(self.out, pointer.tag(), pointer.offset(), here);
            return;
        }
        let byte = self.image.text.get(next).copied();
        constant(self.out, value, byte.and_then(Opcode::from_byte));
    }

    #[inline]
    fn pointer(&mut self, pointer: ShortPointer) {
        let offset = pointer.offset();
        match pointer.tag() {
            Tag::Local => {
                self.out.bytes(b"l:");
                self.frame.operand(self.out, offset);
            }
            tag => {
                let here = Some(&self.region);
                self.program.pointer(self.out, tag, u64::from(offset), here);
            }
        }
    }

    #[inline]
    fn target(&mut self, next: usize, distance: i32) {
        // Every jump leads to an instruction of its function, or it would not have come here.
        let offset = target(next, distance).unwrap_or_default();
        self.program.labels.print(self.out, offset);
    }

    fn index(&mut self, opcode: Opcode, index: u32) {
        let index = index as usize;
        let out = &mut *self.out;
        match opcode.operand() {
            OperandKind::Function => {
                out.str(opcode.mnemonic()).byte(b' ');
                out.bytes(self.program.function_name(index));
            }
            OperandKind::Import => {
                out.bytes(b"call ").bytes(self.program.import_name(index));
            }
            _ => {
                out.str(opcode.mnemonic()).byte(b' ');
                match self.image.types.get(index) {
                    Some(Type::Function(ty)) if ty.brand == 0 => {
                        out.number(ty.args).str(", ").number(ty.results);
                    }
                    _ => {
                        out.bytes(self.program.type_name(index));
                    }
                }
            }
        }
    }
}
