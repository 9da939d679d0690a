//! Where a function's code begins in its cache line.
//!
//! The processor fetches a line at a time. A short loop that lies across one line more than it needs takes up to twice as
//! long for it (spec/jit.md), so functions begin where most of their inner loops do not.

/// Bytes that the processor fetches at once.
pub(super) const LINE: u32 = 64;
/// What code must be aligned to for the constants in it.
const STEP: u32 = 16;
/// In longer loops one line more does not count.
const LOOP_MAX: u32 = 4 * LINE;
/// More loops are not looked at.
const LOOPS_MAX: usize = 64;

/// Blocks of machine code and the jumps between them.
struct Graph<'a> {
    /// Where blocks start, ascending.
    starts: &'a [u32],
    /// By block, where it leads.
    successors: Vec<Vec<usize>>,
    size: u32,
}

impl<'a> Graph<'a> {
    /// Reads the jumps at the ends of blocks. What cannot be read is taken for no jump: a wrong guess costs time only.
    fn new(starts: &'a [u32], code: &[u8]) -> Graph<'a> {
        let mut graph = Graph {
            starts,
            successors: vec![Vec::new(); starts.len()],
            size: code.len() as u32,
        };
        for block in 0..starts.len() {
            let mut end = graph.end(block) as usize;
            let start = starts[block] as usize;
            let target = |end: usize| {
                let distance = i32::from_le_bytes(*code[..end].last_chunk()?);
                let target = i64::try_from(end).ok()? + i64::from(distance);
                starts.binary_search(&u32::try_from(target).ok()?).ok()
            };
            let goes_on = match &code[start..end] {
                [.., 0xe9, _, _, _, _] => {
                    graph.successors[block].extend(target(end));
                    end -= 5;
                    false
                }
                [.., 0xc3] | [.., 0x0f, 0x0b] => false,
                _ => true,
            };
            if let [.., 0x0f, 0x80..=0x8f, _, _, _, _] = &code[start..end] {
                graph.successors[block].extend(target(end));
            }
            if goes_on && block + 1 < starts.len() {
                graph.successors[block].push(block + 1);
            }
        }
        graph
    }

    fn end(&self, block: usize) -> u32 {
        self.starts.get(block + 1).copied().unwrap_or(self.size)
    }

    /// Whether every way to `block` leads through `head`.
    fn dominates(&self, head: usize, block: usize) -> bool {
        if head == 0 {
            return true;
        }
        let mut seen = vec![false; self.starts.len()];
        (seen[0], seen[head]) = (true, true);
        let mut work = vec![0];
        while let Some(next) = work.pop() {
            for successor in &self.successors[next] {
                if !std::mem::replace(&mut seen[*successor], true) {
                    work.push(*successor);
                }
            }
        }
        block == head || !seen[block]
    }

    /// Short loops: where they start and end. What stands out of line is no part of them.
    fn loops(&self) -> Vec<(u32, u32)> {
        let mut loops: Vec<(u32, u32)> = Vec::new();
        for from in 0..self.starts.len() {
            for to in &self.successors[from] {
                if loops.len() == LOOPS_MAX {
                    return loops;
                }
                let (head, end) = (self.starts[*to], self.end(from));
                if *to > from || end - head > LOOP_MAX || !self.dominates(*to, from) {
                    continue;
                }
                match loops.iter().position(|(start, _)| *start == head) {
                    Some(known) => loops[known].1 = end.max(loops[known].1),
                    None => loops.push((head, end)),
                }
            }
        }
        loops
    }
}

/// The distance from the start of a line at which this code, whose blocks start at `starts`, should begin.
pub(super) fn distance(starts: &[u32], code: &[u8]) -> u32 {
    let loops = Graph::new(starts, code).loops();
    let weight = |(head, end): (u32, u32)| {
        let around = loops.iter().filter(|(first, last)| {
            *first <= head && end <= *last && (*first, *last) != (head, end)
        });
        4u32.pow(around.count().min(8) as u32)
    };
    let cost = |distance: u32| -> u32 {
        let cost = |(head, end): (u32, u32)| {
            let lines = (end - 1 + distance) / LINE - (head + distance) / LINE + 1;
            (lines - (end - head).div_ceil(LINE)) * weight((head, end))
        };
        loops.iter().map(|range| cost(*range)).sum()
    };
    (0..LINE / STEP)
        .map(|step| step * STEP)
        .min_by_key(|distance| cost(*distance))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    /// Code of this many bytes in which blocks end with conditional jumps, (end, target).
    fn code(size: usize, jumps: &[(usize, usize)]) -> Vec<u8> {
        let mut code = vec![0x90; size];
        for (end, target) in jumps {
            code[end - 6..end - 4].copy_from_slice(&[0x0f, 0x8c]);
            let distance = *target as i32 - *end as i32;
            code[end - 4..*end].copy_from_slice(&distance.to_le_bytes());
        }
        code
    }

    #[test]
    fn a_short_loop_gets_a_line_of_its_own() {
        // The block at 50 jumps to itself: 30 bytes across byte 64.
        assert_eq!(distance(&[0, 50, 80], &code(90, &[(80, 50)])), 16);
        // At 10 it lies in one line as it is.
        assert_eq!(distance(&[0, 10, 40], &code(60, &[(40, 10)])), 0);
    }

    #[test]
    fn the_inner_loop_counts_more() {
        // The outer loop from 30 to 90 needs two lines in any case; the inner one from 60 to 80 needs not.
        let jumps = [(80, 60), (90, 30)];
        assert_eq!(distance(&[0, 30, 60, 80, 90], &code(100, &jumps)), 16);
    }

    #[test]
    fn what_stands_out_of_line_is_no_loop() {
        // The block at 70 is reached from 0 and jumps back to 50, which does not lead to it.
        let mut code = code(90, &[(50, 70), (90, 50)]);
        code[69] = 0xc3;
        assert_eq!(distance(&[0, 50, 70], &code), 0);
    }

    #[test]
    fn code_without_loops_begins_anywhere() {
        assert_eq!(distance(&[0, 10], &code(20, &[])), 0);
        assert_eq!(distance(&[], &[]), 0);
    }
}
