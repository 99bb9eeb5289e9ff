//! The only place that reads the machine's clock, makes random ids and draws randomness. Everything else is handed these
//! through the kernel's ports.
#![expect(clippy::disallowed_methods, reason = "this module is where time, ids and randomness come in")]

use std::sync::Arc;

use domicile_kernel::{Clock, IdSource, Instant, Secrets, ports::Ambient};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// UUIDv7: ordered by time within a process.
#[derive(Debug)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }
}

/// The operating system's generator.
#[derive(Debug)]
pub struct SystemSecrets;

impl Secrets for SystemSecrets {
    fn bytes(&self, into: &mut [u8]) {
        rand::Rng::fill_bytes(&mut rand::rng(), into);
    }
}

/// Real time, ids and randomness.
#[must_use]
pub fn ambient() -> Ambient {
    Ambient { clock: Arc::new(SystemClock), ids: Arc::new(SystemIds), secrets: Arc::new(SystemSecrets) }
}
