//! One hostel's sockets in this process, and how far its events were told to them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use domicile_kernel::{AccountId, HostelId, Instant};

use crate::{
    peer::{Peer, Phase},
    ports::Present,
};

/// A hostel's sockets.
pub(crate) struct Hall {
    pub(crate) hostel: HostelId,
    beds_watched: AtomicUsize,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// The `seq` of the last event that was told here; none before the first.
    head: Option<i64>,
    live: Arc<Vec<Arc<Peer>>>,
    /// Where in `live` each stands, by its id.
    places: HashMap<u64, usize>,
    /// Who has sockets here, how many and since when.
    present: HashMap<AccountId, (usize, Instant)>,
    watchers: HashMap<u64, Arc<Peer>>,
    /// Who was online when the watchers were last told.
    known: HashMap<AccountId, Instant>,
}

/// Whether events follow what was told before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// They do, or nothing was told before.
    Well,
    /// Some between were never told: those who are live have missed them.
    WithAGap,
}

impl Hall {
    pub(crate) fn new(hostel: HostelId) -> Self {
        Self { hostel, beds_watched: AtomicUsize::new(0), inside: Mutex::default() }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the head on and says who is live. Whoever joins later finds the new head and reads the events from the log.
    pub(crate) fn advance(&self, first: i64, last: i64) -> (Arc<Vec<Arc<Peer>>>, Follows) {
        let mut inside = self.inside();
        let follows = match inside.head {
            Some(head) if first > head + 1 => Follows::WithAGap,
            _ => Follows::Well,
        };
        inside.head = Some(inside.head.map_or(last, |head| head.max(last)));
        (Arc::clone(&inside.live), follows)
    }

    /// The `seq` of the last event that was told here.
    pub(crate) fn head(&self) -> Option<i64> {
        self.inside().head
    }

    /// Makes a socket live that has seen everything up to `cursor`, if nothing behind that was told already; otherwise it
    /// must read on. `words` go out before any event.
    pub(crate) fn join(&self, peer: &Arc<Peer>, cursor: i64, words: Option<Bytes>) -> bool {
        let mut inside = self.inside();
        if inside.head.is_some_and(|head| head > cursor) {
            return false;
        }
        Self::let_in(&mut inside, peer, cursor, words);
        true
    }

    /// Makes a socket live from the present head on, if that is known. `words` are made of it and go out before any event.
    pub(crate) fn join_now(&self, peer: &Arc<Peer>, words: impl FnOnce(i64) -> Bytes) -> bool {
        let mut inside = self.inside();
        let Some(head) = inside.head else { return false };
        Self::let_in(&mut inside, peer, head, Some(words(head)));
        true
    }

    fn let_in(inside: &mut Inside, peer: &Arc<Peer>, cursor: i64, words: Option<Bytes>) {
        let mut state = peer.state();
        if state.phase == Phase::Ending {
            return;
        }
        state.cursor = cursor;
        state.phase = Phase::Live;
        drop(state);
        // The hall is locked, so no event can come before them.
        if let Some(words) = words {
            peer.say(words);
        }
        inside.places.insert(peer.id, inside.live.len());
        Arc::make_mut(&mut inside.live).push(Arc::clone(peer));
    }

    /// Takes a socket out.
    pub(crate) fn leave(&self, id: u64) {
        let mut inside = self.inside();
        if let Some(place) = inside.places.remove(&id) {
            let live = Arc::make_mut(&mut inside.live);
            live.swap_remove(place);
            // The last one stands there now.
            if let Some(moved) = live.get(place).map(|peer| peer.id) {
                inside.places.insert(moved, place);
            }
        }
        inside.watchers.remove(&id);
    }

    /// Counts a socket of somebody; whether it is their first here.
    pub(crate) fn arrive(&self, account: AccountId, now: Instant) -> bool {
        let mut inside = self.inside();
        let (sockets, _) = inside.present.entry(account).or_insert((0, now));
        *sockets += 1;
        *sockets == 1
    }

    /// Counts it no more; whether it was their last here.
    pub(crate) fn depart(&self, account: AccountId) -> bool {
        let mut inside = self.inside();
        let Some((sockets, _)) = inside.present.get_mut(&account) else { return false };
        *sockets = sockets.saturating_sub(1);
        let last = *sockets == 0;
        if last {
            inside.present.remove(&account);
        }
        last
    }

    /// Since when somebody is here, if they are.
    pub(crate) fn present(&self, account: AccountId) -> Option<Instant> {
        self.inside().present.get(&account).map(|(_, since)| *since)
    }

    /// Everybody who is here.
    pub(crate) fn everybody(&self) -> Vec<(AccountId, Instant)> {
        self.inside().present.iter().map(|(account, (_, since))| (*account, *since)).collect()
    }

    pub(crate) fn watch_beds(&self, more: bool) {
        if more {
            self.beds_watched.fetch_add(1, Ordering::Relaxed);
        } else {
            self.beds_watched.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn beds_are_watched(&self) -> bool {
        self.beds_watched.load(Ordering::Relaxed) > 0
    }

    /// Adds a watcher of who is online, who was told `present`.
    pub(crate) fn watch_presence(&self, peer: &Arc<Peer>, present: &[Present]) {
        let mut inside = self.inside();
        if inside.watchers.is_empty() {
            inside.known = present.iter().map(|present| (present.user_id, present.since)).collect();
        }
        inside.watchers.insert(peer.id, Arc::clone(peer));
    }

    pub(crate) fn watch_presence_no_more(&self, id: u64) {
        self.inside().watchers.remove(&id);
    }

    pub(crate) fn presence_is_watched(&self) -> bool {
        !self.inside().watchers.is_empty()
    }

    /// What changed since the watchers were last told, and who they are: each account with whether it came.
    pub(crate) fn compare(&self, present: &[Present]) -> (Vec<(AccountId, bool)>, Vec<Arc<Peer>>) {
        let mut inside = self.inside();
        let now: HashMap<AccountId, Instant> = present.iter().map(|present| (present.user_id, present.since)).collect();
        let came = now.keys().filter(|account| !inside.known.contains_key(account)).map(|account| (*account, true));
        let gone = inside.known.keys().filter(|account| !now.contains_key(account)).map(|account| (*account, false));
        let mut changes: Vec<_> = came.chain(gone).collect();
        changes.sort_unstable();
        inside.known = now;
        (changes, inside.watchers.values().cloned().collect())
    }
}
