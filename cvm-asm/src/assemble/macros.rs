//! `.macro`, `.repeat`, and calls of macros: their headers and arguments. `input` reads their bodies.

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::Assembler;
use super::cursor::{Cursor, ends_statement, token_length};
use super::input::{Parameter, Pending};
use super::instruction::column_of;
use super::names::Name;
use super::report::Reported;
use super::words::Word;

impl Assembler<'_> {
    /// `.macro NAME p, q=default, rest...`.
    pub(super) fn macro_directive(
        &mut self,
        c: &mut Cursor<'_>,
        start: usize,
    ) -> Result<(), Reported> {
        let opened = self.span_from(c, start);
        let header = self.macro_header(c);
        let (name, parameters) = match &header {
            Ok((name, parameters)) => (Some(*name), parameters.clone()),
            Err(_) => (None, Vec::new()),
        };
        let span = match name {
            Some((_, span)) => span,
            None => opened,
        };
        self.pending = Some(Pending::Define {
            name: name.map(|(name, _)| name),
            parameters,
            span,
            opened,
        });
        header.map(drop)
    }

    fn macro_header(
        &mut self,
        c: &mut Cursor<'_>,
    ) -> Result<((Name, Span), Vec<Parameter>), Reported> {
        let (name, place) = self.name_operand(c, "the macro's name")?;
        let span = self.place_span(place);
        if !matches!(self.words.get(name), Word::Other) {
            let text = self.names.text(name);
            let message = format!("`{text}` is a word of the language and cannot name a macro");
            return Err(self.error(Code::ReservedName, span, message));
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        while !c.at_end() {
            if !parameters.is_empty() && !c.take(b',') {
                return Err(self.expected(c, "`,` and another parameter"));
            }
            c.skip_blanks();
            let start = c.at;
            let word = c.word();
            let rest = word.ends_with(b"...");
            let word = word.strip_suffix(b"...").unwrap_or(word);
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            if word.is_empty() || !word.iter().all(plain) {
                c.at = start;
                return Err(self.expected(c, "a parameter: letters, digits and `_`"));
            }
            let last_is_rest = parameters.last().is_some_and(|last| last.rest);
            if last_is_rest || parameters.iter().any(|known| known.name == word) {
                let span = self.span(c, start, start + word.len());
                let text = String::from_utf8_lossy(word);
                if last_is_rest {
                    let message = "nothing can follow the parameter that takes the rest";
                    return Err(self.error(Code::UnexpectedToken, span, message));
                }
                let message = format!("the parameter `{text}` is named twice");
                return Err(self.error(Code::DuplicateName, span, message));
            }
            let default = if c.take(b'=') {
                Some(argument(c))
            } else {
                None
            };
            parameters.push(Parameter {
                name: word.to_vec(),
                default,
                rest,
            });
        }
        Ok(((name, span), parameters))
    }

    /// A call of a macro whose name was read.
    pub(super) fn macro_call(
        &mut self,
        c: &mut Cursor<'_>,
        name: Name,
        start: usize,
    ) -> Result<(), Reported> {
        let Some(definition) = self.macros.get(&name) else {
            return Ok(());
        };
        let parameters = std::rc::Rc::clone(&definition.parameters);
        let mut given: Vec<Vec<u8>> = Vec::new();
        let mut extra = None;
        while !c.at_end() {
            let takes_rest = parameters.get(given.len()).is_some_and(|p| p.rest);
            c.skip_blanks();
            let at = c.at;
            let text = if takes_rest { rest(c) } else { argument(c) };
            if given.len() == parameters.len() && extra.is_none() {
                extra = Some(self.span_from(c, at));
            }
            given.push(text);
            if c.at_end() || !c.take(b',') {
                break;
            }
            if c.at_end() {
                given.push(Vec::new());
            }
        }
        let span = self.span_from(c, start);
        if let Some(extra) = extra {
            return Err(self.argument_count(name, extra, given.len(), &parameters));
        }
        let count = given.len();
        for parameter in parameters.iter().skip(given.len()) {
            match (&parameter.default, parameter.rest) {
                (Some(default), _) => given.push(default.clone()),
                (None, true) => given.push(Vec::new()),
                (None, false) => return Err(self.argument_count(name, span, count, &parameters)),
            }
        }
        for (value, parameter) in given.iter_mut().zip(parameters.iter()) {
            if let (true, Some(default)) = (value.is_empty(), &parameter.default) {
                value.clone_from(default);
            }
        }
        self.pending = Some(Pending::Call {
            name,
            arguments: given,
            span,
            column: column_of(c, start),
        });
        Ok(())
    }

    #[cold]
    fn argument_count(
        &mut self,
        name: Name,
        span: Span,
        given: usize,
        parameters: &[Parameter],
    ) -> Reported {
        let text = self.names.text(name);
        let needed = |p: &Parameter| p.default.is_none() && !p.rest;
        let least = parameters
            .iter()
            .rposition(needed)
            .map_or(0, |last| last + 1);
        let most = parameters.len();
        let takes = if least == most {
            format!("{most}")
        } else {
            format!("{least} to {most}")
        };
        let plural = if takes == "1" { "" } else { "s" };
        let message = format!("`{text}` takes {takes} argument{plural}, {given} given");
        let mut diagnostic = Diagnostic::new(Code::ArityMismatch, span, message);
        if let Some(definition) = self.macros.get(&name) {
            diagnostic = diagnostic.also(definition.span, "defined here");
        }
        self.report(diagnostic)
    }

    /// `.repeat N` or `.repeat N, counter`.
    pub(super) fn repeat(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        let opened = self.span_from(c, start);
        let at = c.at;
        let count = self.constant(c).and_then(|count| {
            if count as i64 >= 0 {
                return Ok(count);
            }
            let span = self.span_from(c, at);
            let message = format!("a number of repetitions cannot be {}", count as i64);
            Err(self.error(Code::OutOfRange, span, message))
        });
        let counter = match &count {
            Ok(_) if c.take(b',') => match c.next_word() {
                [] => Err(self.expected(c, "the counter's name")),
                word => Ok(Some(word.to_vec())),
            },
            _ => Ok(None),
        };
        let failed = count.is_err() || counter.is_err();
        self.pending = Some(Pending::Repeat {
            // After an error the lines are read once, for what they define.
            count: count.unwrap_or(1),
            counter: counter.unwrap_or(None),
            opened,
        });
        if failed { Err(Reported) } else { Ok(()) }
    }
}

/// Takes the text of one argument: up to a comma that stands in no brackets and no string.
fn argument(c: &mut Cursor<'_>) -> Vec<u8> {
    text_up_to(c, true)
}

/// Takes the text up to the end of the statement.
fn rest(c: &mut Cursor<'_>) -> Vec<u8> {
    text_up_to(c, false)
}

fn text_up_to(c: &mut Cursor<'_>, comma: bool) -> Vec<u8> {
    c.skip_blanks();
    let start = c.at;
    let mut depth = 0u32;
    while c.at < c.text.len() {
        let byte = c.peek();
        if ends_statement(byte) || comma && depth == 0 && byte == b',' {
            break;
        }
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => {
                c.at += token_length(&c.text[c.at..]);
                continue;
            }
            _ => {}
        }
        c.at += 1;
    }
    c.text[start..c.at].trim_ascii().to_vec()
}
