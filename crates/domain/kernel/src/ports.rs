//! What the domain needs from outside and every context shares: time, ids, randomness. Each context's own ports stand in
//! its `ports.rs`.

use uuid::Uuid;

use crate::time::Instant;

/// What time it is. The real one reads the machine's clock; tests hold it still.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// Makes ids.
pub trait IdSource: Send + Sync {
    /// A fresh UUIDv7, larger than those before it from the same process.
    fn uuid(&self) -> Uuid;
}

/// Makes what nobody may guess.
pub trait Secrets: Send + Sync {
    /// `N` bytes from a cryptographic generator.
    fn bytes(&self, into: &mut [u8]);

    /// A number below `bound`, each equally likely: for one-time codes. `bound` is at least 1.
    fn below(&self, bound: u32) -> u32 {
        let bound = bound.max(1);
        let zone = u32::MAX - u32::MAX % bound;
        loop {
            let mut bytes = [0; 4];
            self.bytes(&mut bytes);
            let number = u32::from_le_bytes(bytes);
            if number < zone {
                return number % bound;
            }
        }
    }
}

/// Time, ids and randomness together: what a context's service is built with.
#[derive(Clone)]
pub struct Ambient {
    /// What time it is.
    pub clock: std::sync::Arc<dyn Clock>,
    /// Makes ids.
    pub ids: std::sync::Arc<dyn IdSource>,
    /// Makes what nobody may guess.
    pub secrets: std::sync::Arc<dyn Secrets>,
}

impl Ambient {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A fresh id of any kind.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self) -> T {
        T::from(self.ids.uuid())
    }
}

/// Ports for tests and doc examples: a clock that stands still until moved, ids that count up, predictable bytes.
pub mod fixed {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    };

    use super::{Ambient, Clock, IdSource, Secrets};
    use crate::time::Instant;

    /// A clock that stands still until a test moves it.
    #[derive(Debug)]
    pub struct FixedClock(AtomicI64);

    impl FixedClock {
        /// Stands at an RFC 3339 instant; at the epoch when the text is none.
        #[must_use]
        pub fn at(text: &str) -> Arc<Self> {
            Arc::new(Self(AtomicI64::new(text.parse::<Instant>().map_or(0, Instant::micros))))
        }

        /// Moves on.
        pub fn advance(&self, by: std::time::Duration) {
            self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
        }

        /// Jumps to an instant.
        pub fn set(&self, to: Instant) {
            self.0.store(to.micros(), Ordering::SeqCst);
        }
    }

    impl Clock for FixedClock {
        fn now(&self) -> Instant {
            Instant::from_micros(self.0.load(Ordering::SeqCst))
        }
    }

    /// Ids that count up from 1, in the shape of UUIDv7.
    #[derive(Debug, Default)]
    pub struct CountingIds(AtomicU64);

    impl IdSource for CountingIds {
        fn uuid(&self) -> uuid::Uuid {
            let n = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(n))
        }
    }

    /// "Random" bytes that count up: never outside a test.
    #[derive(Debug, Default)]
    pub struct CountingSecrets(AtomicU64);

    impl Secrets for CountingSecrets {
        fn bytes(&self, into: &mut [u8]) {
            for byte in into {
                let n = self.0.fetch_add(1, Ordering::SeqCst);
                *byte = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
            }
        }
    }

    /// All three, with the clock at an instant.
    #[must_use]
    pub fn ambient(now: &str) -> (Ambient, Arc<FixedClock>) {
        let clock = FixedClock::at(now);
        let ambient = Ambient {
            clock: clock.clone(),
            ids: Arc::new(CountingIds::default()),
            secrets: Arc::new(CountingSecrets::default()),
        };
        (ambient, clock)
    }
}
