//! Under construction.

pub mod diagnostic;
