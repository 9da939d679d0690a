//! Instructions, labels, and jumps to labels further down.

use std::collections::HashMap;

use cvm_spec::codec::{encode, encode_switch};
use cvm_spec::isa::{Opcode, OperandKind};
use cvm_spec::limits::SWITCH_MAX;
use cvm_spec::pointer::{SHORT_OFFSET_MAX, ShortPointer};

use super::Assembler;
use super::cursor::{Cursor, Parsed, is_identifier};
use super::mnemonics::forms;
use crate::diagnostic::{Diagnostic, DiagnosticCode, Span};

/// The labels of the text section, and the jumps that wait for them.
#[derive(Default)]
pub(super) struct Code<'s> {
    labels: HashMap<&'s [u8], usize>,
    /// Offset of each label, once it is known, and where it is defined.
    places: Vec<Option<(usize, Span)>>,
    fixups: Vec<Fixup>,
}

/// Four bytes that take the distance to a label.
struct Fixup {
    /// Text offset of the four bytes.
    at: usize,
    /// Text offset that the distance counts from.
    next: usize,
    label: usize,
    start: u32,
    end: u32,
}

enum Target {
    Distance(i32),
    Label { label: usize, span: Span },
}

impl<'s> Code<'s> {
    fn label(&mut self, name: &'s [u8]) -> usize {
        let label = *self.labels.entry(name).or_insert(self.places.len());
        if label == self.places.len() {
            self.places.push(None);
        }
        label
    }

    /// Defines a label at a text offset; the cursor stands behind its name.
    pub(super) fn define(&mut self, name: &'s [u8], at: usize, cursor: &Cursor<'_>) -> Parsed<()> {
        let label = self.label(name);
        let mut span = cursor.token_span();
        span.end = span.start + name.len() as u32;
        match self.places[label] {
            Some((_, first)) => {
                let name = String::from_utf8_lossy(name);
                let message = format!("label `{name}` is defined twice");
                let code = DiagnosticCode::DuplicateName;
                Err(Box::new(
                    Diagnostic::new(code, span, message)
                        .at("defined again")
                        .also(first, "first defined here"),
                ))
            }
            None => {
                self.places[label] = Some((at, span));
                Ok(())
            }
        }
    }

    /// Fills in the jumps.
    pub(super) fn resolve(&self, text: &mut [u8], file: u32, errors: &mut Vec<Diagnostic>) {
        for fixup in &self.fixups {
            let span = Span::new(file, fixup.start, fixup.end);
            if errors.len() >= 2 * super::MOST_ERRORS {
                return;
            }
            let Some((offset, _)) = self.places[fixup.label] else {
                let message = "no label of this name";
                let code = DiagnosticCode::UndefinedName;
                errors.push(Diagnostic::new(code, span, message).at("not defined in this text"));
                continue;
            };
            let Ok(distance) = i32::try_from(offset as i64 - fixup.next as i64) else {
                let message = "the label is too far away for a jump";
                errors.push(Diagnostic::new(DiagnosticCode::OutOfRange, span, message));
                continue;
            };
            text[fixup.at..fixup.at + 4].copy_from_slice(&distance.to_le_bytes());
        }
    }
}

