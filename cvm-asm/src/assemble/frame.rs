//! Frames: arguments, declared objects, and the `l:` operands that name them.

use cvm_spec::isa::Opcode;
use cvm_spec::limits::FRAME_MAX;
use cvm_spec::pointer::{ShortPointer, Tag};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::cursor::Cursor;
use super::evaluate::Evaluated;
use super::expression::{Base, Op, Stored, Value};
use super::names::Name;
use super::place::Place;
use super::report::Reported;
use super::words::Word;

/// An argument or local object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) name: Option<Name>,
    /// Frame offset in bytes.
    pub(super) offset: u32,
    /// Size in bytes.
    pub(super) size: u32,
    pub(super) place: Place,
    pub(super) used: bool,
    pub(super) argument: bool,
}

/// What an `l:` operand may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameRule {
    /// The first byte of an object.
    FirstByte,
    /// Eight bytes inside one object.
    Inside,
}

/// An `l:` operand whose object was not declared yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameFixup {
    pub(super) at: u32,
    pub(super) value: Stored,
    pub(super) rule: FrameRule,
    pub(super) place: Place,
}

impl Assembler<'_> {
    /// Adds an argument or object to the frame.
    pub(super) fn add_local(
        &mut self,
        name: Option<Name>,
        size: u32,
        place: Place,
        argument: bool,
    ) {
        let index = self.locals.len() as u32;
        if let Some(name) = name {
            if matches!(self.words.get(name), Word::Reserved) {
                self.reserved_name(name, place);
            } else if let Some(known) = self.local_named(name) {
                let first = self.place_span(self.locals[known as usize].place);
                let span = self.place_span(place);
                self.duplicate(name, span, first);
            } else {
                let scope = self.scope_number;
                let entry = self.names.entry_mut(name);
                entry.scope = scope;
                entry.local = index;
            }
        }
        self.locals.push(Local {
            name,
            offset: self.function.frame,
            size,
            place,
            used: false,
            argument,
        });
        self.function.frame = self.function.frame.saturating_add(size);
    }

    /// The argument or local of a name in the function that is being read.
    #[inline]
    pub(super) fn local_named(&self, name: Name) -> Option<u32> {
        let entry = self.names.entry(name);
        let here = self.function.open
            && entry.scope == self.scope_number
            && self.names.bytes(name).first() != Some(&b'.');
        here.then_some(entry.local)
    }

    /// The frame offset of an argument or local.
    pub(super) fn frame_value(&self, index: u32) -> Value {
        Value {
            number: u64::from(self.locals[index as usize].offset),
            base: Base::Frame(index),
        }
    }

    /// The frame offset of a name, which counts as used.
    #[inline]
    pub(super) fn frame_name(&mut self, name: Name) -> Option<Value> {
        let index = self.local_named(name)?;
        self.locals[index as usize].used = true;
        Some(self.frame_value(index))
    }

    /// `declare`: `x`, `x[N]` or `N`.
    pub(super) fn declare(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        c.skip_blanks();
        let start = c.at;
        let mut name = None;
        let mut cells = Ok(1);
        if c.at_word() {
            let (word, place) = self.name_operand(c, "a name")?;
            name = Some((word, place));
            if c.take(b'[') {
                cells = self.constant(c).and_then(|cells| {
                    if c.take(b']') {
                        Ok(cells)
                    } else {
                        Err(self.expected(c, "`]`"))
                    }
                });
            } else if !c.at_end() && c.peek() != b',' {
                // An expression that begins with a name: a size.
                c.at = start;
                name = None;
                cells = self.constant(c);
            }
        } else {
            cells = self.constant(c);
        }
        let failed = cells.is_err();
        let cells = cells.unwrap_or(1);
        let size = cells
            .checked_mul(8)
            .and_then(|size| u32::try_from(size).ok());
        let fits =
            size.filter(|size| *size > 0 && self.function.frame.saturating_add(*size) <= FRAME_MAX);
        let place = name.map_or(self.place(c, start), |(_, place)| place);
        self.add_local(name.map(|(name, _)| name), fits.unwrap_or(8), place, false);
        if failed {
            return Err(Reported);
        }
        if fits.is_none() {
            let span = self.span_from(c, start);
            let message = if cells as i64 <= 0 {
                format!("an object has at least one cell, not {}", cells as i64)
            } else {
                format!(
                    "the objects of a frame take at most {} cells together",
                    FRAME_MAX / 8
                )
            };
            let code = if cells as i64 <= 0 {
                Code::OutOfRange
            } else {
                Code::TooLarge
            };
            return Err(self.error(code, span, message));
        }
        cvm_spec::codec::encode(&mut self.text, Opcode::Declare, cells);
        Ok(())
    }

    /// Patches an `l:` operand whose object was not known where it was read.
    pub(super) fn patch_frame(&mut self, fixup: &FrameFixup) {
        let names = fixup.value.start as usize..(fixup.value.start + fixup.value.length) as usize;
        for index in names {
            if let Op::Frame(name, _) = self.ops[index] {
                self.frame_name(name);
            }
        }
        match self.evaluate_stored(fixup.value, true) {
            Evaluated::Known(value) => {
                let offset = self.frame_offset(value, fixup.rule, fixup.place);
                if let Ok(offset) = offset {
                    let at = fixup.at as usize;
                    let short = ShortPointer::new(Tag::Local, offset);
                    if let (Some(place), Some(short)) = (self.text.get_mut(at..at + 4), short) {
                        place.copy_from_slice(&short.0.to_le_bytes());
                    }
                }
            }
            Evaluated::Problem(problem) => {
                self.problem(problem, fixup.place.expansion);
            }
        }
    }

    /// Checks the offset of an `l:` operand against the frame's objects.
    pub(super) fn frame_offset(
        &mut self,
        value: Value,
        rule: FrameRule,
        place: Place,
    ) -> Result<u32, Reported> {
        let object = match value.base {
            Base::Frame(index) => Some(index as usize),
            _ => self.object_at(value.number),
        };
        let local = object.and_then(|index| self.locals.get(index)).copied();
        let fits = local.is_some_and(|local| {
            let (start, end) = (
                u64::from(local.offset),
                u64::from(local.offset + local.size),
            );
            match rule {
                FrameRule::FirstByte => value.number == start,
                FrameRule::Inside => value.number >= start && value.number.saturating_add(8) <= end,
            }
        });
        match u32::try_from(value.number) {
            Ok(offset) if fits => Ok(offset),
            _ => Err(self.outside_object(value, local, rule, place)),
        }
    }

    /// Index of the object that holds a frame offset.
    fn object_at(&self, offset: u64) -> Option<usize> {
        let after = self
            .locals
            .partition_point(|local| u64::from(local.offset) <= offset);
        let index = after.checked_sub(1)?;
        let local = &self.locals[index];
        (offset < u64::from(local.offset) + u64::from(local.size)).then_some(index)
    }

    /// Whether a plain frame offset lies behind everything that is declared so far.
    pub(super) fn beyond_frame(&self, value: Value) -> bool {
        !matches!(value.base, Base::Frame(_)) && value.number >= u64::from(self.function.frame)
    }

    #[cold]
    fn outside_object(
        &mut self,
        value: Value,
        local: Option<Local>,
        rule: FrameRule,
        place: Place,
    ) -> Reported {
        let span = self.place_span(place);
        let offset = value.number as i64;
        let name = local.and_then(|local| local.name);
        let described = match (name, local) {
            (Some(name), Some(local)) => {
                format!("`{}` ({} bytes)", self.names.text(name), local.size)
            }
            (None, Some(local)) => {
                format!("the object at l:{} ({} bytes)", local.offset, local.size)
            }
            _ => "any object of the frame".to_owned(),
        };
        let relative = offset - local.map_or(0, |local| i64::from(local.offset));
        let message = match rule {
            FrameRule::FirstByte if local.is_some() => {
                format!("byte {relative} of {described} is not its first byte")
            }
            FrameRule::FirstByte => {
                format!("frame offset {offset} is not the first byte of {described}")
            }
            FrameRule::Inside if local.is_some() => {
                format!("8 bytes at byte {relative} of {described} do not lie inside it")
            }
            FrameRule::Inside => {
                format!("8 bytes at frame offset {offset} do not lie inside {described}")
            }
        };
        let diagnostic = Diagnostic::new(Code::OutsideObject, span, message);
        let diagnostic = match (name, local) {
            (Some(_), Some(local)) => {
                diagnostic.also(self.place_span(local.place), "declared here")
            }
            _ => diagnostic,
        };
        let diagnostic = match rule {
            FrameRule::FirstByte => diagnostic
                .help("name the object and add to the pointer or offset when the program runs"),
            FrameRule::Inside => diagnostic,
        };
        self.report_in(place.expansion, diagnostic)
    }

    /// Reports a name behind `l:` that is no argument or local.
    #[cold]
    pub(super) fn undefined_local(&mut self, name: Name, place: Place) -> Reported {
        if self.function.broken {
            self.add_local(Some(name), 8, place, true);
            return Reported;
        }
        let text = self.names.text(name).to_owned();
        let function = self.functions.get(self.function.index as usize);
        let function = function.map_or("this function", |function| self.names.text(function.name));
        let message = format!("`{function}` has no argument or local `{text}`");
        let span = self.place_span(place);
        let diagnostic = Diagnostic::new(Code::UndefinedName, span, message).at("not declared");
        let closest = if self.may_compare(self.locals.len()) {
            let names = self.locals.iter().filter_map(|local| local.name);
            let candidates = names.map(|name| self.names.text(name));
            crate::suggest::closest(&text, candidates).map(str::to_owned)
        } else {
            None
        };
        let diagnostic = match closest {
            Some(closest) => diagnostic.help(format!("did you mean `l:{closest}`?")),
            None => diagnostic,
        };
        // The frame gets the name, so that further uses are not errors of their own.
        self.add_local(Some(name), 8, place, true);
        self.report_in(place.expansion, diagnostic)
    }
}
