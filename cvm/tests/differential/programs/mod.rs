//! Whole programs at random, a second and plain implementation of the machine that says what they do, and the
//! comparison of every engine with it.
//!
//! The fuzz target `programs` includes this folder as well.

#![allow(dead_code, reason = "the test and the fuzz target use different parts")]

pub(crate) mod compare;
pub(crate) mod generate;
pub(crate) mod random;
mod reduce;
mod reference;
mod world;

pub(crate) use reduce::{listing, reduce};
