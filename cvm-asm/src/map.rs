//! The map: functions, objects, imports and constants with address, size and source line.

use crate::diagnostic::Span;
use crate::source::SourceMap;
use cvm_spec::image::Image;
use cvm_spec::pointer::Tag;
use std::io::{self, Write};

/// What a symbol of the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKind {
    /// A function: address and size in the text segment.
    Function,
    /// A data or bss object.
    Object,
    /// An import: `value` is its index.
    Import,
    /// A constant: `value` is all there is.
    Constant,
}

/// A symbol for the map, recorded by the assembler in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSymbol {
    /// What it is.
    pub kind: MapKind,
    /// Its name.
    pub name: String,
    /// The segment of a function (text) or object (data, bss); text for the other kinds, where it means nothing.
    pub segment: Tag,
    /// Offset in the segment, value of a constant, index of an import.
    pub value: u64,
    /// Bytes, for functions and objects.
    pub size: u32,
    /// Where it is defined.
    pub span: Span,
}

/// Writes the map of a program: functions and objects by address, imports by index, constants by name.
///
/// # Errors
/// What writing returns.
pub fn write(
    out: &mut impl Write,
    image: &Image,
    symbols: &[MapSymbol],
    sources: &SourceMap<'_>,
) -> io::Result<()> {
    writeln!(out, "Segments")?;
    for (name, size) in [
        ("text", image.text.len() as u64),
        ("data", image.data.len() as u64),
        ("bss", u64::from(image.bss_size)),
    ] {
        writeln!(out, "  {name:<4} {size:>10} bytes")?;
    }
    let entry = image.entry.and_then(|offset| {
        let is_entry = |s: &&MapSymbol| s.kind == MapKind::Function && s.value == u64::from(offset);
        symbols.iter().find(is_entry)
    });
    if let Some(entry) = entry {
        writeln!(out, "\nEntry\n  {}", entry.name)?;
    }
    for (title, kind) in [
        ("Functions", MapKind::Function),
        ("Objects", MapKind::Object),
        ("Imports", MapKind::Import),
        ("Constants", MapKind::Constant),
    ] {
        let mut chosen: Vec<_> = symbols.iter().filter(|s| s.kind == kind).collect();
        if chosen.is_empty() {
            continue;
        }
        match kind {
            MapKind::Constant => chosen.sort_by(|a, b| a.name.cmp(&b.name)),
            _ => chosen.sort_by(|a, b| {
                let place = |s: &MapSymbol| (s.segment as u8, s.value);
                place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name))
            }),
        }
        section(out, title, &chosen, sources)?;
    }
    Ok(())
}

fn section(
    out: &mut impl Write,
    title: &str,
    symbols: &[&MapSymbol],
    sources: &SourceMap<'_>,
) -> io::Result<()> {
    let names = symbols.iter().map(|symbol| symbol.name.chars().count());
    let width = names.max().unwrap_or(0).min(40);
    writeln!(out, "\n{title}")?;
    for symbol in symbols {
        let prefix = symbol.segment.prefix().unwrap_or('?');
        match symbol.kind {
            MapKind::Function | MapKind::Object => {
                write!(out, "  {prefix}:{:08x} {:>10}", symbol.value, symbol.size)?;
            }
            MapKind::Import => write!(out, "  {:>4}", symbol.value)?,
            MapKind::Constant => {
                write!(out, "  {:#018x} {:>20}", symbol.value, symbol.value as i64)?;
            }
        }
        let file = sources.file(symbol.span.file);
        let line = sources.line_of(symbol.span.file, symbol.span.start);
        match file {
            Some(file) => writeln!(
                out,
                "  {:<width$}  {}:{line}",
                symbol.name,
                file.name.escape_debug()
            )?,
            None => writeln!(out, "  {}", symbol.name)?,
        }
    }
    Ok(())
}
