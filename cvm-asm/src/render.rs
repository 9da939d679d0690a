//! Diagnostics as text for people: message, source lines with marks, notes and help.
//!
//! Invariants: a diagnostic costs time in proportion to what is printed, wherever its places lie in the file (line
//! tables are made once); nothing from a source file reaches the terminal as a control character; lines and messages
//! of any length are cut around what matters.

use crate::diagnostic::{Diagnostic, Label, Severity, Span};
use crate::source::{Position, SourceMap};
use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Snippet};

/// Places of a diagnostic that are at most this many lines apart are shown in one excerpt.
const EXCERPT_GAP: u32 = 8;
/// Bytes of a line shown before its first mark, and from there on.
const BEFORE_MARK: u32 = 240;
const FROM_MARK: u32 = 600;
/// Characters of a message, label, note or path.
const LONGEST_TEXT: usize = 600;

/// Prints diagnostics.
pub struct Renderer {
    inner: annotate_snippets::Renderer,
}

impl Renderer {
    /// With or without colour, for lines of `width` columns (0 for the usual width).
    pub fn new(color: bool, width: usize) -> Self {
        let inner = match color {
            true => annotate_snippets::Renderer::styled(),
            false => annotate_snippets::Renderer::plain(),
        };
        let width = if width == 0 {
            DEFAULT_TERM_WIDTH
        } else {
            width.clamp(60, 400)
        };
        Self {
            inner: inner.term_width(width),
        }
    }

    /// One diagnostic, ending with a line break.
    pub fn render(&self, diagnostic: &Diagnostic, sources: &SourceMap<'_>) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level
            .primary_title(clean(&diagnostic.message))
            .id(diagnostic.code.code());
        let mut group = Group::with_title(title);
        let mut corrections = Vec::new();
        for excerpt in excerpts(&diagnostic.labels, sources) {
            corrections.extend(excerpt.correction());
            group = excerpt.add_to(group);
        }
        for note in &diagnostic.notes {
            group = group.element(Level::NOTE.message(clean(note)));
        }
        for help in &diagnostic.help {
            group = group.element(Level::HELP.message(clean(help)));
        }
        let mut text = self.inner.render(&[group]);
        for (counted, right) in corrections {
            text = text.replacen(&counted, &right, 1);
        }
        text.push('\n');
        text
    }
}

/// All diagnostics as text, an empty line between them, without a closing summary.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap<'_>, color: bool) -> String {
    let renderer = Renderer::new(color, 0);
    let texts = diagnostics.iter().map(|d| renderer.render(d, sources));
    texts.collect::<Vec<_>>().join("\n")
}

/// `3 errors, 1 warning`.
pub fn summary(errors: usize, warnings: usize) -> String {
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!("{}, {}", count(errors, "error"), count(warnings, "warning"))
}

/// Some neighbouring lines of one file with the labels on them.
struct Excerpt<'a> {
    path: String,
    first_line: u32,
    /// The main label's place.
    place: Position,
    text: String,
    marks: Vec<Mark<'a>>,
}

/// A label with its byte range in the excerpt's text.
struct Mark<'a> {
    start: usize,
    end: usize,
    label: &'a Label,
}

/// A label on the line where it begins.
struct Placed<'a> {
    label: &'a Label,
    line: u32,
}

/// The excerpts that show the labels: the primary label's first, the others by file and line.
fn excerpts<'a>(labels: &'a [Label], sources: &SourceMap<'a>) -> Vec<Excerpt<'a>> {
    let Some(primary) = labels.first().map(|label| label.span.file) else {
        return Vec::new();
    };
    let mut placed: Vec<Placed<'a>> = labels
        .iter()
        .enumerate()
        .filter(|(index, label)| !labels[..*index].contains(label))
        .map(|(_, label)| label)
        .filter(|label| sources.file(label.span.file).is_some())
        .map(|label| Placed {
            label,
            line: sources.line_of(label.span.file, label.span.start),
        })
        .collect();
    placed.sort_by_key(|p| (p.label.span.file != primary, p.label.span.file, p.line));
    let mut found: Vec<Excerpt<'a>> = placed
        .chunk_by(|a, b| a.label.span.file == b.label.span.file && b.line - a.line <= EXCERPT_GAP)
        .filter_map(|near| Excerpt::new(near, sources))
        .collect();
    found.sort_by_key(|excerpt| !excerpt.marks.iter().any(|mark| mark.label.primary));
    found
}

