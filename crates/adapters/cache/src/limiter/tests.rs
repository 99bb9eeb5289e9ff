//! The limiter against a model that remembers everything, under threads, and under a flood of keys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use domicile_kernel::Instant;
use proptest::prelude::*;

use super::{Quota, SlidingLimiter, Subject};

const START: i64 = 1_768_905_000_000_000;

fn at(micros: i64) -> Instant {
    Instant::from_micros(START + micros)
}

fn who(number: u128) -> Subject<'static> {
    Subject { numbers: [number, 0], text: "" }
}

fn quota(most: u32, millis: u64) -> Quota {
    Quota { most, window: Duration::from_millis(millis) }
}

/// Remembers every pass, and counts them anew each time.
#[derive(Default)]
struct Model(Vec<i64>);

impl Model {
    fn take(&mut self, quota: Quota, now: i64) -> (bool, u32, i64) {
        let window = quota.window.as_micros() as i64;
        let mut live: Vec<i64> = self.0.iter().copied().filter(|passed| now - passed < window).collect();
        let allowed = live.len() < quota.most as usize;
        if allowed {
            live.push(now);
            self.0.push(now);
        }
        let next = live.len().saturating_sub(quota.most as usize);
        (allowed, quota.most.saturating_sub(live.len() as u32), live[next] + window)
    }
}

#[derive(Debug, Clone)]
struct Ask {
    after: i64,
    who: u128,
    most: u32,
    back: bool,
}

