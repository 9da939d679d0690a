//! Translates WebAssembly modules into CVM images (`spec/wasm.md`).
//!
//! Everything that compiles to WebAssembly 2.0 without vectors runs on CVM: linear memory is the heap, globals and
//! tables live in bss, functions become functions, traps become faults.
//!
//! ```
//! # let wasm: &[u8] = b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";
//! // (module (func (export "add") (param i32 i32) (result i32)
//! //   (i32.add (local.get 0) (local.get 1))))
//! let image = cvm_wasm::translate(wasm, &cvm_wasm::Options::default())?;
//! assert_eq!(image.string(image.exports[0].name), Some("add"));
//! # Ok::<(), cvm_wasm::TranslateError>(())
//! ```
//!
//! A module is validated while it is translated, in one pass over each function, in time in proportion to its size.
//! Any bytes are either translated or refused with a [`TranslateError`] that names the byte offset.

mod code;
mod constant;
mod error;
mod extra;
mod finish;
mod layout;
mod lines;
mod module;
mod names;
mod program;
mod relocate;
mod text;
mod types;
mod units;

use cvm_spec::image::Image;

pub use cvm_spec::wasm::export_name;
pub use error::TranslateError;

use layout::Layout;
use module::Module;
use program::Program;

/// The first bytes of a WebAssembly module.
pub const MAGIC: [u8; 4] = *b"\0asm";

/// The namespace of WASI preview 1.
pub const WASI: &str = "wasi_snapshot_preview1";

/// How a module is translated.
#[derive(Clone, Debug)]
pub struct Options {
    /// Modules whose functions are host functions; those of all others are functions of CVM modules. [`WASI`] alone
    /// by default.
    pub host: Vec<String>,
    /// Makes a module that other modules can import, with relocations. An image that imports from modules has them in any
    /// case.
    pub shared: bool,
    /// Leaves names and lines out of the image.
    pub strip: bool,
    /// What imports that are not functions stand for: (module, name, what it is).
    pub provided: Vec<(String, String, Provided)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: vec![WASI.to_string()],
            shared: false,
            strip: false,
            provided: Vec::new(),
        }
    }
}

/// What an import stands for that is not a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provided {
    /// A global with this value, as a cell holds it.
    Global(u64),
    /// A new memory: its first and largest size in pages of 64 KiB.
    Memory {
        /// Pages at the start.
        first: u64,
        /// Most pages.
        largest: u64,
    },
    /// A new table without entries.
    Table {
        /// Entries at the start.
        first: u64,
        /// Most entries.
        largest: Option<u64>,
    },
}

impl Options {
    fn is_host(&self, module: &str) -> bool {
        self.host.iter().any(|host| host == module)
    }

    fn provided(&self, module: &str, name: &str) -> Option<&Provided> {
        let mut all = self.provided.iter();
        let found = all.find(|(m, n, _)| m == module && n == name);
        found.map(|(_, _, provided)| provided)
    }
}

/// Translates a module.
///
/// # Errors
/// If the bytes are no valid module, use a feature that is not supported, or make an image that is too large.
pub fn translate(bytes: &[u8], options: &Options) -> Result<Image, TranslateError> {
    error::check_magic(bytes)?;
    let module = Module::read(bytes, options)?;
    let layout = Layout::new(&module)?;
    let mut program = Program::new(&module, &layout, options);
    let mut scratch = code::Scratch::default();
    if let Some(resources) = &module.resources {
        for (number, body) in module.bodies.iter().enumerate() {
            code::translate(&mut program, number as u32, body, resources, &mut scratch)?;
        }
    }
    finish::finish(program)
}
