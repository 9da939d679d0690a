//! What the compiler did, unit by unit, for logs.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A unit that the compiler was given: a function or loop that was hot, with some of what it can call, or a whole
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

/// A piece of machine code that has just been made, as a profiler of the system wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledCode {
    /// Address of its first byte. It stays there as long as the module lives.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// The function with its first source line, as far as the image tells: `sum sum.cvma:16`.
    pub name: String,
}

/// What somebody who is told of compiled code does.
type Tell = dyn Fn(&[CompiledCode]) + Send + Sync;

/// Who is told of compiled code.
#[derive(Clone)]
pub(crate) struct Listener(pub(crate) Arc<Tell>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
