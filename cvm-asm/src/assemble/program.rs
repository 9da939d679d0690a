//! What a program has beside code and data: entry, heap, imports, exports, types.

use cvm_spec::host::{HOST_FUNCTIONS, host_function};
use cvm_spec::image::link::Version;
use cvm_spec::image::{FunctionType, Import, ImportKind, StringRef, Type};
use cvm_spec::limits::HEAP_MAX;
use cvm_spec::pointer::HEAP_PAGE;
use rustc_hash::FxHashMap;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};
use crate::libraries::ForeignSymbol;
use crate::suggest;

use super::Assembler;
use super::cursor::Cursor;
use super::expression::Term;
use super::foreign::{is_signature, statement_text};
use super::function::Arguments;
use super::modules::ModuleDirective;
use super::names::{Definition, Name};
use super::place::Place;
use super::report::Reported;

/// Longest name of a module or library in bytes (`spec/format.md`).
pub(super) const MODULE_MAX: usize = 1024;

/// The image's string pool, each string once.
#[derive(Default)]
pub(super) struct Strings {
    pub(super) bytes: Vec<u8>,
    known: FxHashMap<Vec<u8>, StringRef>,
}

impl Strings {
    /// The place of a string in the pool.
    pub(super) fn add(&mut self, text: &[u8]) -> StringRef {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let reference = StringRef {
            offset: self.bytes.len() as u32,
            length: text.len() as u32,
        };
        self.bytes.extend_from_slice(text);
        self.known.insert(text.to_vec(), reference);
        reference
    }
}

/// The types section.
#[derive(Default)]
pub(super) struct Types {
    pub(super) list: Vec<Type>,
    known: FxHashMap<Type, u32>,
}

impl Types {
    /// Index of a function type.
    #[inline]
    pub(super) fn function(&mut self, args: u16, results: u16, brand: u32) -> u32 {
        self.intern(Type::Function(FunctionType {
            args,
            results,
            brand,
        }))
    }

    pub(super) fn intern(&mut self, ty: Type) -> u32 {
        let list = &mut self.list;
        *self.known.entry(ty).or_insert_with(|| {
            list.push(ty);
            list.len() as u32 - 1
        })
    }
}

/// A name that a directive refers to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) name: Name,
    pub(super) place: Place,
}

/// An export.
#[derive(Clone, Debug)]
pub(super) struct ExportDirective {
    pub(super) what: Named,
    /// The name that others see.
    pub(super) exported: String,
}

/// An assertion that is checked when everything is known.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub(super) term: Term,
    pub(super) span: Span,
    pub(super) expansion: u32,
    pub(super) text: String,
}

/// What directives say about the program.
#[derive(Default)]
pub(super) struct Program {
    pub(super) entry: Option<Named>,
    pub(super) heap: Option<(u64, u64, Span)>,
    pub(super) initialisers: Vec<Named>,
    pub(super) exports: Vec<ExportDirective>,
    pub(super) imports: Vec<Import>,
    /// Names and places of the imports.
    pub(super) import_names: Vec<Named>,
    /// What is imported from C libraries.
    pub(super) foreign: Vec<ForeignSymbol>,
    pub(super) module: Option<ModuleDirective>,
    pub(super) requirements: Vec<(String, Version)>,
    pub(super) assertions: Vec<Assertion>,
    pub(super) strings: Strings,
}

