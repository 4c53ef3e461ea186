//! How many values lie where: buckets a hundredth wide at most, so that runs can be added up.

use serde::{Deserialize, Serialize};

/// Each power of two has 2^7 buckets.
const BITS: u32 = 7;
const EACH: u64 = 1 << BITS;

/// Counts of values by size. Two of them are added up without loss.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram {
    /// Bucket and count, ascending.
    buckets: Vec<(u64, u64)>,
}

impl Histogram {
    /// Adds all that another one holds.
    pub fn add(&mut self, other: &Histogram) {
        let mut buckets = std::collections::BTreeMap::new();
        for (bucket, count) in self.buckets.iter().chain(&other.buckets) {
            *buckets.entry(*bucket).or_insert(0) += count;
        }
        self.buckets = buckets.into_iter().collect();
    }

    /// How many values it holds.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The value that so many percent do not exceed, rounded up by a hundredth at most; nothing if
    /// it is empty.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| upper(*bucket))
        })
    }
}

impl FromIterator<u64> for Histogram {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Histogram {
        let mut buckets = std::collections::BTreeMap::new();
        for value in values {
            *buckets.entry(bucket(value)).or_insert(0) += 1;
        }
        Histogram { buckets: buckets.into_iter().collect() }
    }
}

fn bucket(value: u64) -> u64 {
    match value.checked_ilog2() {
        Some(power) if power >= BITS => {
            let shift = power - BITS;
            u64::from(shift) * EACH + (value >> shift)
        }
        _ => value,
    }
}

/// The largest value of a bucket.
fn upper(bucket: u64) -> u64 {
    if bucket < 2 * EACH {
        return bucket;
    }
    let shift = (bucket / EACH - 1).min(63 - u64::from(BITS));
    let least = (bucket - shift * EACH) << shift;
    least + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_a_hundredth_smaller() {
        let mut last = 0;
        for power in 0..64 {
            for value in [1_u64 << power, (1 << power) + (1 << power) / 3, u64::MAX >> (63 - power)]
            {
                let high = upper(bucket(value));
                assert!(high >= value && high - value <= value / EACH, "{value}: {high}");
                assert!(bucket(value) >= last, "{value}");
                last = bucket(value);
            }
        }
        assert!((0..5000).all(|value| bucket(upper(bucket(value))) == bucket(value)));
    }

    #[test]
    fn the_whole_is_the_sum_of_its_parts() {
        let all: Vec<u64> = (0..1000).map(|at| at * at * 37).collect();
        let mut sum: Histogram = all[..300].iter().copied().collect();
        sum.add(&all[300..].iter().copied().collect());
        assert_eq!(sum, all.iter().copied().collect());
        assert_eq!(sum.count(), 1000);
        let median = sum.percentile(50).expect("a median");
        assert!(median >= all[499] && median - all[499] <= all[499] / EACH);
        assert_eq!((sum.percentile(0), Histogram::default().percentile(50)), (Some(0), None));
    }
}
