//! A small random generator (SplitMix64, Steele, Lea and Flood 2014), so that a seed gives the same programs forever.

/// The generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator for this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A generator for item `number` of a series, independent of the others.
    pub fn for_item(seed: u64, number: u64) -> Random {
        let mut random = Random(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        Random(random.next())
    }

    /// Any cell.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `limit`, 0 if it is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in `n` times on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A cell as programs have them: small numbers, limits, powers of two and their neighbours, anything.
    pub fn cell(&mut self) -> u64 {
        match self.below(8) {
            0..=2 => self.below(20),
            3 => (self.below(20) as i64 - 10) as u64,
            4 => (1u64 << self.below(64))
                .wrapping_add(self.below(3))
                .wrapping_sub(1),
            5 => self.pick(&[
                u64::MAX,
                1 << 63,
                u64::MAX >> 1,
                0x3ff0_0000_0000_0000,
                0x7ff0_0000_0000_0000,
                0x7ff8_0000_0000_0000,
                1.5f64.to_bits(),
                u64::from(2.5f32.to_bits()),
                0xffff_ffff,
                0x8000_0000,
            ]),
            6 => self.next() >> self.below(64),
            _ => self.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_published_one() {
        // The first outputs of SplitMix64 for the seed 1234567, from the reference implementation.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(3);
        for _ in 0..1000 {
            assert!(random.below(7) < 7);
            assert!((5..=9).contains(&random.range(5, 9)));
        }
        assert_eq!(random.below(0), 0);
    }
}
