//! The listing: every source line with the place and bytes of what it became.

use crate::diagnostic::Span;
use crate::source::SourceMap;
use cvm_spec::image::Image;
use cvm_spec::pointer::Tag;
use std::io::{self, Write};

/// Bytes in a row.
const ROW: usize = 8;
/// Rows of one statement; the rest is counted only.
const MOST_ROWS: usize = 8;
/// Columns of the address (`t:` and eight digits) and the bytes, with a space before each; source text is next.
const CODE_WIDTH: usize = 10 + ROW * 3;

/// What one statement became. The assembler records them in source order. The statements of a macro, a repetition
/// or an included file stand behind the statement that brought them in, which has an entry of size 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingEntry {
    /// The statement.
    pub span: Span,
    /// The segment that it puts bytes into: text, data or bss.
    pub segment: Tag,
    /// Offset of its first byte in the segment.
    pub offset: u32,
    /// How many bytes.
    pub size: u32,
    /// How many macro expansions and repetitions it stands in; 0 for text of the file itself.
    pub depth: u16,
}

/// Writes the listing of a program.
///
/// Each row has the line number, the address, up to eight bytes and the source line. Lines of a macro's or
/// repetition's body have a `+` for each level behind their number.
///
/// # Errors
/// What writing returns.
pub fn write(
    out: &mut impl Write,
    image: &Image,
    entries: &[ListingEntry],
    given: u32,
    sources: &SourceMap<'_>,
) -> io::Result<()> {
    let mut listing = Listing {
        out,
        image,
        sources,
        open: Vec::new(),
    };
    writeln!(
        listing.out,
        "{:>6}  {:<CODE_WIDTH$} source",
        "line", "address    bytes"
    )?;
    let mut next_source = 0;
    for entry in entries {
        if entry.depth == 0 {
            if entry.span.file < given {
                while next_source <= entry.span.file {
                    listing.close_all()?;
                    listing.open(next_source)?;
                    next_source += 1;
                }
            }
            listing.enter(entry.span.file)?;
        }
        listing.entry(entry)?;
    }
    while next_source < given {
        listing.close_all()?;
        listing.open(next_source)?;
        next_source += 1;
    }
    listing.close_all()
}

/// A file whose lines are being listed.
struct OpenFile {
    file: u32,
    /// The next line to list, from 1.
    next: u32,
}

struct Listing<'a, W> {
    out: &'a mut W,
    image: &'a Image,
    sources: &'a SourceMap<'a>,
    /// The file being listed last, those that include it before.
    open: Vec<OpenFile>,
}

