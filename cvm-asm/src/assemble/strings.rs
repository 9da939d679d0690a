//! String and character literals and their escapes.

/// What is wrong with a literal, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StringError {
    /// Offset of the offence in the text.
    pub(super) start: usize,
    /// Offset behind it.
    pub(super) end: usize,
    /// The closing quote is missing; else an escape is wrong.
    pub(super) unterminated: bool,
    /// What was found and expected.
    pub(super) message: String,
}

/// Appends the bytes of the literal whose opening quote stands at `at`, and gives the offset behind it.
///
/// # Errors
/// If the closing quote is missing on its line, or an escape is unknown.
pub(super) fn unescape(text: &[u8], at: usize, into: &mut Vec<u8>) -> Result<usize, StringError> {
    let quote = text[at];
    let mut next = at + 1;
    loop {
        let plain = text[next..].iter();
        let run = plain
            .take_while(|byte| **byte != quote && **byte != b'\\' && **byte != b'\n')
            .count();
        into.extend_from_slice(&text[next..next + run]);
        next += run;
        match text.get(next) {
            Some(&byte) if byte == quote => return Ok(next + 1),
            Some(b'\\') => next = escape(text, next, into)?,
            _ => {
                return Err(StringError {
                    start: at,
                    end: next,
                    unterminated: true,
                    message: format!("the closing {} is missing", char::from(quote)),
                });
            }
        }
    }
}

/// Appends what the escape at `at` stands for, and gives the offset behind it.
fn escape(text: &[u8], at: usize, into: &mut Vec<u8>) -> Result<usize, StringError> {
    let error = |length: usize, message: &str| {
        Err(StringError {
            start: at,
            end: (at + length).min(text.len()),
            unterminated: false,
            message: message.to_owned(),
        })
    };
    let byte = match text.get(at + 1) {
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'v') => 11,
        Some(b'e') => 27,
        Some(&byte @ (b'\\' | b'"' | b'\'')) => byte,
        Some(b'x') => {
            let digit = |index| text.get(index).and_then(|b| char::from(*b).to_digit(16));
            let (Some(high), Some(low)) = (digit(at + 2), digit(at + 3)) else {
                return error(2, "\\x needs two hexadecimal digits");
            };
            into.push((high << 4 | low) as u8);
            return Ok(at + 4);
        }
        Some(b'u') => {
            let rest = &text[at + 2..];
            let digits = rest.iter().skip(1);
            let count = digits.take_while(|b| b.is_ascii_hexdigit()).count();
            if rest.first() != Some(&b'{') || rest.get(1 + count) != Some(&b'}') {
                return error(2, "\\u needs hexadecimal digits in braces: \\u{1F600}");
            }
            let digits = std::str::from_utf8(&rest[1..1 + count]).unwrap_or_default();
            let code = u32::from_str_radix(digits, 16).ok();
            let Some(character) = code.and_then(char::from_u32) else {
                return error(4 + count, "this is not a Unicode character");
            };
            into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(at + 4 + count);
        }
        _ => return error(2, "unknown escape"),
    };
    into.push(byte);
    Ok(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let mut into = Vec::new();
        let end = unescape(text.as_bytes(), 0, &mut into).expect("is a string");
        assert_eq!(end, text.len());
        into
    }

    #[test]
    fn every_escape_has_its_byte() {
        assert_eq!(
            bytes(r#""\n\r\t\0\a\b\f\v\e\\\"\'\x7F\u{e4}z""#),
            b"\n\r\t\0\x07\x08\x0c\x0b\x1b\\\"'\x7f\xc3\xa4z"
        );
    }

    #[test]
    fn errors_say_where_they_are() {
        let error = |text: &str| unescape(text.as_bytes(), 0, &mut Vec::new()).expect_err("bad");
        assert!(error("\"abc").unterminated);
        assert!(error("\"abc\n\"").unterminated);
        assert!(error("\"abc\\").start == 4);
        assert_eq!((error(r#""a\qb""#).start, error(r#""a\qb""#).end), (2, 4));
        assert_eq!(error(r#""\u{110000}""#).end, 11);
        assert!(!error(r#""\x1""#).unterminated);
    }
}
