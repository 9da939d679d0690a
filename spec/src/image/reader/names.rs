//! The string pool, and what names may look like.
//!
//! Many records may refer to the same long stretch of the pool, so a check of a reference must not walk over the
//! string. One pass over the pool notes where it is not UTF-8 and where it has control characters; a reference is
//! then checked by binary search.

use super::record::{Section, allocate};
use super::{Checked, ReadCode, broken};
use crate::image::StringRef;

/// Longest name of an import or export, in bytes.
pub(super) const NAME_MAX: u32 = 4096;
/// Longest name of a module or library, in bytes.
pub(super) const MODULE_MAX: u32 = 1024;

/// The strings section.
pub(super) struct Pool<'a> {
    pub(super) section: Section<'a>,
    /// Where a sequence of bytes begins that is no character, ascending.
    not_utf8: Vec<u32>,
    /// Where a control character begins, ascending.
    control: Vec<u32>,
}

/// Why a string reference leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BadString {
    Outside,
    NotUtf8,
}

impl<'a> Pool<'a> {
    pub(super) fn new(section: Section<'a>) -> Checked<Self> {
        let bytes = section.bytes;
        let not_utf8 = if std::str::from_utf8(bytes).is_ok() {
            Vec::new()
        } else {
            invalid_starts(section)?
        };
        Ok(Pool {
            section,
            not_utf8,
            control: control_starts(section)?,
        })
    }

    /// Whether a reference is a string.
    pub(super) fn check(&self, string: StringRef) -> Result<(), BadString> {
        let bytes = self.section.bytes;
        let start = string.offset as usize;
        let end = start + string.length as usize;
        if end > bytes.len() {
            return Err(BadString::Outside);
        }
        if string.length == 0 {
            return Ok(());
        }
        let continues = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let ends_inside = continues(end) && self.not_utf8.binary_search(&(end as u32)).is_err();
        if continues(start) || ends_inside || any_within(&self.not_utf8, start, end) {
            return Err(BadString::NotUtf8);
        }
        Ok(())
    }

    /// The text of a reference, which is in the record field at `offset` of the file.
    pub(super) fn text(&self, string: StringRef, offset: u64, what: &str) -> Checked<&'a str> {
        let start = string.offset as usize;
        let end = start + string.length as usize;
        match self.check(string) {
            Ok(()) => Ok(std::str::from_utf8(&self.section.bytes[start..end]).unwrap_or_default()),
            Err(BadString::Outside) => broken(
                ReadCode::StringOutsidePool,
                offset,
                format!(
                    "{what} inside the {} bytes of strings",
                    self.section.bytes.len()
                ),
                format!("bytes {start} to {end}"),
            ),
            Err(BadString::NotUtf8) => broken(
                ReadCode::StringNotUtf8,
                offset,
                format!("{what} in UTF-8"),
                format!("other bytes in {start} to {end}"),
            ),
        }
    }

    /// The name of an import or export.
    pub(super) fn name(&self, string: StringRef, offset: u64, what: &str) -> Checked<&'a str> {
        self.limited(string, offset, what, NAME_MAX, ReadCode::BadName)
    }

    /// The name of a shared library: any file name or path that has no part `..`.
    pub(super) fn library(&self, string: StringRef, offset: u64) -> Checked<()> {
        let what = "a library name";
        let name = self.limited(string, offset, what, MODULE_MAX, ReadCode::BadModuleName)?;
        if name.split(['/', '\\']).any(|part| part == "..") {
            let expected = "a library name without a part `..`";
            return broken(ReadCode::PathTraversal, offset, expected, quote(name));
        }
        Ok(())
    }

    /// The name of a CVM module: parts of plain characters, joined by `/`.
    pub(super) fn module(&self, string: StringRef, offset: u64) -> Checked<()> {
        let name = self.namespace(string, offset, "a module name", true)?;
        let leads_out = |part: &str| part.is_empty() || part == "." || part == "..";
        if name.split('/').any(leads_out) {
            let expected = "a module name without empty parts, `.` and `..`";
            return broken(ReadCode::PathTraversal, offset, expected, quote(name));
        }
        Ok(())
    }

    /// The namespace of a host function: plain characters.
    pub(super) fn host(&self, string: StringRef, offset: u64) -> Checked<()> {
        self.namespace(string, offset, "a host namespace", false)?;
        Ok(())
    }

    fn namespace(
        &self,
        string: StringRef,
        offset: u64,
        what: &str,
        slash: bool,
    ) -> Checked<&'a str> {
        let name = self.limited(string, offset, what, MODULE_MAX, ReadCode::BadModuleName)?;
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'.' | b'+' | b'-')
                || slash && byte == b'/'
        };
        // Without a way out of the loop it is fast; names may be long and shared.
        if !name.bytes().fold(true, |all, byte| all & plain(byte)) {
            let expected = format!("{what} of letters, digits and `_ . + -`");
            return broken(ReadCode::BadModuleName, offset, expected, quote(name));
        }
        Ok(name)
    }

    fn limited(
        &self,
        string: StringRef,
        offset: u64,
        what: &str,
        most: u32,
        code: ReadCode,
    ) -> Checked<&'a str> {
        if string.length == 0 || string.length > most {
            let found = format!("{} bytes", string.length);
            return broken(code, offset, format!("{what} of 1 to {most} bytes"), found);
        }
        let text = self.text(string, offset, what)?;
        let start = string.offset as usize;
        if any_within(&self.control, start, start + text.len()) {
            let expected = format!("{what} without control characters");
            return broken(code, offset, expected, quote(text));
        }
        Ok(text)
    }
}

/// Where in the pool the sequences begin that are no characters.
fn invalid_starts(section: Section<'_>) -> Checked<Vec<u32>> {
    let starts = || {
        let mut at = 0;
        section.bytes.utf8_chunks().filter_map(move |chunk| {
            let start = at + chunk.valid().len();
            at = start + chunk.invalid().len();
            (at > start).then_some(start as u32)
        })
    };
    let mut found = allocate(starts().count(), section.offset)?;
    found.extend(starts());
    Ok(found)
}

/// Where in the pool control characters begin: C0, DEL, and C1 in its two bytes.
fn control_starts(section: Section<'_>) -> Checked<Vec<u32>> {
    let bytes = section.bytes;
    // Most pools have none, and one plain pass over all bytes says so.
    let may_begin = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2;
    if !bytes.iter().fold(false, |any, byte| any | may_begin(*byte)) {
        return Ok(Vec::new());
    }
    let starts = || {
        (0..bytes.len()).filter(|i| match bytes[*i] {
            0xc2 => matches!(bytes.get(i + 1), Some(0x80..=0x9f)),
            byte => may_begin(byte),
        })
    };
    let mut found = allocate(starts().count(), section.offset)?;
    found.extend(starts().map(|i| i as u32));
    Ok(found)
}

/// Whether one of the ascending positions lies in `start..end`.
fn any_within(positions: &[u32], start: usize, end: usize) -> bool {
    let first = positions.partition_point(|at| (*at as usize) < start);
    positions.get(first).is_some_and(|at| (*at as usize) < end)
}

/// A text from the file as it can be shown: escaped, and cut if it is long.
pub(in crate::image) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}
