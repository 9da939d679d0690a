//! Source files, and where a byte of them is.

use std::cell::{Cell, OnceCell};

/// A source file: a name for messages and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user gave it, or `<stdin>`.
    pub name: String,
    /// Its contents; UTF-8 is checked by the lexer.
    pub text: Vec<u8>,
}

/// A place for people: both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

/// The files that spans refer to, with their line tables, which are made when first asked for.
pub struct SourceMap<'a> {
    files: Vec<(&'a SourceFile, OnceCell<Vec<u32>>)>,
    /// The place asked for last: the next one is often on the same line behind it, and the line may be long.
    last: Cell<Known>,
}

/// Characters counted from the start of a line to an offset.
#[derive(Clone, Copy, Default)]
struct Known {
    file: u32,
    line_start: u32,
    offset: u32,
    characters: u32,
}

impl<'a> SourceMap<'a> {
    /// Files in the order of [`Span::file`](crate::diagnostic::Span::file).
    pub fn new(files: impl IntoIterator<Item = &'a SourceFile>) -> Self {
        let files = files.into_iter();
        Self {
            files: files.map(|file| (file, OnceCell::new())).collect(),
            last: Cell::default(),
        }
    }

    /// The file of an index.
    pub fn file(&self, index: u32) -> Option<&'a SourceFile> {
        self.files.get(index as usize).map(|(file, _)| *file)
    }

    /// How many lines a file has; text behind the last line break is a line.
    pub fn line_count(&self, file: u32) -> u32 {
        self.line_starts(file).len() as u32
    }

    /// The bytes `start..end` of a line (from 1), without its line break.
    pub fn line_range(&self, file: u32, line: u32) -> Option<(u32, u32)> {
        let starts = self.line_starts(file);
        let index = line.checked_sub(1)? as usize;
        let start = *starts.get(index)?;
        let text = &self.file(file)?.text;
        let end = match starts.get(index + 1) {
            Some(next) => next - 1,
            None => text.len() as u32,
        };
        let carriage_return = end > start && text.get(end as usize - 1) == Some(&b'\r');
        Some((start, end - u32::from(carriage_return)))
    }

    /// The line (from 1) that holds a byte.
    pub fn line_of(&self, file: u32, offset: u32) -> u32 {
        let starts = self.line_starts(file);
        starts.partition_point(|start| *start <= offset).max(1) as u32
    }

    /// Line and column of a byte; of the end for offsets behind it.
    pub fn position(&self, file: u32, offset: u32) -> Position {
        let line = self.line_of(file, offset);
        let Some((source, (start, _))) = self.file(file).zip(self.line_range(file, line)) else {
            return Position { line: 1, column: 1 };
        };
        let offset = offset.min(source.text.len() as u32);
        let last = self.last.get();
        let known = match last {
            Known {
                file: f,
                line_start,
                offset: o,
                ..
            } if f == file && line_start == start && (start..=offset).contains(&o) => last,
            _ => Known {
                file,
                line_start: start,
                offset: start,
                characters: 0,
            },
        };
        let between = source.text.get(known.offset as usize..offset as usize);
        let characters = known.characters + character_count(between.unwrap_or_default());
        self.last.set(Known {
            offset,
            characters,
            ..known
        });
        Position {
            line,
            column: characters + 1,
        }
    }

    fn line_starts(&self, file: u32) -> &[u32] {
        let Some((source, starts)) = self.files.get(file as usize) else {
            return &[0];
        };
        starts.get_or_init(|| {
            let breaks = source.text.iter().enumerate();
            let behind = breaks.filter(|(_, byte)| **byte == b'\n');
            std::iter::once(0)
                .chain(behind.map(|(index, _)| index as u32 + 1))
                .collect()
        })
    }
}

/// Characters in text that may be damaged: bytes that do not continue a character.
fn character_count(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            name: "x.cvma".into(),
            text: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let source = file("ab\r\nä$\n");
        let map = SourceMap::new([&source]);
        assert_eq!(map.position(0, 0), Position { line: 1, column: 1 });
        assert_eq!(map.position(0, 6), Position { line: 2, column: 2 });
        assert_eq!(map.position(0, 99), Position { line: 3, column: 1 });
        assert_eq!(map.line_range(0, 1), Some((0, 2)));
        assert_eq!(map.line_range(0, 2), Some((4, 7)));
        assert_eq!(map.line_range(0, 4), None);
        assert_eq!(map.line_count(0), 3);
    }

    #[test]
    fn unknown_files_have_a_harmless_place() {
        let map = SourceMap::new([]);
        assert_eq!(map.position(7, 9), Position { line: 1, column: 1 });
        assert!(map.file(7).is_none());
    }
}
