//! Number literals: integers in four bases with sizes K, M, G, and floats in decimal and hexadecimal.

use super::cursor::continues_word;

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// An integer, as a cell.
    Integer(u64),
    /// The bits of a binary64.
    Float(u64),
    /// The bits of a binary32: written with the suffix `s`.
    Single(u32),
}

/// Why a literal is not a number: a message, and help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberError {
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

fn error<T>(message: impl Into<String>, help: Option<&'static str>) -> Result<T, NumberError> {
    Err(NumberError {
        message: message.into(),
        help,
    })
}

/// Length of the literal at the start of the text, which begins with a digit.
pub(super) fn length(text: &[u8]) -> usize {
    let hexadecimal = matches!(text, [b'0', b'x' | b'X', ..]);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let exponent = if hexadecimal {
            matches!(byte, b'p' | b'P')
        } else {
            matches!(byte, b'e' | b'E')
        };
        if exponent && matches!(text.get(at + 1), Some(b'+' | b'-')) {
            at += 2;
        } else if continues_word(byte) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

/// Whether a literal is a float.
pub(super) fn is_float(literal: &[u8]) -> bool {
    match literal {
        [b'0', b'x' | b'X', ..] => literal.iter().any(|b| matches!(b, b'.' | b'p' | b'P')),
        [b'0', b'b' | b'B' | b'o' | b'O', ..] => false,
        _ => literal.iter().any(|b| matches!(b, b'.' | b'e' | b'E')),
    }
}

/// The value of a literal, all of whose bytes belong to it.
///
/// # Errors
/// If it is not a number of the language.
pub(super) fn parse(literal: &[u8]) -> Result<Number, NumberError> {
    if is_float(literal) {
        return float(literal);
    }
    let (radix, digits) = match literal {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        _ => (10, literal),
    };
    let (digits, shift) = match digits {
        [rest @ .., b'K'] => (rest, 10),
        [rest @ .., b'M'] => (rest, 20),
        [rest @ .., b'G'] => (rest, 30),
        _ => (digits, 0),
    };
    let mut value = 0u64;
    let mut any = false;
    for &byte in digits {
        if byte == b'_' {
            continue;
        }
        let Some(digit) = char::from(byte).to_digit(radix) else {
            return bad_digit(literal, byte, radix);
        };
        any = true;
        let next = value.checked_mul(u64::from(radix));
        let Some(next) = next.and_then(|next| next.checked_add(u64::from(digit))) else {
            return error("the number does not fit 64 bits", None);
        };
        value = next;
    }
    if !any {
        return error("the number has no digits", None);
    }
    if value.leading_zeros() < shift {
        return error("the number does not fit 64 bits", None);
    }
    Ok(Number::Integer(value << shift))
}

fn bad_digit<T>(literal: &[u8], byte: u8, radix: u32) -> Result<T, NumberError> {
    let kind = match radix {
        16 => "hexadecimal",
        8 => "octal",
        2 => "binary",
        _ => "decimal",
    };
    let help = match literal.last() {
        Some(b's') if radix == 10 => Some("a binary32 is written with a point: `1.0s`"),
        Some(b'h' | b'H') if radix == 10 => Some("hexadecimal numbers begin with 0x"),
        _ if radix == 10 && byte.is_ascii_hexdigit() => Some("hexadecimal numbers begin with 0x"),
        _ => None,
    };
    let digit = char::from(byte);
    error(format!("`{digit}` is not a {kind} digit"), help)
}

/// The value of a literal as a binary32, rounded once.
///
/// # Errors
/// If it is not a float of the language.
pub(super) fn parse_single(literal: &[u8]) -> Result<Number, NumberError> {
    match literal {
        [.., b's'] => float(literal),
        _ => float(&[literal, b"s"].concat()),
    }
}

/// Parses a float literal; the suffix `s` makes it a binary32.
fn float(literal: &[u8]) -> Result<Number, NumberError> {
    let (digits, single) = match literal {
        [rest @ .., b's'] => (rest, true),
        _ => (literal, false),
    };
    let clean: Vec<u8> = digits.iter().copied().filter(|b| *b != b'_').collect();
    if let [b'0', b'x' | b'X', rest @ ..] = clean.as_slice() {
        return hexadecimal_float(rest, single);
    }
    let well_formed = clean
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        && clean.last().is_some_and(u8::is_ascii_digit)
        && !clean.windows(2).any(|pair| {
            pair[0] == b'.' && !pair[1].is_ascii_digit() || pair[1] == b'.' && pair[0] == b'e'
        });
    let text = std::str::from_utf8(&clean).unwrap_or_default();
    let parsed = if !well_formed {
        None
    } else if single {
        text.parse()
            .ok()
            .map(|value: f32| Number::Single(value.to_bits()))
    } else {
        text.parse()
            .ok()
            .map(|value: f64| Number::Float(value.to_bits()))
    };
    match parsed {
        Some(number) => Ok(number),
        None => error(
            "this is not a float",
            Some("floats are written 1.5, 1e-9 or 0x1.8p3; a suffix s makes a binary32"),
        ),
    }
}

/// Parses what follows `0x` of a hexadecimal float, rounding to nearest, ties to even.
fn hexadecimal_float(digits: &[u8], single: bool) -> Result<Number, NumberError> {
    const HELP: Option<&str> =
        Some("hexadecimal floats are written 0x1.8p3: digits, p, a power of two");
    let split = digits.iter().position(|b| matches!(b, b'p' | b'P'));
    let (mantissa_digits, exponent_digits) = match split {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &b"0"[..]),
    };
    let mut mantissa = 0u64;
    let mut exponent = 0i64;
    let mut sticky = false;
    let mut point = false;
    let mut any = false;
    for &byte in mantissa_digits {
        if byte == b'.' {
            if point {
                return error("a float has one point", HELP);
            }
            point = true;
            continue;
        }
        let Some(digit) = char::from(byte).to_digit(16) else {
            return error(
                format!("`{}` is not a hexadecimal digit", char::from(byte)),
                HELP,
            );
        };
        any = true;
        if mantissa >> 59 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            exponent -= if point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if point { 0 } else { 4 };
        }
    }
    let power = std::str::from_utf8(exponent_digits)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let Some(power) = power.filter(|power| any && power.unsigned_abs() < 1 << 40) else {
        return error("this is not a hexadecimal float", HELP);
    };
    let exponent = exponent.saturating_add(power);
    Ok(if single {
        Number::Single(compose(mantissa, exponent, sticky, 24, 127) as u32)
    } else {
        Number::Float(compose(mantissa, exponent, sticky, 53, 1023))
    })
}

