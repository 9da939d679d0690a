//! Cells of data and bss that hold pointers.
//!
//! An image with relocations says where its pointers are. Any other image does not: there a cell counts as a pointer
//! if it is one to the start of a function, to a `land`, or to an object that has a label. Taking a number for a
//! pointer does no harm then, because nothing moves.

use cvm_spec::image::{Image, RelocationKind};
use cvm_spec::isa::Opcode;
use cvm_spec::pointer::{Pointer, Tag};

use super::objects::Objects;
use crate::sweep::OffsetSet;

/// A pointer in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Offset in the segment.
    pub(super) offset: u32,
    /// Its eight bytes.
    pub(super) value: u64,
}

impl Cell {
    /// Offset behind it.
    pub(super) fn end(self) -> u32 {
        self.offset + 8
    }
}

/// The pointers in both segments, ascending.
#[derive(Default)]
pub(super) struct Cells {
    data: Vec<Cell>,
    bss: Vec<Cell>,
}

impl Cells {
    /// Finds the pointers.
    pub(super) fn new(image: &Image, objects: &Objects, starts: &OffsetSet) -> Self {
        let mut cells = Cells::default();
        if !image.relocations.is_empty() {
            for relocation in &image.relocations {
                let (into, value) = match relocation.segment {
                    Tag::Data => (&mut cells.data, at(&image.data, 0, relocation.offset)),
                    Tag::Bss => (&mut cells.bss, in_bss(image, relocation.offset)),
                    _ => continue,
                };
                if relocation.kind == RelocationKind::Pointer
                    && let Some(value) = value
                {
                    let offset = relocation.offset;
                    into.push(Cell { offset, value });
                }
            }
            return cells;
        }
        find(&image.data, 0, image, objects, starts, &mut cells.data);
        for extent in &image.bss_init {
            let bytes = &extent.bytes;
            find(bytes, extent.offset, image, objects, starts, &mut cells.bss);
        }
        cells
    }

    /// The first pointer that leads to no function and no object: the assembler has nothing to relocate it by.
    pub(super) fn astray(&self, image: &Image, objects: &Objects) -> Option<String> {
        let of = |tag: Tag, cells: &[Cell]| {
            let astray = cells
                .iter()
                .find(|cell| !leads_somewhere(Pointer(cell.value), image, objects))?;
            let place = Pointer::new(tag, u64::from(astray.offset));
            let pointer = Pointer(astray.value);
            Some(format!(
                "the pointer at {place} is {pointer}, which lies in no function and no object"
            ))
        };
        of(Tag::Data, &self.data).or_else(|| of(Tag::Bss, &self.bss))
    }

    /// The pointers in a segment.
    pub(super) fn segment(&self, tag: Tag) -> &[Cell] {
        match tag {
            Tag::Data => &self.data,
            _ => &self.bss,
        }
    }

    /// Text offsets that a cell points to.
    pub(super) fn text_offsets(&self) -> impl Iterator<Item = u64> + '_ {
        let cells = self.data.iter().chain(&self.bss);
        let pointers = cells.map(|cell| Pointer(cell.value));
        pointers
            .filter(|pointer| pointer.tag() == Tag::Text)
            .map(Pointer::offset)
    }
}

/// The cell at a segment offset of bytes that begin at `base`.
fn at(bytes: &[u8], base: u32, offset: u32) -> Option<u64> {
    let rest = bytes.get(offset.checked_sub(base)? as usize..)?;
    rest.first_chunk::<8>()
        .map(|cell| u64::from_le_bytes(*cell))
}

fn in_bss(image: &Image, offset: u32) -> Option<u64> {
    let after = image
        .bss_init
        .partition_point(|extent| extent.offset <= offset);
    let extent = image.bss_init.get(after.checked_sub(1)?)?;
    at(&extent.bytes, extent.offset, offset)
}

/// Whether a pointer to text, data or bss lies in a function or object, or right behind one.
fn leads_somewhere(pointer: Pointer, image: &Image, objects: &Objects) -> bool {
    let Ok(offset) = u32::try_from(pointer.offset()) else {
        return false;
    };
    match pointer.tag() {
        Tag::Text => {
            let after = image
                .functions
                .partition_point(|function| function.start <= offset);
            after > 0 && offset <= image.functions[after - 1].end()
        }
        tag @ (Tag::Data | Tag::Bss) => objects.holds(tag, offset),
        _ => true,
    }
}

/// Finds the cells that can only be pointers.
fn find(
    bytes: &[u8],
    base: u32,
    image: &Image,
    objects: &Objects,
    starts: &OffsetSet,
    cells: &mut Vec<Cell>,
) {
    let mut free = 0;
    for (index, window) in bytes.windows(8).enumerate() {
        // The tag is in the last byte; offsets have 32 bits at most.
        if index < free || !matches!(window, [.., 0, 0, 0, 0x20 | 0x40 | 0x60]) {
            continue;
        }
        let mut value = [0; 8];
        value.copy_from_slice(window);
        let value = u64::from_le_bytes(value);
        if is_pointer(Pointer(value), image, objects, starts) {
            let offset = base + index as u32;
            cells.push(Cell { offset, value });
            free = index + 8;
        }
    }
}

fn is_pointer(pointer: Pointer, image: &Image, objects: &Objects, starts: &OffsetSet) -> bool {
    let Ok(offset) = u32::try_from(pointer.offset()) else {
        return false;
    };
    match pointer.tag() {
        Tag::Text => {
            let land = image.text.get(offset as usize) == Some(&Opcode::Land.byte());
            image.function_starting_at(offset).is_some() || land && starts.contains(offset as usize)
        }
        // `d:0` has the bits of the number 2.0.
        Tag::Data => offset > 0 && objects.at(Tag::Data, offset).is_some(),
        tag => objects.at(tag, offset).is_some(),
    }
}
