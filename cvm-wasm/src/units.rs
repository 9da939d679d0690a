//! Units of DWARF that have a line table.
//!
//! The sections of DWARF refer to each other by offsets, so a few bytes can make thousands of units that refer to one large
//! table, or to tables that overlap, and reading them as they stand would take time and memory out of proportion. Compilers
//! write tables side by side, and a line table for each unit. So no byte of a table is read twice here: abbreviations are kept,
//! and a unit whose line table was read for another one, in whole or in part, is left out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebugAbbrevOffset, Dwarf, EndianSlice,
    LittleEndian, Reader, Section, Unit, UnitHeader, constants,
};

pub(crate) type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Most attributes of a unit; compilers write about twenty.
const ATTRIBUTES_MAX: usize = 256;

/// All units with line tables, up to the first that is damaged.
pub(crate) fn with_lines<'a>(dwarf: &Dwarf<Slice<'a>>) -> impl Iterator<Item = Unit<Slice<'a>>> {
    let mut headers = Vec::new();
    let mut rest = dwarf.units();
    while let Ok(Some(header)) = rest.next() {
        headers.push(header);
    }
    let abbreviations = abbreviations(dwarf, &headers);
    let mut tables = Tables::default();
    headers.into_iter().filter_map(move |header| {
        let abbreviations = abbreviations.get(&header.debug_abbrev_offset().0)?;
        let table = line_table(&header, abbreviations).ok()??;
        tables.claim(dwarf, table).ok()?;
        Unit::new_with_abbreviations(dwarf, header, abbreviations.clone()).ok()
    })
}

/// The tables of abbreviations that units refer to, by their offsets. Each ends at the latest where the next one begins.
fn abbreviations(
    dwarf: &Dwarf<Slice<'_>>,
    headers: &[UnitHeader<Slice<'_>>],
) -> HashMap<usize, Arc<Abbreviations>> {
    let section = dwarf.debug_abbrev.reader().slice();
    let offset_of = |header: &UnitHeader<Slice<'_>>| header.debug_abbrev_offset().0;
    let mut offsets: Vec<usize> = headers.iter().map(offset_of).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let ends = offsets.iter().skip(1).copied().chain([section.len()]);
    let tables = offsets.iter().zip(ends).filter_map(|(start, end)| {
        let table = DebugAbbrev::new(section.get(*start..end)?, LittleEndian);
        let parsed = table.abbreviations(DebugAbbrevOffset(0)).ok()?;
        Some((*start, Arc::new(parsed)))
    });
    tables.collect()
}

/// Offset of a unit's line table, if it has one.
fn line_table(
    header: &UnitHeader<Slice<'_>>,
    abbreviations: &Abbreviations,
) -> gimli::Result<Option<usize>> {
    let mut root = header.entries_raw(abbreviations, None)?;
    let Some(abbreviation) = root.read_abbreviation()? else {
        return Ok(None);
    };
    let attributes = abbreviation.attributes();
    if attributes.len() > ATTRIBUTES_MAX {
        return Ok(None);
    }
    let mut table = None;
    for attribute in attributes {
        let attribute = root.read_attribute(*attribute)?;
        if let (constants::DW_AT_stmt_list, AttributeValue::DebugLineRef(offset)) =
            (attribute.name(), attribute.value())
        {
            table = Some(offset.0);
        }
    }
    Ok(table)
}

/// Line tables that are read: where they end, by where they begin.
#[derive(Default)]
struct Tables(BTreeMap<usize, usize>);

impl Tables {
    /// Takes the table at an offset, unless a part of it was taken before.
    fn claim(&mut self, dwarf: &Dwarf<Slice<'_>>, start: usize) -> gimli::Result<()> {
        let mut rest = *dwarf.debug_line.reader();
        let size = rest.len();
        rest.skip(start)?;
        let (length, _) = rest.read_initial_length()?;
        let end = (size - rest.len()).saturating_add(length);
        let before = self.0.range(..end).next_back();
        if before.is_some_and(|(_, end)| *end > start) {
            return Err(gimli::Error::OffsetOutOfBounds(start as u64));
        }
        self.0.insert(start, end);
        Ok(())
    }
}
