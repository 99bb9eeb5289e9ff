//! Bookings at a fixed pace, each of which every socket of the front desk hears of. A booking is known again by its bed
//! and its first day.

use std::{collections::HashMap, net::SocketAddr, time::Instant};

use anyhow::bail;
use memchr::memmem::Finder;

use crate::{
    load::{Asking, Histogram, Trigger, answer::Answer},
    stage::{BEDS, House, PEOPLE, ROOMS, month},
};

/// Bed and day, as they stand in an event.
type Key = [u8; 46];

const BED: &str = "\"bed_id\":\"";
const DAY: &str = "\"check_in_date\":\"";
const KIND: &str = "\"booking.created\"";

/// A run of bookings.
pub(super) struct Booked<'a> {
    house: &'a House,
    manager: Asking,
    month: usize,
    first: usize,
    numbers: HashMap<Key, usize>,
    finders: [Finder<'static>; 3],
    sent: Vec<Instant>,
    answered: Vec<Option<Instant>>,
    heard: Vec<(usize, Instant)>,
    expected: usize,
    /// So many at the start do not count.
    warm: usize,
}

impl<'a> Booked<'a> {
    /// `count` bookings from the number `first` on, in months from `month` on, heard by so many sockets.
    pub(super) fn new(
        house: &'a House,
        address: SocketAddr,
        month: usize,
        first: usize,
        count: usize,
        warm: usize,
        sockets: usize,
    ) -> anyhow::Result<Self> {
        let mut booked = Self {
            house,
            manager: house.manager(address),
            month,
            first,
            numbers: HashMap::with_capacity(count),
            finders: [BED, DAY, KIND].map(|text| Finder::new(text).into_owned()),
            sent: Vec::with_capacity(count),
            answered: vec![None; count],
            heard: Vec::with_capacity(count * sockets),
            expected: count * sockets,
            warm,
        };
        for n in 0..count {
            let body = booked.body(n);
            let Some(key) = booked.key(body.as_bytes()) else { bail!("a booking has no bed: {body}") };
            booked.numbers.insert(key, n);
        }
        Ok(booked)
    }

    fn body(&self, n: usize) -> String {
        let n = self.first + n;
        let place = n % PEOPLE;
        let (from, to) = month(self.month + n / PEOPLE);
        self.house.booking_of(place % ROOMS, place / ROOMS % BEDS, place, &from, &to).unwrap_or_default()
    }

    fn key(&self, payload: &[u8]) -> Option<Key> {
        let [bed, day, _] = &self.finders;
        let bed = payload.get(bed.find(payload)? + BED.len()..)?.get(..36)?;
        let day = payload.get(day.find(payload)? + DAY.len()..)?.get(..10)?;
        [bed, day].concat().try_into().ok()
    }

    /// From the request and from its answer to the socket: the p99 of both, in milliseconds, when every socket heard of
    /// every booking once.
    pub(super) fn conclude(self) -> anyhow::Result<(f64, f64)> {
        if self.heard.len() != self.expected {
            bail!("{} of {} deliveries came", self.heard.len(), self.expected);
        }
        let (mut request, mut commit) = (Histogram::new(), Histogram::new());
        for (n, at) in self.heard.into_iter().filter(|(n, _)| *n >= self.warm) {
            if let (Some(sent), Some(Some(answered))) = (self.sent.get(n), self.answered.get(n)) {
                request.record(at.saturating_duration_since(*sent));
                // An event may come before the answer of its own request was read: then it took no time.
                commit.record(at.saturating_duration_since(*answered));
            }
        }
        Ok((request.quantile(0.99), commit.quantile(0.99)))
    }
}

impl Trigger for Booked<'_> {
    fn request(&mut self, n: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.manager.bytes("POST", "/api/bookings", "", Some(&self.body(n))));
        true
    }

    fn sent(&mut self, _n: usize, due: Instant, _at: Instant) {
        self.sent.push(due);
    }

    fn answered(&mut self, n: usize, answer: &Answer, at: Instant) -> anyhow::Result<()> {
        if answer.status != 201 {
            bail!("a booking was answered by {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        if let Some(answered) = self.answered.get_mut(n) {
            *answered = Some(at);
        }
        Ok(())
    }

    fn heard(&mut self, _socket: usize, payload: &[u8], at: Instant) {
        let [_, _, kind] = &self.finders;
        if kind.find(payload).is_some()
            && let Some(n) = self.key(payload).and_then(|key| self.numbers.get(&key))
        {
            self.heard.push((*n, at));
        }
    }

    fn complete(&self) -> bool {
        self.heard.len() >= self.expected
    }
}
