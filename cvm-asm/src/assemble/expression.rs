//! Expressions: 64-bit integers, labels and their differences.
//!
//! Most operands are one number or one name and are read at once. Everything else is compiled to a postfix list
//! and evaluated; only what needs a name that is not defined yet is kept, to be evaluated again later.

use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};

use super::cursor::{Cursor, begins_word, continues_word, ends_statement, is_digit};
use super::evaluate::{Evaluated, Problem};
use super::names::Name;
use super::number::{self, Number, NumberError};
use super::place::Place;
use super::report::Reported;
use super::strings;
use super::{Assembler, Section};

/// Deepest nesting of parentheses, signs and conditions.
const DEPTH_MAX: u32 = 200;

/// What a value is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing: a plain number.
    None,
    /// The start of a segment, through a global name.
    Name(Tag, Name),
    /// The start of a segment, through `.` or a local label.
    Segment(Tag),
    /// The frame, through the argument or local object with this index.
    Frame(u32),
}

impl Base {
    /// The segment, if there is one.
    pub(super) fn segment(self) -> Option<Tag> {
        match self {
            Self::None => None,
            Self::Name(tag, _) | Self::Segment(tag) => Some(tag),
            Self::Frame(_) => Some(Tag::Local),
        }
    }
}

/// The value of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The number; for a label its offset in its segment, in bytes.
    pub(super) number: u64,
    /// What it is counted from.
    pub(super) base: Base,
}

impl Value {
    /// A plain number.
    pub(super) const fn plain(number: u64) -> Self {
        Self {
            number,
            base: Base::None,
        }
    }
}

/// A part of a compiled expression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// A known value.
    Value(Value),
    /// A global name.
    Name(Name, u32),
    /// A local label, by its index.
    Label(u32, u32),
    /// A name in an `l:` operand that is not an argument or local yet.
    Frame(Name, u32),
    /// `sizeof(name)` of something whose size is not known yet.
    SizeOf(Name, u32),
    /// Changes the top.
    Unary(Unary),
    /// Combines the two tops.
    Binary(Binary, u32),
    /// `condition ? a : b`.
    Choose,
}

/// A unary operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unary {
    Negate,
    Complement,
    Not,
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    ShiftLeft,
    ShiftRight,
    ShiftRightUnsigned,
    And,
    Or,
    Xor,
    Equal,
    Differs,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Both,
    Either,
}

/// A compiled expression that is kept: a range of the assembler's list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) start: u32,
    pub(super) length: u32,
}

/// An expression that was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term {
    /// Its value.
    Known(Value),
    /// It needs something that is not known yet.
    Later(Stored),
}

