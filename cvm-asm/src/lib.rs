//! Under construction.

pub mod diagnostic;

pub mod deps;
pub mod json;
pub mod listing;
pub mod map;
pub mod render;
pub mod source;
pub mod suggest;
