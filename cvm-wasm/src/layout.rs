//! Where the parts of a module lie in the segments of the image (`spec/wasm.md`, "Memory").
//!
//! `b:` holds the globals, the present sizes of what changes its size, and the tables. The last table is one of fixed
//! size, if there is any and the image is no module to link: an index past its end is past the end of the segment, which
//! the machine checks anyway.
//! `d:` holds the contents of segments.

use cvm_spec::pointer::HEAP_PAGE;

use crate::error::TranslateError;
use crate::module::{Module, Placement, Table};
use crate::text::check_segment;

/// Bytes of a global, of a table's entry, of a size.
pub(crate) const CELL: u64 = 8;
/// Entries by which all tables without a limit can grow together.
const GROWTH: u64 = 1 << 20;

/// A size that instructions ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// It never changes.
    Constant(u64),
    /// It stands in `b:` at this offset.
    Cell(u32),
}

/// Where a table lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TablePlace {
    /// Offset in `b:` of its first entry.
    pub(crate) base: u32,
    /// Its size in entries.
    pub(crate) size: Size,
    /// Entries that there is room for.
    pub(crate) capacity: u64,
    /// Whether it ends where the segment ends.
    pub(crate) is_last: bool,
}

/// Where everything lies.
pub(crate) struct Layout {
    pub(crate) tables: Vec<TablePlace>,
    /// Sizes of segments of memory, in bytes, as instructions see them.
    pub(crate) data_sizes: Vec<Size>,
    /// Sizes of segments of table entries.
    pub(crate) element_sizes: Vec<Size>,
    /// Offset in `d:` of each segment of memory.
    pub(crate) data: Vec<u32>,
    /// Offset in `d:` of each passive segment of table entries.
    pub(crate) elements: Vec<u32>,
    pub(crate) bss_size: u32,
    pub(crate) data_size: u32,
    pub(crate) heap_first: u64,
    pub(crate) heap_largest: u64,
}

/// Assigns offsets, one behind the other.
#[derive(Default)]
struct Segment(u64);

impl Segment {
    fn take(&mut self, bytes: u64) -> u32 {
        let at = self.0;
        self.0 = self.0.saturating_add(bytes);
        // The whole is checked before an offset is used.
        at as u32
    }
}

impl Layout {
    /// Lays out a module.
    pub(crate) fn new(module: &Module<'_>) -> Result<Layout, TranslateError> {
        let mut bss = Segment::default();
        bss.take(module.globals.len() as u64 * CELL);
        let mut size_of = |placement| match placement {
            Placement::Passive => Size::Cell(bss.take(CELL)),
            // They are dropped before any instruction sees them.
            Placement::Active { .. } | Placement::Declared => Size::Constant(0),
        };
        let data_sizes = module.data.iter().map(|data| size_of(data.placement));
        let data_sizes = data_sizes.collect();
        let elements = module.elements.iter();
        let element_sizes = elements.map(|element| size_of(element.placement)).collect();
        let tables = tables(&module.tables, module.is_linkable, &mut bss);
        let offset = module.tables.last().map_or(0, |table| table.offset);
        check_segment("bytes of globals and tables", bss.0, offset)?;

        let mut data = Segment::default();
        // Pointers first: they stay aligned.
        let elements = module.elements.iter().map(|element| {
            let is_passive = matches!(element.placement, Placement::Passive);
            let items = if is_passive { element.items.len() } else { 0 };
            data.take(items as u64 * CELL)
        });
        let elements = elements.collect();
        let segments = module.data.iter();
        let segments = segments.map(|segment| data.take(segment.bytes.len() as u64));
        let segments = segments.collect();
        check_segment("bytes of data and element segments", data.0, 0)?;

        let own_memory = module.memory.filter(|memory| !memory.is_imported);
        let pages = |pages: u64| pages.saturating_mul(HEAP_PAGE);
        Ok(Layout {
            tables,
            data_sizes,
            element_sizes,
            data: segments,
            elements,
            bss_size: bss.0 as u32,
            data_size: data.0 as u32,
            heap_first: own_memory.map_or(0, |memory| pages(memory.first)),
            heap_largest: own_memory.map_or(0, |memory| pages(memory.largest)),
        })
    }
}

fn is_fixed(table: &Table) -> bool {
    table.largest == Some(table.first)
}

fn tables(tables: &[Table], is_linkable: bool, bss: &mut Segment) -> Vec<TablePlace> {
    // Other modules' variables may come to lie behind those of an image that is linked.
    let last = tables.iter().position(is_fixed).filter(|_| !is_linkable);
    let growing = tables.iter().filter(|table| !is_fixed(table)).count() as u64;
    let room = GROWTH / growing.max(1);
    let cells: Vec<Option<u32>> = tables
        .iter()
        .map(|table| (!is_fixed(table)).then(|| bss.take(CELL)))
        .collect();
    let mut places: Vec<TablePlace> = Vec::with_capacity(tables.len());
    for (number, (table, cell)) in tables.iter().zip(cells).enumerate() {
        let largest = table.first.saturating_add(room);
        let capacity = table.largest.unwrap_or(u64::MAX).min(largest);
        let is_last = last == Some(number);
        places.push(TablePlace {
            base: match is_last {
                true => 0,
                false => bss.take(capacity.saturating_mul(CELL)),
            },
            size: cell.map_or(Size::Constant(table.first), Size::Cell),
            capacity,
            is_last,
        });
    }
    if let Some(number) = last {
        places[number].base = bss.take(places[number].capacity.saturating_mul(CELL));
    }
    places
}
