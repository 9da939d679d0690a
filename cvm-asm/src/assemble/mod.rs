//! From sources to an image, in one pass over the text.
//!
//! A statement is encoded as soon as it is read: nothing but names, labels and places that refer forward is kept.
//! Jumps have one size, so every offset is final when it is known. What refers forward is patched at the `.end` of
//! its function (jumps, locals) or when all sources are read (calls, pointers, values).
//!
//! | module | does |
//! |---|---|
//! | `cursor`, `number`, `strings`, `words`, `names` | bytes to words and literals |
//! | `input`, `substitute`, `conditions` | files, macros, repetitions, conditions: which text is read |
//! | `statement` | which kind of statement it is |
//! | `expression`, `evaluate`, `symbols`, `structure` | values and what names mean |
//! | `instruction`, `operand`, `function`, `frame`, `flow`, `stack` | code |
//! | `data`, `program`, `foreign`, `macros` | the other directives |
//! | `constants`, `finish`, `references`, `debug` | forward references, symbols, relocations, the image |
//! | `report`, `place` | diagnostics and where they point |
//!
//! Invariants: every error goes through `report`; a statement that fails still defines its name, so that one
//! mistake is one diagnostic; recursion on input has a limit everywhere.

mod bss;
mod conditions;
mod constants;
mod cursor;
mod data;
mod debug;
mod evaluate;
mod expression;
mod finish;
mod fixup;
mod flow;
mod foreign;
mod frame;
mod function;
mod input;
mod instruction;
mod macros;
mod modules;
mod names;
mod number;
mod operand;
#[cfg(test)]
mod page;
mod place;
mod program;
mod references;
mod report;
mod stack;
mod statement;
mod strings;
mod structure;
mod substitute;
mod symbols;
mod words;

use std::path::{Path, PathBuf};

use cvm_spec::image::Line;
use rustc_hash::FxHashMap;
use typed_arena::Arena;

use crate::diagnostic::{Diagnostic, DiagnosticCode, Span};
use crate::listing::ListingEntry;
use crate::{Assembled, Options, SourceFile};

use self::bss::Bss;
use self::expression::Op;
use self::fixup::{CallFixup, Fixup};
use self::frame::Local;
use self::function::{FunctionRecord, FunctionState};
use self::input::{Frame, Macro, Pending};
use self::names::{Name, Names};
use self::place::{Expansion, Files};
use self::program::{Program, Types};
use self::references::{LocalSymbol, Reference};
use self::report::Reports;
use self::symbols::{Constant, LocalLabel, Object, OpenObjects, Structure};
use self::words::Words;

/// Where statements put what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Text,
    Data,
    Bss,
    /// Between `.struct` and its `.end`.
    Structure,
}

/// The state of an assembly.
struct Assembler<'a> {
    options: &'a Options,
    arena: &'a Arena<SourceFile>,

    files: Files<'a>,
    included: FxHashMap<PathBuf, (u32, u32)>,
    dependencies: Vec<PathBuf>,
    names: Names,
    words: Words,
    reports: Reports,

    // Which text is read.
    frames: Vec<Frame<'a>>,
    pending: Option<Pending<'a>>,
    expansions: Vec<Expansion>,
    /// The expansion that is being read.
    expansion: u32,
    macros: FxHashMap<Name, Macro<'a>>,
    /// Conditions whose branch is being read.
    conditions: Vec<conditions::Condition>,
    /// Counts expansions and repetitions, for unique labels.
    uniques: u32,
    written_line: substitute::WrittenLine,
    /// Number of the line that is read in its file.
    line: u32,
    /// The file that is read.
    file: u32,
    /// The macro call around it, for the line table.
    origin: Option<input::Origin>,
    /// Macros and repetitions around it.
    depth: u16,
    /// Statements that macros and repetitions may still bring.
    expansion_budget: u64,
    /// They brought more, which was reported.
    exhausted: bool,

    // What names mean.
    objects: Vec<Object>,
    constants: Vec<Constant>,
    structures: Vec<Structure>,
    field_sizes: FxHashMap<Name, u32>,
    labels: Vec<LocalLabel>,
    labels_by_scope: FxHashMap<(Name, Name), u32>,
    /// The diagnostic of each undefined name, and how often it is used.
    undefined_uses: FxHashMap<Name, (usize, u32)>,
    scope: Option<Name>,
    scope_number: u32,
    /// Expressions that are evaluated later.
    ops: Vec<Op>,
    scratch_ops: Vec<Op>,
    scratch_bytes: Vec<u8>,
    /// The expression that is read stands behind `l:`.
    frame_operand: bool,

    // What statements made.
    section: Section,
    text: Vec<u8>,
    data: Vec<u8>,
    bss: Bss,
    objects_in_data: Vec<u32>,
    objects_in_bss: Vec<u32>,
    open_data: OpenObjects,
    open_bss: OpenObjects,
    /// The largest `.align` in data or bss, in bytes.
    largest_alignment: u32,
    structure: structure::StructureState,
    function: FunctionState,
    functions: Vec<FunctionRecord>,
    locals: Vec<Local>,
    types: Types,
    program: Program,
    fixups: Vec<Fixup>,
    calls: Vec<CallFixup>,
    references: Vec<Reference>,
    local_symbols: Vec<LocalSymbol>,
    lines: Vec<Line>,
    listing: Vec<ListingEntry>,
    /// A statement in the wrong section was reported since the section began.
    misplaced: bool,
}

