//! Under construction.

pub mod diagnostic;
pub mod listing;
pub mod map;
pub mod render;
pub mod source;
