//! The bss segment while it is laid out: a size, and the bytes of the parts with initial contents.

use cvm_spec::image::Extent;

/// A run of contents.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Offset in the segment.
    offset: u64,
    /// Index of its first byte in the bytes.
    start: usize,
}

/// The bss segment.
#[derive(Default)]
pub(super) struct Bss {
    size: u64,
    runs: Vec<Run>,
    bytes: Vec<u8>,
}

/// Zeros between two extents that are not worth a split: the size of an extent's header.
const GAP: usize = 8;

impl Bss {
    /// Its size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds zeroed space.
    pub(super) fn reserve(&mut self, size: u64) {
        self.size = self.size.saturating_add(size);
    }

    /// Adds initial contents and gives their index for patches.
    pub(super) fn put(&mut self, contents: &[u8]) -> usize {
        let at = self.bytes.len();
        let follows = self
            .runs
            .last()
            .is_some_and(|run| run.offset + (self.bytes.len() - run.start) as u64 == self.size);
        if !follows {
            self.runs.push(Run {
                offset: self.size,
                start: at,
            });
        }
        self.bytes.extend_from_slice(contents);
        self.size = self.size.saturating_add(contents.len() as u64);
        at
    }

    /// The bytes of all contents, for patches.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Offset in the segment of a byte of the contents.
    pub(super) fn offset_of(&self, index: usize) -> u64 {
        let after = self.runs.partition_point(|run| run.start <= index);
        match self.runs.get(after.saturating_sub(1)) {
            Some(run) => run.offset + (index - run.start) as u64,
            None => 0,
        }
    }

    /// The extents of the image: runs without the zeros around and between them. With `whole`, runs as they are, so
    /// that a relocation of a pointer with zero bytes stays inside its extent.
    pub(super) fn extents(&self, whole: bool) -> Vec<Extent> {
        let mut extents = Vec::new();
        for (index, run) in self.runs.iter().enumerate() {
            let next = self.runs.get(index + 1);
            let end = next.map_or(self.bytes.len(), |next| next.start);
            let bytes = &self.bytes[run.start..end];
            if whole && !bytes.is_empty() {
                extents.push(Extent {
                    offset: run.offset as u32,
                    bytes: bytes.to_vec(),
                });
            } else {
                split(bytes, run.offset, &mut extents);
            }
        }
        extents
    }
}

/// Appends the extents of one run.
fn split(bytes: &[u8], offset: u64, extents: &mut Vec<Extent>) {
    let mut at = 0;
    while let Some(skipped) = bytes[at..].iter().position(|byte| *byte != 0) {
        let start = at + skipped;
        let mut end = start + 1;
        let mut zeros = 0;
        for (index, byte) in bytes.iter().enumerate().skip(end) {
            if *byte != 0 {
                end = index + 1;
                zeros = 0;
            } else {
                zeros += 1;
                if zeros > GAP {
                    break;
                }
            }
        }
        extents.push(Extent {
            offset: (offset + start as u64) as u32,
            bytes: bytes[start..end].to_vec(),
        });
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_contents_become_extents() {
        let mut bss = Bss::default();
        bss.put(&[0, 1, 0, 2]);
        bss.reserve(100);
        bss.put(&[0; 8]);
        let at = bss.put(&[0, 3]);
        bss.reserve(5);
        bss.bytes_mut()[at] = 9;
        assert_eq!(bss.size(), 119);
        assert_eq!(bss.offset_of(at), 112);
        let extents: Vec<(u32, Vec<u8>)> = bss
            .extents(false)
            .into_iter()
            .map(|extent| (extent.offset, extent.bytes))
            .collect();
        assert_eq!(extents, [(1, vec![1, 0, 2]), (112, vec![9, 3])]);
    }

    #[test]
    fn long_zeros_split_a_run() {
        let mut bss = Bss::default();
        let mut bytes = vec![0; 40];
        bytes[0] = 1;
        bytes[39] = 2;
        bss.put(&bytes);
        assert_eq!(bss.extents(false).len(), 2);
    }
}
