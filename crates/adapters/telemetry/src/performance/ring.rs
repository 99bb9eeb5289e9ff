//! Slots of time in a ring. A slot is begun anew by the first request of its time; until then it keeps what it had, and is
//! told from a current one by its number.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use domicile_kernel::Instant;

use super::{
    Share, Window,
    spread::{BUCKETS, bucket},
};

struct Slot {
    /// Which slot of all time this is now.
    number: AtomicI64,
    refused: AtomicU32,
    failed: AtomicU32,
    slow: AtomicU32,
    counts: Vec<AtomicU32>,
    micros: Vec<AtomicU64>,
    spread: Vec<AtomicU32>,
}

impl Slot {
    fn new(endpoints: usize) -> Self {
        Self {
            number: AtomicI64::new(i64::MIN),
            refused: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            slow: AtomicU32::new(0),
            counts: (0..endpoints).map(|_place| AtomicU32::new(0)).collect(),
            micros: (0..endpoints).map(|_place| AtomicU64::new(0)).collect(),
            spread: (0..BUCKETS).map(|_place| AtomicU32::new(0)).collect(),
        }
    }

    fn clear(&self) {
        for count in [&self.refused, &self.failed, &self.slow].into_iter().chain(&self.counts).chain(&self.spread) {
            count.store(0, Ordering::Relaxed);
        }
        for sum in &self.micros {
            sum.store(0, Ordering::Relaxed);
        }
    }
}

pub(super) struct Ring {
    width: i64,
    endpoints: usize,
    slots: Vec<Slot>,
    /// Held while a slot is begun anew.
    turning: Mutex<()>,
}

impl Ring {
    /// Slots of a width for windows up to `longest`: one more than fit in it, for the one that is begun.
    pub(super) fn new(width: Duration, longest: Duration, endpoints: usize) -> Self {
        let count = longest.as_micros().div_ceil(width.as_micros()) as usize + 1;
        let slots = (0..count).map(|_place| Slot::new(endpoints)).collect();
        Self { width: width.as_micros() as i64, endpoints, slots, turning: Mutex::new(()) }
    }

    fn slot(&self, number: i64) -> Option<&Slot> {
        self.slots.get(number.rem_euclid(self.slots.len() as i64) as usize)
    }

    pub(super) fn add(&self, now: Instant, endpoint: usize, status: u16, took: Duration, slow: bool) {
        let number = now.micros().div_euclid(self.width);
        let Some(slot) = self.slot(number) else { return };
        if slot.number.load(Ordering::Acquire) != number && !self.turned(slot, number) {
            return;
        }
        if let (Some(count), Some(micros)) = (slot.counts.get(endpoint), slot.micros.get(endpoint)) {
            count.fetch_add(1, Ordering::Relaxed);
            micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        if let Some(count) = slot.spread.get(bucket(took)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let marks = [(400..500).contains(&status), status >= 500, slow];
        for (mark, count) in marks.into_iter().zip([&slot.refused, &slot.failed, &slot.slow]) {
            if mark {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Begins a slot anew. False when it belongs to a later time already: then the request is too old to be noted.
    fn turned(&self, slot: &Slot, number: i64) -> bool {
        let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let current = slot.number.load(Ordering::Acquire);
        if current >= number {
            return current == number;
        }
        slot.clear();
        slot.number.store(number, Ordering::Release);
        true
    }

    pub(super) fn sum(&self, window: Duration, now: Instant) -> Window {
        let last = now.micros().div_euclid(self.width);
        let first = (now.minus(window).micros() + 1).div_euclid(self.width);
        let mut sum = Window::default();
        let mut shares: Vec<Share> =
            (0..self.endpoints).map(|endpoint| Share { endpoint, count: 0, total: Duration::ZERO }).collect();
        for number in first..=last {
            let Some(slot) = self.slot(number).filter(|slot| slot.number.load(Ordering::Acquire) == number) else {
                continue;
            };
            sum.refused += u64::from(slot.refused.load(Ordering::Relaxed));
            sum.failed += u64::from(slot.failed.load(Ordering::Relaxed));
            sum.slow += u64::from(slot.slow.load(Ordering::Relaxed));
            sum.spread.add_all(&slot.spread);
            for (share, (count, micros)) in shares.iter_mut().zip(slot.counts.iter().zip(&slot.micros)) {
                share.count += u64::from(count.load(Ordering::Relaxed));
                share.total += Duration::from_micros(micros.load(Ordering::Relaxed));
            }
        }
        shares.retain(|share| share.count > 0);
        sum.requests = shares.iter().map(|share| share.count).sum();
        sum.total = shares.iter().map(|share| share.total).sum();
        shares.sort_by_key(|share| (std::cmp::Reverse(share.count), share.endpoint));
        sum.endpoints = shares;
        sum
    }
}
