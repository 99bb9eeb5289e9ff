//! One part of the limiter's keys, and who has to go when there are too many.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use domicile_kernel::Instant;

use super::log::Log;

/// How many keys are looked at, each time a new one comes, for some whose time is over.
const TIDIED: usize = 2;
/// How many keys are compared when one must go before its time.
const COMPARED: usize = 32;

/// Keys are keyed hashes already: a table may take them as they are.
#[derive(Debug, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// Logs by key, and the keys in a row for a hand that goes round.
#[derive(Debug, Default)]
pub(super) struct Shard {
    logs: HashMap<u128, Log, BuildHasherDefault<AsItIs>>,
    ring: Vec<u128>,
    hand: usize,
}

impl Shard {
    /// The log of a key; a new key may make another go.
    pub(super) fn log(&mut self, key: u128, now: Instant, bound: usize) -> &mut Log {
        if !self.logs.contains_key(&key) {
            self.make_room(now, bound);
            self.ring.push(key);
        }
        self.logs.entry(key).or_default()
    }

    /// The log of a key that is known.
    pub(super) fn known(&mut self, key: u128) -> Option<&mut Log> {
        self.logs.get_mut(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Forgets every key whose time is over.
    pub(super) fn sweep(&mut self, now: Instant) {
        let Self { logs, ring, .. } = self;
        logs.retain(|_key, log| !log.is_over(now));
        ring.retain(|key| logs.contains_key(key));
        logs.shrink_to(ring.len() * 2);
        ring.shrink_to(ring.len() * 2);
    }

    fn make_room(&mut self, now: Instant, bound: usize) {
        for _ in 0..TIDIED {
            if let Some(at) = self.next()
                && self.is_over(at, now)
            {
                self.forget(at);
            }
        }
        if self.ring.len() < bound.max(1) {
            return;
        }
        // Of some, the one that has used the least of its quota: a flood of new keys pushes out its own, each of which has
        // passed once. A key that is refused has used all of it and goes only where every other has too, which costs more
        // requests than the key would win.
        let mut least = None;
        for _ in 0..COMPARED.min(self.ring.len()) {
            let Some(at) = self.next() else { break };
            let fill = if self.is_over(at, now) { 0 } else { self.fill(at) };
            if least.is_none_or(|(least, _)| fill < least) {
                least = Some((fill, at));
            }
        }
        if let Some((_, at)) = least {
            self.forget(at);
        }
    }

    /// Moves the hand on by one key.
    fn next(&mut self) -> Option<usize> {
        let keys = self.ring.len();
        if keys == 0 {
            return None;
        }
        self.hand = (self.hand + 1) % keys;
        Some(self.hand)
    }

    fn at(&mut self, at: usize) -> Option<&mut Log> {
        self.ring.get(at).and_then(|key| self.logs.get_mut(key))
    }

    fn is_over(&mut self, at: usize, now: Instant) -> bool {
        self.at(at).is_none_or(|log| log.is_over(now))
    }

    fn fill(&mut self, at: usize) -> u64 {
        self.at(at).map_or(0, |log| log.fill())
    }

    fn forget(&mut self, at: usize) {
        if at < self.ring.len() {
            let key = self.ring.swap_remove(at);
            self.logs.remove(&key);
        }
    }
}
