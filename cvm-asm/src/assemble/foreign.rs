//! `.foreign`: functions and objects of C libraries, and their signatures.

use cvm_spec::foreign::Signature;
use cvm_spec::image::{IMPORT_LEAF, Import, ImportKind, Type};

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};
use crate::libraries::ForeignSymbol;
use crate::suggest;

use super::Assembler;
use super::cursor::Cursor;
use super::program::{MODULE_MAX, Named};
use super::report::Reported;

impl Assembler<'_> {
    /// `.foreign "library" name signature [as alias] [leaf]`, or `.foreign "library" name data [as alias]`.
    pub(super) fn foreign(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        c.skip_blanks();
        let at = c.at;
        let library = self.text_operand(c, "the library's name in quotes")?;
        let library_span = self.span(c, at, c.at);
        c.skip_blanks();
        let symbol_at = c.at;
        let (name, mut named) = self.foreign_name(c)?;
        let symbol_span = self.span(c, symbol_at, c.at);
        let is_object = self.take_keyword(c, b"data");
        let signature = match is_object {
            true => Ok(empty_signature()),
            false => self.signature(c),
        };
        let (signature, mut failed) = match signature {
            Ok(signature) => (signature, None),
            Err(reported) => {
                c.skip_rest();
                (empty_signature(), Some(reported))
            }
        };
        let mut flags = 0;
        if failed.is_none() {
            if self.take_keyword(c, b"as") {
                match self.named(c, "the name that it has here") {
                    Ok(alias) => named = Some(alias),
                    Err(reported) => failed = Some(reported),
                }
            }
            if failed.is_none() && !is_object && self.take_keyword(c, b"leaf") {
                flags = IMPORT_LEAF;
            }
        }
        let Some(named) = named else {
            return Err(failed.unwrap_or_else(|| {
                let help = format!("write `as NAME` behind it: the name of \"{name}\" here");
                let message = "a symbol in quotes needs a name";
                self.report(Diagnostic::new(Code::MissingOperand, symbol_span, message).help(help))
            }));
        };
        let (kind, type_index) = match is_object {
            true => (ImportKind::ForeignData, self.types.function(0, 1, 0)),
            false => (ImportKind::Foreign, self.foreign_type(&signature)),
        };
        let sound = !library.is_empty()
            && library.len() <= MODULE_MAX
            && !library.chars().any(char::is_control)
            && !library.split(['/', '\\']).any(|part| part == "..");
        let import = Import {
            kind,
            flags,
            type_index,
            module: self.program.strings.add(library.as_bytes()),
            name: self.program.strings.add(name.as_bytes()),
        };
        self.add_import(named, import)?;
        if let Some(reported) = failed {
            return Err(reported);
        }
        if sound {
            self.program.foreign.push(ForeignSymbol {
                library: library.clone(),
                name,
                span: symbol_span,
            });
        }
        if !sound {
            let message = "a library's name is a file name or a path without `..`";
            return Err(self.error(Code::OutOfRange, library_span, message));
        }
        Ok(())
    }

    /// The name of a symbol, and the name that the program has for it. A symbol in quotes may be anything, such as
    /// `"memcpy@GLIBC_2.2.5"`, and has no name of its own.
    fn foreign_name(&mut self, c: &mut Cursor<'_>) -> Result<(String, Option<Named>), Reported> {
        if c.peek() == b'"' {
            let start = c.at;
            let name = self.text_operand(c, "the symbol's name")?;
            self.check_outside_name(c, start, &name)?;
            return Ok((name, None));
        }
        let named = self.named(c, "the name of the C function")?;
        Ok((self.names.text(named.name).to_owned(), Some(named)))
    }

    /// Reads the signature of a C function.
    pub(super) fn signature(&mut self, c: &mut Cursor<'_>) -> Result<Signature, Reported> {
        c.skip_blanks();
        let rest = statement_text(c);
        match Signature::parse_prefix(rest) {
            Ok((signature, length)) => {
                c.at += length;
                Ok(signature)
            }
            Err(error) => {
                let start = c.at + error.offset.min(rest.len());
                let span = self.span(c, start, start + error.length.max(1));
                let message = format!("expected {}, found {}", error.expected, error.found);
                let diagnostic = Diagnostic::new(Code::WrongOperand, span, message);
                let word = rest.get(error.offset..error.offset + error.length);
                let types = cvm_spec::foreign::Scalar::ALL
                    .iter()
                    .map(|scalar| scalar.name())
                    .chain(["void", "ptr", "cstr", "const", "fn"]);
                let closest = word.and_then(|word| suggest::closest(word, types));
                Err(self.report(match closest {
                    Some(closest) => diagnostic
                        .help(format!("did you mean `{closest}`?"))
                        .fix(span, closest),
                    None => diagnostic,
                }))
            }
        }
    }

    pub(super) fn foreign_type(&mut self, signature: &Signature) -> u32 {
        let (args, results) = signature.arity();
        let signature = self.program.strings.add(signature.to_string().as_bytes());
        self.types.intern(Type::Foreign {
            args,
            results,
            signature,
        })
    }
}

/// The rest of the statement; a comment begins at `;`, which no signature has.
pub(super) fn statement_text<'t>(c: &Cursor<'t>) -> &'t str {
    let rest = c.text.get(c.at..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| super::cursor::ends_statement(*byte));
    let rest = &rest[..end.unwrap_or(rest.len())];
    match std::str::from_utf8(rest) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether the header of a `.type` has C types: a result that is a word, or arguments that all begin with a type.
pub(super) fn is_signature(text: &str) -> bool {
    let begins = |text: &str| {
        let text = text.trim_start();
        let word = text.split(|c: char| !c.is_ascii_alphanumeric()).next();
        text.starts_with('{')
            || word.is_some_and(|word| {
                let scalars = cvm_spec::foreign::Scalar::ALL.iter();
                matches!(word, "void" | "ptr" | "cstr" | "const" | "fn")
                    || scalars.map(|scalar| scalar.name()).any(|name| name == word)
            })
    };
    let (args, result) = match text.rsplit_once("->") {
        Some((args, result)) => (args, Some(result)),
        None => (text, None),
    };
    match (result, args.trim_start().strip_prefix('(')) {
        (Some(result), _) if begins(result) => true,
        (None, Some(args)) => begins(args),
        _ => false,
    }
}

fn empty_signature() -> Signature {
    Signature {
        args: Vec::new(),
        fixed: None,
        result: cvm_spec::foreign::ForeignType::Void,
        owner: None,
    }
}
