//! What standard error can show.

use std::io::{self, IsTerminal};

/// Whether messages have colour: only on a terminal that can show it, and never with `NO_COLOR`.
pub fn color() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb && io::stderr().is_terminal()
}

/// The terminal's width in columns, 0 when standard error is none.
pub fn width() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(0, |(width, _)| usize::from(width.0))
}
