//! The merged image's string pool.
//!
//! Each string stands there once. Records of a hostile image may all refer to the same long stretch of its pool; so the
//! strings of an image are copied one by one only until they add up to its pool's size, and the rest lies in a copy of
//! the whole pool. The time stays linear.

use std::collections::HashMap;

use super::{LinkCode, LinkError};
use crate::image::{Image, StringRef};

/// The pool that is being made.
#[derive(Default)]
pub(super) struct Pool {
    bytes: Vec<u8>,
    known: HashMap<Vec<u8>, StringRef>,
}

impl Pool {
    /// The place of a string.
    pub(super) fn add(&mut self, text: &[u8]) -> StringRef {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let reference = self.append(text);
        self.known.insert(text.to_vec(), reference);
        reference
    }

    fn append(&mut self, text: &[u8]) -> StringRef {
        // A pool that is too large is reported at the end; until then references may wrap.
        let reference = StringRef {
            offset: self.bytes.len() as u32,
            length: text.len() as u32,
        };
        self.bytes.extend_from_slice(text);
        reference
    }

    /// The bytes, if there are not too many.
    pub(super) fn finish(self, module: &str) -> Result<Vec<u8>, Box<LinkError>> {
        match u32::try_from(self.bytes.len()) {
            Ok(_) => Ok(self.bytes),
            Err(_) => {
                let message = "the strings of all modules together are 4 GiB or more";
                LinkError::new(LinkCode::TooManyEntries, module, message).boxed()
            }
        }
    }
}

/// The strings of one image on their way into the pool.
pub(super) struct Strings<'a> {
    pool: &'a [u8],
    /// What stands in front of the names of functions and objects: `module:`, or nothing.
    prefix: String,
    /// Bytes that may still be copied string by string.
    budget: usize,
    /// Where the copy of the whole pool begins.
    whole: Option<u32>,
    known: HashMap<StringRef, StringRef>,
    qualified: HashMap<StringRef, StringRef>,
}

impl<'a> Strings<'a> {
    pub(super) fn new(image: &'a Image, prefix: String) -> Self {
        Strings {
            pool: &image.strings,
            prefix,
            budget: image.strings.len(),
            whole: None,
            known: HashMap::new(),
            qualified: HashMap::new(),
        }
    }

    /// Those of an input that is not linked.
    pub(super) fn none() -> Self {
        Strings {
            pool: &[],
            prefix: String::new(),
            budget: 0,
            whole: None,
            known: HashMap::new(),
            qualified: HashMap::new(),
        }
    }

    fn bytes(&self, reference: StringRef) -> &'a [u8] {
        let start = reference.offset as usize;
        let end = start.saturating_add(reference.length as usize);
        self.pool.get(start..end).unwrap_or_default()
    }

    /// The string in the merged pool; an empty one for a reference that leads nowhere.
    pub(super) fn keep(&mut self, into: &mut Pool, reference: StringRef) -> StringRef {
        let bytes = self.bytes(reference);
        if bytes.is_empty() {
            return StringRef::default();
        }
        if let Some(known) = self.known.get(&reference) {
            return *known;
        }
        let kept = if bytes.len() <= self.budget {
            self.budget -= bytes.len();
            into.add(bytes)
        } else {
            let pool = self.pool;
            let whole = *self.whole.get_or_insert_with(|| into.append(pool).offset);
            StringRef {
                offset: whole.wrapping_add(reference.offset),
                length: reference.length,
            }
        };
        self.known.insert(reference, kept);
        kept
    }

    /// The same with the module's name in front, unless there is one already.
    pub(super) fn qualify(&mut self, into: &mut Pool, reference: StringRef) -> StringRef {
        let bytes = self.bytes(reference);
        let plain = self.prefix.is_empty() || bytes.is_empty() || bytes.len() > self.budget;
        if let Some(known) = self.qualified.get(&reference) {
            return *known;
        }
        let qualified = if plain || bytes.contains(&b':') {
            self.keep(into, reference)
        } else {
            self.budget -= bytes.len();
            into.add(&[self.prefix.as_bytes(), bytes].concat())
        };
        self.qualified.insert(reference, qualified);
        qualified
    }
}