impl Assembler<'_> {
    pub(super) fn named(&mut self, c: &mut Cursor<'_>, what: &str) -> Result<Named, Reported> {
        let (name, place) = self.name_operand(c, what)?;
        Ok(Named { name, place })
    }

    /// `.entry NAME`.
    pub(super) fn entry(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let entry = self.named(c, "a function's name")?;
        if let Some(first) = self.program.entry {
            let span = self.place_span(entry.place);
            let first = self.place_span(first.place);
            let message = "the program has two entries";
            let diagnostic = Diagnostic::new(Code::DuplicateName, span, message);
            return Err(self.report(diagnostic.also(first, "the first is here")));
        }
        self.program.entry = Some(entry);
        Ok(())
    }

    /// `.init NAME`.
    pub(super) fn init(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let init = self.named(c, "a function's name")?;
        self.program.initialisers.push(init);
        Ok(())
    }

    /// `.export NAME [as "other"]`.
    pub(super) fn export(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let what = self.named(c, "the name of a function or object")?;
        let mut exported = self.names.text(what.name).to_owned();
        if !c.at_end() {
            self.keyword(c, b"as", "`as` and the name that others see")?;
            c.skip_blanks();
            let start = c.at;
            exported = self.text_operand(c, "the name that others see, in quotes")?;
            self.check_outside_name(c, start, &exported)?;
        }
        self.program
            .exports
            .push(ExportDirective { what, exported });
        Ok(())
    }

    /// Checks a name that other modules see.
    pub(super) fn check_outside_name(
        &mut self,
        c: &Cursor<'_>,
        start: usize,
        name: &str,
    ) -> Result<(), Reported> {
        if !name.is_empty() && name.len() <= 4096 && !name.chars().any(char::is_control) {
            return Ok(());
        }
        let span = self.span(c, start, c.at);
        let message = "a name has 1 to 4096 bytes and no control characters";
        Err(self.error(Code::OutOfRange, span, message))
    }

    pub(super) fn keyword(
        &mut self,
        c: &mut Cursor<'_>,
        word: &[u8],
        what: &str,
    ) -> Result<(), Reported> {
        c.skip_blanks();
        let start = c.at;
        if c.word() == word {
            return Ok(());
        }
        c.at = start;
        Err(self.expected(c, what))
    }

    pub(super) fn take_keyword(&mut self, c: &mut Cursor<'_>, word: &[u8]) -> bool {
        c.skip_blanks();
        let start = c.at;
        let found = c.word() == word;
        if !found {
            c.at = start;
        }
        found
    }

    /// `.heap FIRST[, LARGEST]`.
    pub(super) fn heap(&mut self, c: &mut Cursor<'_>, start: usize) -> Result<(), Reported> {
        c.skip_blanks();
        let at = c.at;
        let first = self.constant(c)?;
        let largest = if c.take(b',') { self.constant(c)? } else { 0 };
        let span = self.span_from(c, at);
        let whole = self.span_from(c, start);
        let message = if first % HEAP_PAGE != 0 || largest % HEAP_PAGE != 0 {
            format!("heap sizes are multiples of {}K", HEAP_PAGE / 1024)
        } else if first > HEAP_MAX || largest > HEAP_MAX {
            format!("a heap has at most {}G", HEAP_MAX >> 30)
        } else if largest != 0 && first > largest {
            "the heap's first size is above its largest".to_owned()
        } else if let Some((_, _, first)) = self.program.heap {
            let message = "the program has two heaps";
            let diagnostic = Diagnostic::new(Code::DuplicateName, whole, message);
            return Err(self.report(diagnostic.also(first, "the first is here")));
        } else {
            self.program.heap = Some((first, largest, whole));
            return Ok(());
        };
        Err(self.error(Code::OutOfRange, span, message))
    }

    /// Defines an import, whose type is known.
    pub(super) fn add_import(&mut self, named: Named, import: Import) -> Result<(), Reported> {
        let index = self.program.imports.len() as u32;
        self.define_word(named.name, Definition::Import(index), named.place)?;
        self.program.imports.push(import);
        self.program.import_names.push(named);
        Ok(())
    }

    /// `.host ns.name (args) [-> results]`.
    pub(super) fn host(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let named = self.named(c, "a host function's name, such as sys.write")?;
        let header = self.arity(c);
        let text = self.names.text(named.name).to_owned();
        let span = self.place_span(named.place);
        let Some((module, name)) = text.rsplit_once('.') else {
            self.poison(named.name, named.place);
            return Err(self.unknown_host(&text, span));
        };
        let known = host_function(&text).filter(|_| module == "sys");
        if module == "sys" && known.is_none() {
            self.poison(named.name, named.place);
            return Err(self.unknown_host(&text, span));
        }
        let (args, results) = match (&header, known) {
            (_, Some(known)) => (known.args.len() as u16, known.results.len() as u16),
            (Ok((args, results)), None) => (args.count, *results),
            (Err(_), None) => (0, 0),
        };
        let type_index = self.types.function(args, results, 0);
        let module = self.program.strings.add(module.as_bytes());
        let name = self.program.strings.add(name.as_bytes());
        let import = Import {
            kind: ImportKind::Host,
            flags: 0,
            type_index,
            module,
            name,
        };
        self.add_import(named, import)?;
        let (given, given_results) = header?;
        if given.count != args || given_results != results {
            let message = format!(
                "`{text}` has {} and {}, not {} and {}",
                counted(args, "argument"),
                counted(results, "result"),
                given.count,
                given_results
            );
            let declaration = known.map(|known| {
                let arrow = if results > 0 {
                    format!(" -> {results}")
                } else {
                    String::new()
                };
                format!("write `.host {text} ({}){arrow}`", known.args.join(", "))
            });
            let diagnostic = Diagnostic::new(Code::ArityMismatch, span, message);
            return Err(self.report(match declaration {
                Some(declaration) => diagnostic.help(declaration),
                None => diagnostic,
            }));
        }
        Ok(())
    }

    #[cold]
    fn unknown_host(&mut self, text: &str, span: Span) -> Reported {
        let closest = closest_host_function(text);
        let message = if text.contains('.') {
            format!("there is no host function `{text}`")
        } else {
            format!("`{text}` has no namespace; a host function is written `sys.name`")
        };
        let diagnostic = Diagnostic::new(Code::UnknownHostFunction, span, message);
        self.report(match closest {
            Some(closest) => diagnostic
                .help(format!("did you mean `{closest}`?"))
                .fix(span, closest),
            None => diagnostic.note("spec/host.md lists the host functions"),
        })
    }

    /// `.type NAME (args) [-> results] [, brand N]`, or with a signature of C types a foreign type.
    pub(super) fn type_directive(&mut self, c: &mut Cursor<'_>) -> Result<(), Reported> {
        let named = self.named(c, "the type's name")?;
        c.skip_blanks();
        let index = if is_signature(statement_text(c)) {
            self.signature(c)
                .map(|signature| self.foreign_type(&signature))
        } else {
            self.function_type(c)
        };
        match index {
            Ok(index) => self.define(named.name, Definition::Type(index), named.place),
            Err(reported) => {
                self.poison(named.name, named.place);
                Err(reported)
            }
        }
    }

    fn function_type(&mut self, c: &mut Cursor<'_>) -> Result<u32, Reported> {
        let (args, results) = self.arity(c)?;
        let brand = self.brand(c)?;
        Ok(self.types.function(args.count, results, brand))
    }

    /// Reads `, brand N` if it comes next.
    pub(super) fn brand(&mut self, c: &mut Cursor<'_>) -> Result<u32, Reported> {
        if !c.take(b',') {
            return Ok(0);
        }
        self.keyword(c, b"brand", "`brand` and a number")?;
        c.skip_blanks();
        let start = c.at;
        let brand = self.constant(c)?;
        u32::try_from(brand).map_err(|_| {
            let span = self.span_from(c, start);
            let message = format!("the brand {} does not fit 32 bits", brand as i64);
            self.error(Code::OutOfRange, span, message)
        })
    }

    /// Reads a function's arguments, results and brand.
    pub(super) fn function_header(
        &mut self,
        c: &mut Cursor<'_>,
    ) -> Result<(Arguments, u16, u32), Reported> {
        let (arguments, results) = self.arity(c)?;
        let brand = self.brand(c)?;
        Ok((arguments, results, brand))
    }
}

/// The host function that a name may have meant, with its namespace: itself, if it is one.
pub(super) fn closest_host_function(text: &str) -> Option<String> {
    let full: Vec<String> = HOST_FUNCTIONS
        .iter()
        .map(|function| format!("sys.{}", function.name))
        .collect();
    let dotted = format!("sys.{text}");
    let exact = full.iter().find(|name| **name == text || **name == dotted);
    let closest = || {
        let namespace = text.contains('.');
        let close = suggest::closest(text, full.iter().map(String::as_str));
        close.filter(|_| namespace)
    };
    exact
        .map(String::as_str)
        .or_else(closest)
        .map(str::to_owned)
}

/// A count with its noun.
fn counted(count: u16, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
