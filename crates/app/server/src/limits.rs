//! The in-process limiter as HTTP's [`Limiter`]: a renaming.

use std::{sync::Arc, time::Duration};

use domicile_cache::limiter::{self, SlidingLimiter};
use domicile_http::{
    limits::{Limits, Quota},
    ports::{Limiter, Receipt, Standing, Subject},
};
use domicile_kernel::{Clock, Instant};

use crate::background::{Stop, stopped};

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

/// How often what no longer counts is thrown away.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// Gives back, until told to end, the memory of what no longer counts; who asks tidies only around their own.
pub async fn tidy(limiter: Arc<InProcess>, clock: Arc<dyn Clock>, mut stop: Stop) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => limiter.0.sweep(clock.now()),
            () = stopped(&mut stop) => return,
        }
    }
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
