//! Where choices come from: bytes as long as there are any, then a generator.

/// A source of choices.
pub(crate) struct Random<'b> {
    state: u64,
    bytes: &'b [u8],
}

impl<'b> Random<'b> {
    /// A small deterministic generator (SplitMix64).
    pub(crate) fn new(seed: u64) -> Random<'static> {
        Random {
            state: seed.wrapping_mul(0x2545_f491_4f6c_dd1d),
            bytes: &[],
        }
    }

    /// Takes choices from bytes first, for a fuzzer.
    pub(crate) fn of_bytes(bytes: &'b [u8]) -> Random<'b> {
        Random { state: 1, bytes }
    }

    pub(crate) fn next(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first_chunk() {
            self.bytes = rest;
            return u64::from(u16::from_le_bytes(*first)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 16) % limit as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
