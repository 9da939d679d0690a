//! Offsets and bytes beside an instruction, as a comment, so that the text can still be assembled.

use crate::output::Text;

/// Column at which they begin.
const COLUMN: usize = 48;
/// Most bytes that are shown; a `switch` can have many.
const MOST: usize = 9;

/// Appends `; offset  bytes` for the instruction at `at..next`.
pub(crate) fn comment(out: &mut Text<'_>, text: &[u8], at: usize, next: usize) {
    out.pad(COLUMN)
        .str("; ")
        .hex_digits(at as u64, 8)
        .byte(b' ');
    let bytes = &text[at..next];
    for byte in &bytes[..bytes.len().min(MOST)] {
        out.byte(b' ').hex_digits(u64::from(*byte), 2);
    }
    if bytes.len() > MOST {
        out.str(" …");
    }
}
