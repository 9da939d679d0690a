//! What the program's names mean: objects, places in the text, constants, local labels, structures.

use cvm_spec::pointer::Tag;

use crate::diagnostic::{Diagnostic, DiagnosticCode as Code};
use crate::suggest;

use super::cursor::Cursor;
use super::expression::{Stored, Term, Value};
use super::names::{Definition, Name};
use super::place::Place;
use super::report::Reported;
use super::stack::UNKNOWN;
use super::{Assembler, Section};

/// Offset of a local label that is used but not defined yet.
pub(super) const UNPLACED: u32 = u32::MAX;

/// Dots at which `scope.label` is taken apart, from the left.
const DOTS_TRIED: usize = 8;

/// A global label: an object in data or bss, or a place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) name: Name,
    pub(super) segment: Tag,
    /// Offset in the segment.
    pub(super) offset: u32,
    /// Offset behind its contents.
    pub(super) end: u32,
}

/// A local label.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalLabel {
    pub(super) name: Name,
    /// The function or global label that it belongs to.
    pub(super) scope: Option<Name>,
    /// The number of that scope.
    pub(super) scope_number: u32,
    pub(super) segment: Tag,
    /// Offset in its segment, or [`UNPLACED`].
    pub(super) offset: u32,
    /// Where it is defined; until then, where it was used first.
    pub(super) place: Place,
    pub(super) used: bool,
    /// A jump leads here; a pointer alone does not, but for a `land`.
    pub(super) jumped: bool,
    /// Cells on the operand stack there, as far as it is known.
    pub(super) depth: i32,
    /// The jump that says so.
    pub(super) from: Place,
    /// The first instruction behind it.
    pub(super) first: Option<Place>,
    /// An error about it was reported.
    pub(super) reported: bool,
}

/// What a constant's value is known to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConstantValue {
    Known(Value),
    Later(Stored),
    Poisoned,
}

/// A constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constant {
    pub(super) name: Name,
    pub(super) value: ConstantValue,
    /// How often its value was tried again.
    pub(super) attempts: u8,
}

/// The objects at the end of a segment whose size is not known yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenObjects {
    /// Index of the first of them.
    pub(super) first: u32,
    /// Where they begin.
    pub(super) at: Option<u32>,
    /// Offset behind the segment's last contents; padding does not count.
    pub(super) used: u32,
}

/// A structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure {
    /// Its size in bytes, final at its `.end`.
    pub(super) size: u32,
}

