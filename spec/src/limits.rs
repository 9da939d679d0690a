//! Limits, each with its unit (`spec/machine.md`, "Limits").

/// Largest size of a merged text, data or bss segment, in bytes: below 2^29, so that a short pointer reaches it.
pub const SEGMENT_MAX: u64 = (1 << 29) - 1;
/// Largest heap that an image may ask for, in bytes (2^36, a multiple of the heap page).
pub const HEAP_MAX: u64 = 1 << 36;
/// Largest size of all objects of one frame together, in bytes.
pub const FRAME_MAX: u32 = 1 << 28;
/// Most cells that arguments, private locals and operands of one function take together.
pub const CELLS_MAX: u32 = 60_000;
/// Most arguments or results of a function.
pub const ARITY_MAX: u16 = 1_000;
/// Most targets of one `switch`.
pub const SWITCH_MAX: u32 = 1 << 20;
/// Most sections in an image.
pub const SECTIONS_MAX: u32 = 64;
