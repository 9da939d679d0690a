//! Values of flags: sizes, times, counts, grants.

use std::time::Duration;

use cvm::host::sys::DirGrant;
use cvm_spec::wasm::Kind;

/// A number, `_` allowed between digits.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let is_number = digits.bytes().all(|b| b.is_ascii_digit())
        && text.starts_with(|c: char| c.is_ascii_digit());
    match digits.parse() {
        Ok(number) if is_number => Ok(number),
        _ if is_number => Err("the number does not fit 64 bits".into()),
        _ => Err("expected a whole number such as 1000000 or 1_000_000".into()),
    }
}

/// Bytes, with K, M or G behind the number for powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    count(number)
        .map_err(|_| "expected a size in bytes such as 4096, 64K, 16M or 4G".to_string())?
        .checked_mul(unit)
        .ok_or_else(|| "the size does not fit 64 bits".into())
}

/// A time with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a time with its unit: 500ms, 2s, 1.5s or 1m";
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit_at.ok_or(EXPECTED)?);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(EXPECTED.into()),
    };
    let is_number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = match number.parse() {
        Ok(number) if is_number => number,
        _ => return Err(EXPECTED.into()),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "the time is too long".into())
}

/// `HOST`, `HOST:GUEST`, `HOST:GUEST:ro` or `HOST::ro`.
pub(super) fn grant(text: &str) -> Result<DirGrant, String> {
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default();
    if host.is_empty() {
        return Err("expected a directory: HOST, HOST:GUEST or HOST:GUEST:ro".into());
    }
    let mut grant = DirGrant::new(host);
    if let Some(guest) = parts.next().filter(|guest| !guest.is_empty()) {
        grant = grant.named(guest);
    }
    match (parts.next(), parts.next()) {
        (None, _) => Ok(grant),
        (Some("ro"), None) => Ok(grant.read_only()),
        (Some("rw"), None) => Ok(grant),
        _ => Err("behind the second colon stands `ro` or nothing: HOST:GUEST:ro".into()),
    }
}

/// `NAME` or `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_string())),
        None => (text, None),
    };
    match name.is_empty() {
        true => Err("expected NAME or NAME=VALUE".into()),
        false => Ok((name.to_string(), value)),
    }
}

/// An argument of `--invoke`: an integer, signed or unsigned, in decimal or hexadecimal, or a float, as a cell.
pub(super) fn cell(text: &str) -> Option<u64> {
    let is_float = text.contains(['.', 'e', 'n']);
    whole(text).or_else(|| text.parse().ok().map(f64::to_bits).filter(|_| is_float))
}

/// An integer of 64 bits, signed or unsigned, in decimal or hexadecimal.
fn whole(text: &str) -> Option<u64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => count(digits).ok(),
    };
    match (magnitude?, sign) {
        (number, false) => Some(number),
        (number, true) if number <= 1 << 63 => Some(number.wrapping_neg()),
        (_, true) => None,
    }
}

/// An argument of `--invoke` for a function that was translated from WebAssembly.
pub(super) fn cell_of(text: &str, kind: Kind) -> Option<u64> {
    match kind {
        Kind::I64 => whole(text),
        Kind::I32 => {
            let number = whole(text)?;
            let fits = number <= u64::from(u32::MAX) || i32::try_from(number as i64).is_ok();
            fits.then_some(u64::from(number as u32))
        }
        Kind::F32 => text
            .parse()
            .ok()
            .map(|value: f32| u64::from(value.to_bits())),
        Kind::F64 => text.parse().ok().map(f64::to_bits),
        Kind::FuncRef | Kind::ExternRef if text == "null" => Some(0),
        Kind::FuncRef | Kind::ExternRef => whole(text),
    }
}

/// A result of such a function.
pub(super) fn text_of(cell: u64, kind: Kind) -> String {
    match kind {
        Kind::I32 => (cell as u32 as i32).to_string(),
        Kind::I64 => (cell as i64).to_string(),
        Kind::F32 => format!("{:?}", f32::from_bits(cell as u32)),
        Kind::F64 => format!("{:?}", f64::from_bits(cell)),
        Kind::FuncRef | Kind::ExternRef if cell == 0 => "null".to_string(),
        Kind::FuncRef | Kind::ExternRef => format!("{cell:#x}"),
    }
}

/// What such an argument is called.
pub(super) const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::I32 => "a 32-bit integer",
        Kind::I64 => "a 64-bit integer",
        Kind::F32 | Kind::F64 => "a number",
        Kind::FuncRef | Kind::ExternRef => "a reference",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("64K"), Ok(65536));
        assert_eq!(size("2g"), Ok(2 << 30));
        assert_eq!(size("1_000"), Ok(1000));
        for wrong in ["", "K", "-1", "1.5M", "64KB", "99999999999G", "ä", "+1"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1e3s",
            "infs",
            "1d",
            "1.2.3s",
            "99999999999999999999999s",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn grants_have_up_to_three_parts() {
        assert_eq!(grant("data"), Ok(DirGrant::new("data")));
        assert_eq!(grant("/srv/x:d"), Ok(DirGrant::new("/srv/x").named("d")));
        assert_eq!(
            grant("x:d:ro"),
            Ok(DirGrant::new("x").named("d").read_only())
        );
        assert_eq!(grant("x::ro"), Ok(DirGrant::new("x").read_only()));
        for wrong in ["", ":d", "x:d:wo", "x:d:ro:ro"] {
            assert!(grant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cells_are_integers_or_floats() {
        assert_eq!(cell("-1"), Some(u64::MAX));
        assert_eq!(cell("0xff"), Some(255));
        assert_eq!(cell("1.5"), Some(1.5f64.to_bits()));
        assert_eq!(cell("-9223372036854775808"), Some(1 << 63));
        assert_eq!(cell("-9223372036854775809"), None);
        assert_eq!(cell("x"), None);
        assert_eq!(cell(""), None);
    }
}
