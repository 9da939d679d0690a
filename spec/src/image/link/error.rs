//! Why images cannot be linked.

use std::fmt;

use super::LinkCode;
use crate::image::Image;
use crate::pointer::{Pointer, Tag};

/// Why images cannot be linked: the first rule that is broken, in which module, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The rule that is broken.
    pub code: LinkCode,
    /// The module that it is about.
    pub module: String,
    /// The symbol that it is about.
    pub symbol: Option<String>,
    /// What was found and what was expected.
    pub message: String,
    /// Where: in the module that breaks the rule, or that asks for what is not there.
    pub place: Option<LinkPlace>,
    /// The other place that has to do with it.
    pub other: Option<LinkPlace>,
    /// A name that was perhaps meant.
    pub near: Option<String>,
    /// Where a module was looked for.
    pub looked: Vec<String>,
}

/// A place in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPlace {
    /// The module's name.
    pub module: String,
    /// The file that it came from.
    pub origin: String,
    /// The segment; text for instructions and functions.
    pub segment: Tag,
    /// Byte offset in the segment, as in the module before it is linked.
    pub offset: u32,
    /// Source file, line and column, if the module has a line table.
    pub source: Option<(String, u32, u32)>,
}

impl LinkPlace {
    pub(super) fn new(name: &str, origin: &str, image: &Image, segment: Tag, offset: u32) -> Self {
        let line = match segment {
            Tag::Text => image.line_at(offset),
            _ => None,
        };
        let source = line.and_then(|line| {
            let file = image.sources.get(usize::from(line.source))?;
            let file = image.string(*file)?.to_string();
            Some((file, line.line, u32::from(line.column)))
        });
        LinkPlace {
            module: name.to_string(),
            origin: origin.to_string(),
            segment,
            offset,
            source,
        }
    }
}

impl fmt::Display for LinkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line, column)) = &self.source {
            write!(f, "{file}:{line}:{column}, ")?;
        }
        let pointer = Pointer::new(self.segment, self.offset.into());
        write!(f, "{pointer} of module `{}`", self.module)?;
        match self.origin.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.origin),
        }
    }
}

impl LinkError {
    pub(super) fn new(
        code: LinkCode,
        module: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        LinkError {
            code,
            module: module.into(),
            symbol: None,
            message: message.into(),
            place: None,
            other: None,
            near: None,
            looked: Vec::new(),
        }
    }

    pub(super) fn symbol(mut self, symbol: impl Into<String>) -> Self {
        self.symbol = Some(symbol.into());
        self
    }

    pub(super) fn at(mut self, place: Option<LinkPlace>) -> Self {
        self.place = place;
        self
    }

    pub(super) fn other(mut self, other: Option<LinkPlace>) -> Self {
        self.other = other;
        self
    }

    pub(super) fn boxed<T>(self) -> Result<T, Box<LinkError>> {
        Err(Box::new(self))
    }

    /// Exit status of `cvm`.
    pub fn exit_status(&self) -> u8 {
        self.code.exit_status()
    }

    /// The facts beside the message, as (label, text): places, and where a module was looked for.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        if let Some(place) = &self.place {
            details.push(("at", place.to_string()));
        }
        if let Some(other) = &self.other {
            details.push(("and", other.to_string()));
        }
        for looked in &self.looked {
            details.push(("looked in", looked.clone()));
        }
        details
    }
}

impl std::error::Error for LinkError {}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.code(), self.message)
    }
}

/// A text from a file as it can be shown: escaped, and cut if it is long.
pub(super) fn quote(text: &str) -> String {
    crate::image::reader::quote(text)
}
