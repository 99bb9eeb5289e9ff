//! A byte cache in process, keyed by generation: how a cached read can never bring back what a write replaced (J10, J20).
//!
//! A reader looks with [`GenerationCache::look`], which notes the generation of its topic and hostel; when it finds
//! nothing it gets a [`Place`], loads, and stores there. A write bumps the generation after its commit and before it
//! answers. Whatever a slow reader stores afterwards lies under the old generation, for which nobody asks again. (Removing
//! entries instead does not stop a load that is under way.)
//!
//! This crate knows neither what the bytes mean nor who writes.

mod generations;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use domicile_kernel::HostelId;
pub use generations::Generations;
use moka::{Expiry, sync::Cache};

/// What is cached. Closed, so that a hostel's generations are as many as there are topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Room lists (J20).
    Rooms,
}

impl Topic {
    /// The word that its keys begin with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
        }
    }
}

/// How much is kept, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Keys and values together, in bytes.
    pub max_bytes: u64,
    /// How long a room list is kept.
    pub rooms: Duration,
}

impl Default for Limits {
    /// 64 MiB; room lists for five minutes, as printed (J20).
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 * 1024, rooms: Duration::from_mins(5) }
    }
}

impl Limits {
    const fn life(&self, topic: Topic) -> Duration {
        match topic {
            Topic::Rooms => self.rooms,
        }
    }
}

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
}

/// What a look found.
#[derive(Debug)]
pub enum Found {
    /// These bytes.
    Hit(Bytes),
    /// Nothing: load, then store here.
    Miss(Place),
}

/// Where a reader that found nothing may store what it loads: the key as it was before the load began. Made only by
/// looking, so nobody can store under a generation that was taken after the load.
#[derive(Debug)]
pub struct Place {
    topic: Topic,
    key: String,
}

/// How often a look found something, since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Looks that found something.
    pub hits: u64,
    /// Looks that did not.
    pub misses: u64,
}

/// The cache. Cloning it shares it.
#[derive(Clone)]
pub struct GenerationCache {
    entries: Cache<String, Entry>,
    generations: Arc<Generations>,
    hits: Arc<AtomicU64>,
    misses: Arc<AtomicU64>,
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
        Self { entries, generations: Arc::default(), hits: Arc::default(), misses: Arc::default() }
    }

    /// The generations, for whoever commits writes or hears of those of other nodes.
    #[must_use]
    pub const fn generations(&self) -> &Arc<Generations> {
        &self.generations
    }

    /// Looks for the answer to a canonical query (same question, same text). The generation is taken now: load only after
    /// this.
    pub fn look(&self, topic: Topic, hostel: HostelId, query: &str) -> Found {
        let generation = self.generations.current(topic, hostel);
        let key = format!("{}:{hostel}:{generation}:{query}", topic.as_str());
        if let Some(entry) = self.entries.get(&key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Found::Hit(entry.bytes);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        Found::Miss(Place { topic, key })
    }

    /// Stores what was loaded after the look that gave the place.
    pub fn store(&self, place: Place, bytes: Bytes) {
        self.entries.insert(place.key, Entry { topic: place.topic, bytes });
    }

    /// How often a look found something.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
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
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    fn hostel(n: u128) -> HostelId {
        HostelId::new(uuid::Uuid::from_u128(n))
    }

    fn miss(cache: &GenerationCache, query: &str) -> Place {
        match cache.look(Topic::Rooms, hostel(1), query) {
            Found::Miss(place) => place,
            Found::Hit(bytes) => panic!("expected nothing, found {bytes:?}"),
        }
    }

    fn hit(cache: &GenerationCache, query: &str) -> Bytes {
        match cache.look(Topic::Rooms, hostel(1), query) {
            Found::Hit(bytes) => bytes,
            Found::Miss(_) => panic!("expected a hit"),
        }
    }

    #[test]
    fn what_was_stored_is_found_under_its_own_query_only() {
        let cache = GenerationCache::new(Limits::default());
        cache.store(miss(&cache, "page=1"), Bytes::from_static(b"one"));
        assert_eq!(hit(&cache, "page=1"), "one");
        miss(&cache, "page=2");
        assert!(matches!(cache.look(Topic::Rooms, hostel(2), "page=1"), Found::Miss(_)));
        assert_eq!(cache.counts(), Counts { hits: 1, misses: 3 });
    }

    #[test]
    fn a_load_held_open_across_a_write_cannot_bring_the_old_value_back() {
        let cache = GenerationCache::new(Limits::default());
        let (loaded, load_is_done) = mpsc::channel();
        let (go_on, written) = mpsc::channel();
        let reader = {
            let cache = cache.clone();
            thread::spawn(move || {
                let place = miss(&cache, "all");
                let old = Bytes::from_static(b"old");
                loaded.send(()).unwrap();
                written.recv().unwrap();
                cache.store(place, old);
            })
        };
        load_is_done.recv().unwrap();
        cache.generations().bump(Topic::Rooms, hostel(1));
        cache.store(miss(&cache, "all"), Bytes::from_static(b"new"));
        go_on.send(()).unwrap();
        reader.join().unwrap();
        assert_eq!(hit(&cache, "all"), "new");
        cache.generations().bump(Topic::Rooms, hostel(1));
        miss(&cache, "all");
    }

    #[test]
    fn an_entry_ends_after_its_life() {
        let cache = GenerationCache::new(Limits { rooms: Duration::from_millis(30), ..Limits::default() });
        cache.store(miss(&cache, "all"), Bytes::from_static(b"x"));
        thread::sleep(Duration::from_millis(60));
        miss(&cache, "all");
    }

    #[test]
    fn the_cache_does_not_outgrow_its_bound() {
        let cache = GenerationCache::new(Limits { max_bytes: 100_000, ..Limits::default() });
        for n in 0..500 {
            let query = format!("page={n}");
            cache.store(miss(&cache, &query), Bytes::from(vec![0; 1_000]));
        }
        cache.entries.run_pending_tasks();
        assert!(cache.entries.weighted_size() <= 100_000, "{cache:?}");
        assert!(cache.entries.entry_count() > 50, "{cache:?}");
        cache.store(miss(&cache, "huge"), Bytes::from(vec![0; 200_000]));
        cache.entries.run_pending_tasks();
        miss(&cache, "huge");
    }
}
