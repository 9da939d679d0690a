//! The map of a machine: ModuleName → (Symbol → Address), from the exports of its image.
//!
//! The linker gives exports of modules the name `module:symbol`; the program's own have no module in front, and belong
//! to the module `""` and to that of the program's name, if it states one. A program that imports `sys.symbol` keeps
//! the exports of all its modules; others have only their own.

use std::collections::HashMap;

use cvm_spec::image::link::module_name;
use cvm_spec::image::{ExportKind, Image};
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

/// What a program and its modules export, with addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    modules: HashMap<String, HashMap<String, Pointer>>,
    /// The program's own name as a module.
    own: String,
}

impl Symbols {
    /// The exports of an image.
    pub fn of_image(image: &Image) -> Symbols {
        let mut symbols = Symbols {
            own: module_name(image).unwrap_or_default().to_string(),
            ..Symbols::default()
        };
        for export in &image.exports {
            let address = match export.kind {
                ExportKind::Function => {
                    let function = image.functions.get(export.value as usize);
                    function.map(|function| Pointer::new(Tag::Text, function.start.into()))
                }
                ExportKind::Object => Some(ShortPointer(export.value).widen()),
            };
            let name = image.string(export.name).unwrap_or_default();
            let (module, symbol) = name.split_once(':').unwrap_or(("", name));
            if let Some(address) = address {
                let module = symbols.modules.entry(module.to_string()).or_default();
                module.insert(symbol.to_string(), address);
            }
        }
        symbols
    }

    /// The address of what a module exports: a text pointer to a function, or a pointer to an object.
    pub fn address(&self, module: &str, symbol: &str) -> Option<Pointer> {
        let module = if module == self.own { "" } else { module };
        self.modules.get(module)?.get(symbol).copied()
    }

    /// What a module exports, in no order; the program's own module is `""`.
    pub fn of_module(&self, module: &str) -> impl Iterator<Item = (&str, Pointer)> {
        let symbols = self.modules.get(module).into_iter().flatten();
        symbols.map(|(symbol, address)| (symbol.as_str(), *address))
    }
}
