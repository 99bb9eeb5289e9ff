//! Who came in a moment ago, remembered in process: the hot half of letting a request in (J10).
//!
//! Forgetting ends a generation: of a session, of an account, of a hostel, or of everything. An entry carries the four that
//! it was made under and is recalled only while all four are the present ones, so forgetting is a few additions whatever
//! is remembered. What was loaded before something was forgotten cannot be kept after it: the order of the counters in
//! [`Standings::end`] and [`StandingMemory::keep`] sees to that, without a lock between the two.
//!
//! What other nodes forget arrives by a poll. [`Standings::checked`] is told of each that succeeded, and when the last one
//! began longer ago than [`StandingLimits::trusted`] nothing is recalled: a dead poller costs speed, never safety.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, DefaultHasher, Hash, Hasher, RandomState},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_access::ports::{Moment, Standing, StandingMemory};
use domicile_kernel::{AccountId, HostelId, SessionId};
use uuid::Uuid;

/// How much is remembered, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingLimits {
    /// At most about this many sessions, each counted once for every hostel it is used in.
    pub entries: usize,
    /// How long one is remembered.
    pub life: Duration,
    /// How old the last check of what other nodes ended may be.
    pub trusted: Duration,
}

impl Default for StandingLimits {
    /// 100,000, for a minute, trusted for a second after a check began.
    fn default() -> Self {
        Self { entries: 100_000, life: Duration::from_mins(1), trusted: Duration::from_secs(1) }
    }
}

/// When a check of what other nodes ended began. Take it before asking.
#[derive(Debug, Clone, Copy)]
pub struct Check(u64);

/// Tells how long ago the memory was made: monotonic, and a test's own.
type Elapsed = Box<dyn Fn() -> Duration + Send + Sync>;

/// The memory. It never waits for anything but the short critical sections of its own shards.
pub struct Standings {
    limits: StandingLimits,
    elapsed: Elapsed,
    /// Microseconds at which the last successful check began, plus one; 0 before the first.
    checked: AtomicU64,
    /// Every forgetting there was: what a moment is a reading of.
    forgettings: AtomicU64,
    /// Forgettings of everything.
    everything: AtomicU64,
    /// Those of one session, account or hostel. Two that share a counter only make each other load once more.
    counters: Box<[AtomicU64]>,
    shards: Box<[Mutex<HashMap<Key, Entry>>]>,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
}

type Key = (SessionId, Option<HostelId>);

/// The generations an entry was made under.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Under {
    everything: u64,
    session: u64,
    account: u64,
    hostel: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    standing: Standing,
    under: Under,
    /// Microseconds.
    made: u64,
}

/// 128 KiB of counters.
const COUNTERS: usize = 16_384;
/// Enough that two requests seldom meet at one.
const SHARDS: usize = 64;

impl Default for Standings {
    fn default() -> Self {
        Self::new(StandingLimits::default())
    }
}

impl Standings {
    /// An empty memory, which recalls nothing before the first check.
    #[must_use]
    pub fn new(limits: StandingLimits) -> Self {
        let made = Instant::now();
        Self::timed(limits, Box::new(move || made.elapsed()))
    }

