//! Exit statuses that mean the same in all programs; the numbers are those of `sysexits.h`.

/// Wrong use of the command line.
pub const USAGE: u8 = 64;
/// An input is not what it should be.
pub const BAD_INPUT: u8 = 65;
/// An input is missing or cannot be read.
pub const MISSING: u8 = 66;
/// An output cannot be created.
pub const CANNOT_CREATE: u8 = 73;
/// Writing an output stopped on the way.
pub const CANNOT_WRITE: u8 = 74;
