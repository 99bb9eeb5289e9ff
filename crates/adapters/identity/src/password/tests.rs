//! The hasher against the library's own verifier, and the pool under load.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};

use super::*;
use crate::fixture;

const RIGHT: &str = "correct horse battery staple";

fn small() -> PoolSettings {
    let parameters = Argon2Parameters { memory: 1_024, passes: 2, lanes: 1 };
    PoolSettings { workers: 2, parameters, ..PoolSettings::default() }
}

fn hasher(settings: PoolSettings) -> Arc<Argon2Hasher> {
    Arc::new(Argon2Hasher::start_with(settings, fixture::secrets()).unwrap())
}

/// A hash of the right password, made by the library with parameters of one's own.
fn made(algorithm: &str, version: u32, memory: u32, passes: u32, output: usize) -> PasswordHash {
    let parameters = Params::new(memory, passes, 1, Some(output)).unwrap();
    let phc = Argon2::default()
        .hash_password_customized(RIGHT.as_bytes(), &[5; 16], Some(algorithm), Some(version), parameters)
        .unwrap();
    PasswordHash::new(phc.to_string())
}

#[tokio::test]
async fn a_password_verifies_against_its_own_hash_only() {
    let hasher = hasher(PoolSettings { workers: 1, ..PoolSettings::default() });
    let hash = hasher.hash(&Password::new(RIGHT)).await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
    let right = hasher.verify(&Password::new(RIGHT), Some(&hash)).await.unwrap();
    assert_eq!(right, Verified { matches: true, outdated: false });
    let wrong = hasher.verify(&Password::new("Correct horse battery staple"), Some(&hash)).await.unwrap();
    assert_eq!(wrong, Verified { matches: false, outdated: false });
    assert_eq!(hasher.hashes_computed(), 3);
    assert_ne!(
        hasher.hash(&Password::new(RIGHT)).await.unwrap().as_str(),
        hash.as_str(),
        "every hash has its own salt"
    );
}

#[tokio::test]
async fn the_phc_text_is_understood_by_the_library_and_the_other_way_round() {
    let hasher = hasher(small());
    let hash = hasher.hash(&Password::new(RIGHT)).await.unwrap();
    let phc = Phc::new(hash.as_str()).unwrap();
    assert!(Argon2::default().verify_password(RIGHT.as_bytes(), &phc).is_ok());
    assert!(Argon2::default().verify_password(b"wrong", &phc).is_err());
    let theirs = made("argon2id", 0x13, 1_024, 2, 32);
    let verified = hasher.verify(&Password::new(RIGHT), Some(&theirs)).await.unwrap();
    assert_eq!(verified, Verified { matches: true, outdated: false });
}

#[tokio::test]
async fn weaker_hashes_verify_and_are_outdated() {
    let hasher = hasher(small());
    for weaker in [
        made("argon2id", 0x13, 512, 2, 32),
        made("argon2id", 0x13, 1_024, 1, 32),
        made("argon2id", 0x13, 1_024, 2, 16),
        made("argon2id", 0x10, 1_024, 2, 32),
        made("argon2i", 0x13, 1_024, 2, 32),
        made("argon2d", 0x13, 1_024, 2, 32),
    ] {
        let verified = hasher.verify(&Password::new(RIGHT), Some(&weaker)).await.unwrap();
        assert_eq!(verified, Verified { matches: true, outdated: true }, "{}", weaker.as_str());
    }
}

#[tokio::test]
async fn a_stronger_hash_verifies_and_its_memory_is_given_back() {
    let hasher = hasher(small());
    let before = hasher.load().memory;
    let stronger = made("argon2id", 0x13, 4_096, 3, 32);
    let verified = hasher.verify(&Password::new(RIGHT), Some(&stronger)).await.unwrap();
    assert_eq!(verified, Verified { matches: true, outdated: false });
    let load = hasher.load();
    assert_eq!(load.memory, before);
    assert_eq!(load.most_memory, before + 4_096 * 1_024);
}

#[tokio::test]
async fn an_unknown_account_costs_exactly_one_hash_and_never_matches() {
    let hasher = hasher(small());
    let verified = hasher.verify(&Password::new(RIGHT), None).await.unwrap();
    assert_eq!(verified, Verified { matches: false, outdated: false });
    assert_eq!(hasher.hashes_computed(), 1);
    let hash = hasher.hash(&Password::new(RIGHT)).await.unwrap();
    hasher.verify(&Password::new(RIGHT), Some(&hash)).await.unwrap();
    assert_eq!(hasher.hashes_computed(), 3);
    let stored = Stored::read(&hash, hasher.today.params()).unwrap();
    assert_eq!(stored.argon2.params(), hasher.dummy.argon2.params(), "the dummy has today's parameters");
}

