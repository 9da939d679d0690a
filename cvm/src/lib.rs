//! CVM: a protected stack machine.

pub mod fault;
pub mod host;
pub mod machine;
pub mod memory;
pub mod report;
pub mod verify;

mod interp;
