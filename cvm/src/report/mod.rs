//! Fault reports and error messages, as text for people and as JSON for programs (`spec/fault-json.md`).
//!
//! A [`Reporter`] makes strings; it prints nothing. Invariants: it never fails and never panics, whatever a fault or
//! damaged debug information says; nothing that comes from a program reaches a terminal as a control character; it
//! reads no file unless it is given [`FileSources`].
//!
//! ```
//! use cvm::report::{Problem, Reporter};
//!
//! let error = cvm::verify::load(b"not an image").unwrap_err();
//! let text = Reporter::new().problem_text(&Problem::from(&error));
//! assert!(text.starts_with("error: not a CVM image [bad-magic]"));
//! ```

mod escape;
mod explain;
mod facts;
mod flame;
mod json;
mod names;
mod problem;
mod profile;
mod sheet;
mod source;
mod text;

#[cfg(test)]
mod tests;

use cvm_spec::image::Image;
use cvm_spec::image::reader::ReadWarning;

use crate::fault::Fault;
use crate::profile::Profile;
use facts::Facts;
use names::Names;

pub use explain::{Explanation, explain, explanations};
pub use problem::{PROBLEMS, Problem, ProblemCode};
pub use source::{AllSources, FileSources, MemorySources, NoSources, Sources};

/// The name of a compiled function: with its first source line, or that of the loop that it is entered at.
pub(crate) fn code_name(image: &Image, function: u32, loop_head: Option<u32>) -> String {
    let names = Names::new(image);
    let name = names.function(function);
    let start = image.functions.get(function as usize).map(|f| f.start);
    let place = loop_head.or(start).and_then(|offset| names.place(offset));
    let kind = if loop_head.is_some() { " loop" } else { "" };
    match place {
        Some(place) => format!("{name}{kind} {}:{}", place.file, place.line),
        None => format!("{name}{kind}"),
    }
}

/// Turns faults and errors into text and JSON, with names from an image and lines from sources as far as there are any.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    image: Option<&'a Image>,
    sources: &'a dyn Sources,
    color: bool,
}

impl Default for Reporter<'_> {
    fn default() -> Self {
        Reporter {
            image: None,
            sources: &NoSources,
            color: false,
        }
    }
}

impl std::fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

impl<'a> Reporter<'a> {
    /// A reporter that knows no names and no sources, and uses no colour.
    pub fn new() -> Reporter<'a> {
        Reporter::default()
    }

    /// Takes names and places from this image.
    #[must_use]
    pub fn image(self, image: &'a Image) -> Reporter<'a> {
        Reporter {
            image: Some(image),
            ..self
        }
    }

    /// Shows lines of these sources.
    #[must_use]
    pub fn sources(self, sources: &'a dyn Sources) -> Reporter<'a> {
        Reporter { sources, ..self }
    }

    /// Marks text with colours of a terminal.
    #[must_use]
    pub fn color(self, color: bool) -> Reporter<'a> {
        Reporter { color, ..self }
    }

    /// A fault as text of several lines, ending with a line break.
    pub fn fault_text(&self, fault: &Fault) -> String {
        self.with_names(|names| text::fault(self, &Facts::new(fault, names)))
    }

    /// A fault as one line of JSON without the line break.
    pub fn fault_json(&self, fault: &Fault) -> String {
        self.with_names(|names| json::fault(self, &Facts::new(fault, names)))
    }

    /// An error as text of several lines, ending with a line break.
    pub fn problem_text(&self, problem: &Problem) -> String {
        self.with_names(|names| text::problem(self, problem, names))
    }

    /// An error as one line of JSON without the line break.
    pub fn problem_json(&self, problem: &Problem) -> String {
        self.with_names(|names| json::problem(self, problem, names))
    }

    /// A warning about the debug information of the image in a file, as text of two lines, ending with a line break.
    pub fn warning_text(&self, file: &str, warning: &ReadWarning) -> String {
        text::warning(self, file, warning)
    }

    /// The same as one line of JSON without the line break.
    pub fn warning_json(&self, file: &str, warning: &ReadWarning) -> String {
        json::warning(file, warning)
    }

    /// The instruction at a text offset as assembly, as far as the image tells: `q_read`, `i_write b:count`, `call sum`.
    pub fn instruction_text(&self, ip: u32) -> String {
        let text = self.with_names(|names| names.instruction(ip));
        text.unwrap_or_else(|| "?".into())
    }

    /// The place of a text offset among the functions, `sum+0x1c`.
    pub fn code_text(&self, ip: u32) -> String {
        let text = self.with_names(|names| names.code(ip));
        text.unwrap_or_else(|| "?".into())
    }

    /// A profile as lines for other tools: function and line of every frame from the outermost to the innermost, with
    /// semicolons between, then a blank and milliseconds. Sorted.
    pub fn collapsed_stacks(&self, profile: &Profile) -> String {
        self.with_names(|names| profile::collapsed(names, profile))
    }

    /// A profile as a flame graph, an SVG document that needs nothing else.
    pub fn flame_graph(&self, profile: &Profile, title: &str) -> String {
        self.with_names(|names| profile::flame_graph(names, profile, title))
    }

    fn with_names<T>(&self, make: impl FnOnce(Names<'_>) -> T) -> T {
        match self.image {
            Some(image) => make(Names::new(image)),
            None => make(Names::new(&Image::default())),
        }
    }
}
