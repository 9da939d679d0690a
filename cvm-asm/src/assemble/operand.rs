//! Operands that are not plain expressions: pointers with a prefix, floats, names that are called.

use cvm_spec::image::Type;
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::Assembler;
use super::cursor::{Cursor, is_digit};
use super::expression::{Op, Stored, Term, Value};
use super::names::{Definition, Name};
use super::number::{self, Number};
use super::place::Place;
use super::report::Reported;

/// A pointer as it was written: `d:table + 8`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointerOperand {
    pub(super) tag: Tag,
    pub(super) term: Term,
    /// Where it begins in the text that is read.
    pub(super) start: usize,
}

impl Assembler<'_> {
    /// Whether a pointer with a prefix begins here.
    #[inline]
    pub(super) fn at_pointer(&self, c: &Cursor<'_>) -> bool {
        c.peek_at(1) == b':' && c.peek().is_ascii_alphabetic()
    }

    /// Reads a pointer with its prefix.
    #[inline]
    pub(super) fn pointer(&mut self, c: &mut Cursor<'_>) -> Result<PointerOperand, Reported> {
        c.skip_blanks();
        let start = c.at;
        if !self.at_pointer(c) {
            return Err(self.missing_prefix(c));
        }
        let Some(tag) = Tag::from_prefix(char::from(c.peek())) else {
            return Err(self.unknown_prefix(c));
        };
        c.at += 2;
        self.frame_operand = tag == Tag::Local;
        let term = self.expression(c);
        self.frame_operand = false;
        Ok(PointerOperand {
            tag,
            term: term?,
            start,
        })
    }

    #[cold]
    fn unknown_prefix(&mut self, c: &Cursor<'_>) -> Reported {
        let span = self.span(c, c.at, c.at + 2);
        let message = format!("`{}:` is no segment", char::from(c.peek()));
        let diagnostic = Diagnostic::new(Code::WrongOperand, span, message);
        self.report(
            diagnostic.help(
                "the segments are d: data, b: bss, l: local, h: heap, t: text and a: absolute",
            ),
        )
    }

    #[cold]
    fn missing_prefix(&mut self, c: &Cursor<'_>) -> Reported {
        let mut ahead = *c;
        let word = ahead.word();
        let name = self.names.find(word).filter(|_| !word.is_empty());
        let prefix = name.and_then(|name| {
            if self.local_named(name).is_some() {
                return Some('l');
            }
            match self.names.entry(name).definition {
                Definition::Label(index) => self.objects[index as usize].segment.prefix(),
                Definition::Function(_) => Some('t'),
                _ => None,
            }
        });
        let Some(prefix) = prefix else {
            return self.expected(c, "a pointer with its prefix, such as `d:name` or `l:name`");
        };
        let text = String::from_utf8_lossy(word).into_owned();
        let span = self.span(c, c.at, ahead.at);
        let message = format!("`{text}` needs the prefix of its segment");
        let diagnostic = Diagnostic::new(Code::WrongOperand, span, message)
            .help(format!("write `{prefix}:{text}`"))
            .fix(span, format!("{prefix}:{text}"));
        self.report(diagnostic)
    }

    /// Checks that a value lies in the segment that its prefix names.
    #[inline]
    pub(super) fn check_segment(
        &mut self,
        tag: Tag,
        value: Value,
        place: Place,
    ) -> Result<(), Reported> {
        match value.base.segment() {
            Some(segment) if segment != tag => Err(self.wrong_segment(tag, segment, value, place)),
            _ => Ok(()),
        }
    }

    #[cold]
    fn wrong_segment(&mut self, tag: Tag, segment: Tag, value: Value, place: Place) -> Reported {
        let span = self.place_span(place);
        let prefix = tag.prefix().unwrap_or('?');
        let right = segment.prefix().unwrap_or('?');
        let (text, first) = match value.base {
            super::expression::Base::Name(_, name) => (
                format!("`{}`", self.names.text(name)),
                Some(self.names.entry(name).place),
            ),
            super::expression::Base::Frame(index) => {
                let local = &self.locals[index as usize];
                let name = local
                    .name
                    .map_or("this local", |name| self.names.text(name));
                (format!("`{name}`"), Some(local.place))
            }
            _ => ("the label".to_owned(), None),
        };
        let message = format!(
            "`{prefix}:` is the {} segment, but {text} lies in the {} segment",
            tag.name(),
            segment.name()
        );
        let mut diagnostic = Diagnostic::new(Code::WrongSegment, span, message);
        if let Some(first) = first {
            diagnostic = diagnostic
                .also(self.place_span(first), "defined here")
                .help(format!("write `{right}:{}`", text.trim_matches('`')));
        }
        self.report_in(place.expansion, diagnostic)
    }

    /// Reads a float, if one comes next: with an optional sign, a literal with a point or exponent, `inf`, `nan`.
    /// With `single`, it is a binary32 with or without its suffix.
    #[inline]
    pub(super) fn float_literal(
        &mut self,
        c: &mut Cursor<'_>,
        single: bool,
    ) -> Result<Option<Number>, Reported> {
        c.skip_blanks();
        let mut ahead = *c;
        let negative = ahead.peek() == b'-';
        if negative || ahead.peek() == b'+' {
            ahead.at += 1;
            ahead.skip_blanks();
        }
        match ahead.peek() {
            byte if is_digit(byte) => {
                let rest = &ahead.text[ahead.at..];
                let length = number::length(rest);
                if !number::is_float(&rest[..length]) {
                    return Ok(None);
                }
                let number = if single {
                    self.number_with(&mut ahead, number::parse_single)?
                } else {
                    self.number(&mut ahead)?
                };
                c.at = ahead.at;
                Ok(Some(if negative { number.negated() } else { number }))
            }
            b'i' | b'n' => {
                let word = ahead.word();
                let Some(special) = number::special(word) else {
                    return Ok(None);
                };
                let special = match special {
                    Number::Float(bits) if single => {
                        let short = if bits == cvm_spec::arith::F_NAN {
                            cvm_spec::arith::S_NAN
                        } else {
                            f32::INFINITY.to_bits()
                        };
                        Number::Single(short)
                    }
                    other => other,
                };
                let special = if word[0] == b'n' && ahead.peek() == b':' {
                    self.nan_payload(&mut ahead, special)?
                } else {
                    special
                };
                c.at = ahead.at;
                Ok(Some(if negative { special.negated() } else { special }))
            }
            _ => Ok(None),
        }
    }

    /// `nan:0x123`: a NaN with these bits below its exponent.
    fn nan_payload(&mut self, c: &mut Cursor<'_>, nan: Number) -> Result<Number, Reported> {
        c.at += 1;
        let start = c.at;
        let payload = if is_digit(c.peek()) {
            self.number(c)?
        } else {
            return Err(self.expected(c, "the NaN's payload, a number"));
        };
        let limit = match nan {
            Number::Single(_) => 1 << 23,
            _ => 1u64 << 52,
        };
        match (payload, nan) {
            (Number::Integer(bits), Number::Single(_)) if bits > 0 && bits < limit => {
                Ok(Number::Single(0x7f80_0000 | bits as u32))
            }
            (Number::Integer(bits), _) if bits > 0 && bits < limit => {
                Ok(Number::Float(0x7ff0_0000_0000_0000 | bits))
            }
            _ => {
                let span = self.span_from(c, start);
                let message = format!("a NaN's payload is within 1 to {:#x}", limit - 1);
                Err(self.error(Code::OutOfRange, span, message))
            }
        }
    }

    /// Keeps a plain value as an expression.
    pub(super) fn store_value(&mut self, value: Value) -> Stored {
        let start = self.ops.len() as u32;
        self.ops.push(Op::Value(value));
        Stored { start, length: 1 }
    }

    /// What a call of a defined name is: its opcode and index.
    pub(super) fn call_target(
        &mut self,
        opcode: Opcode,
        name: Name,
        place: Place,
    ) -> Result<(Opcode, u32), Reported> {
        match (self.names.entry(name).definition, opcode) {
            (Definition::Function(index), Opcode::Call | Opcode::RetCall) => Ok((opcode, index)),
            (Definition::Import(index), Opcode::Call | Opcode::CallX) => Ok((Opcode::CallX, index)),
            (Definition::Type(index), Opcode::CallI | Opcode::RetCallI) => {
                match self.types.list.get(index as usize) {
                    Some(Type::Function(_)) => Ok((opcode, index)),
                    _ => Err(self.wrong_call(opcode, name, place)),
                }
            }
            (Definition::Type(index), Opcode::CallXi) => {
                match self.types.list.get(index as usize) {
                    Some(Type::Foreign { .. }) => Ok((opcode, index)),
                    _ => Err(self.wrong_call(opcode, name, place)),
                }
            }
            (Definition::Poisoned, _) => Err(Reported),
            (Definition::Undefined, _) => Err(self.undefined(name, place)),
            _ => Err(self.wrong_call(opcode, name, place)),
        }
    }

    /// Cells that a call pops, a target on the stack included, and cells that it pushes.
    pub(super) fn call_effect(&self, opcode: Opcode, index: u32) -> (u32, u32) {
        let type_index = match opcode {
            Opcode::Call | Opcode::RetCall => {
                let function = self.functions.get(index as usize);
                function.map_or(0, |function| function.type_index)
            }
            Opcode::CallX => {
                let import = self.program.imports.get(index as usize);
                import.map_or(0, |import| import.type_index)
            }
            _ => index,
        };
        let ty = self.types.list.get(type_index as usize);
        let (args, results) = ty.map_or((0, 0), Type::arity);
        let target = matches!(opcode, Opcode::CallI | Opcode::RetCallI | Opcode::CallXi);
        (u32::from(args) + u32::from(target), u32::from(results))
    }

    /// Checks that a tail call's function has as many results as the one that it stands in.
    pub(super) fn check_tail_call(
        &mut self,
        opcode: Opcode,
        results: u16,
        own: u32,
        place: Place,
    ) -> Result<(), Reported> {
        let tail = matches!(opcode, Opcode::RetCall | Opcode::RetCallI);
        if !tail || u32::from(results) == own {
            return Ok(());
        }
        let span = self.place_span(place);
        let message = format!(
            "the called function has {results} results, the one that it stands in for {own}"
        );
        let diagnostic = Diagnostic::new(Code::ArityMismatch, span, message)
            .help("a tail call needs equal numbers of results; write a call and `ret` instead");
        Err(self.report_in(place.expansion, diagnostic))
    }

    #[cold]
    fn wrong_call(&mut self, opcode: Opcode, name: Name, place: Place) -> Reported {
        let definition = self.names.entry(name).definition;
        let foreign = match definition {
            Definition::Type(index) => {
                matches!(
                    self.types.list.get(index as usize),
                    Some(Type::Foreign { .. })
                )
            }
            _ => false,
        };
        let wanted = match opcode {
            Opcode::Call => "a function or an import",
            Opcode::RetCall => "a function",
            Opcode::CallX => "an import",
            Opcode::CallXi => "a foreign type",
            _ => "a function type",
        };
        let text = self.names.text(name).to_owned();
        let what = if foreign {
            "a foreign type"
        } else {
            self.kind_of(name)
        };
        let mnemonic = opcode.mnemonic();
        let span = self.place_span(place);
        let first = self.place_span(self.names.entry(name).place);
        let message = format!("`{text}` is {what}; `{mnemonic}` needs {wanted}");
        let diagnostic =
            Diagnostic::new(Code::WrongKind, span, message).also(first, "defined here");
        let diagnostic = match (definition, opcode) {
            (Definition::Import(_), Opcode::RetCall) => diagnostic.help(format!(
                "an import is not tail-called: write `call {text}` and `ret`"
            )),
            (Definition::Function(_), Opcode::CallX) => {
                diagnostic.help(format!("write `call {text}`"))
            }
            (Definition::Type(_), Opcode::Call) if !foreign => diagnostic.help(format!(
                "to call the text pointer on the stack: `call_i {text}`"
            )),
            _ => diagnostic,
        };
        self.report_in(place.expansion, diagnostic)
    }
}
