//! The CVM assembler: `.cvma` text in, an [`Image`] and diagnostics out.
//!
//! `spec/assembly.md` describes the language. [`assemble`] is one function from sources to an image; it reads
//! included files and nothing else, prints nothing and never panics on any input. Every problem is a
//! [`Diagnostic`] with a stable code, and as many of them as possible come from one run.
//!
//! ```
//! use cvm_asm::{Options, SourceFile, assemble};
//!
//! let source = SourceFile {
//!     name: "answer.cvma".into(),
//!     text: b".entry main\n.func main () -> 1\n push 42\n ret\n.end\n".to_vec(),
//! };
//! let assembled = assemble(&[source], &Options::default());
//! assert!(assembled.diagnostics.is_empty());
//! let image = assembled.image.expect("a program without errors has an image");
//! assert_eq!(image.text, [0x20, 42, 0x16]);
//! assert_eq!(image.entry, Some(0));
//! ```
//!
//! A misspelt name costs one diagnostic, with a suggestion:
//!
//! ```
//! # use cvm_asm::{Options, SourceFile, assemble};
//! let source = SourceFile {
//!     name: "typo.cvma".into(),
//!     text: b".func f () -> 1\n pusj 1\n ret\n.end\n.export f\n".to_vec(),
//! };
//! let assembled = assemble(&[source], &Options::default());
//! assert!(assembled.image.is_none());
//! assert_eq!(assembled.diagnostics[0].code.code(), "unknown-mnemonic");
//! assert!(assembled.diagnostics[0].help[0].contains("`push`"));
//! ```

use std::path::PathBuf;

use cvm_spec::image::Image;

use crate::diagnostic::Diagnostic;
use crate::libraries::ForeignSymbol;
use crate::listing::ListingEntry;
use crate::map::MapSymbol;

mod assemble;

pub mod deps;
pub mod diagnostic;
pub mod exact;
pub mod json;
pub mod libraries;
pub mod listing;
pub mod map;
pub mod modules;
pub mod render;
pub mod source;

pub use assemble::assemble;
pub use cvm_spec::suggest;
pub use source::SourceFile;

/// What the caller wants of an assembly.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Emit debug information: lines, names of locals, labels, constants and references.
    pub debug: bool,
    /// Directories for `.include` and `.incbin`, tried in order after the including file's own.
    pub include_dirs: Vec<PathBuf>,
    /// Constants defined from outside, as (name, value); an empty value means 1.
    pub defines: Vec<(String, String)>,
    /// Leave out all symbols, unless the linker needs them.
    pub strip: bool,
    /// Record [`Assembled::listing`].
    pub listing: bool,
    /// Record [`Assembled::map`].
    pub map: bool,
}

/// What an assembly gives.
#[derive(Clone, Debug, Default)]
pub struct Assembled {
    /// The image, if no diagnostic is an error.
    pub image: Option<Image>,
    /// Errors and warnings in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// Files that `.include` read, each once. [`Span::file`](diagnostic::Span::file) counts on behind the given
    /// sources.
    pub included: Vec<SourceFile>,
    /// Files that `.include` and `.incbin` read, each once, in order of first use.
    pub dependencies: Vec<PathBuf>,
    /// What each statement became, if [`Options::listing`] asked for it.
    pub listing: Vec<ListingEntry>,
    /// What the program imports from C libraries, for [`libraries::check`].
    pub foreign: Vec<ForeignSymbol>,
    /// Functions, objects, constants and imports, if [`Options::map`] asked for them.
    pub map: Vec<MapSymbol>,
}