impl Assembler<'_> {
    /// Reads an expression.
    #[inline]
    pub(super) fn expression(&mut self, c: &mut Cursor<'_>) -> Result<Term, Reported> {
        c.skip_blanks();
        let start = c.at;
        let byte = c.peek();
        if is_digit(byte) {
            let mut value = 0u64;
            while is_digit(c.peek()) && c.at - start < 19 {
                value = value * 10 + u64::from(c.peek() - b'0');
                c.at += 1;
            }
            if !continues_word(c.peek()) && ends_term(c) {
                return Ok(Term::Known(Value::plain(value)));
            }
        } else if begins_word(byte) {
            let word = c.word();
            if ends_term(c) {
                let name = self.names.intern(word);
                if !self.words.owns(name) || word[0] == b'.' && word.len() > 1 {
                    return self.single_name(name, word[0] == b'.', c.position(start));
                }
            }
        }
        c.at = start;
        self.compound(c)
    }

    /// An expression that is one name.
    fn single_name(&mut self, name: Name, local: bool, position: u32) -> Result<Term, Reported> {
        let op = if self.frame_operand {
            match self.frame_name(name) {
                Some(value) => return Ok(Term::Known(value)),
                None => Op::Frame(name, position),
            }
        } else if local {
            self.local_label_op(name, position)
        } else {
            self.retry(name);
            Op::Name(name, position)
        };
        match self.evaluate(&[op], false) {
            Evaluated::Known(value) => Ok(Term::Known(value)),
            Evaluated::Problem(Problem::Unknown { .. }) => Ok(Term::Later(self.store(&[op]))),
            Evaluated::Problem(problem) => Err(self.problem(problem, self.expansion)),
        }
    }

    /// Keeps a compiled expression.
    fn store(&mut self, ops: &[Op]) -> Stored {
        let start = self.ops.len() as u32;
        self.ops.extend_from_slice(ops);
        Stored {
            start,
            length: ops.len() as u32,
        }
    }

    fn local_label_op(&mut self, name: Name, position: u32) -> Op {
        let place = Place {
            position,
            expansion: self.expansion,
        };
        let index = self.local_label(name, place);
        self.labels[index as usize].used = true;
        Op::Label(index, position)
    }

    #[inline(never)]
    fn compound(&mut self, c: &mut Cursor<'_>) -> Result<Term, Reported> {
        let mut ops = std::mem::take(&mut self.scratch_ops);
        ops.clear();
        let result =
            self.parse(c, &mut ops, 0, 0)
                .and_then(|()| match self.evaluate(&ops, false) {
                    Evaluated::Known(value) => Ok(Term::Known(value)),
                    Evaluated::Problem(Problem::Unknown { .. }) => {
                        Ok(Term::Later(self.store(&ops)))
                    }
                    Evaluated::Problem(problem) => Err(self.problem(problem, self.expansion)),
                });
        self.scratch_ops = ops;
        result
    }

    /// Reads operators of at least this level and what they combine.
    fn parse(
        &mut self,
        c: &mut Cursor<'_>,
        ops: &mut Vec<Op>,
        level: u8,
        depth: u32,
    ) -> Result<(), Reported> {
        self.operand(c, ops, depth)?;
        loop {
            c.skip_blanks();
            if level == 0 && c.peek() == b'?' {
                self.check_depth(c, depth)?;
                c.at += 1;
                self.parse(c, ops, 0, depth + 1)?;
                if !c.take(b':') {
                    return Err(self.expected(c, "`:` and the other value of the condition"));
                }
                self.parse(c, ops, 0, depth + 1)?;
                ops.push(Op::Choose);
                return Ok(());
            }
            let Some((operator, length, binds)) = binary(c) else {
                return Ok(());
            };
            if binds <= level {
                return Ok(());
            }
            let position = c.position(c.at);
            c.at += length;
            self.parse(c, ops, binds, depth)?;
            ops.push(Op::Binary(operator, position));
        }
    }

    fn check_depth(&mut self, c: &Cursor<'_>, depth: u32) -> Result<(), Reported> {
        if depth < DEPTH_MAX {
            return Ok(());
        }
        let span = self.next_span(c);
        let message = format!("the expression is nested more than {DEPTH_MAX} deep");
        Err(self.error(Code::TooLarge, span, message))
    }

    /// Reads a number, a name, a sign with its operand, or an expression in parentheses.
    fn operand(
        &mut self,
        c: &mut Cursor<'_>,
        ops: &mut Vec<Op>,
        depth: u32,
    ) -> Result<(), Reported> {
        self.check_depth(c, depth)?;
        c.skip_blanks();
        let unary = match c.peek() {
            b'-' => Some(Unary::Negate),
            b'~' => Some(Unary::Complement),
            b'!' => Some(Unary::Not),
            b'+' => {
                c.at += 1;
                return self.operand(c, ops, depth + 1);
            }
            _ => None,
        };
        if let Some(unary) = unary {
            c.at += 1;
            self.operand(c, ops, depth + 1)?;
            ops.push(Op::Unary(unary));
            return Ok(());
        }
        let start = c.at;
        match c.peek() {
            b'(' => {
                c.at += 1;
                self.parse(c, ops, 0, depth + 1)?;
                if !c.take(b')') {
                    return Err(self.expected(c, "`)` or an operator"));
                }
            }
            b'\'' => ops.push(Op::Value(Value::plain(self.character(c)?))),
            byte if is_digit(byte) => match self.number(c)? {
                Number::Integer(value) => ops.push(Op::Value(Value::plain(value))),
                Number::Float(_) | Number::Single(_) => {
                    return Err(self.float_in_expression(c, start));
                }
            },
            byte if begins_word(byte) => {
                let word = c.word();
                let name = self.names.intern(word);
                let op = self.name_op(c, name, start)?;
                ops.push(op);
            }
            _ => return Err(self.expected(c, "a value")),
        }
        Ok(())
    }

    fn name_op(&mut self, c: &mut Cursor<'_>, name: Name, start: usize) -> Result<Op, Reported> {
        let position = c.position(start);
        if name == self.words.dot {
            return self.here(c, start);
        }
        if name == self.words.sizeof {
            let (name, place) = self.parenthesized_name(c, "sizeof")?;
            return Ok(match self.local_named(name) {
                Some(index) => {
                    self.locals[index as usize].used = true;
                    Op::Value(Value::plain(u64::from(self.locals[index as usize].size)))
                }
                None => Op::SizeOf(name, place.position),
            });
        }
        if name == self.words.defined {
            let (name, _) = self.parenthesized_name(c, "defined")?;
            let defined = self.is_defined(name)
                || self.local_named(name).is_some()
                || self.macros.contains_key(&name);
            return Ok(Op::Value(Value::plain(u64::from(defined))));
        }
        let first = self.names.bytes(name)[0];
        if self.words.owns(name)
            && first != b'.'
            && number::special(self.names.bytes(name)).is_some()
        {
            return Err(self.float_in_expression(c, start));
        }
        if self.frame_operand {
            return Ok(match self.frame_name(name) {
                Some(value) => Op::Value(value),
                None => Op::Frame(name, position),
            });
        }
        if first == b'.' {
            return Ok(self.local_label_op(name, position));
        }
        self.retry(name);
        Ok(Op::Name(name, position))
    }

    fn parenthesized_name(
        &mut self,
        c: &mut Cursor<'_>,
        function: &str,
    ) -> Result<(Name, Place), Reported> {
        if !c.take(b'(') {
            return Err(self.expected(c, &format!("`(` and a name behind `{function}`")));
        }
        c.skip_blanks();
        let start = c.at;
        let word = c.word();
        if word.is_empty() {
            return Err(self.expected(c, "a name"));
        }
        let place = self.place(c, start);
        let name = self.names.intern(word);
        if !c.take(b')') {
            return Err(self.expected(c, "`)`"));
        }
        Ok((name, place))
    }

    /// The value of `.`: the offset of the statement in its section.
    fn here(&mut self, c: &Cursor<'_>, start: usize) -> Result<Op, Reported> {
        let (tag, number) = match self.section {
            Section::Text => (Tag::Text, self.text.len() as u64),
            Section::Data => (Tag::Data, self.data.len() as u64),
            Section::Bss => (Tag::Bss, self.bss.size()),
            Section::Structure => {
                return Ok(Op::Value(Value::plain(self.structure_offset())));
            }
        };
        if self.section == Section::Text && !self.function.open {
            let span = self.span(c, start, start + 1);
            let message = "`.` has no value in the text outside of functions";
            return Err(self.error(Code::MisplacedStatement, span, message));
        }
        let base = Base::Segment(tag);
        Ok(Op::Value(Value { number, base }))
    }

    /// Reads the number literal that begins here.
    pub(super) fn number(&mut self, c: &mut Cursor<'_>) -> Result<Number, Reported> {
        self.number_with(c, number::parse)
    }

    /// Reads the number literal that begins here with a parser.
    pub(super) fn number_with(
        &mut self,
        c: &mut Cursor<'_>,
        parse: fn(&[u8]) -> Result<Number, NumberError>,
    ) -> Result<Number, Reported> {
        let start = c.at;
        let length = number::length(&c.text[start..]);
        c.at += length;
        parse(&c.text[start..c.at]).map_err(|error| {
            let span = self.span(c, start, start + length);
            let diagnostic = Diagnostic::new(Code::InvalidNumber, span, error.message);
            self.report(match error.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            })
        })
    }

    /// Reads the character literal that begins here; its value is its Unicode number.
    fn character(&mut self, c: &mut Cursor<'_>) -> Result<u64, Reported> {
        let start = c.at;
        let mut bytes = Vec::new();
        c.at = match strings::unescape(c.text, start, &mut bytes) {
            Ok(end) => end,
            Err(error) => return Err(self.string_error(c, error)),
        };
        if let [byte] = bytes.as_slice() {
            return Ok(u64::from(*byte));
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => Ok(u64::from(u32::from(character))),
            _ => {
                let span = self.span(c, start, c.at);
                let diagnostic = Diagnostic::new(
                    Code::InvalidNumber,
                    span,
                    "single quotes hold exactly one character",
                );
                Err(self.report(diagnostic.help("strings stand in double quotes")))
            }
        }
    }

    /// Reports a bad string or character.
    #[cold]
    pub(super) fn string_error(&mut self, c: &Cursor<'_>, error: strings::StringError) -> Reported {
        let span = self.span(c, error.start, error.end);
        let code = if error.unterminated {
            Code::UnterminatedString
        } else {
            Code::InvalidEscape
        };
        let diagnostic = Diagnostic::new(code, span, error.message);
        self.report(if error.unterminated {
            diagnostic
        } else {
            diagnostic.help(r#"the escapes are \n \r \t \0 \a \b \f \v \e \\ \" \' \xHH \u{H…}"#)
        })
    }

    #[cold]
    fn float_in_expression(&mut self, c: &Cursor<'_>, start: usize) -> Reported {
        let span = self.span_from(c, start);
        let message = "a float cannot stand here; expressions are over integers";
        let diagnostic = Diagnostic::new(Code::TypeMismatch, span, message);
        self.report(diagnostic.help("floats stand alone behind push, .float and .single"))
    }

    /// Reads an expression whose value must be known here, and gives it.
    pub(super) fn constant(&mut self, c: &mut Cursor<'_>) -> Result<u64, Reported> {
        c.skip_blanks();
        let start = c.at;
        match self.expression(c)? {
            Term::Known(value) => Ok(value.number),
            Term::Later(stored) => Err(self.not_constant(c, start, stored)),
        }
    }

    #[cold]
    fn not_constant(&mut self, c: &Cursor<'_>, start: usize, stored: Stored) -> Reported {
        let ops = &self.ops[stored.start as usize..(stored.start + stored.length) as usize];
        let unknown = match self.evaluate(ops, false) {
            Evaluated::Problem(Problem::Unknown { name, position }) => Some((name, position)),
            _ => None,
        };
        let whole = self.span_from(c, start);
        let message = "the value must be known here";
        let Some((name, position)) = unknown else {
            return self.error(Code::NotConstant, whole, message);
        };
        let text = self.names.text(name).to_owned();
        let span = self.files.token(position);
        if self.is_defined(name) {
            let diagnostic = Diagnostic::new(Code::NotConstant, span, message)
                .at(format!("the value or size of `{text}` is not known yet"));
            let label = matches!(
                self.names.entry(name).definition,
                super::names::Definition::Label(_)
            );
            return self.report(if label {
                diagnostic.help("the difference of two labels above is known")
            } else {
                diagnostic
            });
        }
        let wanted = |definition: &_| !matches!(definition, super::names::Definition::Undefined);
        let closest = self.closest_name(name, wanted);
        let diagnostic = Diagnostic::new(Code::NotConstant, span, message)
            .at(format!("`{text}` is not known above"));
        self.report(match closest {
            Some(closest) => diagnostic.help(format!("did you mean `{closest}`?")),
            None => diagnostic,
        })
    }
}

