//! The in-process limiter as HTTP's [`Limiter`]: a renaming.

use domicile_cache::limiter::{self, SlidingLimiter};
use domicile_http::{
    limits::{Limits, Quota},
    ports::{Limiter, Receipt, Standing, Subject},
};
use domicile_kernel::Instant;

/// The limiter of this process.
#[derive(Debug)]
pub struct InProcess(pub SlidingLimiter);

/// A limiter for these rules that has counted nothing yet. Switched off, it says so once.
#[must_use]
pub fn limiter(limits: &Limits) -> InProcess {
    if !limits.enabled {
        tracing::warn!("rate limits are switched off: nothing keeps anybody from flooding or guessing");
    }
    InProcess(SlidingLimiter::new(limits.max_keys))
}

impl Limiter for InProcess {
    fn take(&self, rule: &'static str, subject: Subject<'_>, quota: Quota, now: Instant) -> Standing {
        let subject = limiter::Subject { numbers: subject.numbers, text: subject.text };
        let quota = limiter::Quota { most: quota.most, window: quota.window() };
        let limiter::Standing { allowed, limit, remaining, reset, receipt } = self.0.take(rule, &subject, quota, now);
        let receipt = Receipt { key: receipt.key, stamp: receipt.stamp };
        Standing { allowed, limit, remaining, reset, receipt }
    }

    fn give_back(&self, receipt: Receipt) {
        self.0.give_back(limiter::Receipt { key: receipt.key, stamp: receipt.stamp });
    }
}
