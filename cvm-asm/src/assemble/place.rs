//! Places in source text, small enough to keep one for every reference.
//!
//! All files of an assembly lie one behind the other in one space of 32-bit positions. A [`Place`] is a position
//! and the macro expansion in which the text was read; a [`Span`] for people is made of it when it is needed.

use crate::diagnostic::Span;
use crate::source::SourceFile;

use super::cursor;
use super::names::Name;

/// The expansion of text that stands in a file itself.
pub(super) const NO_EXPANSION: u32 = 0;

/// Where a word of the program was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Position of its first byte.
    pub(super) position: u32,
    /// The expansion that it was read in.
    pub(super) expansion: u32,
}

/// A macro call that was expanded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expansion {
    /// The macro.
    pub(super) name: Name,
    /// The calling statement.
    pub(super) call: Span,
    /// The expansion in which the call stands.
    pub(super) parent: u32,
}

struct File<'a> {
    base: u32,
    source: &'a SourceFile,
}

/// The files of an assembly, in the order of [`Span::file`].
#[derive(Default)]
pub(super) struct Files<'a> {
    files: Vec<File<'a>>,
    end: u64,
}

impl<'a> Files<'a> {
    /// Adds a file and gives its index and the position of its first byte; `None` when there is no room.
    pub(super) fn add(&mut self, source: &'a SourceFile) -> Option<(u32, u32)> {
        let base = u32::try_from(self.end).ok()?;
        let end = self.end + source.text.len() as u64 + 1;
        if end > u64::from(u32::MAX) {
            return None;
        }
        self.end = end;
        self.files.push(File { base, source });
        Some((self.files.len() as u32 - 1, base))
    }

    fn index_of(&self, position: u32) -> usize {
        let after = self.files.partition_point(|file| file.base <= position);
        after.saturating_sub(1)
    }

    /// The file that holds a position.
    pub(super) fn file_at(&self, position: u32) -> Option<(u32, &'a SourceFile)> {
        let index = self.index_of(position);
        Some((index as u32, self.files.get(index)?.source))
    }

    /// The name of a file.
    pub(super) fn name_of(&self, file: u32) -> Option<&'a str> {
        let file = self.files.get(file as usize)?;
        Some(&file.source.name)
    }

    /// The bytes between two positions of a file.
    pub(super) fn span(&self, start: u32, end: u32) -> Span {
        let index = self.index_of(start);
        let Some(file) = self.files.get(index) else {
            return Span::default();
        };
        let length = file.source.text.len() as u32;
        let start = (start - file.base).min(length);
        let end = end.saturating_sub(file.base).clamp(start, length);
        Span::new(index as u32, start, end)
    }

    /// The token that begins at a position.
    pub(super) fn token(&self, position: u32) -> Span {
        let start = self.span(position, position);
        let text = self
            .files
            .get(start.file as usize)
            .map_or(&[][..], |file| &file.source.text);
        let length = cursor::token_length(text.get(start.start as usize..).unwrap_or_default());
        Span {
            end: start.start + length as u32,
            ..start
        }
    }
}