/// Whether an expression cannot go on here: `,`, a closing bracket or the end of the statement.
#[inline]
fn ends_term(c: &mut Cursor<'_>) -> bool {
    c.skip_blanks();
    let byte = c.peek();
    ends_statement(byte) || matches!(byte, b',' | b')' | b']' | b'}')
}

/// The binary operator that comes next: what it is, its length, and how tightly it binds.
pub(super) fn binary(c: &Cursor<'_>) -> Option<(Binary, usize, u8)> {
    Some(match (c.peek(), c.peek_at(1)) {
        (b'|', b'|') => (Binary::Either, 2, 1),
        (b'&', b'&') => (Binary::Both, 2, 2),
        (b'|', _) => (Binary::Or, 1, 3),
        (b'^', _) => (Binary::Xor, 1, 4),
        (b'&', _) => (Binary::And, 1, 5),
        (b'=', b'=') => (Binary::Equal, 2, 6),
        (b'!', b'=') => (Binary::Differs, 2, 6),
        (b'<', b'<') => (Binary::ShiftLeft, 2, 8),
        (b'>', b'>') if c.peek_at(2) == b'>' => (Binary::ShiftRightUnsigned, 3, 8),
        (b'>', b'>') => (Binary::ShiftRight, 2, 8),
        (b'<', b'=') => (Binary::LessOrEqual, 2, 7),
        (b'>', b'=') => (Binary::GreaterOrEqual, 2, 7),
        (b'<', _) => (Binary::Less, 1, 7),
        (b'>', _) => (Binary::Greater, 1, 7),
        (b'+', _) => (Binary::Add, 1, 9),
        (b'-', _) => (Binary::Subtract, 1, 9),
        (b'*', _) => (Binary::Multiply, 1, 10),
        (b'/', _) => (Binary::Divide, 1, 10),
        (b'%', _) => (Binary::Remainder, 1, 10),
        _ => return None,
    })
}
