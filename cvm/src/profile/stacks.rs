//! Stacks and how often each was seen, in memory that is there beforehand: it is written in a signal handler, where
//! nothing can be allocated.

use super::{Profile, ProfiledStack};

/// Frames of a stack that are kept, innermost and outermost.
const INNER: usize = 384;
const OUTER: usize = 128;
/// Different stacks; not all places of the table are used.
const ENTRIES: usize = 1 << 16;
const ENTRIES_MAX: usize = ENTRIES / 4 * 3;
/// Frames of all stacks together.
const FRAMES: usize = 8 << 20;
/// In place of a text offset: frames that were left out.
const LEFT_OUT: u32 = u32::MAX;

/// A place of the table; free if its count is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    hash: u64,
    count: u64,
    first: u32,
    length: u32,
}

/// Stacks and their counts.
#[derive(Debug)]
pub(super) struct Stacks {
    entries: Box<[Entry]>,
    used: usize,
    /// Its capacity is all that it will have.
    frames: Vec<u32>,
    lost: u64,
    /// The stack that is being written down.
    new: NewStack,
}

impl Stacks {
    pub(super) fn new() -> Stacks {
        Stacks {
            entries: vec![Entry::default(); ENTRIES].into_boxed_slice(),
            used: 0,
            frames: Vec::with_capacity(FRAMES),
            lost: 0,
            new: NewStack {
                inner: Vec::with_capacity(INNER + OUTER + 1),
                outer: Box::new([0; OUTER]),
                told: 0,
            },
        }
    }

    /// Counts the stack that `tell_all` tells, innermost frame first. Allocates nothing.
    pub(super) fn add(&mut self, weight: u64, tell_all: impl FnOnce(&mut dyn FnMut(u32))) {
        self.new.inner.clear();
        self.new.told = 0;
        let new = &mut self.new;
        tell_all(&mut |ip| new.tell(ip));
        self.new.finish();
        let stack = &self.new.inner;
        if stack.is_empty()
            || !count(
                &mut self.entries,
                &mut self.used,
                &mut self.frames,
                stack,
                weight,
            )
        {
            self.lost += weight;
        }
    }

    /// What was seen; forgets it.
    pub(super) fn take(&mut self) -> Profile {
        let seen = self.entries.iter().filter(|entry| entry.count > 0);
        let stacks = seen.map(|entry| {
            let frames = &self.frames[entry.first as usize..][..entry.length as usize];
            ProfiledStack {
                frames: frames
                    .iter()
                    .map(|ip| (*ip != LEFT_OUT).then_some(*ip))
                    .collect(),
                milliseconds: entry.count * super::INTERVAL_MS,
            }
        });
        let profile = Profile {
            stacks: stacks.collect(),
            lost: self.lost * super::INTERVAL_MS,
        };
        self.entries.fill(Entry::default());
        self.frames.clear();
        (self.used, self.lost) = (0, 0);
        profile
    }
}

/// Counts a stack; false if there is no room for it.
fn count(
    entries: &mut [Entry],
    used: &mut usize,
    frames: &mut Vec<u32>,
    stack: &[u32],
    weight: u64,
) -> bool {
    let hash = stack.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, ip| {
        (hash ^ u64::from(*ip))
            .wrapping_mul(0x100_0000_01b3)
            .rotate_left(23)
    });
    let mut place = hash as usize % entries.len();
    loop {
        let entry = &mut entries[place];
        if entry.count == 0 {
            break;
        }
        let same = entry.hash == hash && entry.length as usize == stack.len();
        if same && frames[entry.first as usize..][..stack.len()] == *stack {
            entry.count += weight;
            return true;
        }
        place = (place + 1) % entries.len();
    }
    if *used == ENTRIES_MAX.min(entries.len() - 1) || frames.capacity() - frames.len() < stack.len()
    {
        return false;
    }
    entries[place] = Entry {
        hash,
        count: weight,
        first: frames.len() as u32,
        length: stack.len() as u32,
    };
    frames.extend_from_slice(stack);
    *used += 1;
    true
}

/// A stack on its way: of a deep one the middle is left out.
#[derive(Debug)]
struct NewStack {
    inner: Vec<u32>,
    /// The latest frames behind the inner ones, in turns.
    outer: Box<[u32; OUTER]>,
    told: usize,
}

impl NewStack {
    fn tell(&mut self, ip: u32) {
        match self.told.checked_sub(INNER) {
            None => self.inner.push(ip),
            Some(number) => self.outer[number % OUTER] = ip,
        }
        self.told += 1;
    }

    fn finish(&mut self) {
        let Some(behind) = self.told.checked_sub(INNER) else {
            return;
        };
        if behind > OUTER {
            self.inner.push(LEFT_OUT);
        }
        for number in behind.saturating_sub(OUTER)..behind {
            self.inner.push(self.outer[number % OUTER]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell_range(range: std::ops::Range<u32>) -> impl FnOnce(&mut dyn FnMut(u32)) {
        move |tell| range.for_each(tell)
    }

    #[test]
    fn equal_stacks_are_counted_together() {
        let mut stacks = Stacks::new();
        stacks.add(1, tell_range(3..6));
        stacks.add(2, tell_range(3..7));
        stacks.add(4, tell_range(3..6));
        let mut seen = stacks.take().stacks;
        seen.sort_by_key(|stack| stack.milliseconds);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].frames, [3, 4, 5, 6].map(Some));
        assert_eq!(seen[0].milliseconds, 2);
        assert_eq!(seen[1].milliseconds, 5);
        assert!(stacks.take().stacks.is_empty(), "they are forgotten");
    }

    #[test]
    fn a_deep_stack_keeps_both_ends() {
        let mut stacks = Stacks::new();
        stacks.add(1, tell_range(0..512));
        stacks.add(1, tell_range(0..100_000));
        let mut seen = stacks.take().stacks;
        seen.sort_by_key(|stack| stack.frames.len());
        assert_eq!(seen[0].frames, (0..512).map(Some).collect::<Vec<_>>());
        let deep = &seen[1].frames;
        assert_eq!(deep.len(), INNER + 1 + OUTER);
        assert_eq!((deep[0], deep[INNER - 1]), (Some(0), Some(383)));
        assert_eq!((deep[INNER], deep[INNER + 1]), (None, Some(100_000 - 128)));
        assert_eq!(deep[INNER + OUTER], Some(99_999));
    }

    #[test]
    fn what_finds_no_room_is_lost_and_counted() {
        let mut stacks = Stacks::new();
        let capacity = stacks.frames.capacity();
        for number in 0..100_000 {
            stacks.add(1, tell_range(number..number + 2));
        }
        assert_eq!(stacks.frames.capacity(), capacity, "nothing was allocated");
        let profile = stacks.take();
        assert_eq!(profile.stacks.len(), ENTRIES_MAX);
        assert_eq!(profile.lost, 100_000 - ENTRIES_MAX as u64);
    }
}
