//! Loading a program that imports modules: they are found, linked to it, and verified with it.
//!
//! A program that imports no modules needs no loader; [`crate::verify::load`] will do.
//!
//! ```
//! use cvm::loader::{Named, SearchPath, load};
//! use cvm_asm::{Options, SourceFile, assemble};
//!
//! let source = SourceFile {
//!     name: "main.cvma".into(),
//!     text: b".entry main\n.import \"std/str\" parse (2) -> 2 as parse\n.data\ns: .ascii \"42\"\n.func main () -> 1\n push d:s\n push 2\n call parse\n drop\n ret\n.end\n".to_vec(),
//! };
//! let image = assemble(&[source], &Options::default()).image.unwrap();
//! let module = load(Named::new("main", "main.cvma", image), &SearchPath::standard())?;
//! let mut machine = cvm::machine::Machine::new(module.into(), Default::default(), Default::default())?;
//! assert_eq!(machine.run()?.status(), 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use thiserror::Error;

pub use cvm_asm::modules::{
    LinkOptions, Linked, ModuleError, Named, Nowhere, Search, SearchPath, link_program,
};

use crate::verify::{self, Module};

/// Why a program cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A module is missing or does not fit.
    #[error(transparent)]
    Modules(#[from] ModuleError),
    /// The verifier rejects what was linked.
    #[error(transparent)]
    Verify(#[from] verify::ModuleError),
}

/// Links a program with the modules that it imports, and verifies the result.
///
/// # Errors
/// If a module is missing or does not fit, or the verifier rejects it.
pub fn load(program: Named, search: &dyn Search) -> Result<Module, LoadError> {
    let linked = link_program(program, Vec::new(), search, LinkOptions::default())?;
    Ok(verify::verify(linked.image)?)
}