#[tokio::test]
async fn memory_is_taken_for_the_first_hash_and_given_back_in_quiet_times() {
    let pool = Pool::start(2, 1_024, 8, Duration::from_secs(1), Duration::from_millis(20)).unwrap();
    assert_eq!(pool.counters().memory.load(Ordering::SeqCst), 0);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1_024, 2, 1, Some(32)).unwrap());
    let work = Work { argon2, password: Zeroizing::new(b"x".to_vec()), salt: vec![7; 16], output: 32 };
    pool.compute(work).await.unwrap();
    assert!(pool.counters().most_memory.load(Ordering::SeqCst) > 0);
    let until = Instant::now() + Duration::from_secs(10);
    while pool.counters().memory.load(Ordering::SeqCst) > 0 {
        assert!(Instant::now() < until, "the memory is still held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_damaged_hash_is_our_fault_and_costs_one_hash_too() {
    let hasher = hasher(small());
    let planted =
        "$argon2id$v=19$m=4294967295,t=2,p=1$BQUFBQUFBQUFBQUFBQUFBQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let damaged = ["", "plain", "$2b$10$abcdefghijklmnopqrstuu", "$argon2id$v=19$m=1024,t=2,p=1", planted];
    for (number, text) in damaged.into_iter().enumerate() {
        let verdict = hasher.verify(&Password::new(RIGHT), Some(&PasswordHash::new(text))).await;
        assert_eq!(verdict, Err(HashingError::Failed), "{text}");
        assert_eq!(hasher.hashes_computed(), number as u64 + 1);
    }
    assert!(hasher.load().most_memory <= 2 * 1_024 * 1_024, "what a hash asks for is not taken on trust");
}

#[tokio::test]
async fn a_password_of_more_than_1024_bytes_is_refused_before_hashing() {
    let hasher = hasher(small());
    let long = Password::new("é".repeat(513));
    assert_eq!(hasher.hash(&long).await.unwrap_err(), HashingError::Failed);
    assert_eq!(hasher.verify(&long, None).await, Err(HashingError::Failed));
    assert_eq!(hasher.hashes_computed(), 0);
    assert!(hasher.hash(&Password::new("é".repeat(512))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_parallel_verifications_stay_within_the_pool_and_its_memory() {
    let settings = PoolSettings { workers: 2, ..PoolSettings::default() };
    let hasher = hasher(settings);
    let hash = hasher.hash(&Password::new(RIGHT)).await.unwrap();
    let barrier = Arc::new(tokio::sync::Barrier::new(200));
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (hasher, hash, barrier) = (Arc::clone(&hasher), hash.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                hasher.verify(&Password::new(RIGHT), Some(&hash)).await
            })
        })
        .collect();
    let (mut right, mut busy) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(verified) => {
                assert!(verified.matches);
                right += 1;
            }
            Err(HashingError::Busy) => busy += 1,
            Err(HashingError::Failed) => panic!("a hash failed"),
        }
    }
    let load = hasher.load();
    assert_eq!(right + busy, 200);
    assert!(busy > 0, "200 calls are more than 2 working and 64 waiting");
    assert!(right >= 2, "{right}");
    assert_eq!(hasher.hashes_computed(), 1 + right, "who was told to come again cost no hash");
    assert_eq!(load.most_working, 2, "they really overlapped, and never more");
    assert_eq!(load.most_memory, 2 * 19_456 * 1_024, "memory is taken once a worker, not once a hash");
    assert_eq!((load.working, load.waiting), (0, 0));
}

#[tokio::test]
async fn overload_is_told_to_come_again_at_once_when_the_queue_is_full_and_after_patience_when_not() {
    let patience = Duration::from_millis(700);
    let hasher = hasher(PoolSettings { workers: 1, queue: 1, patience, ..small() });
    let verify = || {
        let hasher = Arc::clone(&hasher);
        tokio::spawn(async move { hasher.verify(&Password::new(RIGHT), None).await })
    };
    let place = hasher.pool.occupy();
    let began = Instant::now();
    let waiting = verify();
    while hasher.load().waiting == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(verify().await.unwrap(), Err(HashingError::Busy), "the queue is full");
    assert_eq!(hasher.load().waiting, 1, "and that was not the one that waits");
    assert!(began.elapsed() < patience, "at once");
    assert_eq!(waiting.await.unwrap(), Err(HashingError::Busy), "its patience is over");
    assert!(began.elapsed() >= patience);
    assert_eq!((hasher.hashes_computed(), hasher.load().waiting), (0, 0));

    let waiting = verify();
    while hasher.load().waiting == 0 {
        tokio::task::yield_now().await;
    }
    drop(place);
    assert!(waiting.await.unwrap().is_ok(), "who waits gets the place that becomes free");
    assert_eq!(hasher.hashes_computed(), 1);
}

#[tokio::test]
async fn callers_that_go_away_free_their_place_and_break_nothing() {
    let hasher = hasher(PoolSettings { workers: 1, queue: 4, ..small() });
    for _ in 0..20 {
        let calls: Vec<_> = (0..5)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify(&Password::new(RIGHT), None).await })
            })
            .collect();
        tokio::task::yield_now().await;
        for call in &calls {
            call.abort();
        }
        for call in calls {
            let _ = call.await;
        }
        assert_eq!(hasher.load().waiting, 0);
    }
    let hash = hasher.hash(&Password::new(RIGHT)).await.unwrap();
    assert!(hasher.verify(&Password::new(RIGHT), Some(&hash)).await.unwrap().matches);
    assert_eq!(hasher.load().working, 0);
}

#[tokio::test]
async fn dropping_the_hasher_ends_its_threads() {
    let hasher = hasher(small());
    let held = Arc::downgrade(hasher.pool.shared_counters());
    drop(hasher);
    for _ in 0..1_000 {
        if held.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the threads go on");
}

#[test]
fn unusable_parameters_do_not_start() {
    let parameters = Argon2Parameters { memory: 1, passes: 0, lanes: 1 };
    let outcome = Argon2Hasher::start_with(PoolSettings { parameters, ..small() }, fixture::secrets());
    assert!(matches!(outcome.err(), Some(HasherStartError::Parameters(_))));
}