/// The bits of the float nearest to `mantissa * 2^exponent` (plus a little if `sticky`), with a precision in bits
/// and an exponent bias.
fn compose(mantissa: u64, exponent: i64, sticky: bool, precision: u32, bias: i64) -> u64 {
    if mantissa == 0 {
        return 0;
    }
    // The value is now mantissa * 2^(exponent - 64) with the mantissa's top bit set.
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    let exponent = exponent - i64::from(shift);
    let unbiased = exponent + 63;
    let infinity = ((bias as u64) * 2 + 1) << (precision - 1);
    if unbiased > bias {
        return infinity;
    }
    // Bits of the mantissa that are kept: fewer for subnormal numbers.
    let subnormal = (1 - bias) - unbiased;
    let kept = i64::from(precision) - subnormal.max(0);
    if kept < 0 {
        return 0;
    }
    let dropped = 64 - kept as u32;
    let (mut bits, half, rest) = if dropped == 64 {
        (0, mantissa >> 63, mantissa << 1)
    } else {
        let half = mantissa >> (dropped - 1) & 1;
        (mantissa >> dropped, half, mantissa << (64 - dropped) << 1)
    };
    let above_half = rest != 0 || sticky;
    if half == 1 && (above_half || bits & 1 == 1) {
        bits += 1;
    }
    if subnormal > 0 {
        // A carry into the exponent field makes the smallest normal number, as it should.
        return bits;
    }
    let field = (unbiased + bias) as u64;
    (field << (precision - 1)) + (bits - (1 << (precision - 1)))
}

