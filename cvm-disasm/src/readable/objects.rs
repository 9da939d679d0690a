//! Labels of the data and bss segments: objects that symbols name, and places that something refers to.

use cvm_spec::image::{ExportKind, Image, SymbolKind};
use cvm_spec::pointer::{ShortPointer, Tag};

use super::namer::{Name, Namer};
use crate::names::string;
use crate::output::Text;

/// A label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    /// Offset in its segment.
    pub(super) offset: u32,
    /// Offset behind the object, as far as that is known.
    pub(super) end: u32,
    pub(super) name: Name,
}

/// The labels of both segments, ascending.
pub(super) struct Objects {
    pub(super) data: Vec<Label>,
    pub(super) bss: Vec<Label>,
}

/// A place that wants a label.
struct Wanted {
    offset: u32,
    size: u32,
    /// Bytes of the name; empty to invent one.
    name: Vec<u8>,
}

impl Objects {
    /// Collects the labels; `references` are short pointers that instructions or data refer to, in any order.
    pub(super) fn new(image: &Image, namer: &mut Namer, mut references: Vec<u32>) -> Self {
        references.sort_unstable();
        references.dedup();
        let bss_size = image.bss_size;
        Self {
            data: labels(
                image,
                namer,
                &references,
                Tag::Data,
                image.data.len() as u32,
            ),
            bss: labels(image, namer, &references, Tag::Bss, bss_size),
        }
    }

    /// The labels of a segment.
    pub(super) fn segment(&self, tag: Tag) -> &[Label] {
        match tag {
            Tag::Data => &self.data,
            Tag::Bss => &self.bss,
            _ => &[],
        }
    }

    /// The label at exactly this offset.
    pub(super) fn at(&self, tag: Tag, offset: u32) -> Option<Name> {
        let labels = self.segment(tag);
        let index = labels.partition_point(|label| label.offset < offset);
        let label = labels.get(index).filter(|label| label.offset == offset)?;
        Some(label.name)
    }

    /// Whether an offset lies in an object or right behind it.
    pub(super) fn holds(&self, tag: Tag, offset: u32) -> bool {
        self.around(tag, offset).is_some()
    }

    /// The last label up to an offset, if its object reaches so far.
    fn around(&self, tag: Tag, offset: u32) -> Option<&Label> {
        let labels = self.segment(tag);
        let after = labels.partition_point(|label| label.offset <= offset);
        let label = &labels[after.checked_sub(1)?];
        (offset <= label.end).then_some(label)
    }

    /// Prints what stands behind `d:` or `b:` for an offset: a name, a name and a distance, or a number.
    #[inline]
    pub(super) fn operand(&self, out: &mut Text<'_>, namer: &Namer, tag: Tag, offset: u32) {
        match self.around(tag, offset) {
            Some(label) => {
                out.bytes(namer.text(label.name));
                if offset > label.offset {
                    out.byte(b'+').number(offset - label.offset);
                }
            }
            _ => {
                out.number(offset);
            }
        }
    }
}

fn labels(image: &Image, namer: &mut Namer, references: &[u32], tag: Tag, size: u32) -> Vec<Label> {
    let mut wanted = named(image, tag, size);
    wanted.sort_by_key(|wanted| (wanted.offset, std::cmp::Reverse(wanted.size)));
    let mut all: Vec<Wanted> = Vec::with_capacity(wanted.len());
    let mut named = wanted.into_iter().peekable();
    let mut covered = 0u64;
    let first = references.partition_point(|bits| ShortPointer(*bits).tag() < tag);
    let references = references[first..].iter().map(|bits| ShortPointer(*bits));
    let mut references = references
        .take_while(|pointer| pointer.tag() == tag && pointer.offset() <= size)
        .map(ShortPointer::offset)
        .peekable();
    loop {
        let name_first = match (named.peek(), references.peek()) {
            (Some(wanted), Some(offset)) => wanted.offset <= *offset,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => break,
        };
        if name_first {
            if let Some(wanted) = named.next() {
                let end = u64::from(wanted.offset) + u64::from(wanted.size);
                covered = covered.max(end.max(u64::from(wanted.offset) + 1));
                all.push(wanted);
            }
        } else if let Some(offset) = references.next()
            && u64::from(offset) >= covered
        {
            covered = u64::from(offset) + 1;
            all.push(Wanted {
                offset,
                size: 0,
                name: Vec::new(),
            });
        }
    }
    let kind = match tag {
        Tag::Data => "data_",
        _ => "bss_",
    };
    let ends: Vec<u32> = ends(&all, size);
    let named = all.into_iter().zip(ends);
    named
        .map(|(wanted, end)| Label {
            offset: wanted.offset,
            end,
            name: namer.name(&wanted.name, kind, wanted.offset as usize),
        })
        .collect()
}

/// Where each object ends: where its symbol says, or for invented ones at the next label.
fn ends(all: &[Wanted], size: u32) -> Vec<u32> {
    let mut next = size;
    let mut ends: Vec<u32> = Vec::with_capacity(all.len());
    let mut following = size;
    for wanted in all.iter().rev() {
        if wanted.offset < following {
            next = following;
            following = wanted.offset;
        }
        ends.push(match wanted.name.is_empty() {
            true => next,
            false => wanted.offset.saturating_add(wanted.size),
        });
    }
    ends.reverse();
    ends
}

/// What symbols and exports name in a segment.
fn named(image: &Image, tag: Tag, size: u32) -> Vec<Wanted> {
    let symbols = image.symbols.iter();
    let symbols = symbols
        .filter(|symbol| symbol.kind == SymbolKind::Object)
        .map(|symbol| (symbol.value, symbol.size, symbol.name));
    let exports = image.exports.iter();
    let exports = exports
        .filter(|export| export.kind == ExportKind::Object)
        .map(|export| (export.value, export.size, export.name));
    let inside = |value: u32, length: u32| {
        let pointer = ShortPointer(value);
        let end = u64::from(pointer.offset()) + u64::from(length);
        pointer.tag() == tag && end <= u64::from(size)
    };
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (value, length, name) in symbols.chain(exports) {
        let name = super::namer::plain(string(image, name));
        if inside(value, length) && !name.is_empty() && known.insert((value, name.clone())) {
            wanted.push(Wanted {
                offset: ShortPointer(value).offset(),
                size: length,
                name,
            });
        }
    }
    wanted
}
