//! Names that the image has for its parts.

use cvm_spec::image::{ExportKind, Image, StringRef, SymbolKind};

/// The bytes of a string; empty if the reference is wrong.
pub(crate) fn string(image: &Image, reference: StringRef) -> &[u8] {
    let start = reference.offset as usize;
    let end = start.saturating_add(reference.length as usize);
    image.strings.get(start..end).unwrap_or_default()
}

/// The name of each function: its first symbol that has one, else its first export.
pub(crate) fn function_names(image: &Image) -> Vec<Option<StringRef>> {
    let mut names = vec![None; image.functions.len()];
    let symbols = image.symbols.iter();
    let symbols = symbols.filter(|symbol| symbol.kind == SymbolKind::Function);
    let symbols = symbols.map(|symbol| (symbol.value, symbol.name));
    let exports = image.exports.iter();
    let exports = exports.filter(|export| export.kind == ExportKind::Function);
    let exports = exports.map(|export| (export.value, export.name));
    for (index, name) in symbols.chain(exports) {
        if let Some(slot) = names.get_mut(index as usize)
            && !string(image, name).is_empty()
        {
            slot.get_or_insert(name);
        }
    }
    names
}
