//! What the compiler did, unit by unit, for logs.

use std::time::{Duration, Instant};

/// A unit that the compiler was given: a function or loop that was hot, with everything that it can call, or a whole
/// module.
#[derive(Clone, Debug)]
pub struct CompiledUnit {
    /// The function that was hot; `None` for a whole module.
    pub function: Option<u32>,
    /// Text offset of the head of the loop that was hot.
    pub loop_head: Option<u32>,
    /// How many functions the unit has.
    pub functions: usize,
    /// Bytes of machine code.
    pub bytes: usize,
    /// When compilation began.
    pub started: Instant,
    /// How long it took.
    pub time: Duration,
    /// Why there is no code: the unit stays in the interpreter.
    pub failure: Option<String>,
}
