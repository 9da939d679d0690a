//! Diagnostics: messages about source text, each with a stable code and the places that it speaks of.
//!
//! Every stage of the assembler pushes [`Diagnostic`]s and goes on; nothing here prints. The module `render`
//! turns them into text for people, `json` into one object a line for tools. The codes stand in one
//! table, `codes.rs`.

mod codes;
mod levels;

pub use codes::DiagnosticCode;
pub use levels::{LevelError, Levels};

/// A range of bytes in a source file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Index of the file in the list of sources.
    pub file: u32,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte; equal to `start` for a place between two bytes.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of a file.
    pub const fn new(file: u32, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The smallest span that holds both; `self` when they lie in different files.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// No image is made.
    Error,
    /// The image is made; `--deny` turns it into an error, `--allow` silences it.
    Warning,
}

impl Severity {
    /// The word in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place with a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark; empty to mark the place only.
    pub text: String,
    /// Whether this is where the error is, as opposed to a place that explains it.
    pub primary: bool,
}

/// A change of the source that would remove the diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The text to replace; empty to insert.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

/// A message about source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: DiagnosticCode,
    /// Error or warning.
    pub severity: Severity,
    /// One line: what was found, and what was expected.
    pub message: String,
    /// The places; the primary one comes first.
    pub labels: Vec<Label>,
    /// What to do, one line each.
    pub help: Vec<String>,
    /// What else is worth knowing, one line each.
    pub notes: Vec<String>,
    /// A change that would help, for editors; `help` says the same in words.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic of the code's own severity at a place.
    pub fn new(code: DiagnosticCode, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: vec![Label {
                span,
                text: String::new(),
                primary: true,
            }],
            help: Vec::new(),
            notes: Vec::new(),
            fix: None,
        }
    }

    /// Puts a remark at the primary place: `expected a number`.
    #[must_use]
    pub fn at(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Adds another place, for example the first definition or a macro's call.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
            primary: false,
        });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Offers a change for editors; say the same with [`help`](Self::help).
    #[must_use]
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix {
            span,
            replacement: replacement.into(),
        });
        self
    }

    /// The primary place.
    pub fn span(&self) -> Span {
        self.labels
            .first()
            .map_or_else(Span::default, |label| label.span)
    }
}
