//! Whether the C functions that a program imports exist on this host.
//!
//! The assembler itself looks at no library: the same source gives the same image everywhere. This is a separate step,
//! and all that it finds is a warning, because the program may run on another host.

use std::collections::HashMap;

use cvm_symbols::{Library, Search};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

/// A function or object that a program imports from a C library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSymbol {
    /// The library, as the program names it.
    pub library: String,
    /// The symbol; `name@VERSION` asks for a version.
    pub name: String,
    /// Where the program names it.
    pub span: Span,
}

/// Warnings for symbols that are not there. Of a library that cannot be found or read, one warning says so.
pub fn check(symbols: &[ForeignSymbol], search: &Search) -> Vec<Diagnostic> {
    let mut libraries: HashMap<&str, Option<Library>> = HashMap::new();
    let mut found = Vec::new();
    for symbol in symbols {
        let library = libraries.entry(&symbol.library).or_insert_with(|| {
            match read(&symbol.library, search) {
                Ok(library) => Some(library),
                Err(message) => {
                    let diagnostic = Diagnostic::new(Code::MissingLibrary, symbol.span, message)
                        .note("its symbols are looked for when the program is loaded");
                    found.push(diagnostic);
                    None
                }
            }
        });
        if let Some(library) = library
            && !library.exports(&symbol.name)
        {
            found.push(missing(symbol, library));
        }
    }
    found
}

fn read(name: &str, search: &Search) -> Result<Library, String> {
    let path = search
        .find(name)
        .map_err(|_| format!("there is no library `{name}` here"))?;
    Library::read(&path).map_err(|error| error.to_string())
}

fn missing(symbol: &ForeignSymbol, library: &Library) -> Diagnostic {
    let ForeignSymbol { name, span, .. } = symbol;
    let message = format!("`{}` has no `{name}`", library.path().display());
    let mut diagnostic = Diagnostic::new(Code::MissingSymbol, *span, message);
    let versions = library.versions(name);
    if !versions.is_empty() {
        diagnostic = diagnostic.note(format!("it has the versions {}", versions.join(", ")));
    }
    match library.near(name).first() {
        Some(near) => diagnostic
            .help(format!("did you mean `{near}`?"))
            .fix(*span, *near),
        None => diagnostic,
    }
}
