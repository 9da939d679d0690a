//! Parsing of signatures: recursive descent, the depth bounded by [`NESTING_MAX`].

use thiserror::Error;

use super::{
    ForeignType, Length, NESTING_MAX, OWNER_MAX, SIGNATURE_MAX, STRUCT_CELLS_MAX, Scalar, Signature,
};
use crate::limits::ARITY_MAX;

/// Why a text is not a signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at byte {offset} of the signature: expected {expected}, found {found}")]
pub struct SignatureError {
    /// Byte offset in the text.
    pub offset: usize,
    /// Length in bytes of what was found; 0 at the end of the text.
    pub length: usize,
    /// What would be right there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

pub(super) fn parse_all(text: &str) -> Result<Signature, SignatureError> {
    let mut parser = Parser::new(text)?;
    let signature = parser.signature()?;
    match parser.peek() {
        None => Ok(signature),
        Some(_) => Err(parser.unexpected("the end of the signature")),
    }
}

pub(super) fn parse_prefix(text: &str) -> Result<(Signature, usize), SignatureError> {
    // A line of assembly may be long; only the signature in it is limited.
    let mut end = text.len().min(SIGNATURE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut parser = Parser::new(&text[..end])?;
    let signature = parser.signature()?;
    Ok((signature, parser.end))
}

/// Where a type stands; decides which types may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Argument,
    VariadicArgument,
    Result,
    Member,
    CallbackArgument,
    CallbackResult,
}

impl Place {
    const fn expected(self) -> &'static str {
        match self {
            Place::Argument => {
                "a type (i8 to i64, u8 to u64, f32, f64, bool, ptr, cstr, {…}, fn(…)), or `...`"
            }
            Place::VariadicArgument => "a number, ptr, cstr or fn(…) behind `...`",
            Place::Result | Place::CallbackResult => "a result type, or void",
            Place::Member => "a member type (a number, ptr, cstr, {…}, [count x type], fn(…))",
            Place::CallbackArgument => "a type that C passes to the callback",
        }
    }
}

/// A length that names arguments, checked when all arguments are known.
struct PendingLength {
    token: Token,
    index: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    start: usize,
    end: usize,
}

struct Parser<'a> {
    text: &'a str,
    /// Where the next token is looked for.
    at: usize,
    /// Behind the last token taken.
    end: usize,
    depth: u32,
    pending: Vec<PendingLength>,
}

