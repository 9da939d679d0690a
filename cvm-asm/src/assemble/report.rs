//! Reporting: spans of what was read, the chain of macro calls around it, and words for what was found.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashSet, FxHasher};

use crate::diagnostic::{Diagnostic, DiagnosticCode, Severity, Span};
use crate::suggest;

use super::Assembler;
use super::cursor::{Cursor, is_digit, token_length};
use super::names::{Definition, Name};
use super::number;
use super::place::{NO_EXPANSION, Place};

/// Most diagnostics of one run.
const DIAGNOSTICS_MAX: usize = 100_000;
/// Macro calls shown around an error.
const CALLS_SHOWN: usize = 4;
/// Names that are compared for suggestions in one run, so that bad input stays linear.
const SUGGESTION_BUDGET: usize = 4_000_000;

/// Proof that an error was reported; the statement gives up.
#[derive(Debug)]
pub(super) struct Reported;

/// The diagnostics of a run.
#[derive(Default)]
pub(super) struct Reports {
    list: Vec<Diagnostic>,
    /// Errors so far, those beyond the limit included.
    pub(super) errors: usize,
    dropped: usize,
    compared: usize,
    /// What is read stands behind an error of its own statement: nothing more is said about it.
    pub(super) quiet: bool,
    /// A part of the sources could not be read, so that names may be defined in it.
    pub(super) incomplete: bool,
    /// Hashes of the diagnostics: the rounds of a repetition all say the same, and once is enough.
    said: FxHashSet<u64>,
}

impl Reports {
    fn push(&mut self, diagnostic: Diagnostic) {
        if self.quiet {
            return;
        }
        let mut hasher = FxHasher::default();
        (diagnostic.code, &diagnostic.message).hash(&mut hasher);
        for label in &diagnostic.labels {
            label.span.hash(&mut hasher);
        }
        if !self.said.insert(hasher.finish()) {
            return;
        }
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.list.len() < DIAGNOSTICS_MAX {
            self.list.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// The number that the next diagnostic gets.
    pub(super) fn next(&self) -> usize {
        self.list.len() + self.dropped
    }

    /// Adds a fact to a diagnostic.
    pub(super) fn note(&mut self, number: usize, text: String) {
        if let Some(diagnostic) = self.list.get_mut(number) {
            diagnostic.notes.push(text);
        }
    }

    /// The diagnostics in source order.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| {
            let span = diagnostic.span();
            (span.file, span.start)
        });
        if self.dropped > 0 {
            let more = format!("{} more diagnostics are not shown", self.dropped);
            if let Some(last) = self.list.last_mut() {
                last.notes.push(more);
            }
        }
        self.list
    }
}

