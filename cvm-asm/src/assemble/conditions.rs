//! `.if` and its branches.

use crate::diagnostic::{DiagnosticCode as Code, Span};

use super::Assembler;
use super::cursor::Cursor;
use super::input::Pending;
use super::report::Reported;

/// A condition that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    /// A branch of it was read, or is being read.
    taken: bool,
    /// Its `.else` was read.
    has_else: bool,
    /// Its value is not known, because of an error.
    pub(super) doubtful: bool,
    /// The directive that began it.
    pub(super) opened: Span,
}

impl Assembler<'_> {
    fn open(&mut self, taken: bool, opened: Span) {
        self.conditions.push(Condition {
            taken,
            has_else: false,
            doubtful: false,
            opened,
        });
        if !taken {
            self.pending = Some(Pending::Skip);
        }
    }

    /// `.if EXPR`. A condition that cannot be evaluated is taken, so that what it guards is defined.
    pub(super) fn if_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
    ) -> Result<(), Reported> {
        let opened = self.span_from(c, start);
        let value = self.constant(c);
        self.open(value.as_ref().map_or(true, |value| *value != 0), opened);
        self.doubt(value.is_err());
        value.map(drop)
    }

    /// Takes note of a condition without a value.
    fn doubt(&mut self, failed: bool) {
        if let Some(condition) = self.open_condition() {
            condition.doubtful |= failed;
        }
    }

    /// `.ifdef NAME` and `.ifndef NAME`.
    pub(super) fn if_defined_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
        wanted: bool,
    ) -> Result<(), Reported> {
        let opened = self.span_from(c, start);
        let word = c.next_word();
        if word.is_empty() {
            self.open(true, opened);
            return Err(self.expected(c, "a name"));
        }
        let name = self.names.intern(word);
        let defined = self.is_defined(name) || self.macros.contains_key(&name);
        self.open(defined == wanted, opened);
        Ok(())
    }

    /// `.elseif EXPR`.
    pub(super) fn else_if_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
    ) -> Result<(), Reported> {
        let Some(condition) = self.open_condition() else {
            return Err(self.unmatched(c, start, ".if"));
        };
        let (taken, after_else) = (condition.taken, condition.has_else);
        if after_else {
            return Err(self.unmatched(c, start, ".if without an .else"));
        }
        if taken {
            c.skip_rest();
            self.pending = Some(Pending::Skip);
            return Ok(());
        }
        let value = self.constant(c);
        let taken = value.as_ref().map_or(true, |value| *value != 0);
        if let Some(condition) = self.open_condition() {
            condition.taken = taken;
        }
        self.doubt(value.is_err());
        if !taken {
            self.pending = Some(Pending::Skip);
        }
        value.map(drop)
    }

    /// `.else`.
    pub(super) fn else_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
    ) -> Result<(), Reported> {
        let Some(condition) = self.open_condition() else {
            return Err(self.unmatched(c, start, ".if"));
        };
        let second = condition.has_else;
        let skip = condition.taken;
        condition.has_else = true;
        condition.taken = true;
        if skip {
            self.pending = Some(Pending::Skip);
        }
        if second {
            return Err(self.unmatched(c, start, ".if without an .else"));
        }
        Ok(())
    }

    /// `.endif`.
    pub(super) fn end_if_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
    ) -> Result<(), Reported> {
        if self.open_condition().is_none() {
            return Err(self.unmatched(c, start, ".if"));
        }
        self.conditions.pop();
        Ok(())
    }

    /// Reports an end without a beginning.
    #[cold]
    pub(super) fn unmatched(&mut self, c: &Cursor<'_>, start: usize, block: &str) -> Reported {
        let span = self.span_from(c, start);
        let text = String::from_utf8_lossy(&c.text[start..c.at])
            .trim()
            .to_owned();
        let message = format!("{text} stands here, but no {block} is open");
        self.error(Code::UnmatchedEnd, span, message)
    }
}
