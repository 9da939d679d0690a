//! Plain bytes as directives: strings where they are printable, zeros where there are many, else numbers.

use crate::output::Text;

/// Zeros from this many on have a directive of their own.
const ZEROS: usize = 16;
/// Printable bytes from this many on are a string.
const PRINTABLE: usize = 4;
/// Most bytes of a `.byte` line.
const PER_LINE: usize = 16;
/// Most cells of a line.
const CELLS_PER_LINE: usize = 4;
/// Most characters of a string.
const PER_STRING: usize = 64;
/// Column at which comments begin.
const COMMENT: usize = 40;

/// Which language the directives belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The exact form, with the offset of each line in a comment; this is the first.
    Exact(usize),
    /// Assembly.
    Assembly,
}

/// Prints bytes.
pub(crate) fn print(out: &mut Text<'_>, bytes: &[u8], style: Style) {
    let mut at = 0;
    while at < bytes.len() && !out.failed() {
        let from = at;
        let rest = &bytes[at..];
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if zeros >= ZEROS {
            at += zeros;
            let directive = match style {
                Style::Exact(_) => "    .zero ",
                Style::Assembly => "    .reserve ",
            };
            out.str(directive).number(zeros);
        } else if let Some(length) = string_length(rest) {
            at += length;
            out.str("    .ascii ").quoted(&rest[..length]);
        } else {
            let length = plain_length(rest);
            at += length;
            byte_line(out, &rest[..length]);
        }
        if let Style::Exact(base) = style {
            out.pad(COMMENT).str("; ").number(base + from);
        }
        out.end();
    }
}

/// Prints bytes as cells, if they look like cells: integers or floats of a usual size, eight bytes each.
pub(crate) fn print_cells(out: &mut Text<'_>, bytes: &[u8]) -> bool {
    let (cells, rest) = bytes.as_chunks::<8>();
    let values = || cells.iter().map(|cell| u64::from_le_bytes(*cell));
    let zeros = values().take_while(|value| *value == 0).count();
    let plain = 8 * zeros >= ZEROS || string_length(bytes).is_some();
    if cells.is_empty() || !rest.is_empty() || plain {
        return false;
    }
    let small = |value: u64| (value as i64).unsigned_abs() < 1 << 48;
    let float = |value: u64| {
        let float = f64::from_bits(value);
        value == 0 || float.is_finite() && (1e-30..1e30).contains(&float.abs())
    };
    let directive = if values().all(small) {
        "    .quad "
    } else if values().all(float) {
        "    .float "
    } else {
        return false;
    };
    for line in cells.chunks(CELLS_PER_LINE) {
        out.str(directive);
        for (index, cell) in line.iter().enumerate() {
            if index > 0 {
                out.str(", ");
            }
            let value = u64::from_le_bytes(*cell);
            match small(value) {
                true if directive == "    .quad " => out.number(value as i64),
                _ => out.str(&format!("{:?}", f64::from_bits(value))),
            };
        }
        out.end();
    }
    true
}

/// A `.byte` directive without the end of its line.
pub(crate) fn byte_line(out: &mut Text<'_>, bytes: &[u8]) {
    out.str("    .byte ");
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.str(", ");
        }
        out.str("0x").hex_digits(u64::from(*byte), 2);
    }
}

/// Whether all bytes can stand in a string of reasonable length.
pub(crate) fn is_string(bytes: &[u8]) -> bool {
    bytes.len() <= PER_STRING && bytes.iter().all(|byte| is_printable(*byte))
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\n' | b'\t')
}

/// The length of the string that begins here, if it is long enough to be one; it ends behind a line break.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let window = &bytes[..bytes.len().min(PER_STRING)];
    let length = window
        .iter()
        .take_while(|byte| is_printable(**byte))
        .count();
    if length < PRINTABLE {
        return None;
    }
    let line = window[..length].iter().position(|byte| *byte == b'\n');
    match line {
        Some(at) if at + 1 >= PRINTABLE => Some(at + 1),
        _ => Some(length),
    }
}

/// How many bytes of a `.byte` line come before a string or zeros; at least one.
fn plain_length(bytes: &[u8]) -> usize {
    let most = bytes.len().min(PER_LINE);
    (1..most)
        .find(|&at| {
            let ahead = &bytes[at..];
            string_length(ahead).is_some()
                || ahead.len() >= ZEROS && ahead[..ZEROS].iter().all(|byte| *byte == 0)
        })
        .unwrap_or(most)
}
