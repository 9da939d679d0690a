//! Modules of any size: a module with its functions several times over.
//!
//! The first copy is called and exported as it was, the others by nobody. Nothing but the sections of functions and of
//! code changes, so the rest of a module is the same whatever its size.

use crate::Error;

/// Sections whose contents are a number of entries, one for each function: their types, and their code.
const REPEATED: [u8; 2] = [3, 10];

/// The module with all its functions `times` over.
pub(super) fn repeat(module: &[u8], times: u32) -> Result<Vec<u8>, Error> {
    let damaged = || Error::Other("a module ends too early".into());
    let (head, mut rest) = module.split_at_checked(8).ok_or_else(damaged)?;
    let mut repeated = head.to_vec();
    while let Some((id, behind)) = rest.split_first() {
        let (size, behind) = number(behind).ok_or_else(damaged)?;
        let (contents, behind) = behind.split_at_checked(size as usize).ok_or_else(damaged)?;
        rest = behind;
        repeated.push(*id);
        if !REPEATED.contains(id) {
            write_number(&mut repeated, size);
            repeated.extend_from_slice(contents);
            continue;
        }
        let (count, entries) = number(contents).ok_or_else(damaged)?;
        let mut section = Vec::with_capacity(entries.len() * times as usize + 5);
        let counts = count.checked_mul(times).ok_or_else(damaged)?;
        write_number(&mut section, counts);
        for _ in 0..times {
            section.extend_from_slice(entries);
        }
        write_number(&mut repeated, section.len() as u32);
        repeated.extend_from_slice(&section);
    }
    Ok(repeated)
}

/// A number in LEB128, and what is behind it.
fn number(mut bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let (byte, behind) = bytes.split_first()?;
        bytes = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, bytes));
        }
    }
    None
}

fn write_number(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::{number, repeat, write_number};

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, 127, 128, 624_485, u32::MAX] {
            let mut bytes = Vec::new();
            write_number(&mut bytes, value);
            assert_eq!(number(&bytes), Some((value, &[][..])));
        }
    }

    #[test]
    fn functions_are_repeated_and_nothing_else() {
        // One type, one function, one export, a body that is empty.
        let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x04\x01\x02\0\x0b";
        let three = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x04\x03\0\0\0\x07\x05\x01\x01f\0\0\x0a\x0a\x03\x02\0\x0b\x02\0\x0b\x02\0\x0b";
        assert_eq!(repeat(module, 1).unwrap(), module);
        assert_eq!(repeat(module, 3).unwrap(), three);
        assert!(repeat(&module[..20], 3).is_err());
    }
}