/// The bits of an infinity or NaN word (`inf`, `nan`, with `s` for a binary32), without sign.
pub(super) fn special(word: &[u8]) -> Option<Number> {
    Some(match word {
        b"inf" => Number::Float(f64::INFINITY.to_bits()),
        b"infs" => Number::Single(f32::INFINITY.to_bits()),
        b"nan" => Number::Float(cvm_spec::arith::F_NAN),
        b"nans" => Number::Single(cvm_spec::arith::S_NAN),
        _ => return None,
    })
}

impl Number {
    /// The number with its sign changed.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Integer(value) => Self::Integer(value.wrapping_neg()),
            Self::Float(bits) => Self::Float(bits ^ 1 << 63),
            Self::Single(bits) => Self::Single(bits ^ 1 << 31),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(text: &str) -> u64 {
        match parse(text.as_bytes()) {
            Ok(Number::Integer(value)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn float64(text: &str) -> f64 {
        match parse(text.as_bytes()) {
            Ok(Number::Float(bits)) => f64::from_bits(bits),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers_in_every_base() {
        assert_eq!(integer("1_000_000"), 1_000_000);
        assert_eq!(integer("0x1F"), 31);
        assert_eq!(integer("0b1010"), 10);
        assert_eq!(integer("0o17"), 15);
        assert_eq!(integer("64K"), 65_536);
        assert_eq!(integer("0x10M"), 16 << 20);
        assert_eq!(integer("18446744073709551615"), u64::MAX);
        for bad in [
            "18446744073709551616",
            "0x",
            "12ab",
            "0b2",
            "0o8",
            "17179869184G",
            "1s",
            "_",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn floats_round_to_nearest() {
        assert_eq!(float64("1.5"), 1.5);
        assert_eq!(float64("1e-9"), 1e-9);
        assert_eq!(float64("0x1.8p3"), 12.0);
        assert_eq!(float64("0x.8p0"), 0.5);
        assert_eq!(float64("0x1p-1074"), f64::from_bits(1));
        assert_eq!(float64("0x1p-1075"), 0.0);
        assert_eq!(float64("0x1.8p-1075"), f64::from_bits(1));
        assert_eq!(float64("0x1p-1022"), f64::MIN_POSITIVE);
        assert_eq!(float64("0x1.fffffffffffffp1023"), f64::MAX);
        assert_eq!(float64("0x1.fffffffffffff8p1023"), f64::INFINITY);
        assert_eq!(float64("0x1.00000000000008p0"), 1.0);
        assert_eq!(float64("0x1.00000000000018p0"), 1.0 + 2.0 * f64::EPSILON);
        assert_eq!(float64("0x1.0000000000000800000001p0"), 1.0 + f64::EPSILON);
        assert_eq!(float64("0x1000000000000000000000p-84"), 1.0);
        assert_eq!(parse(b"1.5s"), Ok(Number::Single(1.5f32.to_bits())));
        assert_eq!(parse(b"0x1.8p0s"), Ok(Number::Single(1.5f32.to_bits())));
        assert_eq!(parse(b"0x1p-149s"), Ok(Number::Single(1)));
        for bad in [
            "1.",
            "1.e5",
            "1e",
            "1e+",
            "1.2.3",
            "0x1p",
            "0x.p1",
            "0x1.2.3p1",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn hexadecimal_floats_give_back_every_bit_pattern() {
        let mut state = 0x1234_5678_9abc_def1u64;
        for _ in 0..2_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state & !(1 << 63));
            if !value.is_finite() {
                continue;
            }
            let bits = value.to_bits();
            let (fraction, field) = (bits & ((1 << 52) - 1), bits >> 52);
            let (lead, exponent) = if field == 0 {
                (0, -1022)
            } else {
                (1, field as i64 - 1023)
            };
            let text = format!("0x{lead}.{fraction:013x}p{exponent}");
            assert_eq!(float64(&text).to_bits(), bits, "{text}");
        }
    }

    #[test]
    fn a_literal_ends_where_it_should() {
        assert_eq!(length(b"1e+5+2"), 4);
        assert_eq!(length(b"0x1e+5"), 4);
        assert_eq!(length(b"0x1p-3,"), 6);
        assert_eq!(length(b"12 "), 2);
    }
}