impl<'a> Excerpt<'a> {
    fn new(near: &[Placed<'a>], sources: &SourceMap<'a>) -> Option<Self> {
        let (first, last) = (near.first()?, near.last()?);
        let file = first.label.span.file;
        let source = sources.file(file)?;
        let main = near.iter().find(|p| p.label.primary).unwrap_or(first);
        let place = main.label.span.start;
        let mut excerpt = Self {
            path: clean(&source.name),
            first_line: first.line,
            place: sources.position(file, place),
            text: String::new(),
            marks: Vec::new(),
        };
        for line in first.line..=last.line {
            let (start, end) = sources.line_range(file, line)?;
            let on_line = near.iter().filter(|p| p.line == line).map(|p| p.label);
            excerpt.add_line(&source.text, start, end, on_line.collect());
        }
        Some(excerpt)
    }

    /// Appends the part of a line that its labels need.
    fn add_line(&mut self, source: &[u8], start: u32, end: u32, labels: Vec<&'a Label>) {
        if self.first_line_is_written() {
            self.text.push('\n');
        }
        let main = labels.iter().find(|label| label.primary).or(labels.first());
        let mark = main.map_or(start, |label| label.span.start.clamp(start, end));
        let from = if mark - start > BEFORE_MARK {
            mark - BEFORE_MARK
        } else {
            start
        };
        let to = end.min(mark.saturating_add(FROM_MARK));
        if from > start {
            self.text.push('…');
        }
        let first = self.marks.len();
        let here = self.text.len();
        self.marks.extend(labels.into_iter().map(|label| Mark {
            start: here,
            end: here,
            label,
        }));
        let mut at = from;
        for (piece, size) in pieces(&source[from as usize..to as usize]) {
            let written = self.text.len();
            match piece {
                Some('\t') => self.text.push('\t'),
                Some(other) if is_control(other) => self.text.push(symbol(other)),
                Some(other) => self.text.push(other),
                None => self.text.push(char::REPLACEMENT_CHARACTER),
            }
            for mark in &mut self.marks[first..] {
                let Span { start, end, .. } = mark.label.span;
                if start > at {
                    mark.start = self.text.len();
                }
                if end > at {
                    mark.end = self.text.len();
                } else if start > at {
                    mark.end = written;
                }
            }
            at += size as u32;
        }
        if to < end {
            self.text.push('…');
        }
        for mark in &mut self.marks[first..] {
            mark.end = mark.end.max(mark.start);
        }
    }

    fn first_line_is_written(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Where the line was cut on the left, the place as the printer counts it from the excerpt, and the true one.
    fn correction(&self) -> Option<(String, String)> {
        let main = self.marks.iter().find(|mark| mark.label.primary);
        let start = main.or(self.marks.first())?.start;
        let before = self.text.get(..start)?;
        let line = before.rsplit('\n').next()?;
        let counted = line.chars().count() as u32 + 1;
        let Position { line, column } = self.place;
        let spell = |column: u32| format!("{}:{line}:{column}", self.path);
        (counted != column).then(|| (spell(counted), spell(column)))
    }

    fn add_to(self, group: Group<'a>) -> Group<'a> {
        let marks = self.marks.into_iter().map(|mark| -> Annotation<'a> {
            let kind = match mark.label.primary {
                true => AnnotationKind::Primary,
                false => AnnotationKind::Context,
            };
            let text = (!mark.label.text.is_empty()).then(|| clean(&mark.label.text));
            kind.span(mark.start..mark.end).label(text)
        });
        let snippet = Snippet::source(self.text)
            .line_start(self.first_line as usize)
            .path(self.path)
            .annotations(marks);
        group.element(snippet)
    }
}

/// The characters of bytes with their sizes; `None` for bytes that are not UTF-8.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (Option<char>, usize)> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| (Some(c), c.len_utf8()));
        let invalid = chunk.invalid().len();
        valid.chain((invalid > 0).then_some((None, invalid)))
    })
}

/// Whether a terminal might act on a character, or show the line in another order.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// A visible character in place of a control character.
fn symbol(character: char) -> char {
    match character as u32 {
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7F => '␡',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// Text for a terminal: control characters made visible, too long a text cut.
pub fn clean(text: &str) -> String {
    let mut characters = text.chars();
    let mut cleaned: String = characters
        .by_ref()
        .take(LONGEST_TEXT)
        .map(|c| if is_control(c) { symbol(c) } else { c })
        .collect();
    if characters.next().is_some() {
        cleaned.push('…');
    }
    cleaned
}
