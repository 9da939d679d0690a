//! The end of an assembly: everything that refers forward is patched, and the image is put together.

use cvm_spec::image::{Export, ExportKind, Image, ImportKind};
use cvm_spec::isa::Opcode;
use cvm_spec::limits::SEGMENT_MAX;
use cvm_spec::pointer::{Pointer, ShortPointer, Tag};

use crate::Assembled;
use crate::diagnostic::{Diagnostic, DiagnosticCode as Code, Span};

use super::Assembler;
use super::data::fits;
use super::evaluate::Evaluated;
use super::expression::{Term, Value};
use super::fixup::{Fixup, Patch};
use super::names::Definition;
use super::program::Named;
use super::report::Reported;
use super::symbols::UNPLACED;

impl Assembler<'_> {
    /// Ends the assembly.
    pub(super) fn finish(&mut self) -> Assembled {
        self.section = super::Section::Text;
        self.close_segments();
        self.index_dotted_labels();
        self.settle_constants();
        self.patch_calls();
        self.patch_all();
        self.check_references();
        self.check_assertions();
        self.check_sizes();
        let entry = self.resolve_entry();
        let initialisers = self.resolve_initialisers();
        let exports = self.resolve_exports();
        self.warn_of_labels();
        self.count_undefined();
        let mut image = None;
        if self.reports.errors == 0 {
            let built = self.image(entry, initialisers, exports);
            // Relocations may still fail.
            image = (self.reports.errors == 0).then_some(built);
        }
        let map = if self.options.map && image.is_some() {
            self.map()
        } else {
            Vec::new()
        };
        Assembled {
            image,
            diagnostics: std::mem::take(&mut self.reports).finish(),
            foreign: std::mem::take(&mut self.program.foreign),
            included: Vec::new(),
            dependencies: std::mem::take(&mut self.dependencies),
            listing: std::mem::take(&mut self.listing),
            map,
        }
    }

    /// Gives the last objects of data and bss their sizes.
    fn close_segments(&mut self) {
        for (segment, open) in [(Tag::Data, self.open_data), (Tag::Bss, self.open_bss)] {
            for object in &mut self.objects[open.first as usize..] {
                if object.segment == segment && object.end == UNPLACED {
                    object.end = open.used.max(object.offset);
                }
            }
        }
        for object in &mut self.objects {
            if object.end == UNPLACED {
                object.end = object.offset;
            }
        }
        self.index_objects();
    }

    /// Finds local labels for names written `scope.label`.
    fn index_dotted_labels(&mut self) {
        let dotted: Vec<_> = self
            .names
            .iter()
            .filter(|(name, entry)| {
                let word = self.names.bytes(*name);
                entry.definition == Definition::Undefined
                    && word.first() != Some(&b'.')
                    && memchr::memchr(b'.', word).is_some()
            })
            .map(|(name, _)| name)
            .collect();
        if dotted.is_empty() {
            return;
        }
        for (index, label) in self.labels.iter().enumerate() {
            if let Some(scope) = label.scope.filter(|_| label.offset != UNPLACED) {
                self.labels_by_scope
                    .insert((scope, label.name), index as u32);
            }
        }
        for name in dotted {
            if let Some(label) = self.dotted_label(name) {
                self.labels[label as usize].used = true;
            }
        }
    }

    fn patch_calls(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        for call in &calls {
            let at = call.at as usize;
            let opcode = self.text.get(at).and_then(|byte| Opcode::from_byte(*byte));
            let Some(opcode) = opcode else {
                continue;
            };
            let Ok((opcode, index)) = self.call_target(opcode, call.name, call.place) else {
                continue;
            };
            let (args, results) = self.call_effect(opcode, index);
            let after = self.functions.partition_point(|f| f.start <= call.at);
            let own = after
                .checked_sub(1)
                .map(|index| self.functions[index].results);
            let own = u32::from(own.unwrap_or(0));
            // An error is reported; the call is patched all the same.
            let _: Result<(), Reported> =
                self.check_tail_call(opcode, results as u16, own, call.place);
            self.check_later_call(opcode, args, call);
            if let Some(place) = self.text.get_mut(at..at + 5) {
                place[0] = opcode.byte();
                place[1..].copy_from_slice(&index.to_le_bytes());
            }
        }
    }

    fn patch_all(&mut self) {
        let fixups = std::mem::take(&mut self.fixups);
        for fixup in &fixups {
            match self.evaluate_stored(fixup.value, true) {
                Evaluated::Known(value) => {
                    // An error is reported; there is nothing else to do.
                    let _: Result<(), Reported> = self.patch(fixup, value);
                }
                Evaluated::Problem(problem) => {
                    self.problem(problem, fixup.place.expansion);
                }
            }
        }
    }

    fn patch(&mut self, fixup: &Fixup, value: Value) -> Result<(), Reported> {
        let at = fixup.at as usize;
        let number = value.number;
        match fixup.patch {
            Patch::ShortPointer(tag) => {
                let short = self.short_pointer(tag, value, fixup.place)?;
                self.reference(Tag::Text, fixup.at, tag, value, fixup.place);
                write(&mut self.text, at, &short.0.to_le_bytes());
            }
            Patch::Push => {
                let signed = number as i64;
                if u32::try_from(number).is_ok() && i32::try_from(signed).is_err() {
                    write(&mut self.text, at - 1, &[Opcode::PushUd.byte()]);
                } else if i32::try_from(signed).is_err() {
                    let span = self.place_span(fixup.place);
                    let message = format!(
                        "the value, {signed}, is not known above and does not fit the 4 bytes kept for it"
                    );
                    let diagnostic = Diagnostic::new(Code::OutOfRange, span, message)
                        .help("write `push_q`, or define the names above");
                    return Err(self.report_in(fixup.place.expansion, diagnostic));
                }
                write(&mut self.text, at, &(number as u32).to_le_bytes());
            }
            Patch::Constant(size) => {
                self.check_constant(number, size, fixup.place)?;
                let size = usize::from(size.unsigned_abs());
                write(&mut self.text, at, &number.to_le_bytes()[..size]);
            }
            Patch::Number { segment, width } => {
                if !fits(number, width) {
                    return Err(self.does_not_fit(number, width, fixup.place));
                }
                let bytes = number.to_le_bytes();
                self.write_to(segment, at, &bytes[..usize::from(width)]);
            }
            Patch::Pointer { segment, tag } => {
                self.check_segment(tag, value, fixup.place)?;
                let pointer = Pointer::new(tag, number);
                self.reference(segment, fixup.at, tag, value, fixup.place);
                self.write_to(segment, at, &pointer.0.to_le_bytes());
            }
        }
        Ok(())
    }

    fn write_to(&mut self, segment: Tag, at: usize, bytes: &[u8]) {
        match segment {
            Tag::Text => write(&mut self.text, at, bytes),
            Tag::Data => write(&mut self.data, at, bytes),
            _ => write(self.bss.bytes_mut(), at, bytes),
        }
    }

    fn check_assertions(&mut self) {
        for assertion in std::mem::take(&mut self.program.assertions) {
            let value = match assertion.term {
                Term::Known(value) => Evaluated::Known(value),
                Term::Later(stored) => self.evaluate_stored(stored, true),
            };
            match value {
                Evaluated::Known(value) if value.number != 0 => {}
                Evaluated::Known(_) => {
                    let diagnostic =
                        Diagnostic::new(Code::UserError, assertion.span, assertion.text);
                    self.report_in(assertion.expansion, diagnostic);
                }
                Evaluated::Problem(problem) => {
                    self.problem(problem, assertion.expansion);
                }
            }
        }
    }

    fn check_sizes(&mut self) {
        let sizes = [
            (Tag::Data, self.data.len() as u64),
            (Tag::Bss, self.bss.size()),
        ];
        for (tag, size) in sizes {
            if size > SEGMENT_MAX {
                let name = tag.name();
                let message = format!("the {name} segment is larger than {SEGMENT_MAX} bytes");
                self.error(Code::TooLarge, Span::default(), message);
            }
        }
    }

    fn resolve_entry(&mut self) -> Option<u32> {
        let Named { name, place } = self.program.entry?;
        let (index, message) = match self.names.entry(name).definition {
            Definition::Function(index) => {
                let function = &self.functions[index as usize];
                match (function.args, function.results) {
                    (0, 0 | 1) => return Some(function.start),
                    (0, results) => (
                        Some(index),
                        format!(
                            "has {results} results; the entry has at most one, the exit status"
                        ),
                    ),
                    (args, _) => (
                        Some(index),
                        format!("has {args} argument{}; the entry has none", plural(args)),
                    ),
                }
            }
            Definition::Poisoned => return None,
            Definition::Undefined => (None, "is not defined".to_owned()),
            _ => (None, format!("is {}, not a function", self.kind_of(name))),
        };
        let text = self.names.text(name).to_owned();
        let span = self.place_span(place);
        let mut diagnostic =
            Diagnostic::new(Code::NoEntry, span, format!("the entry `{text}` {message}"));
        if index.is_some() {
            let first = self.place_span(self.names.entry(name).place);
            diagnostic = diagnostic.also(first, "defined here");
        } else {
            let is_function =
                |definition: &Definition| matches!(definition, Definition::Function(_));
            if let Some(closest) = self.closest_name(name, is_function) {
                diagnostic = diagnostic
                    .help(format!("did you mean `{closest}`?"))
                    .fix(span, closest);
            }
        }
        self.report_in(place.expansion, diagnostic);
        None
    }

    fn resolve_initialisers(&mut self) -> Vec<u32> {
        let mut indices = Vec::new();
        for named in std::mem::take(&mut self.program.initialisers) {
            let Named { name, place } = named;
            let definition = self.names.entry(name).definition;
            let (message, code) = match definition {
                Definition::Poisoned => continue,
                Definition::Undefined => {
                    self.undefined(name, place);
                    continue;
                }
                Definition::Function(index) => {
                    let function = &self.functions[index as usize];
                    if (function.args, function.results) == (0, 0) {
                        indices.push(index);
                        continue;
                    }
                    let message = "an initialiser has no arguments and no results".to_owned();
                    (message, Code::ArityMismatch)
                }
                _ => {
                    let text = self.names.text(name);
                    let message = format!("`{text}` is {}, not a function", self.kind_of(name));
                    (message, Code::WrongKind)
                }
            };
            let span = self.place_span(place);
            let first = self.place_span(self.names.entry(name).place);
            let diagnostic = Diagnostic::new(code, span, message).also(first, "defined here");
            self.report_in(place.expansion, diagnostic);
        }
        indices
    }

    fn resolve_exports(&mut self) -> Vec<Export> {
        let mut exports = Vec::new();
        let mut first: rustc_hash::FxHashMap<String, Span> = rustc_hash::FxHashMap::default();
        for export in std::mem::take(&mut self.program.exports) {
            let Named { name, place } = export.what;
            let span = self.place_span(place);
            if let Some(first) = first.get(&export.exported) {
                let message = format!("`{}` is exported twice", export.exported);
                let diagnostic = Diagnostic::new(Code::DuplicateName, span, message)
                    .also(*first, "first exported here");
                self.report_in(place.expansion, diagnostic);
                continue;
            }
            first.insert(export.exported.clone(), span);
            let (kind, value, size) = match self.names.entry(name).definition {
                Definition::Function(index) => (ExportKind::Function, index, 0),
                Definition::Label(index) if self.objects[index as usize].segment != Tag::Text => {
                    let object = &self.objects[index as usize];
                    let short = ShortPointer::new(object.segment, object.offset);
                    let size = object.end.saturating_sub(object.offset);
                    (ExportKind::Object, short.map_or(0, |short| short.0), size)
                }
                Definition::Poisoned => continue,
                Definition::Undefined => {
                    self.undefined(name, place);
                    continue;
                }
                _ => {
                    let text = self.names.text(name);
                    let what = self.kind_of(name);
                    let message = format!("`{text}` is {what}; functions and objects are exported");
                    let first = self.place_span(self.names.entry(name).place);
                    let diagnostic =
                        Diagnostic::new(Code::WrongKind, span, message).also(first, "defined here");
                    self.report_in(place.expansion, diagnostic);
                    continue;
                }
            };
            let name = self.program.strings.add(export.exported.as_bytes());
            exports.push(Export {
                kind,
                value,
                size,
                name,
            });
        }
        exports
    }

    /// Warns of local labels that nothing names.
    fn warn_of_labels(&mut self) {
        for index in 0..self.labels.len() {
            let label = self.labels[index];
            if label.used || label.offset == UNPLACED {
                continue;
            }
            let word = self.names.bytes(label.name);
            if word.starts_with(b"._") || word.contains(&b'@') {
                continue;
            }
            let text = self.names.text(label.name);
            let message = format!("the label `{text}` is not used");
            let span = self.place_span(label.place);
            let diagnostic = Diagnostic::new(Code::UnusedLabel, span, message)
                .help("remove it, or begin its name with `._` to keep it");
            self.report_in(label.place.expansion, diagnostic);
        }
    }

    /// Whether images must be able to move: relocations are kept.
    pub(super) fn is_linkable(&self, image: &Image) -> bool {
        let imports = image.imports.iter();
        !image.exports.is_empty()
            || imports
                .map(|import| import.kind)
                .any(|kind| matches!(kind, ImportKind::Module | ImportKind::ModuleData))
    }
}

fn plural(count: u16) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn write(segment: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = segment.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
