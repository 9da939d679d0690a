//! Putting the merged image together from what is kept, where it goes, and what refers to it.

use super::check::{Pointee, callee, in_text, pointee};
use super::debug::{Debug, SymbolMap};
use super::error::quote;
use super::identity::{
    ALIGNMENT, NOTE_ALIGNMENT, NOTE_LINKED, NOTE_REQUIRES, alignment, module_version, notes,
};
use super::layout::{Layout, Placed};
use super::reach::Reached;
use super::resolve::{Resolution, Resolved, Target};
use super::strings::{Pool, Strings};
use super::tables::Tables;
use super::{Input, LinkCode, LinkError, Options};
use crate::image::{
    Export, ExportKind, Extent, Function, Image, Note, RawSection, Relocation, RelocationKind,
    SectionKind, StringRef,
};
use crate::isa::Opcode;
use crate::pointer::{Pointer, ShortPointer, Tag};

/// Everything that is known before the image is made.
pub(super) struct Plan<'a> {
    pub(super) inputs: &'a [Input<'a>],
    pub(super) resolved: Resolved<'a>,
    pub(super) reached: Reached,
    pub(super) layout: Layout,
    pub(super) options: Options,
}

/// The image while it is made.
struct Merge<'a> {
    plan: &'a Plan<'a>,
    image: Image,
    pool: Pool,
    tables: Tables<'a>,
    debug: Debug,
    /// Where the index of each import went that stays one.
    imports: Vec<Vec<u32>>,
    symbols: Vec<SymbolMap>,
    /// The image can be linked again, so relocations are kept.
    is_linkable: bool,
}

impl<'a> Plan<'a> {
    /// Makes the image.
    pub(super) fn merge(&'a self) -> Result<Image, Box<LinkError>> {
        let mut merge = Merge {
            plan: self,
            image: Image::default(),
            pool: Pool::default(),
            tables: Tables::default(),
            debug: Debug::default(),
            imports: vec![Vec::new(); self.inputs.len()],
            symbols: vec![SymbolMap::new(); self.inputs.len()],
            is_linkable: self.is_linkable(),
        };
        let mut strings: Vec<Strings<'a>> = self.inputs.iter().map(|_| Strings::none()).collect();
        for number in &self.resolved.order {
            strings[*number] = Strings::new(self.inputs[*number].image, self.prefix(*number));
        }
        merge.header()?;
        merge.tables(&mut strings);
        merge.text(&mut strings);
        merge.other_segments();
        merge.links(&mut strings)?;
        merge.finish()
    }

    /// Whether something stays open or is offered to others.
    fn is_linkable(&self) -> bool {
        let open = |number: &usize| {
            let kept = &self.reached.kept[*number].imports;
            let imports = self.resolved.imports[*number].iter();
            imports
                .zip(kept)
                .any(|(import, kept)| *kept && *import == Resolution::Open)
        };
        let root = self.resolved.order.first();
        let offers = root.is_some_and(|root| !self.inputs[*root].image.exports.is_empty());
        offers || self.reached.by_name || self.resolved.order.iter().any(open)
    }

    /// What stands in front of the names of an input's symbols.
    fn prefix(&self, number: usize) -> String {
        match self.resolved.order.first() == Some(&number) {
            true => String::new(),
            false => format!("{}:", self.inputs[number].name),
        }
    }

    /// A new pointer.
    fn pointer(&self, number: usize, to: Pointee) -> Option<(Tag, u32)> {
        let placed: &Placed = &self.layout.placed[number];
        match to {
            Pointee::Code(function, inside) => {
                let (_, start) = placed.functions.get(function as usize).copied().flatten()?;
                Some((Tag::Text, start.checked_add(inside)?))
            }
            Pointee::Object(tag, offset) => Some((tag, placed.base(tag)?.checked_add(offset)?)),
        }
    }

    /// The new index of a function.
    fn function(&self, number: usize, function: u32) -> Option<u32> {
        let functions = &self.layout.placed[number].functions;
        Some(functions.get(function as usize).copied().flatten()?.0)
    }
}

impl<'a> Merge<'a> {
    fn input(&self, number: usize) -> &'a Input<'a> {
        &self.plan.inputs[number]
    }

