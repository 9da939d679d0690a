//! What a module says of itself and of those that it needs, in notes: its name, its version, and the versions that it
//! was built against (`spec/format.md`, "Notes that the linker reads").

use std::fmt;
use std::str::FromStr;

use super::error::quote;
use super::{LinkCode, LinkError};
use crate::image::Image;

/// Name of the note with a module's name.
pub const NOTE_MODULE: &str = "module";
/// Name of the note with a module's version.
pub const NOTE_VERSION: &str = "version";
/// Name of the note with a module and the version of it that is asked for, a blank between them.
pub const NOTE_REQUIRES: &str = "requires";
/// Name of the note with the alignment, in bytes, that a module's data and bss need if it is more than 16.
pub const NOTE_ALIGNMENT: &str = "alignment";
/// Name of the note with a module that was linked in, and its version if it has one, a blank between them.
pub const NOTE_LINKED: &str = "linked";
/// The largest alignment that a module may ask for, in bytes.
pub const ALIGNMENT_MAX: u32 = 1 << 16;
/// The alignment of every module's data and bss, in bytes.
pub const ALIGNMENT: u32 = 16;

/// A module's version: `MAJOR.MINOR.PATCH`.
///
/// ```
/// use cvm_spec::image::link::Version;
/// let version: Version = "1.4.2".parse().unwrap();
/// assert!(version.suits("1.2.0".parse().unwrap()));
/// assert!(!version.suits("2.0.0".parse().unwrap()));
/// assert!("1.2".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Changes when what importers rely on changes.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
    /// Changes with everything else.
    pub patch: u32,
}

/// The text is not three numbers with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers, as in 1.2.0")]
pub struct NotAVersion;

impl Version {
    /// Whether a module of this version will do for one who was built against `wanted`: it is not older, and the first
    /// number is the same; while that is 0, the second too.
    pub fn suits(self, wanted: Version) -> bool {
        let compatible = match wanted.major {
            0 => (self.major, self.minor) == (0, wanted.minor),
            major => self.major == major,
        };
        compatible && self >= wanted
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Version, NotAVersion> {
        let mut numbers = text.split('.').map(|part| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = part == "0" || !part.starts_with('0');
            (plain && canonical)
                .then(|| part.parse().ok())
                .flatten()
                .ok_or(NotAVersion)
        });
        let mut number = || numbers.next().ok_or(NotAVersion)?;
        let version = Version {
            major: number()?,
            minor: number()?,
            patch: number()?,
        };
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(NotAVersion),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The values of the notes of a name.
pub(super) fn notes<'a>(image: &'a Image, name: &'a str) -> impl Iterator<Item = &'a str> {
    image.notes.iter().filter_map(move |note| {
        let matches = note.name.length as usize == name.len();
        let value = matches && image.string(note.name) == Some(name);
        value.then(|| image.string(note.value)).flatten()
    })
}

/// The name that a module states for itself.
pub fn module_name(image: &Image) -> Option<&str> {
    notes(image, NOTE_MODULE).next()
}

/// The version that a module states for itself; an error gives the text that is none.
///
/// # Errors
/// If it states something that is no version.
pub fn module_version(image: &Image) -> Result<Option<Version>, String> {
    let text = notes(image, NOTE_VERSION).next();
    text.map(|text| text.parse().map_err(|_| quote(text)))
        .transpose()
}

/// The modules that an image was built against, with their versions.
pub(super) fn requirements<'a>(
    image: &'a Image,
    module: &str,
) -> Result<Vec<(&'a str, Version)>, Box<LinkError>> {
    let mut found = Vec::new();
    for text in notes(image, NOTE_REQUIRES) {
        let parsed = text.rsplit_once(' ').and_then(|(name, version)| {
            let version: Version = version.parse().ok()?;
            Some((name, version))
        });
        let Some(parsed) = parsed else {
            let message = format!("the module requires {}", quote(text));
            return LinkError::new(LinkCode::BadVersion, module, message).boxed();
        };
        found.push(parsed);
    }
    Ok(found)
}

/// The alignment of a module's data and bss in bytes: a power of two from 16 to 65,536.
pub(super) fn alignment(image: &Image) -> u32 {
    let stated = notes(image, NOTE_ALIGNMENT).filter_map(|text| text.parse::<u32>().ok());
    stated
        .filter(|bytes| bytes.is_power_of_two())
        .map(|bytes| bytes.clamp(ALIGNMENT, ALIGNMENT_MAX))
        .max()
        .unwrap_or(ALIGNMENT)
}