    fn timed(limits: StandingLimits, elapsed: Elapsed) -> Self {
        Self {
            limits,
            elapsed,
            checked: AtomicU64::new(0),
            forgettings: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Begins a check of what other nodes ended. To be called before the store is asked.
    #[must_use]
    pub fn check(&self) -> Check {
        Check(self.now())
    }

    /// A check succeeded, and all that it found was forgotten here: what is remembered may be trusted for a while from when it
    /// began.
    pub fn checked(&self, check: Check) {
        self.checked.fetch_max(check.0.saturating_add(1), Ordering::AcqRel);
    }

    /// How many recalls found something, and how many did not, since the process began.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Microseconds since the memory was made.
    fn now(&self) -> u64 {
        u64::try_from((self.elapsed)().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_trusted(&self, now: u64) -> bool {
        let checked = self.checked.load(Ordering::Acquire);
        checked > 0 && now.saturating_sub(checked - 1) <= self.limits.trusted.as_micros() as u64
    }

    fn counter(&self, of: Uuid) -> Option<&AtomicU64> {
        // Ids are no secrets and collisions only cost a load, so a hasher without a key will do.
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        self.counters.get(hasher.finish() as usize % COUNTERS)
    }

    fn generation(&self, of: Uuid) -> u64 {
        self.counter(of).map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    fn under(&self, (session, hostel): &Key, account: AccountId) -> Under {
        Under {
            everything: self.everything.load(Ordering::SeqCst),
            session: self.generation(session.uuid()),
            account: self.generation(account.uuid()),
            hostel: hostel.map_or(0, |hostel| self.generation(hostel.uuid())),
        }
    }

    /// Ends a generation. The count of all forgettings first: whoever sees the new generation then also sees that something
    /// was forgotten since they looked, unless they looked after the change was committed.
    fn end(&self, counter: Option<&AtomicU64>) {
        self.forgettings.fetch_add(1, Ordering::SeqCst);
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn shard(&self, key: &Key) -> Option<&Mutex<HashMap<Key, Entry>>> {
        self.shards.get(self.hasher.hash_one(key) as usize % SHARDS)
    }

    fn find(&self, key: &Key) -> Option<Standing> {
        let now = self.now();
        if !self.is_trusted(now) {
            return None;
        }
        let shard = self.shard(key)?;
        let entry = *shard.lock().unwrap_or_else(PoisonError::into_inner).get(key)?;
        let young = now.saturating_sub(entry.made) < self.limits.life.as_micros() as u64;
        (young && entry.under == self.under(key, entry.standing.account)).then_some(entry.standing)
    }
}

impl StandingMemory for Standings {
    fn recall(&self, session: SessionId, hostel: Option<HostelId>) -> Option<Standing> {
        let found = self.find(&(session, hostel));
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn moment(&self) -> Moment {
        Moment(self.forgettings.load(Ordering::SeqCst))
    }

    fn keep(&self, moment: Moment, session: SessionId, hostel: Option<HostelId>, standing: &Standing) {
        let key = (session, hostel);
        // First the generations, then whether anything was forgotten. A forgetting that the generations do not show makes
        // the entry old as it is stored; one that they show was counted before, and is seen here.
        let under = self.under(&key, standing.account);
        if self.moment() != moment {
            return;
        }
        let entry = Entry { standing: *standing, under, made: self.now() };
        let Some(shard) = self.shard(&key) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let most = (self.limits.entries / SHARDS).max(1);
        if shard.len() >= most && !shard.contains_key(&key) {
            let life = self.limits.life.as_micros() as u64;
            shard.retain(|_, old| entry.made.saturating_sub(old.made) < life);
            // Whoever loses their place is asked about once more; a tenth goes, so that the next ones need not look again.
            let spare = shard.len().saturating_sub(most - most.div_ceil(10));
            let out: Vec<Key> = shard.keys().take(spare).copied().collect();
            for key in out {
                shard.remove(&key);
            }
        }
        shard.insert(key, entry);
    }

    fn forget_session(&self, session: SessionId) {
        self.end(self.counter(session.uuid()));
    }

    fn forget_account(&self, account: AccountId) {
        self.end(self.counter(account.uuid()));
    }

    fn forget_hostel(&self, hostel: HostelId) {
        self.end(self.counter(hostel.uuid()));
    }

    fn forget_all(&self) {
        self.end(Some(&self.everything));
    }
}

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standings")
            .field("limits", &self.limits)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier, atomic::AtomicBool},
        thread,
    };

    use domicile_access::AccountStatus;

    use super::*;

    fn id<T: From<Uuid>>(n: u128) -> T {
        T::from(Uuid::from_u128(n))
    }

    fn standing(account: u128) -> Standing {
        Standing {
            account: id(account),
            account_status: AccountStatus::Active,
            super_admin: false,
            revoked: false,
            expires_at: domicile_kernel::Instant::from_seconds(9_000),
            house: None,
        }
    }

    /// A memory whose time is moved by hand, checked at its beginning.
    fn at_rest(limits: StandingLimits) -> (Standings, Arc<AtomicU64>) {
        let millis = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&millis);
        let elapsed = move || Duration::from_millis(time.load(Ordering::SeqCst));
        let memory = Standings::timed(limits, Box::new(elapsed));
        memory.checked(memory.check());
        (memory, millis)
    }

    const HERE: Option<u128> = Some(100);

    fn keep(memory: &Standings, session: u128, hostel: Option<u128>, account: u128) {
        memory.keep(memory.moment(), id(session), hostel.map(id), &standing(account));
    }

    fn knows(memory: &Standings, session: u128, hostel: Option<u128>) -> bool {
        memory.recall(id(session), hostel.map(id)).is_some()
    }

    #[test]
    fn what_was_kept_is_recalled_for_its_session_and_hostel_only() {
        let (memory, _) = at_rest(StandingLimits::default());
        keep(&memory, 1, HERE, 10);
        assert_eq!(memory.recall(id(1), HERE.map(id)), Some(standing(10)));
        assert!(!knows(&memory, 1, None) && !knows(&memory, 1, Some(101)) && !knows(&memory, 2, HERE));
        assert_eq!(memory.counts(), (1, 3));
    }

    #[test]
    fn forgetting_takes_what_it_names() {
        type Forget = fn(&Standings);
        let cases: [(Forget, [bool; 4]); 4] = [
            (|memory| memory.forget_session(id(1)), [false, false, true, true]),
            (|memory| memory.forget_account(id(10)), [false, false, false, true]),
            (|memory| memory.forget_hostel(id(100)), [false, true, true, false]),
            (|memory| memory.forget_all(), [false; 4]),
        ];
        for (forget, left) in cases {
            let (memory, _) = at_rest(StandingLimits::default());
            let all = [(1, HERE, 10), (1, None, 10), (2, None, 10), (3, HERE, 11)];
            for (session, hostel, account) in all {
                keep(&memory, session, hostel, account);
            }
            forget(&memory);
            assert_eq!(all.map(|(session, hostel, _)| knows(&memory, session, hostel)), left);
            keep(&memory, 1, HERE, 10);
            assert!(knows(&memory, 1, HERE), "and is remembered anew");
        }
    }

    #[test]
    fn a_load_that_something_was_forgotten_over_is_not_kept() {
        let (memory, _) = at_rest(StandingLimits::default());
        let moment = memory.moment();
        memory.forget_session(id(1));
        memory.keep(moment, id(1), None, &standing(10));
        assert!(!knows(&memory, 1, None));
    }

    #[test]
    fn nothing_is_recalled_when_no_check_succeeded_lately() {
        let (memory, millis) = at_rest(StandingLimits::default());
        keep(&memory, 1, None, 10);
        millis.store(1_000, Ordering::SeqCst);
        assert!(knows(&memory, 1, None));
        let late = memory.check();
        millis.store(1_001, Ordering::SeqCst);
        assert!(!knows(&memory, 1, None));
        // It counts from when the check began, whenever it ended; and a slow one does not take back a later one.
        millis.store(1_900, Ordering::SeqCst);
        memory.checked(memory.check());
        memory.checked(late);
        millis.store(2_900, Ordering::SeqCst);
        assert!(knows(&memory, 1, None));
        millis.store(2_901, Ordering::SeqCst);
        assert!(!knows(&memory, 1, None));
        let fresh = Standings::default();
        keep(&fresh, 1, None, 10);
        assert!(!knows(&fresh, 1, None), "before the first check");
    }

    #[test]
    fn an_entry_lives_a_minute_however_often_it_is_used() {
        let (memory, millis) = at_rest(StandingLimits::default());
        keep(&memory, 1, None, 10);
        for second in 1..60 {
            millis.store(second * 1_000, Ordering::SeqCst);
            memory.checked(memory.check());
            assert!(knows(&memory, 1, None), "{second} s");
        }
        millis.store(60_000, Ordering::SeqCst);
        memory.checked(memory.check());
        assert!(!knows(&memory, 1, None));
    }

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let (memory, _) = at_rest(StandingLimits { entries: 640, ..StandingLimits::default() });
        for session in 0..10_000 {
            keep(&memory, session, None, 10);
            assert!(knows(&memory, session, None), "the newest is always there");
        }
        let held: usize = memory.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!((300..=640).contains(&held), "{held}");
    }

    #[test]
    fn a_forgotten_standing_never_comes_back_whoever_keeps_it_meanwhile() {
        // A store whose truth is one number; every change is committed and then forgotten, as a revocation is. Loaders read
        // the number and keep it. After a forgetting nobody may recall less than what was true when it returned.
        let memory = Arc::new(Standings::timed(StandingLimits::default(), Box::new(|| Duration::ZERO)));
        memory.checked(memory.check());
        let truth = Arc::new(AtomicU64::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let start = Arc::new(Barrier::new(4));
        let loaders: Vec<_> = (0..3)
            .map(|_| {
                let (memory, truth, ended, start) = (memory.clone(), truth.clone(), ended.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    let mut kept = 0_u64;
                    while !ended.load(Ordering::SeqCst) {
                        let moment = memory.moment();
                        let seen = truth.load(Ordering::SeqCst);
                        let at = domicile_kernel::Instant::from_micros(seen as i64);
                        memory.keep(moment, id(1), None, &Standing { expires_at: at, ..standing(10) });
                        kept += 1;
                    }
                    kept
                })
            })
            .collect();
        start.wait();
        let mut recalled = 0_u64;
        for now in 1..=200_000_u64 {
            truth.store(now, Ordering::SeqCst);
            memory.forget_session(id(1));
            if let Some(found) = memory.recall(id(1), None) {
                recalled += 1;
                assert!(found.expires_at.micros() as u64 >= now, "{found:?} after {now}");
            }
        }
        ended.store(true, Ordering::SeqCst);
        let kept: u64 = loaders.into_iter().map(|loader| loader.join().unwrap()).sum();
        assert!(kept > 1_000 && recalled > 0, "{kept} kept, {recalled} recalled: they did not meet");
    }
}
