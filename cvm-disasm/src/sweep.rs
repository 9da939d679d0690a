//! The linear sweep: where instructions begin, and which of them are jumped to.

use std::ops::Range;

use cvm_spec::codec::{Instruction, Operand, decode};
use cvm_spec::image::Image;

/// A set of byte offsets.
pub(crate) struct OffsetSet {
    words: Vec<u64>,
}

impl OffsetSet {
    /// The empty set over offsets below `length`.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            words: vec![0; length / 64 + 1],
        }
    }

    /// Adds an offset; one past the end is ignored.
    #[inline]
    pub(crate) fn insert(&mut self, offset: usize) {
        if let Some(word) = self.words.get_mut(offset / 64) {
            *word |= 1 << (offset % 64);
        }
    }

    /// Whether an offset is in the set.
    #[inline]
    pub(crate) fn contains(&self, offset: usize) -> bool {
        self.words
            .get(offset / 64)
            .is_some_and(|word| word >> (offset % 64) & 1 == 1)
    }

    /// Removes an offset.
    pub(crate) fn remove(&mut self, offset: usize) {
        if let Some(word) = self.words.get_mut(offset / 64) {
            *word &= !(1 << (offset % 64));
        }
    }

    /// Adds what is in the other set.
    pub(crate) fn unite(&mut self, other: &OffsetSet) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Keeps what is also in the other set; gives the first offset that is not.
    pub(crate) fn intersect(&mut self, other: &OffsetSet) -> Option<usize> {
        let mut lost = None;
        for (index, (word, other)) in self.words.iter_mut().zip(&other.words).enumerate() {
            let outside = *word & !other;
            if outside != 0 {
                lost.get_or_insert(index * 64 + outside.trailing_zeros() as usize);
            }
            *word &= other;
        }
        lost
    }

    /// The offsets in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// A stretch of text: a function, or bytes that belong to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// Text offsets.
    pub(crate) range: Range<usize>,
    /// Index of the function.
    pub(crate) function: Option<usize>,
}

/// The functions in text order, with regions for what lies between them. Functions that do not lie in the text, or
/// overlap one before them, are left out: the regions tile the text whatever the image says.
pub(crate) fn regions(image: &Image) -> Vec<Region> {
    let length = image.text.len();
    let mut regions = Vec::with_capacity(image.functions.len());
    let mut at = 0;
    for (index, function) in image.functions.iter().enumerate() {
        let start = function.start as usize;
        let end = start.saturating_add(function.size as usize);
        if start < at || end > length || start == end {
            continue;
        }
        if start > at {
            regions.push(Region {
                range: at..start,
                function: None,
            });
        }
        regions.push(Region {
            range: start..end,
            function: Some(index),
        });
        at = end;
    }
    if at < length {
        regions.push(Region {
            range: at..length,
            function: None,
        });
    }
    regions
}

/// One step of a sweep.
pub(crate) enum Step<'a> {
    /// An instruction, and the offset of the next.
    Instruction(Instruction<'a>, usize),
    /// Bytes that are no instruction, up to this offset.
    Bytes(usize),
}

/// Decodes at `at`, inside a region that ends at `end`: an instruction, or all bytes up to the next one.
#[inline]
pub(crate) fn step(text: &[u8], at: usize, end: usize) -> Step<'_> {
    let text = &text[..end];
    match decode(text, at) {
        Ok((instruction, next)) => Step::Instruction(instruction, next),
        Err(_) => Step::Bytes(undecodable(text, at)),
    }
}

#[cold]
fn undecodable(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while next < text.len() && decode(text, next).is_err() {
        next += 1;
    }
    next
}

/// The offset that a jump distance from `next` leads to, if it is not negative.
#[inline]
pub(crate) fn target(next: usize, distance: i32) -> Option<usize> {
    usize::try_from(next as i64 + i64::from(distance)).ok()
}

/// What the first pass over the text finds.
pub(crate) struct Sweep {
    /// Where instructions begin.
    pub(crate) starts: OffsetSet,
    /// Where jumps lead and an instruction begins.
    pub(crate) targets: OffsetSet,
    /// The first place in the text where a jump leads and no instruction begins.
    pub(crate) astray: Option<usize>,
}

