//! Names of arguments and local objects.

use std::collections::HashSet;

use cvm_spec::codec::Operand;
use cvm_spec::image::{Image, StringRef, SymbolKind};

use super::namer::{Namer, plain};
use crate::names::string;
use crate::output::Text;
use crate::sweep::{Region, Step, step};

/// A name for a part of a frame, as the symbols give it.
#[derive(Clone, Copy)]
struct Given {
    function: u32,
    offset: u32,
    name: StringRef,
}

/// The names of all frames that the symbols give, by function and offset.
pub(super) struct GivenNames(Vec<Given>);

impl GivenNames {
    pub(super) fn new(image: &Image) -> Self {
        let symbols = image.symbols.iter().filter(|symbol| {
            matches!(symbol.kind, SymbolKind::Argument | SymbolKind::Local)
                && symbol.name.length > 0
        });
        let mut given: Vec<Given> = symbols
            .filter_map(|symbol| {
                Some(Given {
                    function: image.function_at(symbol.a)?,
                    offset: symbol.value,
                    name: symbol.name,
                })
            })
            .collect();
        given.sort_by_key(|given| (given.function, given.offset));
        given.dedup_by_key(|given| (given.function, given.offset));
        Self(given)
    }

    fn of(&self, function: usize) -> &[Given] {
        let start = self.0.partition_point(|g| (g.function as usize) < function);
        let end = self.0.partition_point(|g| g.function as usize <= function);
        &self.0[start..end]
    }
}

/// An argument or local object.
#[derive(Clone, Copy)]
struct Object {
    /// Frame offset in bytes.
    offset: u32,
    size: u32,
    /// Range in the frame's text.
    name: (u32, u32),
}

/// The objects of one function's frame; reused from function to function.
#[derive(Default)]
pub(super) struct Frame {
    text: Vec<u8>,
    objects: Vec<Object>,
    taken: HashSet<Vec<u8>>,
    /// How many of the objects are arguments.
    args: usize,
    /// The next object that a `declare` names.
    declared: usize,
}

impl Frame {
    /// Lays out the frame of a function with so many arguments.
    pub(super) fn lay_out(
        &mut self,
        image: &Image,
        namer: &Namer,
        given: &GivenNames,
        region: &Region,
        args: u16,
    ) {
        self.text.clear();
        self.objects.clear();
        // Clearing costs as much as the set has room for, so that of a huge frame is not kept.
        match self.taken.capacity() {
            0..1024 => self.taken.clear(),
            _ => self.taken = HashSet::new(),
        }
        self.args = usize::from(args);
        self.declared = self.args;
        let given = region.function.map_or(&[][..], |index| given.of(index));
        let mut offset = 0u32;
        for index in 0..self.args {
            self.add(image, namer, given, (offset, 8), "arg", index as u32);
            offset += 8;
        }
        let mut at = region.range.start;
        while at < region.range.end {
            at = match step(&image.text, at, region.range.end) {
                Step::Instruction(instruction, next) => {
                    if let Operand::Cells(cells) = instruction.operand {
                        let size = cells.saturating_mul(8);
                        self.add(image, namer, given, (offset, size), "loc", offset);
                        offset = offset.saturating_add(size);
                    }
                    next
                }
                Step::Bytes(next) => next,
            };
        }
    }

    fn add(
        &mut self,
        image: &Image,
        namer: &Namer,
        given: &[Given],
        (offset, size): (u32, u32),
        kind: &str,
        number: u32,
    ) {
        let found = given.binary_search_by_key(&offset, |given| given.offset);
        let wanted = found.map_or(&[][..], |index| string(image, given[index].name));
        let mut name = plain(wanted);
        if name.is_empty() {
            name = format!("{kind}{number}").into_bytes();
        }
        if self.taken.contains(&name) || namer.is_word(&name) {
            name.extend_from_slice(format!("_{offset}").as_bytes());
        }
        // Objects of size 0 and those behind the largest offset share an offset; their number keeps them apart.
        if self.taken.contains(&name) {
            name.extend_from_slice(format!("_{}", self.objects.len()).as_bytes());
        }
        while !self.taken.insert(name.clone()) {
            name.push(b'_');
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(&name);
        self.objects.push(Object {
            offset,
            size,
            name: (start, self.text.len() as u32),
        });
    }

    /// Prints the arguments in parentheses.
    pub(super) fn arguments(&self, out: &mut Text<'_>) {
        out.byte(b'(');
        for (index, object) in self.objects[..self.args].iter().enumerate() {
            if index > 0 {
                out.str(", ");
            }
            self.name(out, object);
        }
        out.byte(b')');
    }

    /// Prints the object of the next `declare`.
    pub(super) fn declaration(&mut self, out: &mut Text<'_>, cells: u32) {
        if let Some(object) = self.objects.get(self.declared) {
            self.name(out, object);
            self.declared += 1;
        }
        if cells != 1 {
            out.byte(b'[').number(cells).byte(b']');
        }
    }

    /// Prints what stands behind `l:` for a frame offset.
    #[inline]
    pub(super) fn operand(&self, out: &mut Text<'_>, offset: u32) {
        let after = self
            .objects
            .partition_point(|object| object.offset <= offset);
        match after.checked_sub(1).map(|index| &self.objects[index]) {
            Some(object) if offset - object.offset <= object.size => {
                self.name(out, object);
                if offset > object.offset {
                    out.byte(b'+').number(offset - object.offset);
                }
            }
            _ => {
                out.number(offset);
            }
        }
    }

    fn name(&self, out: &mut Text<'_>, object: &Object) {
        let (start, end) = object.name;
        out.bytes(&self.text[start as usize..end as usize]);
    }
}
