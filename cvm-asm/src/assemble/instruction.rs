//! Instructions: mnemonic and operands to bytes in the text.

use cvm_spec::codec::{encode, shortest_push};
use cvm_spec::image::Line;
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::limits::SWITCH_MAX;
use cvm_spec::pointer::{Pointer, SHORT_OFFSET_MAX, ShortPointer, Tag};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::cursor::Cursor;
use super::expression::{Term, Value};
use super::fixup::{CallFixup, Fixup, JumpFixup, JumpTarget, Patch};
use super::frame::{FrameFixup, FrameRule};
use super::names::{Definition, Name};
use super::number::Number;
use super::operand::PointerOperand;
use super::place::Place;
use super::report::Reported;
use super::stack::UNKNOWN;
use super::symbols::UNPLACED;
use super::words::{Mnemonic, Shape};
use super::{Assembler, Section};

impl Assembler<'_> {
    /// Reads an instruction's operands and encodes it. `start` is where its mnemonic begins.
    #[inline]
    pub(super) fn instruction(
        &mut self,
        c: &mut Cursor<'_>,
        mnemonic: Mnemonic,
        start: usize,
    ) -> Result<(), Reported> {
        if self.section != Section::Text || !self.function.open {
            return Err(self.misplaced_instruction(c, start));
        }
        if !self.function.reachable {
            self.unreachable(c, mnemonic.opcode, start);
        }
        if self.options.debug {
            self.record_line(c, start);
        }
        let place = self.place(c, start);
        if !self.function.fresh.is_empty() {
            self.first_instruction(place);
        }
        match mnemonic.shape {
            Shape::None => {
                match mnemonic.opcode {
                    Opcode::Ret => self.stack(Opcode::Ret, self.own_results(), 0, place),
                    Opcode::Land => self.depth_at_land(place),
                    Opcode::JmpI => self.depth_at_jump_indirect(place),
                    _ => {}
                }
                self.text.push(mnemonic.opcode.byte());
                self.flow(mnemonic.opcode, place);
                Ok(())
            }
            Shape::Memory { address } => {
                if c.at_end() {
                    self.text.push(mnemonic.opcode.byte());
                    self.flow(mnemonic.opcode, place);
                    return Ok(());
                }
                let pointer = self.pointer(c)?;
                self.address_form(c, address, pointer, place)
            }
            Shape::Push => self.push(c, place),
            Shape::Operand(kind) => self.with_operand(c, mnemonic.opcode, kind, place),
        }
    }

    #[cold]
    fn misplaced_instruction(&mut self, c: &Cursor<'_>, start: usize) -> Reported {
        let span = self.files.token(c.position(start));
        let message = if self.section == Section::Text {
            "an instruction stands inside a function"
        } else {
            "an instruction cannot stand in this section"
        };
        // One missing .func or .text is one mistake, however many statements follow.
        if std::mem::replace(&mut self.misplaced, true) {
            return Reported;
        }
        let diagnostic = Diagnostic::new(Code::MisplacedStatement, span, message);
        let help = if self.function.open {
            "go back to the function with .text"
        } else {
            "begin a function with .func NAME (arguments) -> results"
        };
        self.report(diagnostic.help(help))
    }

    fn record_line(&mut self, c: &Cursor<'_>, start: usize) {
        let (file, line, column) = match self.origin {
            Some(origin) => (origin.file, origin.line, origin.column),
            None => (self.file, self.line, column_of(c, start)),
        };
        let entry = Line {
            text: self.text.len() as u32,
            line,
            source: u16::try_from(file).unwrap_or(u16::MAX),
            column,
        };
        let known = self.lines.last().is_some_and(|last| {
            let same = Line {
                text: last.text,
                ..entry
            };
            *last == same && last.text >= self.function.start
        });
        if !known {
            self.lines.push(entry);
        }
    }

    /// `push VALUE`, in the shortest encoding.
    fn push(&mut self, c: &mut Cursor<'_>, place: Place) -> Result<(), Reported> {
        c.skip_blanks();
        if c.peek_at(1) == b':' && c.peek().is_ascii_alphabetic() {
            let pointer = self.pointer(c)?;
            if let Term::Known(value) = pointer.term
                && matches!(pointer.tag, Tag::Absolute | Tag::Heap)
                && value.number > u64::from(SHORT_OFFSET_MAX)
            {
                let cell = Pointer::new(pointer.tag, value.number);
                encode(&mut self.text, Opcode::PushQ, cell.0);
                self.flow(Opcode::PushQ, place);
                return Ok(());
            }
            return self.address_form(c, Opcode::PushA, pointer, place);
        }
        if let Some(number) = self.float_literal(c, false)? {
            let cell = match number {
                Number::Integer(cell) | Number::Float(cell) => cell,
                Number::Single(bits) => u64::from(bits),
            };
            let opcode = shortest_push(cell);
            encode(&mut self.text, opcode, cell);
            self.flow(opcode, place);
            return Ok(());
        }
        let start = c.at;
        let opcode = match self.expression(c)? {
            Term::Known(value) => {
                let opcode = shortest_push(value.number);
                encode(&mut self.text, opcode, value.number);
                opcode
            }
            Term::Later(value) => {
                self.fixups.push(Fixup {
                    patch: Patch::Push,
                    at: self.text.len() as u32 + 1,
                    value,
                    place: self.place(c, start),
                });
                encode(&mut self.text, Opcode::PushD, 0);
                Opcode::PushD
            }
        };
        self.flow(opcode, place);
        Ok(())
    }

    /// Encodes an instruction whose operand is a short pointer.
    fn address_form(
        &mut self,
        c: &Cursor<'_>,
        opcode: Opcode,
        pointer: PointerOperand,
        place: Place,
    ) -> Result<(), Reported> {
        let PointerOperand { tag, term, start } = pointer;
        let at = self.text.len() as u32 + 1;
        let operand = self.place(c, start);
        let write = opcode.access().is_some_and(|access| access.write);
        if write && tag == Tag::Data {
            self.write_to_data(opcode, place, None);
        }
        let short = match (tag, term) {
            (Tag::Local, term) => self.frame_operand_value(opcode, term, at, operand)?,
            (_, Term::Known(value)) => {
                let short = self.short_pointer(tag, value, operand)?;
                self.reference(Tag::Text, at, tag, value, operand);
                short
            }
            (_, Term::Later(value)) => {
                self.fixups.push(Fixup {
                    patch: Patch::ShortPointer(tag),
                    at,
                    value,
                    place: operand,
                });
                ShortPointer(0)
            }
        };
        encode(&mut self.text, opcode, u64::from(short.0));
        self.flow(opcode, place);
        if opcode == Opcode::PushA && tag == Tag::Data {
            // `flow` has shifted in a cell for what was pushed; it is this one.
            self.function.data_cells >>= 1;
            self.data_pushed(operand);
        }
        Ok(())
    }

    /// The operand of an instruction on the frame, or a patch at the function's end.
    fn frame_operand_value(
        &mut self,
        opcode: Opcode,
        term: Term,
        at: u32,
        place: Place,
    ) -> Result<ShortPointer, Reported> {
        let inside = opcode.access().is_some_and(|access| !access.indexed);
        let rule = if inside {
            FrameRule::Inside
        } else {
            FrameRule::FirstByte
        };
        let value = match term {
            Term::Known(value) if !self.beyond_frame(value) => {
                let offset = self.frame_offset(value, rule, place)?;
                return Ok(ShortPointer::new(Tag::Local, offset).unwrap_or(ShortPointer(0)));
            }
            Term::Known(value) => self.store_value(value),
            Term::Later(value) => value,
        };
        self.function.frame_fixups.push(FrameFixup {
            at,
            value,
            rule,
            place,
        });
        Ok(ShortPointer(0))
    }

    /// Checks a pointer's segment and range.
    pub(super) fn short_pointer(
        &mut self,
        tag: Tag,
        value: Value,
        place: Place,
    ) -> Result<ShortPointer, Reported> {
        self.check_segment(tag, value, place)?;
        let offset = u32::try_from(value.number).ok();
        match offset.and_then(|offset| ShortPointer::new(tag, offset)) {
            Some(short) => Ok(short),
            None => {
                let span = self.place_span(place);
                let message = format!(
                    "the offset {} is not within 0 to {SHORT_OFFSET_MAX}",
                    value.number as i64
                );
                let diagnostic = Diagnostic::new(Code::OutOfRange, span, message);
                Err(self.report_in(place.expansion, diagnostic))
            }
        }
    }

    /// Reads and encodes an operand of a kind.
    fn with_operand(
        &mut self,
        c: &mut Cursor<'_>,
        opcode: Opcode,
        kind: OperandKind,
        place: Place,
    ) -> Result<(), Reported> {
        if c.at_end() {
            return Err(self.missing_operand(c, opcode, kind));
        }
        match kind {
            OperandKind::Jump => self.jump(c, opcode)?,
            OperandKind::Table => self.switch(c)?,
            OperandKind::Function | OperandKind::Import => self.call(c, opcode, place)?,
            OperandKind::Type => self.call_indirect(c, opcode, place)?,
            OperandKind::Cells => self.declare(c)?,
            OperandKind::Pointer => {
                let pointer = self.pointer(c)?;
                return self.address_form(c, opcode, pointer, place);
            }
            OperandKind::I8 => self.constant_operand(c, opcode, -1)?,
            OperandKind::I16 => self.constant_operand(c, opcode, -2)?,
            OperandKind::I32 => self.constant_operand(c, opcode, -4)?,
            OperandKind::U32 => self.constant_operand(c, opcode, 4)?,
            OperandKind::U64 => self.constant_operand(c, opcode, 8)?,
            OperandKind::Code | OperandKind::Depth => {
                let number = self.small(c, "the operand")?;
                if kind == OperandKind::Depth {
                    let reach = u32::from(number) + 1;
                    self.stack(opcode, reach, reach + 1, place);
                }
                encode(&mut self.text, opcode, u64::from(number));
            }
            OperandKind::Slide => {
                let dropped = self.small(c, "the number of dropped cells")?;
                if !c.take(b',') {
                    return Err(self.expected(c, "`,` and the number of kept cells"));
                }
                let kept = self.small(c, "the number of kept cells")?;
                let (all, left) = (u32::from(dropped) + u32::from(kept), u32::from(kept));
                self.stack(opcode, all, left, place);
                let operand = u64::from(dropped) | u64::from(kept) << 16;
                encode(&mut self.text, opcode, operand);
            }
            OperandKind::None => self.text.push(opcode.byte()),
        }
        self.flow(opcode, place);
        Ok(())
    }

    #[cold]
    fn missing_operand(&mut self, c: &Cursor<'_>, opcode: Opcode, kind: OperandKind) -> Reported {
        let what = match kind {
            OperandKind::Jump => "a label",
            OperandKind::Table => "labels in brackets, the default last",
            OperandKind::Function => "a function",
            OperandKind::Import => "an import",
            OperandKind::Type => "a type, or its numbers of arguments and results",
            OperandKind::Cells => "a name, a name with a size in brackets, or a size in cells",
            OperandKind::Pointer => "a pointer",
            OperandKind::Slide => "the numbers of dropped and kept cells",
            OperandKind::Depth => "a depth in cells",
            OperandKind::Code => "a code",
            _ => "a constant",
        };
        let span = self.next_span(c);
        let mnemonic = opcode.mnemonic();
        let message = format!("`{mnemonic}` needs {what}");
        let diagnostic = Diagnostic::new(Code::MissingOperand, span, message);
        self.report(diagnostic.at(format!("expected {what}")))
    }

    /// A 16-bit unsigned constant.
    fn small(&mut self, c: &mut Cursor<'_>, what: &str) -> Result<u16, Reported> {
        c.skip_blanks();
        let start = c.at;
        let number = self.constant(c)?;
        u16::try_from(number).map_err(|_| {
            let span = self.span_from(c, start);
            let message = format!("{what} is {}, not within 0 to 65535", number as i64);
            self.error(Code::OutOfRange, span, message)
        })
    }

    /// The constant of `push_b` to `push_q`; `size` is negative for signed ones.
    fn constant_operand(
        &mut self,
        c: &mut Cursor<'_>,
        opcode: Opcode,
        size: i8,
    ) -> Result<(), Reported> {
        c.skip_blanks();
        let start = c.at;
        if matches!(opcode, Opcode::PushQ | Opcode::PushUd)
            && let Some(number) = self.float_literal(c, false)?
        {
            let cell = match number {
                Number::Single(bits) => u64::from(bits),
                Number::Integer(cell) => cell,
                Number::Float(cell) if opcode == Opcode::PushQ => cell,
                Number::Float(_) => {
                    let span = self.span_from(c, start);
                    let message = "a binary64 does not fit `push_ud`; write `push_q`";
                    return Err(self.error(Code::TypeMismatch, span, message));
                }
            };
            encode(&mut self.text, opcode, cell);
            return Ok(());
        }
        if opcode == Opcode::PushQ && c.peek_at(1) == b':' && c.peek().is_ascii_alphabetic() {
            return self.push_whole_pointer(c);
        }
        let at = self.text.len() as u32 + 1;
        let place = self.place(c, start);
        let cell = match self.expression(c)? {
            Term::Known(value) => {
                self.check_constant(value.number, size, place)?;
                value.number
            }
            Term::Later(value) => {
                self.fixups.push(Fixup {
                    patch: Patch::Constant(size),
                    at,
                    value,
                    place,
                });
                0
            }
        };
        encode(&mut self.text, opcode, cell);
        Ok(())
    }

    /// `push_q d:x`: a whole pointer as a constant.
    fn push_whole_pointer(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let PointerOperand { tag, term, start } = self.pointer(c)?;
        let place = self.place(c, start);
        if tag == Tag::Local {
            let span = self.place_span(place);
            let message = "an `l:` pointer is known only when the program runs; write `push`";
            return Err(self.error(Code::WrongOperand, span, message));
        }
        let at = self.text.len() as u32 + 1;
        let cell = match term {
            Term::Known(value) => {
                self.check_segment(tag, value, place)?;
                self.reference(Tag::Text, at, tag, value, place);
                Pointer::new(tag, value.number).0
            }
            Term::Later(value) => {
                let patch = Patch::Pointer {
                    segment: Tag::Text,
                    tag,
                };
                self.fixups.push(Fixup {
                    patch,
                    at,
                    value,
                    place,
                });
                0
            }
        };
        encode(&mut self.text, Opcode::PushQ, cell);
        Ok(())
    }

    /// Checks that a constant keeps its value in so many bytes; `size` is negative for signed ones.
    pub(super) fn check_constant(
        &mut self,
        number: u64,
        size: i8,
        place: Place,
    ) -> Result<(), Reported> {
        let signed = number as i64;
        let (fits, low, high) = match size {
            -1 => (i8::try_from(signed).is_ok(), -128, 127),
            -2 => (i16::try_from(signed).is_ok(), -32_768, 32_767),
            -4 => (i32::try_from(signed).is_ok(), -2_147_483_648, 2_147_483_647),
            4 => (u32::try_from(number).is_ok(), 0, 4_294_967_295i64),
            _ => (true, 0, 0),
        };
        if fits {
            return Ok(());
        }
        let span = self.place_span(place);
        let message = format!("{signed} is not within {low} to {high}");
        let diagnostic = Diagnostic::new(Code::OutOfRange, span, message);
        let diagnostic = diagnostic.help("`push` picks an encoding that fits");
        Err(self.report_in(place.expansion, diagnostic))
    }

    /// `jmp`, `jz`, `jnz`.
    #[inline]
    fn jump(&mut self, c: &mut Cursor<'_>, opcode: Opcode) -> Result<(), Reported> {
        let (target, place) = self.jump_target(c)?;
        self.jumps_to(target, i32::from(opcode != Opcode::Jmp), place);
        self.text.push(opcode.byte());
        let next = self.text.len() as u32 + 4;
        self.distance(target, place, next);
        Ok(())
    }

    /// Reads a label that is jumped to.
    #[inline]
    fn jump_target(&mut self, c: &mut Cursor<'_>) -> Result<(JumpTarget, Place), Reported> {
        c.skip_blanks();
        let start = c.at;
        let word = c.word();
        if word.is_empty() || word == b"." {
            c.at = start;
            return Err(self.expected(c, "a label"));
        }
        let place = self.place(c, start);
        let name = self.names.intern(word);
        if word[0] != b'.' {
            return Ok((JumpTarget::Global(name), place));
        }
        let label = self.local_label(name, place);
        let record = &mut self.labels[label as usize];
        record.used = true;
        record.jumped = true;
        Ok((JumpTarget::Local(label), place))
    }

    /// Appends the distance to a label, now or at the function's end.
    #[inline]
    fn distance(&mut self, target: JumpTarget, place: Place, next: u32) {
        let mut distance = 0;
        let known = match target {
            JumpTarget::Local(label) => {
                let record = &self.labels[label as usize];
                let known = record.offset != UNPLACED && record.segment == Tag::Text;
                distance = record.offset.wrapping_sub(next);
                known
            }
            JumpTarget::Global(_) => false,
        };
        if !known {
            distance = 0;
            self.function.jumps.push(JumpFixup {
                at: self.text.len() as u32,
                next,
                target,
                place,
            });
        }
        self.text.extend_from_slice(&distance.to_le_bytes());
    }

    /// `switch [L, …, default]`.
    fn switch(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let start = c.at;
        if !c.take(b'[') {
            return Err(self.expected(c, "`[` and labels, the default last"));
        }
        let mut targets = Vec::new();
        loop {
            targets.push(self.jump_target(c)?);
            if c.take(b']') {
                break;
            }
            if !c.take(b',') {
                return Err(self.expected(c, "`,` or `]`"));
            }
        }
        if targets.len() > SWITCH_MAX as usize {
            let span = self.span_from(c, start);
            let message = format!("a switch has at most {SWITCH_MAX} labels");
            return Err(self.error(Code::TooLarge, span, message));
        }
        let count = targets.len() as u32;
        self.text.push(Opcode::Switch.byte());
        self.text.extend_from_slice(&count.to_le_bytes());
        let next = self.text.len() as u32 + 4 * count;
        for (target, place) in targets {
            self.jumps_to(target, 1, place);
            self.distance(target, place, next);
        }
        Ok(())
    }

    /// `call`, `ret_call` and `call_x` of a name.
    fn call(
        &mut self,
        c: &mut Cursor<'_>,
        opcode: Opcode,
        instruction: Place,
    ) -> Result<(), Reported> {
        let what = match opcode {
            Opcode::CallX => "an import",
            Opcode::RetCall => "a function",
            _ => "a function or an import",
        };
        let (name, place) = self.name_operand(c, what)?;
        self.named_call(opcode, name, place, instruction)
    }

    /// `call_i`, `ret_call_i` and `call_xi`.
    fn call_indirect(
        &mut self,
        c: &mut Cursor<'_>,
        opcode: Opcode,
        instruction: Place,
    ) -> Result<(), Reported> {
        c.skip_blanks();
        let start = c.at;
        let word = c.word();
        let is_name = !word.is_empty() && c.at_end();
        c.at = start;
        if is_name || opcode == Opcode::CallXi {
            let (name, place) = self.name_operand(c, "a type")?;
            return self.named_call(opcode, name, place, instruction);
        }
        let args = self.count(c)?;
        if !c.take(b',') {
            return Err(self.expected(c, "`,` and the number of results"));
        }
        let results = self.count(c)?;
        let index = self.types.function(args, results, 0);
        self.check_tail_call(opcode, results, self.own_results(), instruction)?;
        self.stack(opcode, u32::from(args) + 1, u32::from(results), instruction);
        encode(&mut self.text, opcode, u64::from(index));
        Ok(())
    }

    fn named_call(
        &mut self,
        opcode: Opcode,
        name: Name,
        place: Place,
        instruction: Place,
    ) -> Result<(), Reported> {
        let (opcode, index) = match self.names.entry(name).definition {
            Definition::Undefined => {
                self.calls.push(CallFixup {
                    at: self.text.len() as u32,
                    name,
                    place,
                    instruction,
                    depth: self.function.depth,
                });
                self.function.depth = UNKNOWN;
                (opcode, 0)
            }
            Definition::Poisoned => {
                self.function.depth = UNKNOWN;
                (opcode, 0)
            }
            _ => {
                let (opcode, index) = self.call_target(opcode, name, place)?;
                let (args, results) = self.call_effect(opcode, index);
                let own = self.own_results();
                self.check_tail_call(opcode, results as u16, own, place)?;
                self.stack(opcode, args, results, instruction);
                (opcode, index)
            }
        };
        encode(&mut self.text, opcode, u64::from(index));
        Ok(())
    }

    /// The number of results of the function that is read.
    pub(super) fn own_results(&self) -> u32 {
        let own = self.functions.get(self.function.index as usize);
        own.map_or(0, |own| u32::from(own.results))
    }
}

/// The column of an offset in its line, in characters from 1.
pub(super) fn column_of(c: &Cursor<'_>, at: usize) -> u16 {
    let before = &c.text[..at];
    let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let characters = before[line..].iter().filter(|byte| **byte & 0xC0 != 0x80);
    u16::try_from(characters.count() + 1).unwrap_or(u16::MAX)
}