/// An instruction and where it stands.
pub(crate) struct Found<'a, 'r> {
    /// The instruction.
    pub(crate) instruction: Instruction<'a>,
    /// Text offset of its first byte.
    pub(crate) at: usize,
    /// Text offset behind its last byte.
    pub(crate) next: usize,
    /// The region that it stands in.
    pub(crate) region: &'r Region,
}

impl Sweep {
    /// Decodes all text once.
    pub(crate) fn new(image: &Image, regions: &[Region]) -> Self {
        Self::visit(image, regions, |_| {}, |_, _| {})
    }

    /// Decodes all text once and shows every instruction to one function, every stretch of other bytes (by its
    /// start) to another.
    pub(crate) fn visit<'a, 'r>(
        image: &'a Image,
        regions: &'r [Region],
        mut each: impl FnMut(Found<'a, 'r>),
        mut undecodable: impl FnMut(usize, &'r Region),
    ) -> Self {
        let text = &image.text;
        let mut starts = OffsetSet::new(text.len());
        let mut targets = OffsetSet::new(text.len());
        for region in regions {
            let mut at = region.range.start;
            while at < region.range.end {
                at = match step(text, at, region.range.end) {
                    Step::Instruction(instruction, next) => {
                        starts.insert(at);
                        match instruction.operand {
                            Operand::Jump(distance) => {
                                targets.insert(target(next, distance).unwrap_or(usize::MAX));
                            }
                            Operand::Table(table) => {
                                for distance in table.distances() {
                                    targets.insert(target(next, distance).unwrap_or(usize::MAX));
                                }
                            }
                            _ => {}
                        }
                        each(Found {
                            instruction,
                            at,
                            next,
                            region,
                        });
                        next
                    }
                    Step::Bytes(next) => {
                        undecodable(at, region);
                        next
                    }
                };
            }
        }
        let astray = targets.intersect(&starts);
        Self {
            starts,
            targets,
            astray,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvm_spec::image::Function;

    fn function(start: u32, size: u32) -> Function {
        Function {
            start,
            size,
            type_index: 0,
        }
    }

    #[test]
    fn regions_tile_the_text_whatever_the_functions_say() {
        let image = Image {
            text: vec![1; 10],
            functions: vec![
                function(2, 3),
                function(4, 2),
                function(6, u32::MAX),
                function(7, 0),
                function(8, 1),
            ],
            ..Image::default()
        };
        let found = regions(&image);
        let ranges: Vec<_> = found
            .iter()
            .map(|r| (r.range.clone(), r.function))
            .collect();
        assert_eq!(
            ranges,
            [
                (0..2, None),
                (2..5, Some(0)),
                (5..8, None),
                (8..9, Some(4)),
                (9..10, None)
            ]
        );
    }

    #[test]
    fn only_targets_that_begin_an_instruction_count() {
        // jmp +0; jmp -1 (into itself); jmp -20 (before the text)
        let mut text = vec![5, 0, 0, 0, 0];
        text.extend([5, 0xff, 0xff, 0xff, 0xff]);
        text.extend([5, 0xec, 0xff, 0xff, 0xff]);
        let image = Image {
            text,
            ..Image::default()
        };
        let sweep = Sweep::new(&image, &regions(&image));
        assert_eq!(sweep.starts.iter().collect::<Vec<_>>(), [0, 5, 10]);
        assert_eq!(sweep.targets.iter().collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn an_instruction_that_crosses_its_function_is_bytes() {
        let image = Image {
            text: vec![0x20, 0x01, 0x01],
            functions: vec![function(0, 1), function(1, 2)],
            ..Image::default()
        };
        let regions = regions(&image);
        let mut bytes = Vec::new();
        let sweep = Sweep::visit(&image, &regions, |_| {}, |at, _| bytes.push(at));
        assert_eq!(sweep.starts.iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(bytes, [0]);
    }
}