/// Assembles a program from its sources, which share one set of global names. A single source that begins with
/// `.exact 1` is read as the exact form of an image.
pub fn assemble(sources: &[SourceFile], options: &Options) -> Assembled {
    if let [source] = sources
        && crate::exact::is_exact(&source.text)
    {
        return crate::exact::assemble(source, options);
    }
    let arena = Arena::new();
    let mut assembler = Assembler::new(sources, options, &arena);
    let mut assembled = assembler.run(sources);
    drop(assembler);
    assembled.included = arena.into_vec();
    assembled
}

impl<'a> Assembler<'a> {
    fn new(sources: &'a [SourceFile], options: &'a Options, arena: &'a Arena<SourceFile>) -> Self {
        let mut names = Names::default();
        let words = Words::new(&mut names);
        let size: usize = sources.iter().map(|source| source.text.len()).sum();
        Self {
            options,
            arena,
            files: Files::default(),
            included: FxHashMap::default(),
            dependencies: Vec::new(),
            names,
            words,
            reports: Reports::default(),
            frames: Vec::new(),
            pending: None,
            expansions: vec![Expansion {
                name: Name(0),
                call: Span::default(),
                parent: 0,
            }],
            expansion: place::NO_EXPANSION,
            macros: FxHashMap::default(),
            conditions: Vec::new(),
            uniques: 0,
            written_line: substitute::WrittenLine::default(),
            line: 0,
            file: 0,
            origin: None,
            depth: 0,
            expansion_budget: input::EXPANDED_LINES_MAX,
            exhausted: false,
            objects: Vec::new(),
            constants: Vec::new(),
            structures: Vec::new(),
            field_sizes: FxHashMap::default(),
            labels: Vec::new(),
            labels_by_scope: FxHashMap::default(),
            undefined_uses: FxHashMap::default(),
            scope: None,
            scope_number: 0,
            ops: Vec::new(),
            scratch_ops: Vec::new(),
            scratch_bytes: Vec::new(),
            frame_operand: false,
            section: Section::Text,
            text: Vec::with_capacity(size / 4),
            data: Vec::new(),
            bss: Bss::default(),
            objects_in_data: Vec::new(),
            objects_in_bss: Vec::new(),
            open_data: OpenObjects::default(),
            open_bss: OpenObjects::default(),
            largest_alignment: 0,
            structure: structure::StructureState::default(),
            function: FunctionState::default(),
            functions: Vec::new(),
            locals: Vec::new(),
            types: Types::default(),
            program: Program::default(),
            fixups: Vec::new(),
            calls: Vec::new(),
            references: Vec::new(),
            local_symbols: Vec::new(),
            lines: Vec::new(),
            listing: Vec::new(),
            misplaced: false,
        }
    }

    fn run(&mut self, sources: &'a [SourceFile]) -> Assembled {
        let mut bases = Vec::with_capacity(sources.len());
        for source in sources {
            let added = self.files.add(source);
            if let Some(added) = added {
                let path = input::plain_path(Path::new(&source.name));
                self.included.insert(path, added);
            }
            bases.push(added);
        }
        self.define_from_outside();
        for (source, base) in sources.iter().zip(bases) {
            let Some((file, base)) = base else {
                let message = "the sources are larger than 4 GiB together";
                self.report(Diagnostic::new(
                    DiagnosticCode::TooLarge,
                    Span::default(),
                    message,
                ));
                break;
            };
            self.section = Section::Text;
            self.misplaced = false;
            self.open_scope(None);
            self.check_text(source, file);
            self.push_file(source, file, base);
            self.read_frames();
            self.close_file();
        }
        self.finish()
    }
}
