//! How durations lie: counts in buckets that grow by a quarter of an octave, so that a quantile is right within a fifth.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// Steps within each doubling.
const STEPS: usize = 4;
/// Doublings, from a microsecond to a little over a minute.
const DOUBLINGS: usize = 26;
pub(super) const BUCKETS: usize = STEPS * DOUBLINGS;

/// The bucket of a duration.
pub(super) fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2() as usize;
    // The two bits behind the first say which quarter of the doubling it is.
    let step = if doubling >= 2 { (micros >> (doubling - 2)) & 3 } else { (micros << (2 - doubling)) & 3 };
    (doubling * STEPS + step as usize).min(BUCKETS - 1)
}

/// Where a bucket begins, in microseconds.
fn begins(bucket: usize) -> f64 {
    let (doubling, step) = (bucket / STEPS, bucket % STEPS);
    (1u64 << doubling) as f64 * (1.0 + step as f64 / STEPS as f64)
}

/// Counts of durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread(Vec<u64>);

impl Default for Spread {
    fn default() -> Self {
        Self(vec![0; BUCKETS])
    }
}

impl Spread {
    pub(super) fn add_all(&mut self, counts: &[AtomicU32]) {
        for (sum, count) in self.0.iter_mut().zip(counts) {
            *sum += u64::from(count.load(Ordering::Relaxed));
        }
    }

    /// The duration, in milliseconds, that this share of the requests (0 to 1) did not exceed; 0 without requests.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let all: u64 = self.0.iter().sum();
        if all == 0 {
            return 0.0;
        }
        let wanted = (share.clamp(0.0, 1.0) * all as f64).max(1.0);
        let mut below = 0.0;
        for (bucket, count) in self.0.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= wanted {
                let (from, to) = (begins(bucket), begins(bucket + 1));
                return (from + (to - from) * (wanted - below) / count) / 1_000.0;
            }
            below += count;
        }
        begins(BUCKETS) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_hold_what_lies_in_them() {
        for micros in (1..5_000).chain([1 << 20, (1 << 25) + 7, 1 << 40]) {
            let found = bucket(Duration::from_micros(micros));
            assert!(found < BUCKETS);
            assert!(begins(found) <= micros as f64, "{micros}");
            assert!(found == BUCKETS - 1 || (micros as f64) < begins(found + 1), "{micros}");
        }
        assert_eq!(bucket(Duration::ZERO), 0);
    }

    #[test]
    fn quantiles_are_right_within_a_fifth() {
        let counts: Vec<AtomicU32> = (0..BUCKETS).map(|_bucket| AtomicU32::new(0)).collect();
        for ms in 1..=1_000 {
            counts[bucket(Duration::from_millis(ms))].fetch_add(1, Ordering::Relaxed);
        }
        let mut spread = Spread::default();
        assert!(spread.quantile_ms(0.5).abs() < f64::EPSILON);
        spread.add_all(&counts);
        for (share, truth) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.0, 1.0)] {
            let found = spread.quantile_ms(share);
            assert!((found / truth - 1.0).abs() < 0.2, "{share}: {found}");
        }
    }
}
