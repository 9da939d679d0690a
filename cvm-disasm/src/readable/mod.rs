//! The readable form: assembly with names, which assembles to a program of the same behaviour.
//!
//! Invariants:
//! - functions, imports and the contents of data and bss keep their order and their offsets, so that every pointer
//!   means the same; instructions keep their encodings;
//! - names are for people: they are made unique and writable, and the program does not depend on them;
//! - what assembly cannot express is refused before anything is printed (`check`).

mod cells;
mod check;
mod data;
mod frame;
mod labels;
mod namer;
mod number;
mod objects;
mod program;
mod text;

use std::io::Write;

use cvm_spec::image::{Image, RelocationKind, Symbol, SymbolKind};
use cvm_spec::pointer::{Pointer, Tag};

use self::cells::Cells;
use self::frame::GivenNames;
use self::labels::Labels;
use self::namer::{Name, Namer};
use self::objects::Objects;
use crate::names::{function_names, string};
use crate::output::Text;
use crate::sweep::{OffsetSet, Region, regions};
use crate::{DisassembleError, Options};

/// Prints the image as assembly.
///
/// # Errors
/// If the image has something that assembly cannot express, such as bytes that do not decode; nothing is printed
/// then. Or those of the destination.
pub fn readable(
    image: &Image,
    options: Options,
    out: &mut dyn Write,
) -> Result<(), DisassembleError> {
    let regions = regions(image);
    let program = Program::new(image, &regions)?;
    let mut out = Text::new(out);
    program::head(&mut out, &program);
    data::data(&mut out, &program);
    data::bss(&mut out, &program);
    if !regions.is_empty() {
        out.end();
        out.line(".text");
    }
    let mut printer = text::Printer::new(&program, &mut out, options);
    for region in &regions {
        printer.function(region);
        if printer.out.failed() {
            break;
        }
    }
    program::tail(&mut out, &program);
    Ok(out.finish()?)
}

/// An image with a name for everything that has to be referred to.
struct Program<'a> {
    image: &'a Image,
    namer: Namer,
    functions: Vec<Name>,
    imports: Vec<Name>,
    /// Names of the types up to the last that an indirect call names.
    types: Vec<Name>,
    constants: Vec<(Symbol, Name)>,
    objects: Objects,
    cells: Cells,
    labels: Labels,
    given: GivenNames,
    /// Text offsets that relocations of whole pointers change.
    wide_places: Option<OffsetSet>,
}

impl<'a> Program<'a> {
    fn new(image: &'a Image, regions: &[Region]) -> Result<Self, DisassembleError> {
        let checked = check::check(image, regions)?;
        let mut namer = Namer::new();
        let imports = program::import_names(image, &mut namer)?;
        let functions: Vec<Name> = function_names(image)
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let wanted = name.map_or(&[][..], |name| string(image, name));
                namer.name(wanted, "func_", index)
            })
            .collect();
        let types = (0..checked.types)
            .map(|index| namer.name(b"", "type_", index))
            .collect();
        let constants = image.symbols.iter();
        let constants = constants
            .filter(|symbol| symbol.kind == SymbolKind::Constant && symbol.name.length > 0)
            .map(|symbol| {
                (
                    *symbol,
                    namer.name(string(image, symbol.name), "constant_", 0),
                )
            })
            .collect();
        let objects = Objects::new(image, &mut namer, checked.references);
        let cells = Cells::new(image, &objects, &checked.sweep.starts);
        if !image.relocations.is_empty()
            && let Some(what) = cells.astray(image, &objects)
        {
            return Err(DisassembleError::Image { what });
        }
        let mut places = checked.pointed;
        for offset in cells.text_offsets() {
            places.insert(usize::try_from(offset).unwrap_or(usize::MAX));
        }
        places.intersect(&checked.sweep.starts);
        for region in regions {
            // The start of a function has the function's name.
            places.remove(region.range.start);
        }
        places.unite(&checked.sweep.targets);
        Ok(Self {
            image,
            functions,
            imports,
            types,
            constants,
            objects,
            cells,
            labels: Labels::new(image, places),
            given: GivenNames::new(image),
            wide_places: wide_places(image),
            namer,
        })
    }

    fn function_name(&self, index: usize) -> &[u8] {
        self.functions
            .get(index)
            .map_or(b"?", |name| self.namer.text(*name))
    }

    fn import_name(&self, index: usize) -> &[u8] {
        self.imports
            .get(index)
            .map_or(b"?", |name| self.namer.text(*name))
    }

    fn type_name(&self, index: usize) -> &[u8] {
        self.types
            .get(index)
            .map_or(b"?", |name| self.namer.text(*name))
    }

    /// Whether a relocation changes the whole pointer at a text offset.
    fn has_pointer(&self, place: usize) -> bool {
        self.wide_places
            .as_ref()
            .is_some_and(|places| places.contains(place))
    }

    /// Prints a pointer with its prefix. `here` is the function in which it stands.
    fn pointer(&self, out: &mut Text<'_>, tag: Tag, offset: u64, here: Option<&Region>) {
        let prefix = tag.prefix().map_or(b'?', |letter| letter as u8);
        out.byte(prefix).byte(b':');
        match (tag, u32::try_from(offset)) {
            (Tag::Data | Tag::Bss, Ok(offset)) => {
                self.objects.operand(out, &self.namer, tag, offset);
            }
            (Tag::Text, Ok(offset)) => self.text_offset(out, offset, here),
            _ => {
                out.number(offset);
            }
        }
    }

    /// Prints what stands behind `t:` for a text offset.
    fn text_offset(&self, out: &mut Text<'_>, offset: u32, here: Option<&Region>) {
        if let Some(index) = self.image.function_starting_at(offset) {
            out.bytes(self.function_name(index as usize));
            return;
        }
        let place = offset as usize;
        if !self.labels.contains(place) {
            out.number(offset);
            return;
        }
        if !here.is_some_and(|region| region.range.contains(&place)) {
            let index = self.image.function_at(offset).unwrap_or_default();
            let name = self.function_name(index as usize);
            if self.namer.is_taken(&self.labels.full_name(name, place)) {
                out.number(offset);
                return;
            }
            out.bytes(name);
        }
        self.labels.print(out, place);
    }

    /// Prints a pointer that stands in data or bss.
    fn data_pointer(&self, out: &mut Text<'_>, pointer: Pointer) {
        match pointer.tag() {
            Tag::Text | Tag::Data | Tag::Bss => {
                self.pointer(out, pointer.tag(), pointer.offset(), None);
            }
            _ => {
                out.hex(pointer.0);
            }
        }
    }
}

/// Text offsets that relocations of whole pointers change, if there are relocations.
fn wide_places(image: &Image) -> Option<OffsetSet> {
    if image.relocations.is_empty() {
        return None;
    }
    let mut places = OffsetSet::new(image.text.len());
    for relocation in &image.relocations {
        if relocation.segment == Tag::Text && relocation.kind == RelocationKind::Pointer {
            places.insert(relocation.offset as usize);
        }
    }
    Some(places)
}
