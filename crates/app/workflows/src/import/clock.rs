//! The clock of a replay: it shows the time of the event that is being played, not the world's.

use std::sync::atomic::{AtomicI64, Ordering};

use domicile_kernel::{Clock, Instant};

/// A clock that stands still until it is set. The services that the replay calls are built with it, so that their rules
/// about today and later hold on the event's own day.
#[derive(Debug)]
pub struct ReplayClock(AtomicI64);

impl ReplayClock {
    /// Stands at an instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(AtomicI64::new(instant.micros()))
    }

    /// Moves to another instant.
    pub fn set(&self, instant: Instant) {
        self.0.store(instant.micros(), Ordering::SeqCst);
    }
}

impl Clock for ReplayClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }
}