impl<W: Write> Listing<'_, W> {
    fn open(&mut self, file: u32) -> io::Result<()> {
        self.open.push(OpenFile { file, next: 1 });
        self.heading(file, "")
    }

    fn heading(&mut self, file: u32, remark: &str) -> io::Result<()> {
        let name = self.sources.file(file).map_or("", |source| &source.name);
        writeln!(self.out, "\n; {}{remark}", name.escape_debug())
    }

    /// Makes a file the one being listed: goes back to it, or opens it as an included one.
    fn enter(&mut self, file: u32) -> io::Result<()> {
        if self.open.last().is_some_and(|open| open.file == file) {
            return Ok(());
        }
        if !self.open.iter().any(|open| open.file == file) {
            return self.open(file);
        }
        while self.open.last().is_some_and(|open| open.file != file) {
            self.close()?;
        }
        self.heading(file, ", continued")
    }

    /// Lists what is left of the last file.
    fn close(&mut self) -> io::Result<()> {
        if let Some(open) = self.open.pop() {
            let last = self.last_line(open.file);
            for line in open.next..=last {
                self.row(line, 0, "", open.file, Some(line))?;
            }
        }
        Ok(())
    }

    fn close_all(&mut self) -> io::Result<()> {
        while !self.open.is_empty() {
            self.close()?;
        }
        Ok(())
    }

    /// The last line that has text; the empty one behind the last line break is not listed.
    fn last_line(&self, file: u32) -> u32 {
        let count = self.sources.line_count(file);
        let empty = |&(start, end): &(u32, u32)| start == end;
        let last = self.sources.line_range(file, count);
        if last.as_ref().is_some_and(empty) {
            count - 1
        } else {
            count
        }
    }

    fn entry(&mut self, entry: &ListingEntry) -> io::Result<()> {
        let file = entry.span.file;
        let line = self.sources.line_of(file, entry.span.start);
        let mut text = Some(line);
        // The body of a repetition is reached in its first round; a macro's was listed where it is defined.
        if let Some(open) = self.open.last_mut()
            && (entry.depth == 0 || open.file == file && line >= open.next)
        {
            let from = open.next;
            if line < from.saturating_sub(1) {
                open.next = line; // the file is included once more
            } else {
                for skipped in from..line {
                    self.row(skipped, 0, "", file, Some(skipped))?;
                }
                if line < from {
                    text = None; // a second statement's bytes on a line that is listed already
                }
            }
            if let Some(open) = self.open.last_mut() {
                open.next = line + 1;
            }
        }
        self.bytes(entry, line, text)
    }

    fn bytes(&mut self, entry: &ListingEntry, line: u32, mut text: Option<u32>) -> io::Result<()> {
        let file = entry.span.file;
        if entry.size == 0 {
            return match text {
                Some(_) => self.row(line, entry.depth, "", file, text),
                None => Ok(()),
            };
        }
        let prefix = entry.segment.prefix().unwrap_or('?');
        let size = entry.size as usize;
        let Some(bytes) = contents(self.image, entry) else {
            let code = format!("{prefix}:{:08x} ({size} zero bytes)", entry.offset);
            return self.row(line, entry.depth, &code, file, text);
        };
        for (index, row) in bytes.chunks(ROW).enumerate() {
            let mut code = format!("{prefix}:{:08x} ", entry.offset as usize + index * ROW);
            for byte in row {
                code.push_str(&format!("{byte:02x} "));
            }
            self.row(line, entry.depth, code.trim_end(), file, text.take())?;
        }
        if size > ROW * MOST_ROWS {
            let code = format!("           … {} more bytes", size - ROW * MOST_ROWS);
            self.row(line, entry.depth, &code, file, None)?;
        }
        Ok(())
    }

    /// A row; `text` is the line to print behind the code, if it is the statement's first.
    fn row(
        &mut self,
        line: u32,
        depth: u16,
        code: &str,
        file: u32,
        text: Option<u32>,
    ) -> io::Result<()> {
        let Some(range) = text.and_then(|line| self.sources.line_range(file, line)) else {
            return writeln!(self.out, "{:>6}  {code}", "");
        };
        let source = self.sources.file(file).map(|source| &source.text[..]);
        let bytes = source.and_then(|s| s.get(range.0 as usize..range.1 as usize));
        let source_line = String::from_utf8_lossy(bytes.unwrap_or_default());
        let marks = "+".repeat(usize::from(depth.min(9)));
        let row = format!("{line:>6}{marks:<2}{code:<CODE_WIDTH$} {}", source_line);
        writeln!(self.out, "{}", row.trim_end())
    }
}

/// The bytes of an entry as far as they are listed; `None` for zeroed bss.
fn contents(image: &Image, entry: &ListingEntry) -> Option<Vec<u8>> {
    let start = u64::from(entry.offset);
    let size = (entry.size as usize).min(ROW * MOST_ROWS);
    let end = start + size as u64;
    let whole = match entry.segment {
        Tag::Text => &image.text,
        Tag::Data => &image.data,
        _ => {
            let mut bytes = vec![0; size];
            let extents = &image.bss_init;
            let after = extents.partition_point(|e| u64::from(e.offset) < end);
            let mut found = false;
            // An extent that ends before the entry ends the search: extents ascend and do not overlap.
            for extent in extents[..after].iter().rev() {
                let first = u64::from(extent.offset);
                let last = first + extent.bytes.len() as u64;
                if last <= start {
                    break;
                }
                found = true;
                for at in first.max(start)..last.min(end) {
                    bytes[(at - start) as usize] = extent.bytes[(at - first) as usize];
                }
            }
            return found.then_some(bytes);
        }
    };
    whole.get(start as usize..end as usize).map(<[u8]>::to_vec)
}
