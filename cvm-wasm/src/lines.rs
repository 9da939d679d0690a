//! Line information: from DWARF in custom sections to the image's line table.
//!
//! DWARF counts addresses from the start of the code section's contents. Like names, lines are for people: what is damaged
//! or not understood is left out.

use std::collections::HashMap;

use cvm_spec::image::{Image, Line};
use gimli::{DwarfFileType, EndianSlice, LineProgramHeader, LittleEndian, Unit};

use crate::module::Module;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Names of sources that an image can have.
const SOURCES_MAX: usize = 1 << 16;

/// Where an instruction of the image comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// Text offset in the image.
    pub(crate) text: u32,
    /// Byte offset in the module; `None` for functions that were added.
    pub(crate) module: Option<u64>,
}

/// A place in a source, for the code from an address on. Without a line nothing is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    address: u64,
    source: u16,
    line: u32,
    column: u16,
}

impl Row {
    fn none(address: u64) -> Row {
        Row {
            address,
            source: 0,
            line: 0,
            column: 1,
        }
    }
}

/// Whether a module says where its instructions come from.
pub(crate) fn are_known(module: &Module<'_>) -> bool {
    module.custom.contains_key(".debug_line")
}

/// Sources, by the numbers that the image gives them.
#[derive(Default)]
struct Sources {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Sources {
    fn number(&mut self, name: String) -> Option<u16> {
        if let Some(number) = self.numbers.get(&name) {
            return Some(*number);
        }
        if self.names.len() == SOURCES_MAX {
            return None;
        }
        let number = self.names.len() as u16;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        Some(number)
    }
}

/// Adds the line table; the origins ascend in the text.
pub(crate) fn add(module: &Module<'_>, origins: &[Origin], image: &mut Image) {
    let mut sources = Sources::default();
    let Ok(mut rows) = rows(module, &mut sources) else {
        return;
    };
    // Of several rows for one address the last one counts, as debuggers take it.
    rows.sort_by_key(|row| row.address);
    let mut lines: Vec<Line> = Vec::new();
    let mut start = 0;
    for (index, origin) in origins.iter().enumerate() {
        // What became no instruction has no line: not the end of a function either, behind which the next one begins.
        let next = origins.get(index + 1);
        if next.is_some_and(|next| next.text == origin.text) {
            continue;
        }
        if image.function_starting_at(origin.text).is_some() {
            start = origin.text;
        }
        let row = origin.module.and_then(|offset| {
            let address = offset.checked_sub(module.code_start)?;
            let after = rows.partition_point(|row| row.address <= address);
            rows.get(after.checked_sub(1)?).copied()
        });
        let Some(row) = row.filter(|row| row.line != 0) else {
            continue;
        };
        let line = Line {
            text: origin.text,
            line: row.line,
            source: row.source,
            column: row.column,
        };
        match lines.last() {
            // An entry holds up to the next, but not in another function.
            Some(last)
                if last.text >= start
                    && (last.line, last.source, last.column)
                        == (line.line, line.source, line.column) => {}
            _ => lines.push(line),
        }
    }
    if lines.is_empty() {
        return;
    }
    for name in &sources.names {
        let name = image.add_string(name);
        image.sources.push(name);
    }
    image.lines = lines;
}

fn rows(module: &Module<'_>, sources: &mut Sources) -> gimli::Result<Vec<Row>> {
    let section = |id: gimli::SectionId| -> gimli::Result<Slice<'_>> {
        let found = module.custom.get(id.name());
        Ok(EndianSlice::new(
            found.map_or(&[][..], |(bytes, _)| bytes),
            LittleEndian,
        ))
    };
    let mut dwarf = gimli::Dwarf::load(section)?;
    dwarf.file_type = DwarfFileType::Main;
    let mut rows = Vec::new();
    let mut units = dwarf.units();
    // What was read before something damaged counts.
    while let Ok(Some(header)) = units.next() {
        if let Ok(unit) = dwarf.unit(header) {
            let _ = unit_rows(module, &dwarf, &unit, sources, &mut rows);
        }
    }
    Ok(rows)
}

/// Adds the rows of one unit.
fn unit_rows<'a>(
    module: &Module<'_>,
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &Unit<Slice<'a>>,
    sources: &mut Sources,
    rows: &mut Vec<Row>,
) -> gimli::Result<()> {
    let Some(program) = unit.line_program.clone() else {
        return Ok(());
    };
    let mut files: HashMap<u64, Option<u16>> = HashMap::new();
    let mut program = program.rows();
    let mut sequence: Vec<Row> = Vec::new();
    while let Some((header, row)) = program.next_row()? {
        let address = row.address();
        if row.end_sequence() {
            sequence.push(Row::none(address));
            if ends_with_function(module, address) {
                rows.append(&mut sequence);
            }
            sequence.clear();
            continue;
        }
        let file = row.file_index();
        let source = *files
            .entry(file)
            .or_insert_with(|| sources.number(file_name(dwarf, unit, header, file)?));
        let line = row.line().map_or(0, |line| line.get());
        let column = match row.column() {
            gimli::ColumnType::LeftEdge => 1,
            gimli::ColumnType::Column(column) => column.get(),
        };
        sequence.push(match (source, u32::try_from(line)) {
            (Some(source), Ok(line)) => Row {
                address,
                source,
                line,
                column: u16::try_from(column).unwrap_or(u16::MAX),
            },
            _ => Row::none(address),
        });
    }
    Ok(())
}

/// Whether a function ends at an address, as a sequence of rows does. Those of functions that the linker left out are at
/// addresses that mean nothing.
fn ends_with_function(module: &Module<'_>, address: u64) -> bool {
    let end = module.code_start.saturating_add(address);
    let bodies = &module.bodies;
    bodies
        .binary_search_by_key(&end, |body| body.range().end)
        .is_ok()
}

/// A file's path, with its directory, and that of the compilation where both are relative.
fn file_name<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &Unit<Slice<'a>>,
    header: &LineProgramHeader<Slice<'a>>,
    file: u64,
) -> Option<String> {
    let entry = header.file(file)?;
    let text = |value| {
        let found = dwarf.attr_string(unit, value).ok()?;
        Some(found.to_string_lossy().into_owned())
    };
    let mut path = text(entry.path_name())?;
    if let Some(directory) = entry.directory(header).and_then(text)
        && !path.starts_with('/')
        && !directory.is_empty()
    {
        path = format!("{directory}/{path}");
    }
    if let Some(directory) = &unit.comp_dir
        && !path.starts_with('/')
    {
        path = format!("{}/{path}", directory.to_string_lossy());
    }
    Some(path)
}
