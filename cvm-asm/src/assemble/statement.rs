//! One statement: labels, then an instruction, a directive, a constant or a macro call.

use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};
use crate::listing::ListingEntry;
use crate::suggest;

use super::cursor::Cursor;
use super::input::Pending;
use super::names::Name;
use super::report::Reported;
use super::words::{DIRECTIVES, Directive, Word, mnemonics};
use super::{Assembler, Section};

impl Assembler<'_> {
    /// Reads one statement. Behind it the cursor stands somewhere in the statement's line.
    #[inline]
    pub(super) fn statement(&mut self, c: &mut Cursor<'_>) {
        c.skip_blanks();
        if c.here_ends() {
            return;
        }
        if self.options.listing {
            self.listed_statement(c);
        } else {
            self.plain_statement(c);
        }
    }

    fn listed_statement(&mut self, c: &mut Cursor<'_>) {
        let start = c.at;
        let before = self.current_offset();
        let section = self.section;
        self.plain_statement(c);
        let span = self.span_from(c, start);
        let (segment, offset) = before;
        let size = if section == self.section {
            self.current_offset().1.saturating_sub(offset)
        } else {
            0
        };
        self.listing.push(ListingEntry {
            span,
            segment,
            offset,
            size,
            depth: self.depth,
        });
    }

    /// Segment and offset of what comes next.
    fn current_offset(&self) -> (Tag, u32) {
        match self.section {
            Section::Text | Section::Structure => (Tag::Text, self.text.len() as u32),
            Section::Data => (Tag::Data, self.data.len() as u32),
            Section::Bss => (Tag::Bss, self.bss.size() as u32),
        }
    }

    #[inline]
    fn plain_statement(&mut self, c: &mut Cursor<'_>) {
        loop {
            let start = c.at;
            let word = c.word();
            if word.is_empty() {
                self.stray(c);
                return;
            }
            if c.peek() == b':' && c.at < c.text.len() {
                self.label(c, word, start);
                c.at += 1;
                if c.at_end() {
                    return;
                }
                continue;
            }
            let name = self.names.intern(word);
            let result = match self.words.get(name) {
                Word::Mnemonic(mnemonic) => self.instruction(c, mnemonic, start),
                Word::Directive(directive) => self.directive(c, directive, start),
                Word::Reserved | Word::Other => self.other(c, name, start),
            };
            match result {
                Ok(()) if c.at_end() => {}
                Ok(()) => {
                    self.extra(c, name);
                    self.lose_track();
                }
                // What would have been here is not known, so nothing is said about what follows.
                Err(Reported) => self.lose_track(),
            }
            return;
        }
    }

    /// A constant definition or a macro call.
    #[inline(never)]
    fn other(&mut self, c: &mut Cursor<'_>, name: Name, start: usize) -> Result<(), Reported> {
        c.skip_blanks();
        if c.peek() == b'=' && c.peek_at(1) != b'=' {
            c.at += 1;
            let place = self.place(c, start);
            return self.constant_definition(c, name, place);
        }
        if self.macros.contains_key(&name) {
            return self.macro_call(c, name, start);
        }
        Err(self.unknown_statement(c, name, start))
    }

    #[cold]
    fn unknown_statement(&mut self, c: &mut Cursor<'_>, name: Name, start: usize) -> Reported {
        let text = self.names.text(name).to_owned();
        let span = self.files.token(c.position(start));
        if text.starts_with('.') {
            let message = format!("there is no directive `{text}`");
            let diagnostic = Diagnostic::new(Code::UnknownDirective, span, message);
            let alone = c.at_end();
            let directives = DIRECTIVES.iter().map(|(_, word)| *word);
            let closest = suggest::closest(&text, directives);
            let closest = closest.filter(|_| !(alone && self.awaits_label(name)));
            self.report(match closest {
                Some(closest) => diagnostic
                    .help(format!("did you mean `{closest}`?"))
                    .fix(span, closest),
                None if alone => {
                    diagnostic.help(format!("a label is written with a colon: `{text}:`"))
                }
                None => diagnostic,
            });
            match closest {
                Some(closest) => self.read_as(c, closest, start),
                None if alone && self.function.open => {
                    self.quietly(|this| this.label(c, text.as_bytes(), start));
                }
                // What follows may have meant another section.
                None => self.misplaced = true,
            }
            return Reported;
        }
        let alone = c.at_end();
        let message = format!("there is no instruction or macro `{text}`");
        let diagnostic = Diagnostic::new(Code::UnknownMnemonic, span, message);
        let mut macros: Vec<String> = self
            .macros
            .keys()
            .map(|name| self.names.text(*name).to_owned())
            .collect();
        macros.sort_unstable();
        let candidates = mnemonics().chain(macros.iter().map(String::as_str));
        let dotted = format!(".{text}");
        let is_directive = DIRECTIVES.iter().any(|(_, word)| *word == dotted);
        let closest = suggest::closest(&text, candidates).map(str::to_owned);
        if self.reports.incomplete && !is_directive && closest.is_none() {
            return Reported;
        }
        let diagnostic = match &closest {
            _ if is_directive => diagnostic
                .help(format!("the directive is written `{dotted}`"))
                .fix(span, dotted.clone()),
            Some(closest) => diagnostic
                .help(format!("did you mean `{closest}`?"))
                .fix(span, closest.clone()),
            None if alone => diagnostic.help(format!("a label is written with a colon: `{text}:`")),
            None => diagnostic,
        };
        self.report(diagnostic);
        if is_directive {
            self.read_as(c, &dotted, start);
        } else if alone && closest.is_none() {
            let place = self.place(c, start);
            self.poison(name, place);
        }
        Reported
    }

    /// Whether a local label is jumped to above and not defined yet.
    fn awaits_label(&self, name: Name) -> bool {
        let entry = self.names.entry(name);
        entry.scope == self.scope_number
            && self.labels[entry.local as usize].offset == super::symbols::UNPLACED
    }

    /// Reads a misspelt directive as the one that it was taken for, so that what follows makes sense.
    #[cold]
    fn read_as(&mut self, c: &mut Cursor<'_>, word: &str, start: usize) {
        let known = DIRECTIVES.iter().find(|(_, known)| *known == word);
        let Some((directive, _)) = known else {
            return;
        };
        self.quietly(|this| {
            // An error in it would be a second one in the same statement.
            let _: Result<(), Reported> = this.directive(c, *directive, start);
        });
        if *directive == Directive::Func {
            self.function.doubtful = true;
        }
    }

    /// Does something without diagnostics.
    fn quietly(&mut self, action: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.reports.quiet, true);
        action(self);
        self.reports.quiet = before;
    }

    /// Something that begins no statement.
    #[cold]
    fn stray(&mut self, c: &Cursor<'_>) {
        if c.peek() == b'%' && c.peek_at(1) == b'%' {
            let span = self.next_span(c);
            let message = "`%%` labels belong to a macro or repetition";
            self.error(Code::UnexpectedToken, span, message);
            return;
        }
        if c.peek() == b'/' {
            self.bad_character(c);
            return;
        }
        self.expected(c, "an instruction, a directive or a label");
    }

    /// Something behind a complete statement.
    #[cold]
    fn extra(&mut self, c: &Cursor<'_>, name: Name) {
        let found = self.found(c);
        let span = self.next_span(c);
        let byte = c.peek();
        if matches!(byte, b'#' | b'`' | b'\\') || !byte.is_ascii() {
            self.bad_character(c);
            return;
        }
        let message = format!("the statement is complete, but {found} follows");
        let diagnostic = Diagnostic::new(Code::ExtraOperand, span, message).at("not expected here");
        self.report(match byte {
            b'/' => diagnostic.help("comments begin with `;`"),
            // Another instruction is another statement.
            _ if self.words.takes_nothing(name) && !self.at_mnemonic(c) => {
                let text = self.names.text(name);
                let help = format!("`{text}` takes what it needs from the operand stack");
                diagnostic.help(help)
            }
            _ => diagnostic.help("statements end with their line; comments begin with `;`"),
        });
    }

    fn at_mnemonic(&self, c: &Cursor<'_>) -> bool {
        let mut ahead = *c;
        let name = self.names.find(ahead.next_word());
        name.is_some_and(|name| matches!(self.words.get(name), Word::Mnemonic(_)))
    }

    fn directive(
        &mut self,
        c: &mut Cursor<'_>,
        directive: Directive,
        start: usize,
    ) -> Result<(), Reported> {
        match directive {
            Directive::Byte => self.numbers(c, 1, start),
            Directive::Word => self.numbers(c, 2, start),
            Directive::Dword => self.numbers(c, 4, start),
            Directive::Quad => self.numbers(c, 8, start),
            Directive::Float => self.floats(c, false, start),
            Directive::Single => self.floats(c, true, start),
            Directive::Ascii => self.ascii(c, false, start),
            Directive::Asciiz => self.ascii(c, true, start),
            Directive::Reserve => self.reserve(c, start),
            Directive::Align => self.align(c, start),
            Directive::Incbin => self.incbin(c, start),
            Directive::Text => self.section(c, Section::Text, start),
            Directive::Data => self.section(c, Section::Data, start),
            Directive::Bss => self.section(c, Section::Bss, start),
            Directive::Func => self.func(c, start),
            Directive::End => self.end(c, start),
            Directive::Struct => self.structure(c, start),
            Directive::Equ => self.equ(c),
            Directive::Entry => self.entry(c),
            Directive::Init => self.init(c),
            Directive::Export => self.export(c),
            Directive::Import => self.import(c),
            Directive::Module => self.module(c, start),
            Directive::Require => self.require(c),
            Directive::Host => self.host(c),
            Directive::Foreign => self.foreign(c),
            Directive::Type => self.type_directive(c),
            Directive::Heap => self.heap(c, start),
            Directive::Macro => self.macro_directive(c, start),
            Directive::Repeat => self.repeat(c, start),
            Directive::EndMacro => Err(self.unmatched(c, start, ".macro")),
            Directive::EndRepeat => Err(self.unmatched(c, start, ".repeat")),
            Directive::Include => self.include(c),
            Directive::If => self.if_directive(c, start),
            Directive::IfDefined => self.if_defined_directive(c, start, true),
            Directive::IfUndefined => self.if_defined_directive(c, start, false),
            Directive::ElseIf => self.else_if_directive(c, start),
            Directive::Else => self.else_directive(c, start),
            Directive::EndIf => self.end_if_directive(c, start),
            Directive::Error => self.message(c, start, Code::UserError),
            Directive::Warning => self.message(c, start, Code::UserWarning),
            Directive::Assert => self.assert(c, start),
            Directive::Exact => {
                let span = self.span_from(c, start);
                let message = "`.exact 1` must be the first statement of the only source";
                Err(self.error(Code::MisplacedStatement, span, message))
            }
        }
    }

    fn section(&mut self, c: &Cursor<'_>, section: Section, start: usize) -> Result<(), Reported> {
        if self.section == Section::Structure {
            let span = self.span_from(c, start);
            let message = "a section cannot begin inside .struct";
            return Err(self.error(Code::MisplacedStatement, span, message));
        }
        self.section = section;
        self.misplaced = false;
        Ok(())
    }

    /// `.equ NAME, EXPR`.
    fn equ(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let (name, place) = self.name_operand(c, "the constant's name")?;
        if !c.take(b',') {
            self.poison(name, place);
            return Err(self.expected(c, "`,` and a value"));
        }
        self.constant_definition(c, name, place)
    }

    /// Reads a name that a directive defines or refers to.
    pub(super) fn name_operand(
        &mut self,
        c: &mut Cursor<'_>,
        what: &str,
    ) -> Result<(Name, super::place::Place), Reported> {
        c.skip_blanks();
        let start = c.at;
        let word = c.word();
        if word.is_empty() {
            return Err(self.expected(c, what));
        }
        let place = self.place(c, start);
        if word[0] == b'.' {
            let text = String::from_utf8_lossy(word).into_owned();
            let span = self.span(c, start, c.at);
            let message =
                format!("expected {what}, found `{text}`; global names have no dot in front");
            return Err(self.error(Code::UnexpectedToken, span, message));
        }
        Ok((self.names.intern(word), place))
    }

    /// `.include "file"`.
    fn include(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        c.skip_blanks();
        let start = c.at;
        let name = self.text_operand(c, "the file's name in quotes")?;
        let span = self.span(c, start, c.at);
        match self.included_file(&name) {
            Ok(Some((source, file, base))) => {
                self.pending = Some(Pending::File {
                    source,
                    file,
                    base,
                    span,
                });
                Ok(())
            }
            Ok(None) => {
                let message = "the sources are larger than 4 GiB together";
                Err(self.error(Code::TooLarge, span, message))
            }
            Err(tried) => {
                let reported = self.file_not_found(span, &name, tried);
                self.reports.incomplete = true;
                Err(reported)
            }
        }
    }

    #[cold]
    pub(super) fn file_not_found(
        &mut self,
        span: crate::diagnostic::Span,
        name: &str,
        tried: Vec<String>,
    ) -> Reported {
        let message = format!("the file `{name}` cannot be read");
        let mut diagnostic = Diagnostic::new(Code::FileNotFound, span, message);
        diagnostic.notes = tried;
        self.report(diagnostic)
    }

    /// `.error "text"` and `.warning "text"`.
    fn message(&mut self, c: &mut Cursor<'_>, start: usize, code: Code) -> Result<(), Reported> {
        let text = self.text_operand(c, "a message in quotes")?;
        if self.conditions.iter().any(|condition| condition.doubtful) {
            return Ok(());
        }
        let span = self.span_from(c, start);
        self.error(code, span, text);
        Ok(())
    }

    /// `.assert EXPR, "text"`; an expression over names that come later is checked at the end.
    fn assert(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        let term = self.expression(c)?;
        let end = c.at;
        let text = if c.take(b',') {
            self.text_operand(c, "a message in quotes")?
        } else {
            let expression = &c.text[start..end];
            let expression = String::from_utf8_lossy(expression);
            let expression = expression.trim_start_matches(".assert").trim();
            format!("the assertion {expression} does not hold")
        };
        let span = self.span_from(c, start);
        self.program.assertions.push(super::program::Assertion {
            term,
            span,
            expansion: self.expansion,
            text,
        });
        Ok(())
    }
}