fn asks(step: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Ask>> {
    let ask = (step, 0..3_u128, 1..6_u32, proptest::bool::weighted(0.2));
    let ask = ask.prop_map(|(after, who, most, back)| Ask { after, who, most, back });
    proptest::collection::vec(ask, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// In whole milliseconds the two agree on everything, whatever the quota is from one time to the next.
    #[test]
    fn it_decides_as_one_who_remembers_everything(asks in asks(0..700_i64)) {
        let limiter = SlidingLimiter::new(1_000);
        let mut models: [Model; 3] = Default::default();
        let mut now = 0;
        for ask in asks {
            now += ask.after * 1_000;
            let quota = quota(ask.most, 1_500);
            let model = &mut models[ask.who as usize];
            let standing = limiter.take("rule", &who(ask.who), quota, at(now));
            let (allowed, remaining, reset) = model.take(quota, now);
            prop_assert_eq!((standing.allowed, standing.remaining, standing.reset), (allowed, remaining, at(reset)));
            if ask.back && allowed {
                limiter.give_back(standing.receipt);
                model.0.pop();
            }
        }
    }

    /// Between milliseconds it may be up to two of them late, and is never early.
    #[test]
    fn no_window_anywhere_holds_more_than_the_quota(steps in proptest::collection::vec(0..400_123_i64, 1..300)) {
        let limiter = SlidingLimiter::new(1_000);
        let (most, window) = (4, 1_000_000);
        let (mut now, mut passed) = (0, Vec::new());
        for step in steps {
            now += step;
            let crowd = passed.iter().filter(|then| now - **then < window + 2_000).count();
            if limiter.take("rule", &who(1), quota(most, 1_000), at(now)).allowed {
                passed.push(now);
            } else {
                prop_assert!(crowd >= most as usize, "refused with {} in the window", crowd);
            }
        }
        for group in passed.windows(most as usize + 1) {
            prop_assert!(group[most as usize] - group[0] >= window, "{:?}", group);
        }
    }
}

#[test]
fn five_in_fifteen_minutes_means_it() {
    let limiter = SlidingLimiter::new(1_000);
    let five = quota(5, 15 * 60_000);
    let minute = 60_000_000;
    for (n, remaining) in (0..5).zip([4, 3, 2, 1, 0]) {
        let standing = limiter.take("login", &who(1), five, at(n * minute));
        assert!(standing.allowed);
        assert_eq!((standing.limit, standing.remaining, standing.reset), (5, remaining, at(15 * minute)));
    }
    // A bucket that refills would let one through each three minutes; here nobody passes until the first is past.
    for n in 5..15 {
        assert!(!limiter.take("login", &who(1), five, at(n * minute)).allowed, "minute {n}");
    }
    assert!(!limiter.take("login", &who(1), five, at(15 * minute - 1)).allowed);
    assert!(limiter.take("login", &who(1), five, at(15 * minute)).allowed);
    // And then one by one, as they came.
    let standing = limiter.take("login", &who(1), five, at(15 * minute));
    assert!(!standing.allowed);
    assert_eq!(standing.reset, at(16 * minute));
}

#[test]
fn rules_and_subjects_do_not_share() {
    let limiter = SlidingLimiter::new(1_000);
    let one = quota(1, 1_000);
    let subjects =
        [who(1), who(2), Subject { numbers: [0, 1], text: "" }, Subject { numbers: [1, 0], text: "ama@x.example" }];
    for rule in ["a", "b"] {
        for subject in &subjects {
            assert!(limiter.take(rule, subject, one, at(0)).allowed);
            assert!(!limiter.take(rule, subject, one, at(0)).allowed);
        }
    }
    assert_eq!(limiter.keys(), 8);
}

#[test]
fn of_two_hundred_at_once_exactly_as_many_pass_as_may() {
    let limiter = Arc::new(SlidingLimiter::new(1_000));
    let passed = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..200)
        .map(|_| {
            let (limiter, passed) = (Arc::clone(&limiter), Arc::clone(&passed));
            thread::spawn(move || {
                if limiter.take("rule", &who(1), quota(30, 60_000), at(0)).allowed {
                    passed.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(passed.load(Ordering::Relaxed), 30);
}

#[test]
fn a_flood_of_keys_pushes_out_its_own_and_not_who_is_refused() {
    const BOUND: usize = 6_400;
    let limiter = SlidingLimiter::new(BOUND);
    let five = quota(5, 900_000);
    for victim in 0..50 {
        for _ in 0..5 {
            assert!(limiter.take("login", &who(victim), five, at(0)).allowed);
        }
    }
    for flood in 0..20 * BOUND as u128 {
        assert!(limiter.take("login", &who(1_000 + flood), five, at(1_000)).allowed);
    }
    assert!(limiter.keys() <= BOUND, "{limiter:?}");
    for victim in 0..50 {
        assert!(!limiter.take("login", &who(victim), five, at(2_000)).allowed, "{victim} was forgotten");
    }
}

#[test]
fn keys_whose_time_is_over_are_forgotten() {
    let limiter = SlidingLimiter::new(100_000);
    for number in 0..10_000 {
        limiter.take("rule", &who(number), quota(5, 1_000), at(0));
    }
    // New keys make old ones go, two for one.
    for number in 10_000..18_000 {
        limiter.take("rule", &who(number), quota(5, 1_000), at(2_000_000));
    }
    assert!(limiter.keys() < 9_000, "{limiter:?}");
    limiter.sweep(at(4_000_000));
    assert_eq!(limiter.keys(), 0);
}

#[test]
fn a_clock_that_is_set_back_does_not_shut_anybody_out_for_longer() {
    let limiter = SlidingLimiter::new(1_000);
    let two = quota(2, 60_000);
    let hour = 3_600_000_000;
    for _ in 0..2 {
        assert!(limiter.take("rule", &who(1), two, at(hour)).allowed);
    }
    assert!(!limiter.take("rule", &who(1), two, at(0)).allowed);
    assert!(!limiter.take("rule", &who(1), two, at(59_000_000)).allowed);
    assert!(limiter.take("rule", &who(1), two, at(60_000_000)).allowed);
}

#[test]
fn stamps_do_not_outgrow_their_bits() {
    let limiter = SlidingLimiter::new(1_000);
    let day = 86_400_000_000;
    let three = quota(3, 20 * 24 * 3_600_000);
    let mut passed = Vec::new();
    for n in 0..400 {
        if limiter.take("rule", &who(1), three, at(n * day)).allowed {
            passed.push(n);
        }
    }
    for group in passed.windows(4) {
        assert!(group[3] - group[0] >= 20, "{group:?}");
    }
    assert_eq!(passed.len(), 60);
}
