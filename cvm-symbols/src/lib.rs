//! Shared libraries: where they are, what they export, what they need.
//!
//! The assembler warns with it when a C function does not exist, and the machine explains with it why one could not be
//! found. Nothing is loaded or run: files are read, with a limit on their size, and a damaged or hostile file gives an
//! error. ELF, Mach-O and PE are understood on every host.
//!
//! ```no_run
//! use cvm_symbols::{Library, Search};
//!
//! let path = Search::default().find("libc.so.6")?;
//! let library = Library::read(&path)?;
//! assert!(library.exports("strlen"));
//! assert_eq!(library.near("strlne"), ["strlen"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod library;
mod needed;
mod search;
mod suggest;
mod trie;

pub use library::{Export, Format, LIBRARY_MAX, Library, LibraryError};
pub use needed::{MissingDependency, missing_dependency};
pub use search::{Name, NotFound, Search};
