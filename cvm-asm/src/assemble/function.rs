//! Functions: their header, their frame, and what is patched at their end.

use cvm_spec::limits::{ARITY_MAX, SEGMENT_MAX};
use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::cursor::Cursor;
use super::fixup::{JumpFixup, JumpTarget};
use super::frame::FrameFixup;
use super::names::{Definition, Name};
use super::place::Place;
use super::references::LocalSymbol;
use super::report::Reported;
use super::stack::Mismatch;
use super::symbols::UNPLACED;
use super::{Assembler, Section};

/// A function that was read, or is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct FunctionRecord {
    pub(super) name: Name,
    pub(super) start: u32,
    pub(super) size: u32,
    pub(super) type_index: u32,
    pub(super) args: u16,
    pub(super) results: u16,
}

/// The function that is being read.
#[derive(Default)]
pub(super) struct FunctionState {
    /// There is one.
    pub(super) open: bool,
    /// Its index.
    pub(super) index: u32,
    pub(super) start: u32,
    /// Its header.
    opened: Span,
    /// The next instruction can be reached.
    pub(super) reachable: bool,
    /// The unreachable code that is being read was reported.
    pub(super) warned: bool,
    /// Cells on the operand stack, or [`UNKNOWN`](super::stack::UNKNOWN).
    pub(super) depth: i32,
    /// Labels since the last instruction.
    pub(super) fresh: Vec<u32>,
    /// A disagreement that the next instruction reports.
    pub(super) mismatch: Option<Mismatch>,
    /// The labels through one of which it is reached, if a jump leads there; none if there is another way.
    pub(super) reached_by: Vec<u32>,
    /// The last instruction.
    pub(super) last: Place,
    /// Operands that are known to be data pointers, the top in bit 0.
    pub(super) data_cells: u64,
    /// Where the last of them was pushed.
    pub(super) data_push: Place,
    /// Errors before it.
    errors: usize,
    /// Its header has an error: it may have arguments that are not known.
    pub(super) broken: bool,
    /// Its `.func` is misspelt, and may have been something else.
    pub(super) doubtful: bool,
    /// Index of its first local label.
    first_label: u32,
    /// Bytes of its frame so far.
    pub(super) frame: u32,
    pub(super) jumps: Vec<JumpFixup>,
    pub(super) frame_fixups: Vec<FrameFixup>,
}

/// The arguments of a header: names, or a count.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pub(super) count: u16,
    pub(super) names: Vec<(Name, Place)>,
}

