//! Repeatable randomness: a named stream for every source.
//!
//! A stream depends on the seed of the run and its own name alone, so that one more fault in a
//! scenario does not reshuffle the rest.

use byzlab_crypto::Digest;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// One stream of random numbers, the same on every machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream(SplitMix64);

/// A probability in billionths, so that no float decides anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Probability(pub u32);

impl Probability {
    /// Always.
    pub const ONE: Probability = Probability(1_000_000_000);
    /// Never.
    pub const ZERO: Probability = Probability(0);
}

impl Stream {
    /// The stream of this name under this seed.
    pub fn named(seed: u64, name: &str) -> Stream {
        let mut bytes = seed.to_le_bytes().to_vec();
        bytes.extend_from_slice(name.as_bytes());
        Stream::from_state(Digest::of("byzlab/stream/1", &bytes).to_u64())
    }

    /// A stream whose state is given: for families of streams that are numbered, not named.
    pub fn from_state(state: u64) -> Stream {
        Stream(SplitMix64::seed_from_u64(state))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, all equally likely but for a bias below 2^-32 for bounds below
    /// 2^32; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: Probability) -> bool {
        self.below(u64::from(Probability::ONE.0)) < u64::from(probability.0)
    }

    /// One of the items; nothing of nothing.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(usize::try_from(self.below(items.len() as u64)).ok()?)
    }

    /// Puts the items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// A nearly normal deviate in 2^-32 of a standard deviation: the sum of twelve uniform
    /// numbers less six. Integers only, since floats differ between machines; never beyond six
    /// standard deviations.
    pub fn deviate(&mut self) -> i64 {
        let sum: i64 = (0..12).map(|_| (self.bits() >> 32) as i64).sum();
        sum - (6 << 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins the helpers: a change here changes every run of every user.
    #[test]
    fn streams_are_the_same_for_ever() {
        let mut stream = Stream::named(1, "golden");
        let drawn: Vec<_> = (0..3).map(|_| stream.below(1000)).collect();
        assert_eq!(drawn, GOLDEN);
        let mut items = [0, 1, 2, 3, 4];
        stream.shuffle(&mut items);
        assert_eq!(items, SHUFFLED);
        assert_eq!(stream.deviate(), DEVIATE);
    }

    const GOLDEN: [u64; 3] = [4, 371, 497];
    const SHUFFLED: [u64; 5] = [2, 3, 0, 1, 4];
    const DEVIATE: i64 = 6_318_039_424;

    #[test]
    fn chance_keeps_to_its_probability() {
        let mut stream = Stream::named(1, "chance");
        let hits = (0..10_000).filter(|_| stream.chance(Probability(250_000_000))).count();
        assert!((2_300..2_700).contains(&hits), "{hits} of 10000 at one in four");
        assert!((0..1000).all(|_| stream.chance(Probability::ONE)));
        assert!(!(0..1000).any(|_| stream.chance(Probability::ZERO)));
    }

    #[test]
    fn deviates_have_mean_zero_and_deviation_one() {
        let mut stream = Stream::named(1, "normal");
        let drawn: Vec<f64> =
            (0..10_000).map(|_| stream.deviate() as f64 / 4_294_967_296.0).collect();
        let mean = drawn.iter().sum::<f64>() / 10_000.0;
        let variance = drawn.iter().map(|x| x * x).sum::<f64>() / 10_000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