    fn order(&self) -> impl Iterator<Item = usize> + use<'a> {
        let plan = self.plan;
        plan.resolved.order.iter().copied()
    }

    fn header(&mut self) -> Result<(), Box<LinkError>> {
        let mut owner: Option<&Input<'a>> = None;
        for number in self.order() {
            let input = self.input(number);
            if !input.image.owns_heap {
                continue;
            }
            if let Some(first) = owner {
                let message = format!(
                    "modules {} and {} both own the heap",
                    quote(first.name),
                    quote(input.name)
                );
                return LinkError::new(LinkCode::TwoHeaps, input.name, message)
                    .at(Some(input.place(Tag::Heap, 0)))
                    .other(Some(first.place(Tag::Heap, 0)))
                    .boxed();
            }
            owner = Some(input);
            self.image.owns_heap = true;
            self.image.heap_first = input.image.heap_first;
            self.image.heap_largest = input.image.heap_largest;
        }
        if let Some(root) = self.order().next() {
            // The first input keeps its place, so its entry is where it was.
            self.image.entry = self.input(root).image.entry;
            let unknown = |raw: &&RawSection| SectionKind::from_number(raw.kind).is_none();
            let raw = self.input(root).image.raw.iter();
            self.image.raw = raw.filter(unknown).cloned().collect();
        }
        self.image.bss_size = self.plan.layout.bss_size;
        Ok(())
    }

    /// Types, imports, functions, symbols: what relocations name.
    fn tables(&mut self, strings: &mut [Strings<'a>]) {
        let plan = self.plan;
        for (position, number) in self.order().enumerate() {
            let input = self.input(number);
            let strings = &mut strings[number];
            if position == 0 {
                for index in 0..input.image.types.len() as u32 {
                    self.tables.add_type(input, index, strings, &mut self.pool);
                }
            }
            let kept = &plan.reached.kept[number].imports;
            let resolutions = &plan.resolved.imports[number];
            self.imports[number] = (0..input.image.imports.len())
                .map(|index| match resolutions.get(index) {
                    Some(Resolution::Outside | Resolution::Open) if kept[index] => self
                        .tables
                        .add_import(input, index, strings, &mut self.pool),
                    _ => u32::MAX,
                })
                .collect();
            if !plan.options.strip || self.is_linkable {
                let placed = &plan.layout.placed[number];
                self.symbols[number] =
                    self.debug
                        .add(input, placed, strings, &mut self.pool, plan.options);
            }
        }
    }

    /// The text: functions that are kept, with their operands changed.
    fn text(&mut self, strings: &mut [Strings<'a>]) {
        for number in self.order() {
            let input = self.input(number);
            let placed = &self.plan.layout.placed[number];
            let mut relocations = input.image.relocations[..in_text(input.image)]
                .iter()
                .peekable();
            for (function, place) in input.image.functions.iter().zip(&placed.functions) {
                let (from, to) = (function.start, function.end());
                let Some((_, start)) = *place else {
                    while relocations
                        .next_if(|relocation| relocation.offset < to)
                        .is_some()
                    {}
                    continue;
                };
                let strings_of = &mut strings[number];
                let type_index =
                    self.tables
                        .add_type(input, function.type_index, strings_of, &mut self.pool);
                self.image.functions.push(Function {
                    start,
                    size: function.size,
                    type_index,
                });
                let code = input.image.text.get(from as usize..to as usize);
                self.image.text.extend_from_slice(code.unwrap_or_default());
                while let Some(relocation) =
                    relocations.next_if(|relocation| relocation.offset < to)
                {
                    let at = relocation.offset - from + start;
                    self.relocate_text(number, relocation, at, strings);
                }
            }
        }
    }

    fn relocate_text(
        &mut self,
        number: usize,
        relocation: &Relocation,
        at: u32,
        strings: &mut [Strings<'a>],
    ) {
        let plan = self.plan;
        let image = self.input(number).image;
        let target = self.new_symbol(number, relocation.target);
        let (kind, value, target) = match relocation.kind {
            RelocationKind::ShortPointer | RelocationKind::Pointer => {
                return self.relocate_pointer(number, relocation, Tag::Text, at);
            }
            RelocationKind::Call => {
                let function = callee(image, relocation);
                let function = function.and_then(|function| plan.function(number, function));
                (RelocationKind::Call, function, target)
            }
            RelocationKind::Type => {
                let strings = &mut strings[number];
                let index = self.tables.add_type(
                    self.input(number),
                    relocation.target,
                    strings,
                    &mut self.pool,
                );
                (RelocationKind::Type, Some(index), Some(index))
            }
            RelocationKind::Import => {
                let index = relocation.target as usize;
                match plan.resolved.imports[number].get(index) {
                    Some(Resolution::Export(to)) => {
                        return self.resolve_import(*to, at, strings);
                    }
                    _ => {
                        let index = self.imports[number].get(index).copied();
                        (RelocationKind::Import, index, index)
                    }
                }
            }
        };
        if let Some(value) = value {
            self.write(Tag::Text, at, &value.to_le_bytes());
            self.keep(kind, Tag::Text, at, target, 0);
        }
    }

    /// Makes a `call` of a `call_x`, or a `push_a` for an object.
    fn resolve_import(&mut self, to: Target, at: u32, strings: &mut [Strings<'a>]) {
        let plan = self.plan;
        let export = plan.inputs[to.input].image.exports[to.export];
        let mut name = StringRef::default();
        if self.is_linkable {
            name = strings[to.input].qualify(&mut self.pool, export.name);
        }
        let (opcode, kind, value) = match export.kind {
            ExportKind::Function => {
                let function = plan.function(to.input, export.value);
                (Opcode::Call, RelocationKind::Call, function)
            }
            ExportKind::Object => {
                let pointer = self.moved_object(to.input, export.value);
                (Opcode::PushA, RelocationKind::ShortPointer, pointer)
            }
        };
        let Some(value) = value else {
            return;
        };
        self.write(Tag::Text, at - 1, &[opcode.byte()]);
        self.write(Tag::Text, at, &value.to_le_bytes());
        if self.is_linkable {
            let symbol = match export.kind {
                ExportKind::Function => self.debug.function_symbol(value, name),
                ExportKind::Object => self.debug.object_symbol(value, export.size, name),
            };
            self.keep(kind, Tag::Text, at, Some(symbol), 0);
        }
    }

    /// The new short pointer of an object.
    fn moved_object(&self, number: usize, pointer: u32) -> Option<u32> {
        let short = ShortPointer(pointer);
        let to = Pointee::Object(short.tag(), short.offset());
        let (tag, offset) = self.plan.pointer(number, to)?;
        Some(ShortPointer::new(tag, offset)?.0)
    }

    fn relocate_pointer(&mut self, number: usize, relocation: &Relocation, segment: Tag, at: u32) {
        let to = pointee(self.input(number).image, relocation);
        let Some((tag, offset)) = to.and_then(|to| self.plan.pointer(number, to)) else {
            return;
        };
        match relocation.kind {
            RelocationKind::Pointer => {
                let pointer = Pointer::new(tag, offset.into());
                self.write(segment, at, &pointer.0.to_le_bytes());
            }
            _ => {
                let short = ShortPointer::new(tag, offset).map_or(0, |short| short.0);
                self.write(segment, at, &short.to_le_bytes());
            }
        }
        let target = self.new_symbol(number, relocation.target);
        self.keep(relocation.kind, segment, at, target, relocation.addend);
    }

    fn new_symbol(&self, number: usize, symbol: u32) -> Option<u32> {
        self.symbols[number].get(symbol as usize).copied().flatten()
    }

    fn write(&mut self, segment: Tag, at: u32, bytes: &[u8]) {
        let at = at as usize;
        let place = match segment {
            Tag::Text => self.image.text.get_mut(at..at + bytes.len()),
            Tag::Data => self.image.data.get_mut(at..at + bytes.len()),
            _ => {
                let extents = &mut self.image.bss_init;
                let after = extents.partition_point(|extent| extent.offset as usize <= at);
                after.checked_sub(1).and_then(|index| {
                    let extent = &mut extents[index];
                    let inside = at - extent.offset as usize;
                    extent.bytes.get_mut(inside..inside + bytes.len())
                })
            }
        };
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }

    /// Keeps a relocation, for linking again.
    fn keep(
        &mut self,
        kind: RelocationKind,
        segment: Tag,
        offset: u32,
        target: Option<u32>,
        addend: u32,
    ) {
        if let Some(target) = target.filter(|_| self.is_linkable) {
            self.image.relocations.push(Relocation {
                kind,
                segment,
                offset,
                target,
                addend,
            });
        }
    }

    /// Data and bss, with their pointers changed.
    fn other_segments(&mut self) {
        for number in self.order() {
            let placed = &self.plan.layout.placed[number];
            if let Some(base) = placed.data {
                self.image.data.resize(base as usize, 0);
                self.image
                    .data
                    .extend_from_slice(&self.input(number).image.data);
            }
            if let Some(base) = placed.bss {
                let extents = self.input(number).image.bss_init.iter();
                self.image.bss_init.extend(extents.map(|extent| Extent {
                    offset: base + extent.offset,
                    bytes: extent.bytes.clone(),
                }));
            }
        }
        for tag in [Tag::Data, Tag::Bss] {
            for number in self.order() {
                let Some(base) = self.plan.layout.placed[number].base(tag) else {
                    continue;
                };
                let relocations = &self.input(number).image.relocations;
                let from = relocations.partition_point(|relocation| relocation.segment < tag);
                let to = relocations.partition_point(|relocation| relocation.segment <= tag);
                for relocation in &relocations[from..to] {
                    self.relocate_pointer(number, relocation, tag, base + relocation.offset);
                }
            }
        }
    }

    /// Exports, initialisers and notes.
    fn links(&mut self, strings: &mut [Strings<'a>]) -> Result<(), Box<LinkError>> {
        let plan = self.plan;
        for number in &plan.resolved.initialised {
            let initialisers = &self.input(*number).image.initialisers;
            let moved = initialisers.iter();
            self.image
                .initialisers
                .extend(moved.filter_map(|function| plan.function(*number, *function)));
        }
        for (position, number) in self.order().enumerate() {
            if position > 0 && !plan.reached.by_name {
                continue;
            }
            for export in &self.input(number).image.exports {
                let value = match export.kind {
                    ExportKind::Function => plan.function(number, export.value),
                    ExportKind::Object => self.moved_object(number, export.value),
                };
                if let Some(value) = value {
                    let name = strings[number].qualify(&mut self.pool, export.name);
                    self.image.exports.push(Export {
                        value,
                        name,
                        ..*export
                    });
                }
            }
        }
        self.check_export_names()?;
        self.notes(strings);
        Ok(())
    }

    /// A name of the first input can be that of a module's export.
    fn check_export_names(&self) -> Result<(), Box<LinkError>> {
        // Strings of the pool are equal if their places are, but for copies of whole pools, which the reader refuses.
        let mut seen = std::collections::HashSet::new();
        match self
            .image
            .exports
            .iter()
            .all(|export| seen.insert(export.name))
        {
            true => Ok(()),
            false => {
                let root = self
                    .order()
                    .next()
                    .map_or("", |number| self.input(number).name);
                let message = "an export has the name of a module's, as `module:name`";
                LinkError::new(LinkCode::DuplicateExport, root, message).boxed()
            }
        }
    }

    fn notes(&mut self, strings: &mut [Strings<'a>]) {
        let plan = self.plan;
        let mut largest = ALIGNMENT;
        for (position, number) in self.order().enumerate() {
            let input = self.input(number);
            largest = largest.max(alignment(input.image));
            if position > 0 {
                let version = module_version(input.image).ok().flatten();
                let version = version.map_or(String::new(), |version| format!(" {version}"));
                let linked = format!("{}{version}", input.name);
                self.note(NOTE_LINKED, linked.as_bytes());
                for before in notes(input.image, NOTE_LINKED) {
                    self.note(NOTE_LINKED, before.as_bytes());
                }
                continue;
            }
            let strings = &mut strings[number];
            for note in &input.image.notes {
                let name = input.image.string(note.name);
                if name != Some(NOTE_REQUIRES) && name != Some(NOTE_ALIGNMENT) {
                    let note = Note {
                        name: strings.keep(&mut self.pool, note.name),
                        value: strings.keep(&mut self.pool, note.value),
                    };
                    self.image.notes.push(note);
                }
            }
        }
        if self.is_linkable && largest > ALIGNMENT {
            self.note(NOTE_ALIGNMENT, largest.to_string().as_bytes());
        }
        for (module, version) in &plan.resolved.open_requirements {
            self.note(NOTE_REQUIRES, format!("{module} {version}").as_bytes());
        }
    }

    fn note(&mut self, name: &str, value: &[u8]) {
        let note = Note {
            name: self.pool.add(name.as_bytes()),
            value: self.pool.add(value),
        };
        self.image.notes.push(note);
    }

    fn finish(mut self) -> Result<Image, Box<LinkError>> {
        let root = self
            .order()
            .next()
            .map_or("", |number| self.input(number).name);
        let counts = [self.debug.symbols.len(), self.image.relocations.len()];
        if counts
            .iter()
            .any(|count| u32::try_from(count * 28).is_err())
        {
            let message = "the modules together have too many symbols or relocations";
            return LinkError::new(LinkCode::TooManyEntries, root, message).boxed();
        }
        self.image.symbols = self.debug.symbols;
        self.image.lines = self.debug.lines;
        self.image.sources = self.debug.sources;
        self.image.types = self.tables.types;
        self.image.imports = self.tables.imports;
        self.image.strings = self.pool.finish(root)?;
        Ok(self.image)
    }
}