impl<'s> Assembler<'s> {
    #[inline]
    pub(super) fn instruction(&mut self) -> Parsed<()> {
        let cursor = &mut self.cursor;
        let Some(forms) = forms(cursor.word()) else {
            return Err(cursor.unknown_mnemonic());
        };
        let opcode = match forms.immediate {
            Some(immediate) if cursor.peek().is_some() => immediate,
            _ => forms.plain,
        };
        let operand = match opcode.operand() {
            OperandKind::None => 0,
            OperandKind::I8 => cursor.signed("an 8-bit constant", -128, 127)?,
            OperandKind::I16 => cursor.signed("a 16-bit constant", -32768, 32767)?,
            OperandKind::I32 => {
                cursor.signed("a 32-bit constant", i64::from(i32::MIN), i32::MAX as u64)?
            }
            OperandKind::U32 => u64::from(cursor.u32("an unsigned 32-bit constant")?),
            OperandKind::U64 => cursor.signed("a 64-bit constant", i64::MIN, u64::MAX)?,
            OperandKind::Pointer => {
                let (tag, offset) = cursor.pointer(u64::from(SHORT_OFFSET_MAX))?;
                let pointer = ShortPointer::new(tag, offset as u32);
                u64::from(pointer.expect("the offset is in range").0)
            }
            OperandKind::Code => u64::from(cursor.u16("a code")?),
            OperandKind::Depth => u64::from(cursor.u16("a depth in cells")?),
            OperandKind::Function => u64::from(cursor.u32("a function's index")?),
            OperandKind::Type => u64::from(cursor.u32("a type's index")?),
            OperandKind::Import => u64::from(cursor.u32("an import's index")?),
            OperandKind::Cells => u64::from(cursor.u32("a size in cells")?),
            OperandKind::Slide => {
                let dropped = cursor.u16("how many cells to drop")?;
                cursor.comma()?;
                let kept = cursor.u16("how many cells to keep")?;
                u64::from(dropped) | u64::from(kept) << 16
            }
            OperandKind::Jump => return self.jump(opcode),
            OperandKind::Table => return self.switch(),
        };
        encode(&mut self.image.text, opcode, operand);
        Ok(())
    }

    fn target(&mut self) -> Parsed<Target> {
        match self.cursor.peek() {
            Some(b'+') => {
                self.cursor.accept(b'+');
                let most = i32::MAX as u64;
                let distance = self.cursor.number("a distance in bytes", most)?;
                Ok(Target::Distance(distance as i32))
            }
            Some(b'-') => {
                let least = i64::from(i32::MIN);
                let distance = self.cursor.signed("a distance in bytes", least, 0)?;
                Ok(Target::Distance(distance as i32))
            }
            _ => {
                let name = self.cursor.word();
                if !is_identifier(name) {
                    let expected = "a label or a distance such as `+12`";
                    return Err(self.cursor.unexpected_word(expected));
                }
                Ok(Target::Label {
                    label: self.code.label(name),
                    span: self.cursor.token_span(),
                })
            }
        }
    }

    /// The distance of a target, now or later.
    fn distance(&mut self, target: Target, at: usize, next: usize) -> i32 {
        match target {
            Target::Distance(distance) => distance,
            Target::Label { label, span } => {
                let fixup = Fixup {
                    at,
                    next,
                    label,
                    start: span.start,
                    end: span.end,
                };
                self.code.fixups.push(fixup);
                0
            }
        }
    }

    fn jump(&mut self, opcode: Opcode) -> Parsed<()> {
        let target = self.target()?;
        let at = self.image.text.len() + 1;
        let distance = self.distance(target, at, at + 4);
        encode(&mut self.image.text, opcode, distance as u64);
        Ok(())
    }

    fn switch(&mut self) -> Parsed<()> {
        if !self.cursor.accept(b'[') {
            return Err(self.cursor.unexpected("`[` and the targets"));
        }
        let mut targets = vec![self.target()?];
        while self.cursor.accept(b',') {
            targets.push(self.target()?);
        }
        if !self.cursor.accept(b']') {
            return Err(self.cursor.unexpected("`,` or `]`"));
        }
        if targets.len() > SWITCH_MAX as usize {
            let message = format!("a table has at most {SWITCH_MAX} targets");
            return Err(self.cursor.too_large(&message));
        }
        let first = self.image.text.len() + 5;
        let next = first + 4 * targets.len();
        let mut distances = Vec::with_capacity(targets.len());
        for (index, target) in targets.into_iter().enumerate() {
            distances.push(self.distance(target, first + 4 * index, next));
        }
        encode_switch(&mut self.image.text, distances.into_iter());
        Ok(())
    }
}
