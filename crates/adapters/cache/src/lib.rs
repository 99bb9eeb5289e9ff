//! A byte cache in process, keyed by generation: how a cached read can never bring back what a write replaced (J10, J20).
//!
//! A reader looks with [`GenerationCache::look`], which notes the generation of its topic and scope; when it finds nothing
//! it gets a [`Place`], loads, and stores there. A write bumps the generation after its commit and before it answers.
//! Whatever a slow reader stores afterwards lies under the old generation, for which nobody asks again. (Removing entries
//! instead does not stop a load that is under way.)
//!
//! Who looks for what somebody else is loading gets a [`Flight`] to wait for, so a cold key is loaded once however many
//! ask. A flight is joined by its whole key, generation included: its load began after the same writes that the joiner
//! must see.
//!
//! Beside it, [`Standings`] remembers who came in a moment ago.
//!
//! The byte cache knows neither what the bytes mean nor who writes.

mod flights;
mod generations;
pub mod limiter;
mod standings;
mod topics;

use std::{
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
pub use flights::Flight;
use flights::{Boarding, Flights, Pilot};
pub use generations::{Generation, Generations};
use moka::{Expiry, sync::Cache};
pub use standings::{Check, StandingLimits, Standings};
pub use topics::{Limits, Topic};
use uuid::Uuid;

#[derive(Clone)]
struct Entry {
    topic: Topic,
    bytes: Bytes,
}

struct Life(Limits);

impl Expiry<String, Entry> for Life {
    fn expire_after_create(&self, _key: &String, entry: &Entry, _at: Instant) -> Option<Duration> {
        Some(self.0.life(entry.topic))
    }

    // A key is written again only when its entry was on its way out: the new one lives its whole life.
    fn expire_after_update(
        &self,
        _key: &String,
        entry: &Entry,
        _at: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.0.life(entry.topic))
    }
}

/// What a look found.
#[derive(Debug)]
pub enum Found {
    /// These bytes.
    Hit(Bytes),
    /// Nothing yet: somebody is loading it.
    Pending(Flight),
    /// Nothing: load, then store here.
    Miss(Place),
}

/// Where a reader that found nothing may store what it loads: the key as it was before the load began. Made only by
/// looking, so nobody can store under a generation that was taken after the load. Dropping it gives up: those who wait are
/// told.
#[derive(Debug)]
pub struct Place {
    topic: Topic,
    pilot: Pilot,
}

/// How often a look found something, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Looks that found something.
    pub hits: u64,
    /// Looks that did not, those that waited for somebody else's load among them.
    pub misses: u64,
}

impl Counts {
    /// The part of looks that found something, from 0 to 1; 0 before the first.
    #[must_use]
    pub fn hit_rate(self) -> f64 {
        let looks = self.hits + self.misses;
        if looks == 0 { 0.0 } else { self.hits as f64 / looks as f64 }
    }
}

#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The cache. Cloning it shares it.
#[derive(Clone)]
pub struct GenerationCache {
    entries: Cache<String, Entry>,
    generations: Arc<Generations>,
    flights: Flights,
    tallies: Arc<[Tally; Topic::ALL.len()]>,
}

/// What an entry weighs beside its key and value: moka's own book-keeping, roughly.
const OVERHEAD_BYTES: usize = 128;

impl GenerationCache {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let entries = Cache::builder()
            .max_capacity(limits.max_bytes)
            .weigher(|key: &String, entry: &Entry| {
                u32::try_from(key.len() + entry.bytes.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            })
            .expire_after(Life(limits))
            .build();
        Self { entries, generations: Arc::default(), flights: Flights::default(), tallies: Arc::default() }
    }

    /// The generations, for whoever commits writes or hears of those of other nodes.
    #[must_use]
    pub const fn generations(&self) -> &Arc<Generations> {
        &self.generations
    }

    /// Looks for the answer to a canonical query (same question, same text) in a scope: the hostel, room or account whose
    /// writes outdate it. The generation is taken now: load only after this.
    pub fn look(&self, topic: Topic, scope: Uuid, query: &str) -> Found {
        let key = self.key(topic, scope, query);
        if let Some(entry) = self.entries.get(&key) {
            self.count(topic, |tally| &tally.hits);
            return Found::Hit(entry.bytes);
        }
        self.count(topic, |tally| &tally.misses);
        // The answer may have been stored since, by a flight that is over: then it is there already.
        let landed = |key: &str| self.entries.get(key).map(|entry| entry.bytes);
        match self.flights.board(key, landed) {
            Boarding::Landed(bytes) => Found::Hit(bytes),
            Boarding::Passenger(flight) => Found::Pending(flight),
            Boarding::Pilot(pilot) => Found::Miss(Place { topic, pilot }),
        }
    }

    /// Stores what was loaded after the look that gave the place, and hands it to those who wait.
    pub fn store(&self, place: Place, bytes: Bytes) {
        // Stored before the flight ends: who comes between the two finds one or the other.
        self.entries.insert(place.pilot.key().to_owned(), Entry { topic: place.topic, bytes: bytes.clone() });
        place.pilot.land(bytes);
    }

    /// How often a look found something, over all topics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts_by_topic().into_iter().fold(Counts::default(), |sum, (_, counts)| Counts {
            hits: sum.hits + counts.hits,
            misses: sum.misses + counts.misses,
        })
    }

    /// How often a look found something, topic by topic.
    #[must_use]
    pub fn counts_by_topic(&self) -> [(Topic, Counts); Topic::ALL.len()] {
        Topic::ALL.map(|topic| {
            let counts = self.tallies.get(topic as usize).map_or_else(Counts::default, |tally| Counts {
                hits: tally.hits.load(Ordering::Relaxed),
                misses: tally.misses.load(Ordering::Relaxed),
            });
            (topic, counts)
        })
    }

    fn key(&self, topic: Topic, scope: Uuid, query: &str) -> String {
        let mut key = String::with_capacity(query.len() + 96);
        let generation = self.generations.current(topic, scope);
        // Writing into a string does not fail.
        let _ = write!(key, "{}:{scope}:{generation}:{query}", topic.as_str());
        key
    }

    fn count(&self, topic: Topic, which: impl FnOnce(&Tally) -> &AtomicU64) {
        if let Some(tally) = self.tallies.get(topic as usize) {
            which(tally).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for GenerationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerationCache")
            .field("entries", &self.entries.entry_count())
            .field("bytes", &self.entries.weighted_size())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
