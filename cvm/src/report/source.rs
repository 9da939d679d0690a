//! Source lines for reports: where they come from, and how one is shown with a mark under it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::escape::visible;

/// Bytes of a source file that are searched for a line.
const SEARCHED: u64 = 64 << 20;
/// Characters of a line that are shown before and from its mark.
const BEFORE_MARK: usize = 60;
const FROM_MARK: usize = 120;
/// Endings of files that are sources. Others are not read: the name comes from the image, and an image of unknown
/// origin could name any file.
const ENDINGS: [&str; 15] = [
    "cvma", "cvmi", "inc", "asm", "s", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "rs",
    "zig",
];

/// Gives source lines to reports. A report never needs them.
pub trait Sources {
    /// A line (from 1) of the file that the debug information names, without its line break.
    fn line(&self, file: &str, line: u32) -> Option<String>;

    /// Whether the file has changed since the image was made.
    fn has_changed(&self, file: &str) -> bool {
        let _ = file;
        false
    }
}

/// No sources.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSources;

impl Sources for NoSources {
    fn line(&self, _: &str, _: u32) -> Option<String> {
        None
    }
}

/// Several sources: the first that knows a file is asked.
#[derive(Clone, Default)]
pub struct AllSources(pub Vec<Arc<dyn Sources + Send + Sync>>);

impl Sources for AllSources {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        self.0.iter().find_map(|sources| sources.line(file, line))
    }

    fn has_changed(&self, file: &str) -> bool {
        self.0.iter().any(|sources| sources.has_changed(file))
    }
}

/// Sources in memory, as (name, text).
#[derive(Clone, Debug, Default)]
pub struct MemorySources(pub Vec<(String, Vec<u8>)>);

impl Sources for MemorySources {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let (_, text) = self.0.iter().find(|(name, _)| name == file)?;
        nth_line(text.as_slice(), line)
    }
}

/// Sources on disk: looked for where the name says, then beside the image. Only files whose ending is that of a source
/// are read.
#[derive(Clone, Debug, Default)]
pub struct FileSources {
    beside: Option<PathBuf>,
    image_time: Option<SystemTime>,
}

impl FileSources {
    /// Sources as the current directory sees them.
    pub fn new() -> FileSources {
        FileSources::default()
    }

    /// Looks in the directory of this image too, and tells when a source is newer than it.
    pub fn of_image(image: &Path) -> FileSources {
        FileSources {
            beside: image.parent().map(Path::to_path_buf),
            image_time: image.metadata().and_then(|data| data.modified()).ok(),
        }
    }

    fn find(&self, name: &str) -> Option<PathBuf> {
        let named = Path::new(name);
        let ending = named.extension()?.to_str()?;
        if !ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            return None;
        }
        let beside = self.beside.as_ref();
        let places = [
            Some(named.to_path_buf()),
            beside.map(|directory| directory.join(named)),
            beside.zip(named.file_name()).map(|(d, name)| d.join(name)),
        ];
        // Anything but a regular file could make the report wait for ever.
        places
            .into_iter()
            .flatten()
            .find(|place| place.metadata().is_ok_and(|data| data.is_file()))
    }
}

impl Sources for FileSources {
    fn line(&self, file: &str, line: u32) -> Option<String> {
        let source = File::open(self.find(file)?).ok()?;
        nth_line(BufReader::new(source.take(SEARCHED)), line)
    }

    fn has_changed(&self, file: &str) -> bool {
        let changed = self.find(file).and_then(|place| {
            let source = place.metadata().and_then(|data| data.modified()).ok()?;
            Some(source > self.image_time?)
        });
        changed.unwrap_or(false)
    }
}

fn nth_line(mut text: impl BufRead, line: u32) -> Option<String> {
    for _ in 1..line {
        if text.skip_until(b'\n').ok()? == 0 {
            return None;
        }
    }
    let mut found = Vec::new();
    text.read_until(b'\n', &mut found).ok()?;
    if found.last() == Some(&b'\n') {
        found.pop();
    }
    if found.last() == Some(&b'\r') {
        found.pop();
    }
    Some(String::from_utf8_lossy(&found).into_owned())
}

/// A line cut to what matters, and the mark under it.
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) indent: String,
    pub(super) mark: String,
}

impl Excerpt {
    /// Marks the statement at a column (from 1) up to its comment or the line's end.
    pub(super) fn new(line: &str, column: u32) -> Excerpt {
        let at = (column as usize).saturating_sub(1);
        let skipped = at.saturating_sub(BEFORE_MARK);
        let mut excerpt = Excerpt {
            line: String::new(),
            indent: String::new(),
            mark: String::new(),
        };
        if skipped > 0 {
            excerpt.line.push('…');
            excerpt.indent.push(' ');
        }
        let mut characters = line.chars().skip(skipped);
        for character in characters.by_ref().take(at - skipped) {
            let tab = character == '\t';
            excerpt
                .line
                .push(if tab { '\t' } else { visible(character) });
            excerpt.indent.push(if tab { '\t' } else { ' ' });
        }
        let rest: String = characters.by_ref().take(FROM_MARK).map(visible).collect();
        let marked = statement_length(&rest).max(1);
        excerpt.mark = "^".repeat(marked);
        excerpt.line.push_str(rest.trim_end());
        if characters.next().is_some() {
            excerpt.line.push('…');
        }
        excerpt
    }
}

/// Characters of the statement that a text begins with: up to a comment, without blanks at the end.
fn statement_length(text: &str) -> usize {
    let mut quote = None;
    let mut is_escaped = false;
    let mut length = 0;
    for (index, character) in text.chars().enumerate() {
        match (character, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', Some(_)) => is_escaped = true,
            (_, Some(open)) if character == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            (';', None) => break,
            _ => {}
        }
        if !character.is_whitespace() && character != '␉' {
            length = index + 1;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_marked_without_its_comment() {
        let excerpt = Excerpt::new("\tq_write l:buf  ; store", 2);
        assert_eq!(excerpt.line, "\tq_write l:buf  ; store");
        assert_eq!(excerpt.indent, "\t");
        assert_eq!(excerpt.mark.len(), "q_write l:buf".len());
        assert_eq!(statement_length(".ascii \"a;b\" ; c"), 12);
        assert_eq!(statement_length(""), 0);
    }

    #[test]
    fn columns_outside_the_line_do_no_harm() {
        for column in [0, 1, 9, u32::MAX] {
            let excerpt = Excerpt::new("x\x1b", column);
            assert!(!excerpt.line.contains('\x1b'));
            assert!(!excerpt.mark.is_empty());
        }
    }

    #[test]
    fn lines_are_found_by_number() {
        let sources = MemorySources(vec![("a.cvma".into(), b"one\r\ntwo\nthree".to_vec())]);
        assert_eq!(sources.line("a.cvma", 1).as_deref(), Some("one"));
        assert_eq!(sources.line("a.cvma", 3).as_deref(), Some("three"));
        assert_eq!(sources.line("a.cvma", 5), None);
        assert_eq!(sources.line("b.cvma", 1), None);
    }

    #[test]
    fn only_sources_are_read() {
        let folder = tempfile::tempdir().expect("there is room");
        for (name, is_read) in [("a.c", true), ("a.rs", true), ("a.key", false)] {
            let path = folder.path().join(name);
            std::fs::write(&path, "text\n").expect("it can be written");
            let line = FileSources::new().line(path.to_str().expect("it is text"), 1);
            assert_eq!(line.is_some(), is_read, "{name}");
        }
        assert_eq!(FileSources::new().line("/etc/passwd", 1), None);
    }
}
