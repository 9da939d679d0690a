//! The data and bss segments.

use cvm_spec::pointer::{Pointer, Tag};

use super::Program;
use super::cells::Cell;
use super::objects::Label;
use crate::bytes;
use crate::output::Text;

/// An alignment is smaller than or equal to this, and fills less.
const LARGEST_GAP: usize = 1 << 16;

/// What stands at an offset of a segment.
#[derive(Clone, Copy)]
enum Contents<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many zeros, of which the image has no bytes.
    Zeros(u32),
}

/// Prints the data segment.
pub(super) fn data(out: &mut Text<'_>, program: &Program<'_>) {
    let image = program.image;
    if image.data.is_empty() && program.objects.segment(Tag::Data).is_empty() {
        return;
    }
    out.end();
    out.line(".data");
    let mut segment = Segment::new(program, Tag::Data, image.data.len() as u32);
    segment.contents(out, 0, Contents::Bytes(&image.data));
    segment.finish(out, image.data.len() as u32);
}

/// Prints the bss segment.
pub(super) fn bss(out: &mut Text<'_>, program: &Program<'_>) {
    let image = program.image;
    if image.bss_size == 0 && program.objects.segment(Tag::Bss).is_empty() {
        return;
    }
    out.end();
    out.line(".bss");
    let mut segment = Segment::new(program, Tag::Bss, image.bss_size);
    let mut at = 0;
    for extent in &image.bss_init {
        if extent.offset > at {
            segment.contents(out, at, Contents::Zeros(extent.offset - at));
        }
        segment.contents(out, extent.offset, Contents::Bytes(&extent.bytes));
        at = extent.offset.saturating_add(extent.bytes.len() as u32);
    }
    if image.bss_size > at {
        segment.contents(out, at, Contents::Zeros(image.bss_size - at));
    }
    segment.finish(out, image.bss_size);
}

/// A walk over a segment with its labels and pointers.
struct Segment<'p> {
    program: &'p Program<'p>,
    /// Labels that are not printed yet.
    labels: &'p [Label],
    /// Pointers that are not printed yet.
    cells: &'p [Cell],
    /// Where the object ends in which the walk is, or was last.
    object_end: u32,
    /// Size of the segment.
    size: u32,
}

impl<'p> Segment<'p> {
    fn new(program: &'p Program<'p>, tag: Tag, size: u32) -> Self {
        Self {
            program,
            object_end: 0,
            size,
            labels: program.objects.segment(tag),
            cells: program.cells.segment(tag),
        }
    }

    /// Prints a stretch of the segment that begins at `start`.
    fn contents(&mut self, out: &mut Text<'_>, start: u32, contents: Contents<'_>) {
        let length = match contents {
            Contents::Bytes(bytes) => bytes.len() as u32,
            Contents::Zeros(length) => length,
        };
        let end = start.saturating_add(length);
        let mut at = start;
        while at < end && !out.failed() {
            self.labels_at(out, at);
            let label = self.labels.first().map_or(self.size, |label| label.offset);
            let stop = label.min(end);
            if at == self.object_end
                && label <= end
                && self.padding(out, at, label, contents, start)
            {
                at = label;
                continue;
            }
            let stop = match self.object_end {
                inside if inside > at => stop.min(inside),
                _ => stop,
            };
            let Contents::Bytes(bytes) = contents else {
                out.str("    .reserve ").number(stop - at).end();
                at = stop;
                continue;
            };
            while self.cells.first().is_some_and(|cell| cell.offset < at) {
                self.cells = &self.cells[1..];
            }
            let cell = self.cells.first().filter(|cell| cell.end() <= stop);
            let stop = cell.map_or(stop, |cell| cell.offset);
            if stop > at {
                let piece = &bytes[(at - start) as usize..(stop - start) as usize];
                if !bytes::print_cells(out, piece) {
                    bytes::print(out, piece, bytes::Style::Assembly);
                }
                at = stop;
            } else if let Some(cell) = cell {
                self.cell(out, *cell);
                at = cell.end();
            }
        }
    }

    /// Prints the zeros between the end of an object and the next label as an `.align`, if they can be one: the
    /// assembler does not count them to the object then.
    fn padding(
        &self,
        out: &mut Text<'_>,
        at: u32,
        label: u32,
        contents: Contents<'_>,
        start: u32,
    ) -> bool {
        let zero = match contents {
            Contents::Zeros(_) => true,
            Contents::Bytes(bytes) => {
                let gap = &bytes[(at - start) as usize..(label - start) as usize];
                gap.len() < LARGEST_GAP && gap.iter().all(|byte| *byte == 0)
            }
        };
        let aligned = (1..=LARGEST_GAP.trailing_zeros())
            .map(|power| 1u32 << power)
            .find(|alignment| at.checked_next_multiple_of(*alignment) == Some(label));
        match aligned {
            Some(alignment) if zero && at < label => {
                out.str("    .align ").number(alignment).end();
                true
            }
            _ => false,
        }
    }

    fn cell(&self, out: &mut Text<'_>, cell: Cell) {
        let pointer = Pointer(cell.value);
        out.str("    .quad ");
        self.program.data_pointer(out, pointer);
        out.end();
    }

    fn labels_at(&mut self, out: &mut Text<'_>, at: u32) {
        while let Some((label, rest)) = self.labels.split_first()
            && label.offset <= at
        {
            if label.offset == at {
                self.object_end = label.end;
                out.bytes(self.program.namer.text(label.name))
                    .byte(b':')
                    .end();
            }
            self.labels = rest;
        }
    }

    /// Prints the labels behind the last byte.
    fn finish(&mut self, out: &mut Text<'_>, end: u32) {
        self.labels_at(out, end);
    }
}
