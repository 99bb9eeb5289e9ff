//! Latencies in fixed memory: 128 steps in each power of two, so that a figure is off by less than one in a hundred.

use std::time::Duration;

const STEPS: usize = 128;
const STEP_BITS: u32 = 7;

/// How often each latency was seen.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; STEPS * 58], total: 0 }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(slot(nanoseconds)) {
            *count += 1;
            self.total += 1;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The latency that `share` (0 to 1) of all are not above, in milliseconds; not a number when nothing was seen.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        if self.total == 0 {
            return f64::NAN;
        }
        let wanted = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(slot) / 1e6;
            }
        }
        f64::NAN
    }
}

fn slot(nanoseconds: u64) -> usize {
    if nanoseconds < STEPS as u64 {
        return nanoseconds as usize;
    }
    let shift = nanoseconds.ilog2() - STEP_BITS;
    (shift as usize + 1) * STEPS + ((nanoseconds >> shift) as usize - STEPS)
}

fn middle(slot: usize) -> f64 {
    if slot < STEPS {
        return slot as f64;
    }
    let width = (1_u64 << (slot / STEPS - 1)) as f64;
    ((slot % STEPS + STEPS) as f64 + 0.5) * width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_one_in_a_hundred() {
        let mut seen = Histogram::new();
        for microseconds in 1..=10_000 {
            seen.record(Duration::from_micros(microseconds));
        }
        assert_eq!(seen.count(), 10_000);
        for (share, expected) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            let told = seen.quantile(share);
            assert!((told / expected - 1.0).abs() < 0.01, "{share}: {told} is not {expected}");
        }
    }

    #[test]
    fn every_latency_has_a_slot_and_the_slots_rise() {
        let mut last = 0;
        for power in 0..63 {
            for odd in [0, 1, 77] {
                let nanoseconds = (1_u64 << power) + odd;
                let at = slot(nanoseconds);
                assert!(at < STEPS * 58, "{nanoseconds}");
                if odd == 0 {
                    assert!(at >= last);
                    last = at;
                }
            }
        }
        assert!(Histogram::new().quantile(0.5).is_nan());
    }
}
