//! How often somebody may do something, kept in the process (J5, F40).
//!
//! An exact sliding log: a pass is allowed when fewer than N passes stand in the window that ends now, so that no window,
//! wherever it is laid, ever holds more than N. That is what "5 requests per 15 minutes" says. The cheaper ways do not give
//! it: a fixed window lets 2N through across its edge, a token bucket (GCRA) of N a window lets its burst of N and the
//! refill of almost N more through in one window. The price is a stamp of four bytes a pass, N at most; what a check costs
//! is one keyed hash, one lock of 64 and a look at the oldest stamps.
//!
//! Subjects are kept as 128 bits of SipHash under keys of this process alone: no address and no e-mail stands in memory.

mod log;
mod shard;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domicile_kernel::Instant;

use self::shard::Shard;

/// So many passes in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many pass; at least one.
    pub most: u32,
    /// In any window of this length; counted in milliseconds, 24 days at most.
    pub window: Duration,
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject<'a> {
    /// Addresses and ids, as numbers; zero where there is none.
    pub numbers: [u128; 2],
    /// An e-mail address or whatever else is a text; empty where there is none.
    pub text: &'a str,
}

/// How a subject stands with a rule after asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this one passed.
    pub allowed: bool,
    /// How many pass in a window.
    pub limit: u32,
    /// How many more would pass now.
    pub remaining: u32,
    /// When one more place becomes free: in whole milliseconds, never too early.
    pub reset: Instant,
    /// What the pass is given back with.
    pub receipt: Receipt,
}

/// One pass, for giving it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Whose it is, as a keyed hash.
    pub key: u128,
    /// Milliseconds since the epoch.
    pub stamp: i64,
}

/// The parts that the keys are spread over, each behind a lock of its own.
const SHARDS: usize = 64;

/// Keeps two locks off one cache line.
#[derive(Default)]
#[repr(align(64))]
struct Cell(Mutex<Shard>);

/// The limiter. It may be asked from any thread, and of as many threads that ask at once exactly N pass.
pub struct SlidingLimiter {
    shards: Box<[Cell]>,
    /// Two keys of SipHash: 64 bits of each.
    hashers: [RandomState; 2],
    bound: usize,
}

impl SlidingLimiter {
    /// A limiter that keeps at most about this many subjects at a time; some 150 bytes each, and four a pass.
    #[must_use]
    pub fn new(most_keys: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Cell::default()).collect(),
            hashers: [RandomState::new(), RandomState::new()],
            bound: most_keys.div_ceil(SHARDS).max(1),
        }
    }

    /// Asks for a pass. A refusal leaves no trace: who keeps asking waits no longer for it.
    pub fn take(&self, rule: &str, subject: &Subject<'_>, quota: Quota, now: Instant) -> Standing {
        let key = self.key(rule, subject);
        self.shard(key).log(key, now, self.bound).take(key, quota, now)
    }

    /// Gives a pass back that turned out not to be needed.
    pub fn give_back(&self, receipt: Receipt) {
        if let Some(log) = self.shard(receipt.key).known(receipt.key) {
            log.give_back(receipt.stamp);
        }
    }

    /// Forgets all whose time is over. New keys do this too, a little at a time; a call now and then gives the memory of a
    /// flood back to a house that is quiet again.
    pub fn sweep(&self, now: Instant) {
        for cell in &self.shards {
            lock(cell).sweep(now);
        }
    }

    /// How many subjects are kept.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.shards.iter().map(|cell| lock(cell).len()).sum()
    }

    fn key(&self, rule: &str, subject: &Subject<'_>) -> u128 {
        self.hashers.iter().fold(0, |key, hasher| key << 64 | u128::from(hasher.hash_one((rule, subject))))
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        // The table inside uses the lower half.
        let at = (key >> 64) as usize % SHARDS;
        let Some(cell) = self.shards.get(at) else { unreachable!("the remainder is below the number of shards") };
        lock(cell)
    }
}

/// A panic while it was held leaves a log that is at most one stamp off.
fn lock(cell: &Cell) -> MutexGuard<'_, Shard> {
    cell.0.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SlidingLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlidingLimiter").field("keys", &self.keys()).finish_non_exhaustive()
    }
}
