//! When one subject of one rule passed: at most as many stamps as the rule allows, oldest first.

use std::{collections::VecDeque, time::Duration};

use domicile_kernel::Instant;

use super::{Quota, Receipt, Standing};

/// A clock that is this much behind the newest stamp was set back; less is only threads that overtook each other.
const SET_BACK_MILLIS: i64 = 5_000;

/// From here on stamps are told from a later base, long before they outgrow their 32 bits.
const FAR_MILLIS: i64 = 1 << 31;

/// The stamps of those who passed. A stamp is rounded up to the millisecond and "now" down, so a window is never shorter
/// than it is said to be.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// What stamps count from: milliseconds since the epoch.
    base: i64,
    /// Ascending. Grows with use, up to the quota.
    stamps: VecDeque<u32>,
    /// Of the quota that was asked for last.
    window: u32,
    /// The same.
    most: u32,
}

/// Milliseconds since the epoch, rounded down and up.
fn millis(now: Instant) -> (i64, i64) {
    let micros = now.micros();
    (micros.div_euclid(1_000), micros.saturating_add(999).div_euclid(1_000))
}

fn instant(millis: i64) -> Instant {
    Instant::from_micros(millis.saturating_mul(1_000))
}

/// A window in milliseconds, rounded up; some 24 days at most.
fn width(window: Duration) -> u32 {
    let millis = window.as_micros().div_ceil(1_000);
    u32::try_from(millis).unwrap_or(u32::MAX).clamp(1, FAR_MILLIS as u32 - 1)
}

impl Log {
    /// Notes a pass if fewer than the quota stand in the window that ends now.
    pub(super) fn take(&mut self, key: u128, quota: Quota, now: Instant) -> Standing {
        self.window = width(quota.window);
        self.most = quota.most.max(1);
        let (floor, ceiling) = millis(now);
        self.settle(floor);
        let allowed = self.live() < self.most;
        let mut stamp = 0;
        if allowed {
            let newest = self.stamps.back().copied().unwrap_or(0);
            stamp = u32::try_from(ceiling - self.base).unwrap_or(0).max(newest);
            self.stamps.push_back(stamp);
        }
        let live = self.live();
        // With a smaller quota than before more may stand here than it allows: then that many must go first.
        let next = live.saturating_sub(self.most) as usize;
        let frees = self.stamps.get(next).map_or(floor, |stamp| self.base + i64::from(*stamp) + i64::from(self.window));
        Standing {
            allowed,
            limit: self.most,
            remaining: self.most.saturating_sub(live),
            reset: instant(frees),
            receipt: Receipt { key, stamp: self.base + i64::from(stamp) },
        }
    }

    /// Takes one pass out again, as if it had never been asked for.
    pub(super) fn give_back(&mut self, stamp: i64) {
        let same = |noted: &u32| self.base + i64::from(*noted) == stamp;
        if let Some(at) = self.stamps.iter().rposition(same) {
            self.stamps.remove(at);
        }
    }

    /// Whether nothing in it counts any more.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        self.settle(millis(now).0);
        self.stamps.is_empty()
    }

    /// How much of its quota is used, of 65,536.
    pub(super) fn fill(&self) -> u64 {
        (u64::from(self.live()) << 16) / u64::from(self.most.max(1))
    }

    fn live(&self) -> u32 {
        u32::try_from(self.stamps.len()).unwrap_or(u32::MAX)
    }

    /// Forgets what is older than the window.
    fn settle(&mut self, floor: i64) {
        if let Some(newest) = self.stamps.back() {
            let ahead = self.base + i64::from(*newest) - floor;
            if ahead > SET_BACK_MILLIS {
                // The clock was set back: the log goes with it, or its windows would stay shut for as long.
                self.base -= ahead;
            }
        }
        let now = floor - self.base;
        while self.stamps.front().is_some_and(|oldest| now - i64::from(*oldest) >= i64::from(self.window)) {
            self.stamps.pop_front();
        }
        match self.stamps.front().copied() {
            None => self.base = floor,
            Some(oldest) if now >= FAR_MILLIS => {
                for stamp in &mut self.stamps {
                    *stamp -= oldest;
                }
                self.base += i64::from(oldest);
            }
            Some(_) => {}
        }
    }
}