impl Assembler<'_> {
    /// Gives a global name its meaning. The first definition stays when there are two.
    pub(super) fn define(
        &mut self,
        name: Name,
        definition: Definition,
        place: Place,
    ) -> Result<(), Reported> {
        if self.words.owns(name) {
            return Err(self.reserved_name(name, place));
        }
        self.define_word(name, definition, place)
    }

    /// Reports a word of the language where a name is defined.
    #[cold]
    pub(super) fn reserved_name(&mut self, name: Name, place: Place) -> Reported {
        let span = self.place_span(place);
        let text = self.names.text(name);
        let message = format!("`{text}` is a word of the language and cannot be defined");
        let diagnostic = Diagnostic::new(Code::ReservedName, span, message);
        self.report_in(place.expansion, diagnostic)
    }

    /// As [`define`](Self::define), also for words of the language: C functions have the names that they have.
    pub(super) fn define_word(
        &mut self,
        name: Name,
        definition: Definition,
        place: Place,
    ) -> Result<(), Reported> {
        let entry = self.names.entry_mut(name);
        match entry.definition {
            Definition::Undefined => {
                entry.definition = definition;
                entry.place = place;
                Ok(())
            }
            Definition::Poisoned => Err(Reported),
            _ => {
                let first = self.place_span(self.names.entry(name).place);
                let span = self.place_span(place);
                Err(self.duplicate(name, span, first))
            }
        }
    }

    /// Makes a name known without a meaning, after an error in its definition.
    pub(super) fn poison(&mut self, name: Name, place: Place) {
        let entry = self.names.entry_mut(name);
        if entry.definition == Definition::Undefined {
            entry.definition = Definition::Poisoned;
            entry.place = place;
        }
    }

    /// Makes a function without a sound header known without a meaning.
    pub(super) fn poison_function(&mut self, name: Name, index: u32) {
        let entry = self.names.entry_mut(name);
        if entry.definition == Definition::Function(index) {
            entry.definition = Definition::Poisoned;
        }
    }

    /// Whether a global name has a meaning.
    pub(super) fn is_defined(&self, name: Name) -> bool {
        self.names.entry(name).definition != Definition::Undefined
    }

    /// What a name is, with an article, for messages.
    pub(super) fn kind_of(&self, name: Name) -> &'static str {
        match self.names.entry(name).definition {
            Definition::Undefined | Definition::Poisoned => "an unknown name",
            Definition::Constant(_) => "a constant",
            Definition::Label(index) => match self.objects[index as usize].segment {
                Tag::Data => "a label in .data",
                Tag::Bss => "a label in .bss",
                _ => "a label in a function",
            },
            Definition::Function(_) => "a function",
            Definition::Import(_) => "an import",
            Definition::Type(_) => "a type",
            Definition::Structure(_) => "a structure",
        }
    }

    /// Defines a constant by the expression that comes next.
    pub(super) fn constant_definition(
        &mut self,
        c: &mut Cursor<'_>,
        name: Name,
        place: Place,
    ) -> Result<(), Reported> {
        let value = match self.expression(c) {
            Ok(Term::Known(value)) => ConstantValue::Known(value),
            Ok(Term::Later(stored)) => ConstantValue::Later(stored),
            Err(reported) => {
                self.poison(name, place);
                return Err(reported);
            }
        };
        self.define_constant(name, value, place)
    }

    /// Defines a constant.
    pub(super) fn define_constant(
        &mut self,
        name: Name,
        value: ConstantValue,
        place: Place,
    ) -> Result<(), Reported> {
        let index = self.constants.len() as u32;
        self.define(name, Definition::Constant(index), place)?;
        self.constants.push(Constant {
            name,
            value,
            attempts: 0,
        });
        Ok(())
    }

    /// The place where a label stands now.
    fn current_place(&self) -> (Tag, u64) {
        match self.section {
            Section::Text | Section::Structure => (Tag::Text, self.text.len() as u64),
            Section::Data => (Tag::Data, self.data.len() as u64),
            Section::Bss => (Tag::Bss, self.bss.size()),
        }
    }

    /// Defines the label that stands at `start`.
    pub(super) fn label(&mut self, c: &Cursor<'_>, word: &[u8], start: usize) {
        let place = self.place(c, start);
        let name = self.names.intern(word);
        if self.section == Section::Structure {
            self.field(name, place);
            return;
        }
        if self.section == Section::Text && !self.function.open {
            self.poison(name, place);
            if std::mem::replace(&mut self.misplaced, true) {
                return;
            }
            let span = self.place_span(place);
            let message = "a label in the text stands inside a function";
            let help = "begin a function with .func, or a section with .data or .bss";
            let diagnostic = Diagnostic::new(Code::MisplacedStatement, span, message);
            self.report(diagnostic.help(help));
            return;
        }
        let (segment, offset) = self.current_place();
        let offset = offset.min(u64::from(UNPLACED - 1)) as u32;
        if name == self.words.dot {
            self.reserved_name(name, place);
            return;
        }
        if word[0] == b'.' {
            self.define_local_label(name, segment, offset, place);
            return;
        }
        let index = self.objects.len() as u32;
        if self.define(name, Definition::Label(index), place).is_err() {
            return;
        }
        if !self.function.open {
            self.open_scope(Some(name));
        }
        self.close_objects(segment, offset);
        self.objects.push(Object {
            name,
            segment,
            offset,
            end: UNPLACED,
        });
    }

    /// A local label stands in the text: jumps may come here.
    fn reach(&mut self, name: Name) {
        let label = self.names.entry(name).local;
        let function = &mut self.function;
        if !function.reachable {
            function.reached_by.clear();
            function.reached_by.push(label);
        } else if !function.reached_by.is_empty() {
            function.reached_by.push(label);
        }
        function.reachable = true;
        function.data_cells = 0;
    }

    fn define_local_label(&mut self, name: Name, segment: Tag, offset: u32, place: Place) {
        let index = self.local_label(name, place);
        let label = &mut self.labels[index as usize];
        if label.offset != UNPLACED {
            let first = label.place;
            let (first, span) = (self.place_span(first), self.place_span(place));
            self.duplicate(name, span, first);
            return;
        }
        label.segment = segment;
        label.offset = offset;
        label.place = place;
        if segment == Tag::Text {
            self.depth_at_label(index);
            self.reach(name);
        }
    }

    /// The index of a local label of the current scope, known or new.
    #[inline]
    pub(super) fn local_label(&mut self, name: Name, place: Place) -> u32 {
        let scope_number = self.scope_number;
        let entry = self.names.entry_mut(name);
        if entry.scope == scope_number {
            return entry.local;
        }
        let index = self.labels.len() as u32;
        entry.scope = scope_number;
        entry.local = index;
        self.labels.push(LocalLabel {
            name,
            scope: self.scope,
            scope_number,
            segment: Tag::Text,
            offset: UNPLACED,
            place,
            used: false,
            jumped: false,
            depth: UNKNOWN,
            from: place,
            first: None,
            reported: false,
        });
        index
    }

    /// Begins the scope of a function or global label.
    pub(super) fn open_scope(&mut self, name: Option<Name>) {
        self.scope_number += 1;
        self.scope = name;
    }

    /// Ends the objects of a segment that stand before a new label at `offset`.
    pub(super) fn close_objects(&mut self, segment: Tag, offset: u32) {
        let open = match segment {
            Tag::Data => &mut self.open_data,
            Tag::Bss => &mut self.open_bss,
            _ => return,
        };
        // Labels at the same place name the same object.
        if open.at == Some(offset) {
            return;
        }
        for object in &mut self.objects[open.first as usize..] {
            if object.segment == segment && object.end == UNPLACED {
                object.end = open.used.max(object.offset);
            }
        }
        open.first = self.objects.len() as u32;
        open.at = Some(offset);
    }

    /// The index of a local label written `scope.label` (`main.loop` for `.loop` in `main`).
    pub(super) fn dotted_label(&self, name: Name) -> Option<u32> {
        let word = self.names.bytes(name);
        let dots = word.iter().enumerate().skip(1).filter(|(_, b)| **b == b'.');
        for (dot, _) in dots.take(DOTS_TRIED) {
            let scope = self.names.find(&word[..dot]);
            let label = self.names.find(&word[dot..]);
            if let Some(key) = scope.zip(label)
                && let Some(index) = self.labels_by_scope.get(&key)
            {
                return Some(*index);
            }
        }
        None
    }

    /// Reports an undefined global name, once, where it is used first.
    #[cold]
    pub(super) fn undefined(&mut self, name: Name, place: Place) -> Reported {
        if let Some((_, count)) = self.undefined_uses.get_mut(&name) {
            *count += 1;
            return Reported;
        }
        let text = self.names.text(name).to_owned();
        let closest = self.closest_name(name, |definition| *definition != Definition::Undefined);
        if self.reports.incomplete && closest.is_none() {
            return Reported;
        }
        self.undefined_uses.insert(name, (self.reports.next(), 1));
        let span = self.place_span(place);
        let diagnostic = Diagnostic::new(
            Code::UndefinedName,
            span,
            format!("`{text}` is not defined"),
        )
        .at("not defined");
        let diagnostic = match (closest, super::program::closest_host_function(&text)) {
            (_, Some(host)) if host == text => {
                diagnostic.help(format!("declare it: .host {text} {}", host_arity(&text)))
            }
            // Nothing else is called `sys.…`, and a name that was declared may be wrong itself.
            (_, Some(host)) if text.starts_with("sys.") => diagnostic
                .help(format!("did you mean `{host}`?"))
                .fix(span, host),
            (Some(closest), _) => diagnostic
                .help(format!("did you mean `{closest}`?"))
                .fix(span, closest),
            _ if self.names.entry(name).scope != u32::MAX => diagnostic.help(format!(
                "an argument or local is read with `i_read l:{text}`; `l:{text}` is its address"
            )),
            _ => diagnostic,
        };
        self.report_in(place.expansion, diagnostic)
    }

    /// Says of undefined names how often they are used.
    pub(super) fn count_undefined(&mut self) {
        for (report, count) in std::mem::take(&mut self.undefined_uses).into_values() {
            if count > 1 {
                self.reports
                    .note(report, format!("it is used {count} times"));
            }
        }
    }

    /// Reports a local label that is used but not defined in its scope, once.
    #[cold]
    pub(super) fn undefined_label(&mut self, label: u32, place: Place) -> Reported {
        let record = self.labels[label as usize];
        if record.reported {
            return Reported;
        }
        self.labels[label as usize].reported = true;
        let text = self.names.text(record.name).to_owned();
        let span = self.place_span(place);
        let message = match record.scope {
            Some(scope) => {
                format!("`{}` has no label `{text}`", self.names.text(scope))
            }
            None => format!("there is no label `{text}` here"),
        };
        let diagnostic = Diagnostic::new(Code::UndefinedName, span, message).at("not defined");
        let closest = if self.may_compare(self.labels.len()) {
            let others = self.labels.iter().filter(|other| {
                other.scope_number == record.scope_number && other.offset != UNPLACED
            });
            let candidates = others.map(|other| self.names.text(other.name));
            suggest::closest(&text, candidates).map(str::to_owned)
        } else {
            None
        };
        let global = self.names.find(&text.as_bytes()[1..]);
        let diagnostic = match (closest, global) {
            (Some(closest), _) => diagnostic
                .help(format!("did you mean `{closest}`?"))
                .fix(span, closest),
            (None, Some(global)) if self.is_defined(global) => {
                let global = self.names.text(global);
                diagnostic.help(format!("`{global}`, without the dot, is defined"))
            }
            _ => diagnostic,
        };
        self.report_in(place.expansion, diagnostic)
    }
}

/// The arity of a host function as it is declared.
fn host_arity(name: &str) -> String {
    let function = cvm_spec::host::host_function(name);
    let Some(function) = function else {
        return String::new();
    };
    let args = function.args.join(", ");
    match function.results.len() {
        0 => format!("({args})"),
        count => format!("({args}) -> {count}"),
    }
}
