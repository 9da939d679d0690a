//! Labels in functions: their own names where symbols give them, `.L` and the text offset elsewhere.

use std::collections::HashSet;

use cvm_spec::image::{Image, SymbolKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::namer::plain;
use crate::names::string;
use crate::output::Text;
use crate::sweep::OffsetSet;

/// A label with a name of its own.
struct Named {
    offset: u32,
    start: u32,
    end: u32,
}

/// The labels of all functions.
pub(super) struct Labels {
    places: OffsetSet,
    /// Ascending by offset.
    named: Vec<Named>,
    text: Vec<u8>,
}

impl Labels {
    /// Labels at these places.
    pub(super) fn new(image: &Image, places: OffsetSet) -> Self {
        let mut symbols: Vec<_> = image
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == SymbolKind::Label)
            .map(|symbol| (ShortPointer(symbol.value), symbol.name))
            .filter(|(pointer, _)| pointer.tag() == Tag::Text)
            .map(|(pointer, name)| (pointer.offset(), name))
            .filter(|(offset, _)| places.contains(*offset as usize))
            .collect();
        symbols.sort_by_key(|(offset, _)| *offset);
        symbols.dedup_by_key(|(offset, _)| *offset);
        let mut labels = Self {
            places,
            named: Vec::with_capacity(symbols.len()),
            text: Vec::new(),
        };
        let mut taken: HashSet<Vec<u8>> = HashSet::new();
        let mut function = None;
        for (offset, name) in symbols {
            let inside = image.function_at(offset);
            if inside != function {
                function = inside;
                taken = HashSet::new();
            }
            let mut name = local_part(string(image, name));
            if name.is_empty() || looks_invented(&name) {
                continue;
            }
            if taken.contains(&name) {
                name.extend_from_slice(format!("_{offset}").as_bytes());
            }
            while !taken.insert(name.clone()) {
                name.push(b'_');
            }
            let start = labels.text.len() as u32;
            labels.text.extend_from_slice(&name);
            labels.named.push(Named {
                offset,
                start,
                end: labels.text.len() as u32,
            });
        }
        labels
    }

    /// Whether a label stands at a text offset.
    #[inline]
    pub(super) fn contains(&self, offset: usize) -> bool {
        self.places.contains(offset)
    }

    /// The label's own name at a text offset, if it has one.
    #[inline]
    fn named(&self, offset: usize) -> Option<&[u8]> {
        if self.named.is_empty() {
            return None;
        }
        let found = self
            .named
            .binary_search_by_key(&(offset as u32), |named| named.offset);
        let named = &self.named[found.ok()?];
        Some(&self.text[named.start as usize..named.end as usize])
    }

    /// Prints the label of a text offset, dot included.
    #[inline]
    pub(super) fn print(&self, out: &mut Text<'_>, offset: usize) {
        match self.named(offset) {
            Some(name) => out.byte(b'.').bytes(name),
            None => out.bytes(b".L").number(offset),
        };
    }

    /// The label as it is written outside its function: `function.label`.
    pub(super) fn full_name(&self, function: &[u8], offset: usize) -> Vec<u8> {
        let own = self.named(offset).map(<[u8]>::to_vec);
        let own = own.unwrap_or_else(|| format!("L{offset}").into_bytes());
        [function, b".", &own].concat()
    }
}

/// The name of a label in its function: `next` of `.next`, or of `main.next`.
fn local_part(name: &[u8]) -> Vec<u8> {
    let dot = name.iter().rposition(|byte| *byte == b'.');
    plain(dot.map_or(name, |dot| &name[dot + 1..]))
}

/// Whether a name could be one of those that are made of offsets.
fn looks_invented(name: &[u8]) -> bool {
    matches!(name, [b'L', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit))
}
