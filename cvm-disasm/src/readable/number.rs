//! Constants as a person would write them.

use cvm_spec::codec::shortest_push;
use cvm_spec::isa::Opcode;

use crate::output::Text;

/// Floats with at most this many digits are taken for floats wherever they are pushed.
const SHORT: usize = 6;

/// Prints a constant so that it has these bits again: as a float if it is one, in decimal if it is small, else in
/// hexadecimal. `consumer` is the next instruction.
pub(super) fn constant(out: &mut Text<'_>, value: u64, consumer: Option<Opcode>) {
    let signed = value as i64;
    if signed.unsigned_abs() < 1 << 20 {
        out.number(signed);
        return;
    }
    let prefix = consumer.map_or("", Opcode::mnemonic).as_bytes();
    if value <= u64::from(u32::MAX) {
        let single = f32::from_bits(value as u32);
        let plausible = single.is_finite() && (1e-6..1e9).contains(&single.abs());
        if prefix.starts_with(b"s_") && plausible {
            out.str(&format!("{single:?}")).byte(b's');
            return;
        }
    } else if shortest_push(value) == Opcode::PushQ {
        let double = f64::from_bits(value);
        let plausible = double.is_finite() && (1e-30..1e30).contains(&double.abs());
        if plausible {
            let text = format!("{double:?}");
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if digits <= SHORT || prefix.starts_with(b"f_") {
                out.str(&text);
                return;
            }
        }
    }
    integer(out, value);
}

/// Prints an integer in decimal if it has at most 32 bits, else in hexadecimal.
pub(super) fn integer(out: &mut Text<'_>, value: u64) {
    match value as i64 {
        small @ -0x8000_0000..0x1_0000_0000 => out.number(small),
        _ => out.hex(value),
    };
}
