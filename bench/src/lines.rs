//! The lines of a generated source, taken apart so that [`crate::x86`] and [`crate::wat`] can say the same thing in
//! another language, line for line.
//!
//! Only what `cvm-asm`'s example `generate_source` writes is understood; anything else is an error.

use crate::Error;

/// A line of the source.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// What it says.
    pub(crate) statement: Statement<'a>,
    /// The comment behind it, without the semicolon.
    pub(crate) comment: Option<&'a str>,
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(crate) enum Statement<'a> {
    /// Nothing.
    Blank,
    /// `.entry NAME`.
    Entry(&'a str),
    /// `.host sys.write (3) -> 1`, the one host function that is used.
    Host,
    /// `.equ NAME, VALUE`.
    Constant { name: &'a str, value: i64 },
    /// `.data`, `.bss`, `.text`.
    Segment(&'a str),
    /// `.func NAME (PARAMETERS) -> 1`.
    Function {
        name: &'a str,
        parameters: Vec<&'a str>,
    },
    /// `.end`.
    End,
    /// `declare NAME` or `declare NAME[CELLS]`.
    Declare { name: &'a str, cells: u32 },
    /// `LABEL: .asciiz "…"`; the text as it stands between the quotes, and its length with the 0 byte.
    Text {
        label: &'a str,
        text: &'a str,
        bytes: u32,
    },
    /// `NAME = . - LABEL`.
    Length { name: &'a str, label: &'a str },
    /// `.align 8`.
    Align,
    /// `LABEL: .quad 1, 2`.
    Quads {
        label: Option<&'a str>,
        values: Vec<i64>,
    },
    /// `LABEL: .quad d:a, b:c`; names without the prefixes.
    Pointers { label: &'a str, names: Vec<&'a str> },
    /// `LABEL: .float 1.5, 2.5`.
    Floats { label: &'a str, values: Vec<f64> },
    /// `LABEL: .reserve BYTES`.
    Reserve { label: &'a str, bytes: u32 },
    /// `.name:` inside a function, without the dot.
    Label(&'a str),
    /// An instruction and its operand, empty if it has none.
    Instruction { mnemonic: &'a str, operand: &'a str },
}

/// Takes a source apart.
pub(crate) fn parse(source: &str) -> Result<Vec<Line<'_>>, Error> {
    source
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let found = parse_line(line);
            found.ok_or_else(|| {
                Error::Other(format!(
                    "generated line {}: `{line}` is not understood",
                    number + 1
                ))
            })
        })
        .collect()
}

fn parse_line(line: &str) -> Option<Line<'_>> {
    // The only text with a semicolon in it would be a string, and the generator's strings have none.
    let (code, comment) = match line.split_once(';') {
        Some((code, comment)) => (code, Some(comment.trim())),
        None => (line, None),
    };
    let statement = statement(code.trim())?;
    Some(Line { statement, comment })
}

fn statement(code: &str) -> Option<Statement<'_>> {
    if code.is_empty() {
        return Some(Statement::Blank);
    }
    if let Some((name, value)) = code.split_once(" = . - ") {
        return Some(Statement::Length { name, label: value });
    }
    let (label, rest) = match code.split_once(':') {
        Some((label, rest)) if !label.contains(' ') => (Some(label), rest.trim()),
        _ => (None, code),
    };
    if let Some(local) = label.filter(|_| rest.is_empty()) {
        return Some(Statement::Label(local.strip_prefix('.')?));
    }
    let (word, operand) = rest.split_once(' ').unwrap_or((rest, ""));
    let operand = operand.trim();
    let list = || operand.split(',').map(str::trim);
    Some(match (word, label) {
        (".entry", None) => Statement::Entry(operand),
        (".host", None) => Statement::Host,
        (".equ", None) => {
            let (name, value) = operand.split_once(',')?;
            let value = number(value.trim())?;
            Statement::Constant { name, value }
        }
        (".data" | ".bss" | ".text", None) => Statement::Segment(word),
        (".func", None) => {
            let (name, rest) = operand.split_once(" (")?;
            let (parameters, _) = rest.split_once(')')?;
            let parameters = parameters.split(',').map(str::trim);
            Statement::Function {
                name,
                parameters: parameters.filter(|name| !name.is_empty()).collect(),
            }
        }
        (".end", None) => Statement::End,
        ("declare", None) => match operand.split_once('[') {
            Some((name, cells)) => Statement::Declare {
                name,
                cells: cells.strip_suffix(']')?.parse().ok()?,
            },
            None => Statement::Declare {
                name: operand,
                cells: 1,
            },
        },
        (".asciiz", Some(label)) => {
            let text = operand.strip_prefix('"')?.strip_suffix('"')?;
            let escapes = text.matches('\\').count();
            let bytes = (text.len() - escapes + 1) as u32;
            Statement::Text { label, text, bytes }
        }
        (".align", None) => Statement::Align,
        (".quad", Some(label)) if operand.contains(':') => Statement::Pointers {
            label,
            names: list()
                .map(|pointer| pointer.split_once(':').map(|(_, name)| name))
                .collect::<Option<_>>()?,
        },
        (".quad", label) => Statement::Quads {
            label,
            values: list().map(number).collect::<Option<_>>()?,
        },
        (".float", Some(label)) => Statement::Floats {
            label,
            values: list()
                .map(|value| value.parse().ok())
                .collect::<Option<_>>()?,
        },
        (".reserve", Some(label)) => Statement::Reserve {
            label,
            bytes: operand.parse().ok()?,
        },
        (mnemonic, None) if !mnemonic.starts_with('.') => {
            Statement::Instruction { mnemonic, operand }
        }
        _ => return None,
    })
}

/// A number as the generator writes it: decimal, hexadecimal, a character, with K.
pub(crate) fn number(text: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(&hex.replace('_', ""), 16).ok();
    }
    if let Some(character) = text.strip_prefix('\'') {
        return character.bytes().next().map(i64::from);
    }
    if let Some(kilo) = text.strip_suffix('K') {
        return Some(kilo.parse::<i64>().ok()? * 1024);
    }
    text.parse().ok()
}
