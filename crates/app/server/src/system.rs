//! The only place that reads the machine's clock, makes random ids and draws randomness. Everything else is handed these
//! through the kernel's ports.
#![expect(clippy::disallowed_methods, reason = "this module is where time, ids and randomness come in")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use domicile_kernel::{Clock, IdSource, Instant, Secrets, ports::Ambient};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// UUIDv7, ordered within a process. The twelve bits behind the millisecond are its fraction (RFC 9562, 6.2, method 3), and
/// of two ids of one moment the later is counted up. The rest comes from the thread's own generator, which asks the operating
/// system once in a while and not, as the library does, for each id.
#[derive(Debug)]
pub struct SystemIds;

/// The last moment given out, in 4096ths of a millisecond.
static LAST_MOMENT: AtomicU64 = AtomicU64::new(0);

impl IdSource for SystemIds {
    fn uuid(&self) -> uuid::Uuid {
        let micros = SystemClock.now().micros().unsigned_abs();
        let now = ((micros / 1_000) << 12) | ((micros % 1_000) * 4_096 / 1_000);
        let later = |last: u64| Some(now.max(last + 1));
        let moment = match LAST_MOMENT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later) {
            Ok(last) | Err(last) => now.max(last + 1),
        };
        let random: u64 = rand::random();
        let high = ((moment >> 12) << 16) | 0x7000 | (moment & 0xfff);
        let low = 0x8000_0000_0000_0000 | (random >> 2);
        uuid::Uuid::from_u64_pair(high, low)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_are_version_seven_and_tell_their_time() {
        let before = SystemClock.now().micros() / 1_000;
        let ids: Vec<_> = (0..10_000).map(|_| SystemIds.uuid()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
        for id in [ids[0], ids[9_999]] {
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
            let millis = i64::try_from(seconds).unwrap() * 1_000 + i64::from(nanos / 1_000_000);
            assert!((before..before + 10_000).contains(&millis), "{id}");
        }
    }
}
