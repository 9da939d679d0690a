//! Line information: from DWARF in custom sections to the image's line table.
//!
//! DWARF counts addresses from the start of the code section's contents. Like names, lines are for people: what is damaged
//! or not understood is left out.

use std::collections::HashMap;

use cvm_spec::image::{Image, Line};
use gimli::{DwarfFileType, EndianSlice, LineProgramHeader, LittleEndian, Unit};

use crate::module::Module;
use crate::units::{self, Slice};

/// Names of sources that an image can have.
const SOURCES_MAX: usize = 1 << 16;
/// Bytes of file and directory names that are read. Names may overlap, so the size of the module does not limit them.
const NAMES_MAX: usize = 1 << 26;

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

/// Sources, by the numbers that the image gives them.
struct Sources {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
    /// Bytes of names that may still be read.
    room: usize,
}

impl Sources {
    fn new() -> Sources {
        Sources {
            names: Vec::new(),
            numbers: HashMap::new(),
            room: NAMES_MAX,
        }
    }

    /// Counts a name that was read; none if there have been too many.
    fn read(&mut self, name: Option<Slice<'_>>) -> Option<()> {
        let length = name.map_or(0, |name| name.slice().len());
        let room = self.room.checked_sub(length);
        self.room = room.unwrap_or(0);
        room.map(|_| ())
    }

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

/// The line table under construction. Instructions come in the order in which they stand in the module.
pub(crate) struct Lines {
    /// By address; of several for one address the last one counts, as debuggers take it.
    rows: Vec<Row>,
    /// The first row that is behind the last instruction.
    next: usize,
    /// Byte offset in the module where that row begins.
    until: u64,
    code_start: u64,
    /// Text offset where the function begins.
    function: u32,
    /// The line of what was read last. What becomes no instruction has none: another line takes its place then.
    pending: Option<Line>,
    sources: Sources,
    lines: Vec<Line>,
}

impl Lines {
    /// What a module says of its lines, if it says anything.
    pub(crate) fn new(module: &Module<'_>) -> Option<Lines> {
        if !module.custom.contains_key(".debug_line") {
            return None;
        }
        let mut sources = Sources::new();
        let mut rows = rows(module, &mut sources).ok()?;
        rows.sort_by_key(|row| row.address);
        Some(Lines {
            rows,
            next: 0,
            until: 0,
            code_start: module.code_start,
            function: 0,
            pending: None,
            sources,
            lines: Vec::new(),
        })
    }

    /// Notes that a function begins, at this byte offset in the module and this text offset.
    pub(crate) fn begin_function(&mut self, offset: u64, text: u32) {
        self.function = text;
        self.advance(offset, text);
    }

    /// Notes that an instruction begins.
    #[inline]
    pub(crate) fn instruction(&mut self, offset: u64, text: u32) {
        if offset >= self.until {
            self.advance(offset, text);
        }
    }

    /// Notes that the function ends, at this text offset.
    pub(crate) fn end_function(&mut self, text: u32) {
        self.settle(text);
        self.pending = None;
    }

    /// An instruction of another row begins.
    fn advance(&mut self, offset: u64, text: u32) {
        self.settle(text);
        let Some(address) = offset.checked_sub(self.code_start) else {
            return;
        };
        let behind = self.rows.get(self.next..).unwrap_or_default();
        self.next += behind
            .iter()
            .take_while(|row| row.address <= address)
            .count();
        self.until = self
            .rows
            .get(self.next)
            .map_or(u64::MAX, |row| self.code_start.saturating_add(row.address));
        let row = self.next.checked_sub(1).and_then(|row| self.rows.get(row));
        self.pending = row.filter(|row| row.line != 0).map(|row| Line {
            text,
            line: row.line,
            source: row.source,
            column: row.column,
        });
    }

    /// Adds the pending line, if it holds for something before this text offset.
    fn settle(&mut self, text: u32) {
        let Some(line) = self.pending.filter(|line| line.text < text) else {
            return;
        };
        match self.lines.last() {
            // An entry holds up to the next, but not in another function.
            Some(last)
                if last.text >= self.function
                    && (last.line, last.source, last.column)
                        == (line.line, line.source, line.column) => {}
            _ => self.lines.push(line),
        }
    }

    /// Puts the table into the image.
    pub(crate) fn finish(self, image: &mut Image) {
        if self.lines.is_empty() {
            return;
        }
        for name in &self.sources.names {
            let name = image.add_string(name);
            image.sources.push(name);
        }
        image.lines = self.lines;
    }
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
    for unit in units::with_lines(&dwarf) {
        let names = sources.read(unit.name).and(sources.read(unit.comp_dir));
        if names.is_none() {
            break;
        }
        // What was read before something damaged counts.
        let _ = unit_rows(module, &dwarf, &unit, sources, &mut rows);
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
    // Rows of one file stand together.
    let mut last: Option<(u64, Option<u16>)> = None;
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
        let source = match last {
            Some((same, source)) if same == file => source,
            _ => *files.entry(file).or_insert_with(|| {
                let name = file_name(dwarf, unit, header, file, sources)?;
                sources.number(name)
            }),
        };
        last = Some((file, source));
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
    sources: &mut Sources,
) -> Option<String> {
    let entry = header.file(file)?;
    let mut text = |value| {
        let found = dwarf.attr_string(unit, value).ok()?;
        sources.read(Some(found))?;
        Some(found.to_string_lossy().into_owned())
    };
    let mut path = text(entry.path_name())?;
    if let Some(directory) = entry.directory(header).and_then(&mut text)
        && !path.starts_with('/')
        && !directory.is_empty()
    {
        path = format!("{directory}/{path}");
    }
    if let Some(directory) = &unit.comp_dir
        && !path.starts_with('/')
    {
        sources.read(Some(*directory))?;
        path = format!("{}/{path}", directory.to_string_lossy());
    }
    Some(path)
}
