//! Linear memory as the functions of WASI see it: 32-bit addresses from the heap's first byte.

use cvm_spec::pointer::{Pointer, Tag};

use super::errno::{Errno, Stop};
use crate::memory::Memory;

/// Longest path in bytes.
const PATH_MAX: u32 = 4096;

/// A 32-bit argument; the upper half of its cell does not count.
pub(super) fn word(cell: u64) -> u32 {
    cell as u32
}

/// The pointer to an address of linear memory.
fn pointer(address: u32) -> u64 {
    Pointer::new(Tag::Heap, u64::from(address)).0
}

/// Bytes to read.
pub(super) fn bytes(memory: &Memory, address: u32, length: u32) -> Result<&[u8], Stop> {
    Ok(memory.read(pointer(address), u64::from(length))?)
}

/// Bytes to write.
pub(super) fn buffer(memory: &mut Memory, address: u32, length: u32) -> Result<&mut [u8], Stop> {
    Ok(memory.write(pointer(address), u64::from(length))?)
}

/// The bytes of a structure.
pub(super) fn structure<const N: usize>(memory: &Memory, address: u32) -> Result<[u8; N], Stop> {
    let found = bytes(memory, address, N as u32)?;
    found.try_into().map_err(|_| Errno::Invalid.into())
}

/// Writes bytes.
pub(super) fn store(memory: &mut Memory, address: u32, contents: &[u8]) -> Result<(), Stop> {
    buffer(memory, address, contents.len() as u32)?.copy_from_slice(contents);
    Ok(())
}

/// Writes a 32-bit number.
pub(super) fn store_word(memory: &mut Memory, address: u32, value: u32) -> Result<(), Stop> {
    store(memory, address, &value.to_le_bytes())
}

/// Writes a 64-bit number.
pub(super) fn store_long(memory: &mut Memory, address: u32, value: u64) -> Result<(), Stop> {
    store(memory, address, &value.to_le_bytes())
}

/// A path, which is text without NUL bytes.
pub(super) fn path(memory: &Memory, address: u32, length: u32) -> Result<String, Stop> {
    let bytes = bytes(memory, address, length)?;
    if length > PATH_MAX {
        return Err(Errno::NameTooLong.into());
    }
    if bytes.contains(&0) {
        return Err(Errno::Invalid.into());
    }
    match std::str::from_utf8(bytes) {
        Ok("") => Err(Errno::NotFound.into()),
        Ok(path) => Ok(path.to_string()),
        Err(_) => Err(Errno::IllegalSequence.into()),
    }
}

/// A part of memory that data is gathered from or scattered to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) address: u32,
    pub(super) length: u32,
}

/// The parts that an array of so many pairs (address, length) names.
pub(super) fn parts(memory: &Memory, address: u32, count: u32) -> Result<Vec<Part>, Stop> {
    let length = count.checked_mul(8).ok_or(Errno::Invalid)?;
    let pairs = bytes(memory, address, length)?;
    let (pairs, _) = pairs.as_chunks::<8>();
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
    Ok(pairs
        .iter()
        .map(|pair| Part {
            address: number(&pair[..4]),
            length: number(&pair[4..]),
        })
        .collect())
}
