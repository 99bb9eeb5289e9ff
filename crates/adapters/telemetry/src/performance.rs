//! What requests were like lately (F42): counts, durations and errors in slots of time, and the last slow requests. The
//! memory is fixed when it is made; noting a request is a handful of atomic additions.
//!
//! Two rings of slots: one of seconds for windows up to five minutes, one of quarter minutes for windows up to an hour. A
//! slot that is begun holds part of its time only, so a window reaches at most one slot further back than was asked.

mod ring;
mod spread;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domicile_kernel::Instant;

use self::ring::Ring;
pub use self::spread::Spread;
use crate::meters::Observed;

/// The longest window that can be asked for.
pub const LONGEST: Duration = Duration::from_hours(1);
/// The shortest.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// Up to this the ring of seconds is asked.
const FINE: Duration = Duration::from_mins(5);

/// At most this many slow requests are kept.
pub const SLOW_KEPT: usize = 100;

/// One answered request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Which operation it met.
    pub observed: Observed,
    /// The status of the answer.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// When it was answered.
    pub now: Instant,
    /// How it is known.
    pub request_id: &'a str,
}

/// A request that took long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRequest {
    /// Which operation it met: its place, that of `unmatched` being the last.
    pub endpoint: usize,
    /// The status of the answer.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// When it was answered.
    pub at: Instant,
    /// How it is known.
    pub request_id: String,
}

/// One operation within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its place, that of `unmatched` being the last.
    pub endpoint: usize,
    /// Requests.
    pub count: u64,
    /// What they took together.
    pub total: Duration,
}

/// What requests were like in a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// Requests.
    pub requests: u64,
    /// What they took together.
    pub total: Duration,
    /// Answered with 4xx.
    pub refused: u64,
    /// Answered with 5xx.
    pub failed: u64,
    /// Slower than the threshold.
    pub slow: u64,
    /// How the durations lie.
    pub spread: Spread,
    /// The operations that were asked, the busiest first.
    pub endpoints: Vec<Share>,
}

impl Window {
    /// The mean duration in milliseconds; 0 without requests.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        mean_ms(self.total, self.requests)
    }

    /// How many of a hundred requests failed (5xx).
    #[must_use]
    pub fn failed_percent(&self) -> f64 {
        percent(self.failed, self.requests)
    }

    /// How many of a hundred requests were refused (4xx).
    #[must_use]
    pub fn refused_percent(&self) -> f64 {
        percent(self.refused, self.requests)
    }
}

impl Share {
    /// The mean duration in milliseconds.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        mean_ms(self.total, self.count)
    }
}

fn mean_ms(total: Duration, count: u64) -> f64 {
    if count == 0 { 0.0 } else { total.as_secs_f64() * 1_000.0 / count as f64 }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// The record of one process. Cloning shares it.
#[derive(Clone)]
pub struct Performance(Arc<Inner>);

struct Inner {
    endpoints: usize,
    threshold: Duration,
    fine: Ring,
    coarse: Ring,
    slow: Mutex<VecDeque<SlowRequest>>,
}

impl std::fmt::Debug for Performance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Performance").field("threshold", &self.0.threshold).finish_non_exhaustive()
    }
}

impl Performance {
    /// For so many operations; what takes `threshold` or longer is slow.
    #[must_use]
    pub fn new(operations: usize, threshold: Duration) -> Self {
        // One more for what met no operation.
        let endpoints = operations + 1;
        Self(Arc::new(Inner {
            endpoints,
            threshold,
            fine: Ring::new(Duration::from_secs(1), FINE, endpoints),
            coarse: Ring::new(Duration::from_secs(15), LONGEST, endpoints),
            slow: Mutex::new(VecDeque::with_capacity(SLOW_KEPT)),
        }))
    }

    /// From when on a request is slow.
    #[must_use]
    pub fn threshold(&self) -> Duration {
        self.0.threshold
    }

    /// Notes a request.
    pub fn record(&self, answered: Answered<'_>) {
        let endpoint = answered.observed.0.min(self.0.endpoints - 1);
        let slow = answered.took >= self.0.threshold;
        for ring in [&self.0.fine, &self.0.coarse] {
            ring.add(answered.now, endpoint, answered.status, answered.took, slow);
        }
        if slow {
            self.keep(endpoint, answered);
        }
    }

    fn keep(&self, endpoint: usize, answered: Answered<'_>) {
        let Answered { status, took, now, request_id, .. } = answered;
        let one = SlowRequest { endpoint, status, took, at: now, request_id: request_id.to_owned() };
        let mut slow = self.0.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if slow.len() == SLOW_KEPT {
            slow.pop_front();
        }
        slow.push_back(one);
    }

    /// What requests were like in the window that ends now; between [`SHORTEST`] and [`LONGEST`].
    #[must_use]
    pub fn window(&self, window: Duration, now: Instant) -> Window {
        let window = window.clamp(SHORTEST, LONGEST);
        if window <= FINE { self.0.fine.sum(window, now) } else { self.0.coarse.sum(window, now) }
    }

    /// The last slow requests, the slowest first, at most `most`.
    #[must_use]
    pub fn slow(&self, most: usize) -> Vec<SlowRequest> {
        let mut all: Vec<_> = self.0.slow.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        all.sort_by_key(|one| (std::cmp::Reverse(one.took), std::cmp::Reverse(one.at)));
        all.truncate(most);
        all
    }
}