impl Assembler<'_> {
    /// `.func NAME (args) [-> results]`.
    pub(super) fn func(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        if self.section == Section::Structure {
            self.unclosed_structure();
        }
        if self.function.open {
            self.unclosed_function();
        }
        let errors = self.reports.errors;
        self.section = Section::Text;
        self.misplaced = false;
        let name = self.name_operand(c, "the function's name");
        let (name, place) = match name {
            Ok((name, place)) => (Some(name), place),
            Err(Reported) => {
                c.skip_rest();
                (None, self.place(c, start))
            }
        };
        let index = self.functions.len() as u32;
        if let Some(name) = name {
            let _ = self.define(name, Definition::Function(index), place);
        }
        self.open_scope(name);
        let header = if name.is_some() {
            self.function_header(c)
        } else {
            Ok((Arguments::default(), 0, 0))
        };
        let (arguments, results, brand) = match &header {
            Ok((arguments, results, brand)) => (arguments.clone(), *results, *brand),
            Err(_) => (Arguments::default(), 0, 0),
        };
        let mut frame_fixups = std::mem::take(&mut self.function.frame_fixups);
        let mut jumps = std::mem::take(&mut self.function.jumps);
        frame_fixups.clear();
        let mut fresh = std::mem::take(&mut self.function.fresh);
        jumps.clear();
        fresh.clear();
        self.function = FunctionState {
            open: true,
            index,
            start: self.text.len() as u32,
            opened: self.span_from(c, start),
            reachable: true,
            errors,
            broken: header.is_err() || name.is_none(),
            first_label: self.labels.len() as u32,
            jumps,
            frame_fixups,
            fresh,
            ..FunctionState::default()
        };
        self.functions.push(FunctionRecord {
            name: name.unwrap_or(self.words.dot),
            start: self.function.start,
            size: 0,
            type_index: self.types.function(arguments.count, results, brand),
            args: arguments.count,
            results,
        });
        if let (Some(name), true) = (name, header.is_err()) {
            self.poison_function(name, index);
        }
        self.locals.clear();
        if arguments.names.is_empty() {
            for _ in 0..arguments.count {
                self.add_local(None, 8, Place::default(), true);
            }
        }
        for (name, place) in arguments.names {
            self.add_local(Some(name), 8, place, true);
        }
        header.map(drop)
    }

    /// Reads `(args) [-> results]`: names or counts; without parentheses there are no arguments.
    pub(super) fn arity(&mut self, c: &mut Cursor<'_>) -> Result<(Arguments, u16), Reported> {
        let arguments = if c.take(b'(') {
            self.parenthesized(c)?
        } else if c.at_end() || c.peek() == b'-' {
            Arguments::default()
        } else {
            return Err(self.expected(c, "`(` and the arguments"));
        };
        c.skip_blanks();
        if c.peek() != b'-' {
            return Ok((arguments, 0));
        }
        if c.peek_at(1) != b'>' {
            return Err(self.expected(c, "`->` and the number of results"));
        }
        c.at += 2;
        let results = if c.take(b'(') {
            self.parenthesized(c)?.count
        } else {
            self.count(c)?
        };
        Ok((arguments, results))
    }

    /// Reads names or a count up to the closing parenthesis.
    fn parenthesized(&mut self, c: &mut Cursor<'_>) -> Result<Arguments, Reported> {
        if c.take(b')') {
            return Ok(Arguments::default());
        }
        let mut arguments = Arguments::default();
        c.skip_blanks();
        if !c.at_word() {
            arguments.count = self.count(c)?;
            if !c.take(b')') {
                return Err(self.expected(c, "`)`"));
            }
            return Ok(arguments);
        }
        loop {
            let named = self.name_operand(c, "an argument's name")?;
            arguments.names.push(named);
            if c.take(b')') {
                break;
            }
            if !c.take(b',') {
                return Err(self.expected(c, "`,` or `)`"));
            }
        }
        let count = arguments.names.len();
        match u16::try_from(count) {
            Ok(count) if count <= ARITY_MAX => arguments.count = count,
            _ => {
                let span = self.place_span(arguments.names[0].1);
                let message = format!("{count} arguments are more than the limit of {ARITY_MAX}");
                return Err(self.error(Code::TooLarge, span, message));
            }
        }
        Ok(arguments)
    }

    /// Reads a number of arguments or results.
    pub(super) fn count(&mut self, c: &mut Cursor<'_>) -> Result<u16, Reported> {
        c.skip_blanks();
        let start = c.at;
        let count = self.constant(c)?;
        match u16::try_from(count) {
            Ok(count) if count <= ARITY_MAX => Ok(count),
            _ => {
                let span = self.span_from(c, start);
                let message = format!(
                    "{} is not a number of cells from 0 to {ARITY_MAX}",
                    count as i64
                );
                Err(self.error(Code::OutOfRange, span, message))
            }
        }
    }

    /// `.end`.
    pub(super) fn end(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        if self.section == Section::Structure {
            self.end_structure();
        } else if self.function.open {
            if self.text.len() as u32 == self.function.start {
                self.function.last = self.place(c, start);
            }
            self.close_function();
        } else if std::mem::take(&mut self.misplaced) && self.section == Section::Text {
            // The missing beginning was reported.
            return Err(Reported);
        } else {
            return Err(self.unmatched(c, start, ".func or .struct"));
        }
        Ok(())
    }

    /// What is still open at the end of a source is closed with an error.
    pub(super) fn close_file(&mut self) {
        if self.section == Section::Structure {
            self.unclosed_structure();
        }
        if self.function.open {
            self.unclosed_function();
        }
    }

    /// Ends a function that is still open.
    fn unclosed_function(&mut self) {
        if !self.function.doubtful {
            let opened = self.function.opened;
            self.unclosed(opened, ".func", ".end");
        }
        self.close_function();
    }

    /// Ends the function: patches what referred forward in it.
    fn close_function(&mut self) {
        let index = self.function.index;
        let size = self.text.len().saturating_sub(self.function.start as usize);
        self.functions[index as usize].size = size as u32;
        let jumps = std::mem::take(&mut self.function.jumps);
        for jump in &jumps {
            self.patch_jump(jump);
        }
        self.function.jumps = jumps;
        let fixups = std::mem::take(&mut self.function.frame_fixups);
        for fixup in &fixups {
            self.patch_frame(fixup);
        }
        self.function.frame_fixups = fixups;
        if self.text.len() as u64 > SEGMENT_MAX
            && self.text.len() as u64 - size as u64 <= SEGMENT_MAX
        {
            let opened = self.function.opened;
            let message = format!("the text is larger than {SEGMENT_MAX} bytes");
            self.error(Code::TooLarge, opened, message);
        }
        if self.reports.errors == self.function.errors && !self.function.doubtful {
            self.finish_function(size);
        } else {
            // Names whose only use was in a statement with an error are not unused.
            for label in &mut self.labels[self.function.first_label as usize..] {
                label.used = true;
            }
        }
        self.function.open = false;
        self.section = Section::Text;
        self.open_scope(None);
    }

    /// What is checked and recorded in a function without errors.
    fn finish_function(&mut self, size: usize) {
        let labels = &self.function.reached_by;
        let reached = labels.is_empty()
            || labels
                .iter()
                .any(|label| self.labels[*label as usize].jumped);
        if size == 0 || self.function.reachable && reached {
            self.falls_off_end(size);
            return;
        }
        for index in 0..self.locals.len() {
            let local = self.locals[index];
            let Some(name) = local.name else {
                continue;
            };
            if self.options.debug {
                self.local_symbols.push(LocalSymbol {
                    function: self.function.index,
                    name,
                    offset: local.offset,
                    size: local.size,
                    argument: local.argument,
                });
            }
            let text = self.names.text(name);
            if !local.used && !local.argument && !text.starts_with('_') {
                let message = format!("the local `{text}` is not used");
                let span = self.place_span(local.place);
                let diagnostic = Diagnostic::new(Code::UnusedLocal, span, message)
                    .help("remove the declare, or begin the name with `_` to keep it");
                self.report_in(local.place.expansion, diagnostic);
            }
        }
    }

    #[cold]
    fn falls_off_end(&mut self, size: usize) {
        let place = self.function.last;
        let span = self.place_span(place);
        let diagnostic = if size == 0 {
            Diagnostic::new(Code::FallsOffEnd, span, "the function has no instructions")
                .help("a function that does nothing is `ret` alone")
        } else {
            Diagnostic::new(Code::FallsOffEnd, span, "the function can run past its end")
                .at("goes on behind the last instruction")
                .help("end with ret, jmp, a tail call, halt or abort")
        };
        let opened = self.function.opened;
        self.report_in(place.expansion, diagnostic.also(opened, "in this function"));
    }

    fn patch_jump(&mut self, jump: &JumpFixup) {
        let (segment, offset, name) = match jump.target {
            JumpTarget::Local(label) => {
                let record = &self.labels[label as usize];
                if record.offset == UNPLACED {
                    self.undefined_label(label, jump.place);
                    return;
                }
                (record.segment, record.offset, record.name)
            }
            JumpTarget::Global(name) => match self.names.entry(name).definition {
                Definition::Label(index) => {
                    let object = &self.objects[index as usize];
                    (object.segment, object.offset, name)
                }
                Definition::Poisoned => return,
                Definition::Undefined => {
                    self.undefined_jump(name, jump.place);
                    return;
                }
                Definition::Function(index) if index == self.function.index => {
                    (Tag::Text, self.function.start, name)
                }
                _ => {
                    self.wrong_jump(name, jump.place);
                    return;
                }
            },
        };
        let inside = segment == Tag::Text && offset >= self.function.start;
        if !inside {
            self.jump_outside(name, segment, jump.place);
            return;
        }
        self.set_distance(jump.at, jump.next, offset);
    }

    /// Writes the distance of a jump.
    #[inline]
    pub(super) fn set_distance(&mut self, at: u32, next: u32, target: u32) {
        let distance = target.wrapping_sub(next);
        let at = at as usize;
        if let Some(place) = self.text.get_mut(at..at + 4) {
            place.copy_from_slice(&distance.to_le_bytes());
        }
    }

    #[cold]
    fn undefined_jump(&mut self, name: Name, place: Place) {
        let text = self.names.text(name).to_owned();
        let span = self.place_span(place);
        let message = format!("there is no label `{text}` in this function");
        let diagnostic = Diagnostic::new(Code::UndefinedName, span, message).at("not defined");
        let dotted = self.names.find(format!(".{text}").as_bytes());
        let local = dotted.filter(|name| {
            let entry = self.names.entry(*name);
            entry.scope == self.scope_number && self.labels[entry.local as usize].offset != UNPLACED
        });
        let diagnostic = if local.is_some() {
            diagnostic
                .help(format!("local labels are written with a dot: `.{text}`"))
                .fix(span, format!(".{text}"))
        } else {
            let is_label = |definition: &Definition| matches!(definition, Definition::Label(_));
            match self.closest_name(name, is_label) {
                Some(closest) => diagnostic.help(format!("did you mean `{closest}`?")),
                None => diagnostic,
            }
        };
        self.report_in(place.expansion, diagnostic);
    }

    #[cold]
    fn wrong_jump(&mut self, name: Name, place: Place) {
        let text = self.names.text(name);
        let what = self.kind_of(name);
        let span = self.place_span(place);
        let message = format!("`{text}` is {what}; a jump needs a label of this function");
        let diagnostic = Diagnostic::new(Code::WrongKind, span, message);
        let diagnostic = match self.names.entry(name).definition {
            Definition::Function(_) => diagnostic.help(format!(
                "to continue in another function: `ret_call {text}`"
            )),
            _ => diagnostic,
        };
        self.report_in(place.expansion, diagnostic);
    }

    #[cold]
    fn jump_outside(&mut self, name: Name, segment: Tag, place: Place) {
        let text = self.names.text(name);
        let message = if segment == Tag::Text {
            format!("`{text}` lies in another function; jumps stay inside theirs")
        } else {
            format!(
                "`{text}` lies in the {} segment and cannot be jumped to",
                segment.name()
            )
        };
        let span = self.place_span(place);
        let first = self.place_span(self.names.entry(name).place);
        let diagnostic = Diagnostic::new(Code::WrongSegment, span, message);
        let diagnostic = if text.starts_with('.') {
            diagnostic
        } else {
            diagnostic.also(first, "defined here")
        };
        self.report_in(place.expansion, diagnostic);
    }
}
