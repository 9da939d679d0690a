//! The bulk instructions, one routine each for every engine: fuel by length first, then the ranges, then the bytes. And
//! the translation of pointers, which has a range as well.

use std::cmp::Ordering;

use cvm_spec::fault::FaultCode;

use crate::fault::Fault;
use crate::memory::Memory;

/// Bytes that one unit of fuel pays for.
const BYTES_A_UNIT: u64 = 16;

/// The fuel that is left, if it is counted.
pub(crate) type Fuel<'f> = Option<&'f mut u64>;

/// Charges a bulk instruction by its length.
fn charge(fuel: Fuel<'_>, length: u64) -> Result<(), Box<Fault>> {
    let Some(fuel) = fuel else {
        return Ok(());
    };
    match fuel.checked_sub(length.div_ceil(BYTES_A_UNIT)) {
        Some(left) => {
            *fuel = left;
            Ok(())
        }
        None => Err(Box::new(Fault::new(FaultCode::OutOfFuel))),
    }
}

/// `mem_copy`.
pub(crate) fn copy(
    memory: &mut Memory,
    fuel: Fuel<'_>,
    [to, from, length]: [u64; 3],
) -> Result<(), Box<Fault>> {
    charge(fuel, length)?;
    memory.copy(to, from, length).map_err(|violation| {
        let operands = vec![("to", to), ("from", from), ("length", length)];
        Box::new(Fault::of_violation(memory, violation, operands))
    })
}

/// `mem_fill`.
pub(crate) fn fill(
    memory: &mut Memory,
    fuel: Fuel<'_>,
    [to, byte, length]: [u64; 3],
) -> Result<(), Box<Fault>> {
    charge(fuel, length)?;
    memory.fill(to, byte as u8, length).map_err(|violation| {
        let operands = vec![("to", to), ("byte", byte), ("length", length)];
        Box::new(Fault::of_violation(memory, violation, operands))
    })
}

/// `mem_compare`: the result's cell.
pub(crate) fn compare(
    memory: &Memory,
    fuel: Fuel<'_>,
    [a, b, length]: [u64; 3],
) -> Result<u64, Box<Fault>> {
    charge(fuel, length)?;
    match memory.compare(a, b, length) {
        Ok(Ordering::Less) => Ok(u64::MAX),
        Ok(Ordering::Equal) => Ok(0),
        Ok(Ordering::Greater) => Ok(1),
        Err(violation) => {
            let operands = vec![("a", a), ("b", b), ("length", length)];
            Err(Box::new(Fault::of_violation(memory, violation, operands)))
        }
    }
}

/// `ptr_to_host`: the host address of `length` readable bytes.
pub(crate) fn to_host(memory: &Memory, pointer: u64, length: u64) -> Result<u64, Box<Fault>> {
    if !memory.grants_absolute() {
        let fault = Fault::of_operands(FaultCode::AbsoluteAccess, pointer, length);
        return Err(Box::new(fault));
    }
    memory
        .pointer_to_host(pointer, length)
        .map_err(|violation| {
            let operands = vec![("pointer", pointer), ("length", length)];
            Box::new(Fault::of_violation(memory, violation, operands))
        })
}
