//! Debug information: symbols, lines, sources, notes. Damage is a warning, never an error.
//!
//! A section whose records make no sense (a wrong size, a symbol of unknown kind, lines that do not ascend) is kept
//! as bytes in [`Image::raw`], and its field of the image stays empty. References that lead nowhere are kept as they
//! are: whoever follows one finds nothing.

use super::layout::Layout;
use super::names::Pool;
use super::record::{self, Record, Section, allocate};
use super::{Checked, ReadWarning, WarningCode};
use crate::image::{Image, Line, Note, RawSection, SectionKind, StringRef, Symbol, SymbolKind};
use crate::pointer::{ShortPointer, Tag};

/// Reads the four debug sections into the image, which is complete but for them and the relocations.
pub(super) fn read(
    layout: &Layout<'_>,
    pool: &Pool<'_>,
    image: &mut Image,
) -> Checked<Vec<ReadWarning>> {
    let is_text = |string: StringRef| pool.check(string).is_ok();
    let count = |kind| layout.section(kind).count(kind);
    let mut debug = Debug {
        layout,
        raw: Vec::new(),
        warnings: Vec::new(),
    };

    let symbols = debug.records(SectionKind::Symbols, |record| {
        let symbol = Symbol {
            kind: symbol_kind(record)?,
            value: record.u32(4),
            size: record.u32(8),
            name: record.string(12),
            a: record.u32(20),
            b: record.u32(24),
        };
        let fits = symbol_fits(&symbol, image, count(SectionKind::Symbols));
        Some((symbol, fits && is_text(symbol.name)))
    })?;
    let lines = debug.records(SectionKind::Lines, |record| {
        let line = Line {
            text: record.u32(0),
            line: record.u32(4),
            source: record.u16(8),
            column: record.u16(10),
        };
        let in_text = (line.text as usize) < image.text.len();
        let has_source = usize::from(line.source) < count(SectionKind::Sources);
        Some((line, in_text && has_source))
    })?;
    let sources = debug.records(SectionKind::Sources, |record| {
        let name = record.string(0);
        Some((name, is_text(name)))
    })?;
    let notes = debug.records(SectionKind::Notes, |record| {
        let (name, value) = (record.string(0), record.string(8));
        Some((Note { name, value }, is_text(name) && is_text(value)))
    })?;

    image.symbols = symbols;
    image.lines = lines;
    image.sources = sources;
    image.notes = notes;
    image.raw = debug.raw;
    Ok(debug.warnings)
}

/// The debug sections as far as they are read.
struct Debug<'a, 'b> {
    layout: &'b Layout<'a>,
    raw: Vec<RawSection>,
    warnings: Vec<ReadWarning>,
}

impl<'a> Debug<'a, '_> {
    /// Reads a section with a function that gives the record and whether its references lead somewhere, or nothing
    /// if the bytes are no record.
    fn records<T>(
        &mut self,
        kind: SectionKind,
        parse: impl Fn(Record<'a>) -> Option<(T, bool)>,
    ) -> Checked<Vec<T>> {
        let section = self.layout.section(kind);
        if let Some((offset, message)) = damage(section, kind) {
            let message = format!("{message}; the {} section is ignored", kind.name());
            self.warnings.push(ReadWarning {
                code: WarningCode::DamagedDebug,
                offset,
                message,
            });
            self.raw.push(RawSection {
                kind: kind as u32,
                bytes: record::copy(section)?,
            });
            return Ok(Vec::new());
        }
        let mut kept = allocate(section.count(kind), section.offset)?;
        let mut dangling = Dangling::default();
        for record in section.records(kind) {
            let (parsed, fits) = parse(record).expect("damage() found every record sound");
            kept.push(parsed);
            if !fits {
                dangling.note(record.offset);
            }
        }
        self.warnings.extend(dangling.warning(kind));
        Ok(kept)
    }
}

fn symbol_kind(record: Record<'_>) -> Option<SymbolKind> {
    SymbolKind::from_number(record.u32(0))
}

/// Why a section makes no sense as records, and where.
fn damage(section: Section<'_>, kind: SectionKind) -> Option<(u64, String)> {
    if !section.is_whole(kind) {
        let size = section.bytes.len();
        let message = format!(
            "{size} bytes are no whole number of {} records",
            kind.name()
        );
        return Some((section.offset, message));
    }
    match kind {
        SectionKind::Symbols => section
            .records(kind)
            .find(|record| symbol_kind(*record).is_none())
            .map(|record| {
                let message = format!("a symbol has the unknown kind {}", record.u32(0));
                (record.offset, message)
            }),
        SectionKind::Lines => {
            let mut previous = None;
            section
                .records(kind)
                .find(|record| {
                    let text = Some(record.u32(0));
                    std::mem::replace(&mut previous, text) >= text
                })
                .map(|record| (record.offset, "lines do not ascend".to_owned()))
        }
        _ => None,
    }
}

/// Whether what a symbol refers to exists.
fn symbol_fits(symbol: &Symbol, image: &Image, symbols: usize) -> bool {
    let text_size = image.text.len() as u64;
    let in_text = |offset: u32| u64::from(offset) < text_size;
    match symbol.kind {
        SymbolKind::Function => (symbol.value as usize) < image.functions.len(),
        SymbolKind::Object => object_fits(symbol, image),
        SymbolKind::Label => {
            let pointer = ShortPointer(symbol.value);
            pointer.tag() == Tag::Text && u64::from(pointer.offset()) <= text_size
        }
        SymbolKind::Argument | SymbolKind::Local => {
            in_text(symbol.a) && symbol.a <= symbol.b && u64::from(symbol.b) <= text_size
        }
        SymbolKind::Reference => in_text(symbol.value) && (symbol.a as usize) < symbols,
        SymbolKind::Constant => true,
    }
}

/// Whether an object's symbol lies in data or bss.
pub(super) fn object_fits(symbol: &Symbol, image: &Image) -> bool {
    let pointer = ShortPointer(symbol.value);
    let end = u64::from(pointer.offset()) + u64::from(symbol.size);
    match pointer.tag() {
        Tag::Data => end <= image.data.len() as u64,
        Tag::Bss => end <= u64::from(image.bss_size),
        _ => false,
    }
}

/// Records of one section whose references lead nowhere.
#[derive(Default)]
struct Dangling {
    first: Option<u64>,
    count: usize,
}

impl Dangling {
    fn note(&mut self, offset: u64) {
        self.first.get_or_insert(offset);
        self.count += 1;
    }

    fn warning(self, kind: SectionKind) -> Option<ReadWarning> {
        let offset = self.first?;
        let (count, name) = (self.count, kind.name());
        let message = match count {
            1 => format!("an entry of the {name} section refers to something that does not exist"),
            _ => format!(
                "{count} entries of the {name} section refer to something that does not exist"
            ),
        };
        Some(ReadWarning {
            code: WarningCode::DanglingDebug,
            offset,
            message,
        })
    }
}