type Parsed<T> = Result<T, SignatureError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parsed<Self> {
        if text.len() > SIGNATURE_MAX {
            return Err(SignatureError {
                offset: SIGNATURE_MAX,
                length: 0,
                expected: format!("a signature of at most {SIGNATURE_MAX} bytes"),
                found: format!("{} bytes", text.len()),
            });
        }
        Ok(Parser {
            text,
            at: 0,
            end: 0,
            depth: 0,
            pending: Vec::new(),
        })
    }

    fn signature(&mut self) -> Parsed<Signature> {
        self.expect("(", "`(` and the argument types")?;
        let (mut args, mut fixed) = (Vec::new(), None);
        let mut cells = 0;
        if !self.take(")") {
            loop {
                let before = self.token();
                if self.is("...") && fixed.is_none() {
                    if args.is_empty() {
                        return Err(self.unexpected("a type: `...` follows at least one argument"));
                    }
                    self.take("...");
                    fixed = Some(args.len() as u16);
                } else {
                    let place = match fixed {
                        None => Place::Argument,
                        Some(_) => Place::VariadicArgument,
                    };
                    let arg = self.type_at(place)?;
                    cells += arg.cells();
                    if cells > u32::from(ARITY_MAX) {
                        return Err(self.over(before, ARITY_MAX.into(), "argument cells"));
                    }
                    args.push(arg);
                }
                if !self.another(")")? {
                    break;
                }
            }
        }
        let (mut result, mut owner) = (ForeignType::Void, None);
        if self.take("->") {
            result = self.type_at(Place::Result)?;
            if self.is("owned") {
                owner = Some(self.owner(&result)?);
            }
        }
        self.check_lengths(&args)?;
        let signature = Signature {
            args,
            fixed,
            result,
            owner,
        };
        // Images hold the canonical form, which spells spaces and `-> void`.
        let canonical = signature.to_string().len();
        if canonical > SIGNATURE_MAX {
            return Err(SignatureError {
                offset: 0,
                length: self.end,
                expected: format!("a signature of at most {SIGNATURE_MAX} bytes"),
                found: format!("{canonical} bytes in canonical form"),
            });
        }
        Ok(signature)
    }

    fn owner(&mut self, result: &ForeignType) -> Parsed<String> {
        if !matches!(result, ForeignType::Pointer { .. } | ForeignType::CString) {
            return Err(self.unexpected("the end of the signature: only a pointer is `owned`"));
        }
        self.take("owned");
        let name = self.word();
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || name.len() > OWNER_MAX {
            return Err(self.unexpected("the name of the C function that frees the result"));
        }
        let name = name.to_owned();
        self.advance();
        Ok(name)
    }

    fn type_at(&mut self, place: Place) -> Parsed<ForeignType> {
        let word = self.word();
        if let Some(scalar) = Scalar::ALL.into_iter().find(|s| s.name() == word) {
            self.advance();
            return Ok(ForeignType::Scalar(scalar));
        }
        match word {
            "void" if matches!(place, Place::Result | Place::CallbackResult) => {
                self.advance();
                Ok(ForeignType::Void)
            }
            "void" if place == Place::Argument => {
                Err(self.unexpected("a type, or `()` for a function without arguments"))
            }
            "cstr" => {
                self.advance();
                Ok(ForeignType::CString)
            }
            "const" => {
                self.advance();
                if self.word() != "ptr" {
                    return Err(self.unexpected("`ptr` behind `const`"));
                }
                self.pointer(true, place)
            }
            "ptr" => self.pointer(false, place),
            "fn" => self.nested(Self::callback),
            "{" if place != Place::VariadicArgument => self.nested(Self::structure),
            "[" if place == Place::Member => self.nested(Self::array),
            "[" => Err(self.unexpected(&format!(
                "{}; an array stands only in a struct",
                place.expected()
            ))),
            _ => Err(self.unexpected(place.expected())),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed<ForeignType>) -> Parsed<ForeignType> {
        let token = self.token();
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.over(token, NESTING_MAX, "levels of nesting"));
        }
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn callback(&mut self) -> Parsed<ForeignType> {
        self.take("fn");
        self.expect("(", "`(` and the callback's argument types")?;
        let mut args = Vec::new();
        let mut cells = 0;
        if !self.take(")") {
            loop {
                let before = self.token();
                if self.is("...") {
                    return Err(self.unexpected("a type: a callback is never variadic"));
                }
                let arg = self.type_at(Place::CallbackArgument)?;
                cells += arg.cells();
                if cells > u32::from(ARITY_MAX) {
                    return Err(self.over(before, ARITY_MAX.into(), "argument cells"));
                }
                args.push(arg);
                if !self.another(")")? {
                    break;
                }
            }
        }
        let result = match self.take("->") {
            true => self.type_at(Place::CallbackResult)?,
            false => ForeignType::Void,
        };
        Ok(ForeignType::Callback {
            args,
            result: Box::new(result),
        })
    }

    fn structure(&mut self) -> Parsed<ForeignType> {
        let opening = self.token();
        self.take("{");
        let mut members = Vec::new();
        let mut cells = 0u32;
        loop {
            let member = self.type_at(Place::Member)?;
            cells = cells.saturating_add(member.cells());
            if cells > STRUCT_CELLS_MAX {
                return Err(self.over(opening, STRUCT_CELLS_MAX, "scalars in a struct"));
            }
            members.push(member);
            if !self.another("}")? {
                return Ok(ForeignType::Struct(members));
            }
        }
    }

    fn array(&mut self) -> Parsed<ForeignType> {
        let opening = self.token();
        self.take("[");
        let count = self.number("the number of elements, at least 1")?;
        if self.word() != "x" {
            return Err(self.unexpected("`x` and the element type"));
        }
        self.advance();
        let element = self.type_at(Place::Member)?;
        self.expect("]", "`]`")?;
        if count.saturating_mul(element.cells()) > STRUCT_CELLS_MAX {
            return Err(self.over(opening, STRUCT_CELLS_MAX, "scalars in a struct"));
        }
        Ok(ForeignType::Array {
            count,
            element: Box::new(element),
        })
    }

    fn pointer(&mut self, constant: bool, place: Place) -> Parsed<ForeignType> {
        self.advance();
        let mut length = None;
        if self.is("[") {
            if !matches!(
                place,
                Place::Argument | Place::VariadicArgument | Place::Result
            ) {
                return Err(self.unexpected(
                    "no length: only an argument or the result of the function itself has one",
                ));
            }
            self.take("[");
            length = Some(self.length()?);
            self.expect("]", "`]`")?;
        }
        Ok(ForeignType::Pointer { constant, length })
    }

    fn length(&mut self) -> Parsed<Length> {
        const EXPECTED: &str = "a length in bytes, `argK`, `argK*BYTES` or `argK*argK`";
        if !self.word().starts_with("arg") {
            return Ok(Length::Bytes(self.number(EXPECTED)?));
        }
        let index = self.argument_index(EXPECTED)?;
        if !self.take("*") {
            return Ok(Length::Argument { index, scale: 1 });
        }
        if self.word().starts_with("arg") {
            return Ok(Length::Product(index, self.argument_index(EXPECTED)?));
        }
        let scale = self.number("bytes for each, or `argK`")?;
        Ok(Length::Argument { index, scale })
    }

    fn argument_index(&mut self, expected: &str) -> Parsed<u16> {
        let token = self.token();
        let digits = self.word().strip_prefix("arg").unwrap_or("");
        let plain = digits == "0" || !digits.starts_with('0');
        let index = digits.parse::<u16>().ok().filter(|_| plain);
        let Some(index) = index else {
            return Err(self.unexpected(expected));
        };
        self.advance();
        self.pending.push(PendingLength { token, index });
        Ok(index)
    }

    /// Lengths may name later arguments, so they are checked last.
    fn check_lengths(&self, args: &[ForeignType]) -> Parsed<()> {
        for PendingLength { token, index } in &self.pending {
            let expected = match args.get(usize::from(*index)) {
                Some(ForeignType::Scalar(scalar)) if scalar.is_integer() => continue,
                Some(_) => "an argument that is an integer".to_owned(),
                None => format!("the index of one of {} arguments", args.len()),
            };
            return Err(self.error_at(*token, expected));
        }
        Ok(())
    }

    /// A number from 1 to 2^32 - 1, written in decimal without a leading 0.
    fn number(&mut self, expected: &str) -> Parsed<u32> {
        let number = self.word().parse::<u32>().ok();
        match number.filter(|n| *n > 0 && !self.word().starts_with('0')) {
            Some(number) => {
                self.advance();
                Ok(number)
            }
            None => Err(self.unexpected(expected)),
        }
    }

    /// After an element of a list: true behind a comma, false behind the closing sign.
    fn another(&mut self, closing: &str) -> Parsed<bool> {
        if self.take(closing) {
            return Ok(false);
        }
        self.expect(",", &format!("`,` or `{closing}`"))?;
        Ok(true)
    }

    // Tokens.

    /// The next token, empty at the end of the text.
    fn token(&self) -> Token {
        let rest = &self.text[self.at..];
        let start = self.text.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = &self.text[start..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first_is_digit = rest.starts_with(|c: char| c.is_ascii_digit());
        let word = rest
            .find(|c: char| {
                if first_is_digit {
                    !c.is_ascii_digit()
                } else {
                    !is_word(c)
                }
            })
            .unwrap_or(rest.len());
        let length = match rest {
            _ if word > 0 => word,
            _ if rest.starts_with("...") => 3,
            _ if rest.starts_with("->") => 2,
            _ => rest.chars().next().map_or(0, char::len_utf8),
        };
        Token {
            start,
            end: start + length,
        }
    }

    fn peek(&self) -> Option<Token> {
        Some(self.token()).filter(|token| token.start < token.end)
    }

    fn word(&self) -> &'a str {
        let token = self.token();
        &self.text[token.start..token.end]
    }

    fn is(&self, wanted: &str) -> bool {
        self.word() == wanted
    }

    fn advance(&mut self) {
        self.at = self.token().end;
        self.end = self.at;
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.is(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, wanted: &str, expected: &str) -> Parsed<()> {
        match self.take(wanted) {
            true => Ok(()),
            false => Err(self.unexpected(expected)),
        }
    }

    // Errors.

    fn unexpected(&self, expected: &str) -> SignatureError {
        self.error_at(self.token(), expected.to_owned())
    }

    fn error_at(&self, token: Token, expected: String) -> SignatureError {
        let text = &self.text[token.start..token.end];
        let found = match text {
            "" => "the end".to_owned(),
            // Only a word is longer than one character, and words are ASCII.
            _ if text.len() > 40 => format!("`{}…`", &text[..40]),
            _ => format!("`{}`", text.escape_debug()),
        };
        SignatureError {
            offset: token.start,
            length: text.len(),
            expected,
            found,
        }
    }

    fn over(&self, token: Token, limit: u32, what: &str) -> SignatureError {
        SignatureError {
            offset: token.start,
            length: token.end - token.start,
            expected: format!("at most {limit} {what}"),
            found: "more".to_owned(),
        }
    }
}
