//! Reading an image: arbitrary bytes in, an [`Image`] or the first broken rule out.
//!
//! Invariants:
//! - no input panics; memory is bounded by a small multiple of the file's length, time is linear in it;
//! - every accepted file is what the [writer](super::writer) makes of the image that came out;
//! - whatever a record of an accepted image refers to exists, except in debug information, where a reference that
//!   leads nowhere is a warning, and a section that makes no sense is kept as bytes in [`Image::raw`].
//!
//! The rules are listed in [`ReadCode`]. Whether the text is sound is the verifier's question, not the reader's.

mod bss;
mod codes;
mod debug;
mod functions;
mod layout;
mod links;
mod names;
mod record;
mod relocations;
mod types;

pub(super) use names::quote;

pub use codes::{ReadCode, WarningCode};

use layout::Layout;
use names::Pool;

use super::{Image, RawSection, SectionKind};

/// What the reader gives.
#[derive(Debug)]
pub struct Read {
    /// The image.
    pub image: Image,
    /// Damaged debug information, at most two for each section.
    pub warnings: Vec<ReadWarning>,
}

/// Something that is wrong with an image's debug information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadWarning {
    /// What kind of damage it is.
    pub code: WarningCode,
    /// Byte offset in the file.
    pub offset: u64,
    /// What is damaged and what is ignored because of it.
    pub message: String,
}

/// Why a file is not an image: the first rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} at byte {offset}: expected {expected}, found {found}")]
pub struct ReadError {
    /// Stable kebab-case code of the rule; [`ReadCode::from_code`] gives the rule.
    pub code: &'static str,
    /// Byte offset in the file.
    pub offset: u64,
    /// What the rule expects.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl ReadError {
    /// The rule that is broken; every error of [`read`] has one.
    pub fn rule(&self) -> Option<ReadCode> {
        ReadCode::from_code(self.code)
    }
}

/// Shorthand for the parts of the reader.
type Checked<T> = Result<T, ReadError>;

/// A broken rule.
fn broken<T>(
    code: ReadCode,
    offset: u64,
    expected: impl Into<String>,
    found: impl ToString,
) -> Checked<T> {
    Err(ReadError {
        code: code.code(),
        offset,
        expected: expected.into(),
        found: found.to_string(),
    })
}

/// Reads an image.
///
/// ```
/// use cvm_spec::image::{Image, reader::read, writer::write};
/// let image = Image { data: b"hello".to_vec(), ..Image::default() };
/// let file = write(&image);
/// assert_eq!(read(&file).unwrap().image, image);
///
/// let error = read(&file[..50]).unwrap_err();
/// assert_eq!((error.code, error.offset), ("truncated-table", 50));
/// ```
///
/// # Errors
/// If the bytes break a rule of `spec/format.md`.
pub fn read(bytes: &[u8]) -> Result<Read, ReadError> {
    let layout = Layout::read(bytes)?;
    let pool = Pool::new(layout.section(SectionKind::Strings))?;
    let mut image = layout.header.image();

    image.types = types::read(&layout, &pool)?;
    image.bss_init = bss::read(&layout, image.bss_size)?;
    image.data = copy(&layout, SectionKind::Data)?;
    image.text = copy(&layout, SectionKind::Text)?;
    image.functions = functions::read(&layout, &image)?;
    functions::check_entry(&image)?;
    image.imports = links::imports(&layout, &image, &pool)?;
    image.exports = links::exports(&layout, &image, &pool)?;
    image.initialisers = functions::initialisers(&layout, &image)?;
    image.strings = copy(&layout, SectionKind::Strings)?;
    let warnings = debug::read(&layout, &pool, &mut image)?;
    image.relocations = relocations::read(&layout, &image)?;
    for section in layout.unknown() {
        image.raw.push(RawSection {
            kind: section.kind,
            bytes: record::copy(section)?,
        });
    }
    Ok(Read { image, warnings })
}

/// A section's bytes.
fn copy(layout: &Layout<'_>, kind: SectionKind) -> Checked<Vec<u8>> {
    record::copy(layout.section(kind))
}