impl Assembler<'_> {
    /// The span between two offsets of the text that is read.
    #[cold]
    pub(super) fn span(&self, c: &Cursor<'_>, start: usize, end: usize) -> Span {
        self.files
            .span(c.position(start), c.end_position(start, end))
    }

    /// The span from an offset to the last token that was read.
    #[cold]
    pub(super) fn span_from(&self, c: &Cursor<'_>, start: usize) -> Span {
        let read = c.text.get(start..c.at).unwrap_or_default();
        let blanks = read.iter().rev().take_while(|b| b.is_ascii_whitespace());
        let length = read.len() - blanks.count();
        self.span(c, start, start + length)
    }

    /// The span of the token that comes next.
    #[cold]
    pub(super) fn next_span(&self, c: &Cursor<'_>) -> Span {
        let mut c = *c;
        c.skip_blanks();
        let rest = c.text.get(c.at..).unwrap_or_default();
        let length = if c.here_ends() { 0 } else { token_length(rest) };
        self.span(&c, c.at, c.at + length)
    }

    /// The span of the word that was read at a place.
    #[cold]
    pub(super) fn place_span(&self, place: Place) -> Span {
        self.files.token(place.position)
    }

    /// Where a word was read.
    #[inline]
    pub(super) fn place(&self, c: &Cursor<'_>, at: usize) -> Place {
        Place {
            position: c.position(at),
            expansion: self.expansion,
        }
    }

    /// Reports a diagnostic about the text that is being read.
    #[cold]
    pub(super) fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        self.report_in(self.expansion, diagnostic)
    }

    /// Reports a diagnostic about text that was read in an expansion.
    #[cold]
    pub(super) fn report_in(&mut self, expansion: u32, mut diagnostic: Diagnostic) -> Reported {
        let mut next = expansion;
        let mut shown = 0;
        let mut hidden = 0;
        while next != NO_EXPANSION {
            let Some(call) = self.expansions.get(next as usize) else {
                break;
            };
            next = call.parent;
            if shown == CALLS_SHOWN {
                hidden += 1;
                continue;
            }
            shown += 1;
            let text = format!("in this expansion of `{}`", self.names.text(call.name));
            diagnostic = diagnostic.also(call.call, text);
        }
        if hidden > 0 {
            diagnostic = diagnostic.note(format!("inside {hidden} more expansions"));
        }
        self.reports.push(diagnostic);
        Reported
    }

    /// Reports an error with one place.
    #[cold]
    pub(super) fn error(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
    ) -> Reported {
        self.report(Diagnostic::new(code, span, message))
    }

    /// Reports that something else was expected where the cursor stands.
    #[cold]
    pub(super) fn expected(&mut self, c: &Cursor<'_>, what: &str) -> Reported {
        let found = self.found(c);
        let ends = {
            let mut c = *c;
            c.at_end()
        };
        let bad = self.bad_token(c);
        if let Some(reported) = bad {
            return reported;
        }
        let code = if ends {
            DiagnosticCode::MissingOperand
        } else {
            DiagnosticCode::UnexpectedToken
        };
        let span = self.next_span(c);
        let message = format!("expected {what}, found {found}");
        self.report(Diagnostic::new(code, span, message).at(format!("expected {what}")))
    }

    /// Reports a token that is not one: a stray character, a bad number.
    #[cold]
    fn bad_token(&mut self, c: &Cursor<'_>) -> Option<Reported> {
        let mut c = *c;
        if c.at_end() {
            return None;
        }
        let byte = c.peek();
        let begins = is_digit(byte) || c.at_word() || byte.is_ascii_punctuation();
        if begins && !matches!(byte, b'#' | b'$' | b'@' | b'`' | b'\\') {
            return None;
        }
        Some(self.bad_character(&c))
    }

    /// Reports the character that the cursor stands at.
    #[cold]
    pub(super) fn bad_character(&mut self, c: &Cursor<'_>) -> Reported {
        let found = self.found(c);
        let span = self.next_span(c);
        let message = format!("{found} begins nothing");
        let diagnostic = Diagnostic::new(DiagnosticCode::UnexpectedCharacter, span, message);
        self.report(match c.peek() {
            b'#' | b'/' => diagnostic.help("comments begin with `;`"),
            b'\\' => diagnostic.help("`\\name` is a parameter and only means something in a macro"),
            _ => diagnostic,
        })
    }

    /// What comes next, in words.
    #[cold]
    pub(super) fn found(&self, c: &Cursor<'_>) -> String {
        let mut c = *c;
        if c.at_end() {
            return match c.peek() {
                b';' => "the comment".to_owned(),
                _ => "the end of the line".to_owned(),
            };
        }
        let rest = &c.text[c.at..];
        let token = String::from_utf8_lossy(&rest[..token_length(rest)]);
        match c.peek() {
            b'"' => "a string".to_owned(),
            byte if is_digit(byte) => {
                let number = String::from_utf8_lossy(&rest[..number::length(rest)]);
                format!("the number `{number}`")
            }
            byte if byte < 0x20 || byte == 0x7f => format!("the character {byte:#04x}"),
            _ => format!("`{token}`"),
        }
    }

    /// Whether a suggestion may be looked for among so many names.
    pub(super) fn may_compare(&mut self, names: usize) -> bool {
        let may = self.reports.compared <= SUGGESTION_BUDGET;
        self.reports.compared += if may { names } else { 0 };
        may
    }

    /// The defined name closest to a misspelt one, of those that `wanted` accepts.
    #[cold]
    pub(super) fn closest_name(
        &mut self,
        name: Name,
        wanted: impl Fn(&Definition) -> bool,
    ) -> Option<String> {
        if !self.may_compare(self.names.iter().count()) {
            return None;
        }
        let candidates: Vec<&str> = self
            .names
            .iter()
            .filter(|(_, entry)| wanted(&entry.definition))
            .map(|(name, _)| self.names.text(name))
            .collect();
        suggest::closest(self.names.text(name), candidates).map(str::to_owned)
    }

    /// Reports a second definition of a name.
    #[cold]
    pub(super) fn duplicate(&mut self, name: Name, span: Span, first: Span) -> Reported {
        let text = self.names.text(name);
        let message = format!("`{text}` is defined twice");
        let diagnostic = Diagnostic::new(DiagnosticCode::DuplicateName, span, message)
            .at("defined again here")
            .also(first, "first defined here");
        self.report(diagnostic)
    }
}
