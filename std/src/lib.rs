//! The standard modules of CVM, as assembly sources.
//!
//! `std/README.md` says how they are written. This crate only carries their texts, so that the assembler and the machine
//! have them without files; who links one assembles it.
//!
//! ```
//! let module = cvm_std::module("std/str").expect("there is a module for strings");
//! assert!(module.text.contains(".export length"));
//! ```

pub mod reference;

/// A standard module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name by which it is imported, `std/str`.
    pub name: &'static str,
    /// The name of its source in line tables and messages, `std/str.cvma`.
    pub file: &'static str,
    /// Its source.
    pub text: &'static str,
}

/// All standard modules, by name.
pub const MODULES: &[Module] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// The module of a name.
pub fn module(name: &str) -> Option<&'static Module> {
    let index = MODULES.binary_search_by_key(&name, |module| module.name);
    index.ok().map(|index| &MODULES[index])
}
