//! The layout of a report as text: a title, a source line with a mark, rows of a label and its lines.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::Reporter;
use super::escape::escaped;
use super::names::Place;
use super::source::Excerpt;

/// Columns of the labels.
const LABEL: usize = 13;

/// Text under construction.
pub(super) struct Sheet {
    text: String,
    color: bool,
}

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const BLUE: Style = AnsiColor::Blue.on_default().bold();
const BOLD: Style = Style::new().bold();

impl Sheet {
    pub(super) fn new(reporter: &Reporter<'_>) -> Sheet {
        Sheet {
            text: String::new(),
            color: reporter.color,
        }
    }

    fn push(&mut self, style: Style, text: &str) {
        let written = match self.color && !text.is_empty() {
            true => write!(self.text, "{style}{text}{style:#}"),
            false => write!(self.text, "{text}"),
        };
        written.expect("writing to a string cannot fail");
    }

    /// `fault: what happened [code]`.
    pub(super) fn title(&mut self, kind: &str, title: &str, code: &str) {
        let style = if kind == "warning" { YELLOW } else { RED };
        self.push(style, kind);
        self.push(BOLD, &format!(": {title} [{code}]"));
        self.text.push('\n');
    }

    /// The place, and the line if it can be had.
    pub(super) fn source(
        &mut self,
        reporter: &Reporter<'_>,
        place: &Place,
        function: Option<&str>,
    ) {
        let line = reporter.sources.line(&place.file, place.line);
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        self.push(BLUE, &format!("{gutter}-->"));
        let function = function.map_or(String::new(), |name| format!(" in `{name}`"));
        self.text
            .push_str(&format!(" {}{function}\n", place.spell()));
        if let Some(line) = line {
            let excerpt = Excerpt::new(&line, place.column);
            self.push(BLUE, &format!("{gutter} |"));
            self.text.push('\n');
            self.push(BLUE, &format!("{number} |"));
            self.text.push_str(&format!(" {}\n", excerpt.line));
            self.push(BLUE, &format!("{gutter} |"));
            self.text.push_str(&format!(" {}", excerpt.indent));
            self.push(RED, &excerpt.mark);
            self.text.push_str("\n\n");
            if reporter.sources.has_changed(&place.file) {
                self.row(
                    "note",
                    "the source is newer than the image: the line may not be the one that ran",
                );
            }
        }
    }

    /// A row with one line.
    pub(super) fn row(&mut self, label: &str, text: &str) {
        self.rows(label, [text]);
    }

    /// A row with some lines; nothing if there are none.
    pub(super) fn rows<T: AsRef<str>>(&mut self, label: &str, lines: impl IntoIterator<Item = T>) {
        for (number, line) in lines.into_iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            self.text.push_str("  ");
            self.push(BLUE, label);
            let blanks = LABEL.saturating_sub(label.len()).max(1);
            self.text.push_str(&" ".repeat(blanks));
            self.text.push_str(line.as_ref());
            self.text.push('\n');
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl Place {
    /// `file:line:column`.
    pub(super) fn spell(&self) -> String {
        format!("{}:{}:{}", escaped(&self.file), self.line, self.column)
    }
}
