//! The cache as its callers use it.

use std::{
    sync::{Barrier, mpsc},
    thread,
};

use super::*;

const fn scope(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

#[track_caller]
fn miss(cache: &GenerationCache, query: &str) -> Place {
    match cache.look(Topic::Rooms, scope(1), query) {
        Found::Miss(place) => place,
        other => panic!("expected nothing, found {other:?}"),
    }
}

#[track_caller]
fn hit(cache: &GenerationCache, query: &str) -> Bytes {
    match cache.look(Topic::Rooms, scope(1), query) {
        Found::Hit(bytes) => bytes,
        other => panic!("expected a hit, found {other:?}"),
    }
}

#[track_caller]
fn pending(cache: &GenerationCache, query: &str) -> Flight {
    match cache.look(Topic::Rooms, scope(1), query) {
        Found::Pending(flight) => flight,
        other => panic!("expected somebody to be loading, found {other:?}"),
    }
}

#[test]
fn what_was_stored_is_found_under_its_own_topic_scope_and_query_only() {
    let cache = GenerationCache::new(Limits::default());
    cache.store(miss(&cache, "page=1"), Bytes::from_static(b"one"));
    assert_eq!(hit(&cache, "page=1"), "one");
    drop(miss(&cache, "page=2"));
    assert!(matches!(cache.look(Topic::Rooms, scope(2), "page=1"), Found::Miss(_)));
    assert!(matches!(cache.look(Topic::Availability, scope(1), "page=1"), Found::Miss(_)));
    assert_eq!(cache.counts(), Counts { hits: 1, misses: 4 });
    let by_topic = cache.counts_by_topic();
    assert_eq!(by_topic[0], (Topic::Rooms, Counts { hits: 1, misses: 3 }));
    assert_eq!(by_topic[1], (Topic::Availability, Counts { hits: 0, misses: 1 }));
    assert!((by_topic[0].1.hit_rate() - 0.25).abs() < f64::EPSILON);
    assert!(Counts::default().hit_rate().abs() < f64::EPSILON);
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
    let joined_before = pending(&cache, "all");
    cache.generations().bump(Topic::Rooms, scope(1));
    // Who comes after the write joins no load that began before it.
    cache.store(miss(&cache, "all"), Bytes::from_static(b"new"));
    go_on.send(()).unwrap();
    reader.join().unwrap();
    assert_eq!(hit(&cache, "all"), "new");
    assert_eq!(pollster::block_on(joined_before.landed()).unwrap(), "old", "it asked before the write was answered");
    cache.generations().bump_topic(Topic::Rooms);
    miss(&cache, "all");
}

#[test]
fn a_hundred_who_ask_at_once_load_once() {
    const READERS: usize = 100;
    let cache = GenerationCache::new(Limits::default());
    let (together, loads, waited) = (Barrier::new(READERS), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|threads| {
        for _ in 0..READERS {
            threads.spawn(|| {
                together.wait();
                let bytes = match cache.look(Topic::Rooms, scope(1), "all") {
                    Found::Hit(bytes) => bytes,
                    Found::Pending(flight) => {
                        waited.fetch_add(1, Ordering::SeqCst);
                        pollster::block_on(flight.landed()).unwrap()
                    }
                    Found::Miss(place) => {
                        loads.fetch_add(1, Ordering::SeqCst);
                        // The load lasts until somebody waits for it: they really overlapped.
                        while waited.load(Ordering::SeqCst) == 0 {
                            thread::yield_now();
                        }
                        cache.store(place, Bytes::from_static(b"once"));
                        hit(&cache, "all")
                    }
                };
                assert_eq!(bytes, "once");
            });
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(cache.flights.under_way(), 0);
}

#[test]
fn a_load_that_is_given_up_keeps_nobody_waiting() {
    let cache = GenerationCache::new(Limits::default());
    let place = miss(&cache, "all");
    let (one, two) = (pending(&cache, "all"), pending(&cache, "all"));
    drop(place);
    assert_eq!(pollster::block_on(one.landed()), None);
    assert_eq!(pollster::block_on(two.landed()), None);
    cache.store(miss(&cache, "all"), Bytes::from_static(b"next"));
    assert_eq!(hit(&cache, "all"), "next");
}

#[test]
fn an_entry_ends_after_its_life() {
    let cache = GenerationCache::new(Limits { rooms: Duration::from_millis(30), ..Limits::default() });
    cache.store(miss(&cache, "all"), Bytes::from_static(b"x"));
    let Found::Miss(place) = cache.look(Topic::Settings, scope(1), "") else { panic!("nobody stored settings") };
    cache.store(place, Bytes::from_static(b"kept for a day"));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match cache.look(Topic::Rooms, scope(1), "all") {
            Found::Miss(_) => break,
            _ if Instant::now() > deadline => panic!("it is still there"),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    assert!(matches!(cache.look(Topic::Settings, scope(1), ""), Found::Hit(_)), "each topic has its own life");
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
