//! Which sockets belong to whom: by sign-in, to end them with it, and by account, to bound them and to ask again how somebody
//! stands.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domicile_kernel::{AccountId, SessionId};

use crate::peer::Peer;

type Peers = Vec<Arc<Peer>>;

/// The sockets that were let in.
#[derive(Default)]
pub(crate) struct Roll(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    sessions: HashMap<SessionId, Peers>,
    accounts: HashMap<AccountId, Peers>,
}

impl Roll {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a socket, unless the account has as many as it may.
    pub(crate) fn add(&self, peer: &Arc<Peer>, account: AccountId, session: SessionId, most: usize) -> bool {
        let mut lists = self.lists();
        let of_account = lists.accounts.entry(account).or_default();
        if of_account.len() >= most {
            return false;
        }
        of_account.push(Arc::clone(peer));
        lists.sessions.entry(session).or_default().push(Arc::clone(peer));
        true
    }

    /// The same socket goes on under another sign-in.
    pub(crate) fn change_session(&self, peer: &Arc<Peer>, from: SessionId, to: SessionId) {
        let mut lists = self.lists();
        remove(&mut lists.sessions, from, peer.id);
        lists.sessions.entry(to).or_default().push(Arc::clone(peer));
    }

    pub(crate) fn remove(&self, id: u64, account: AccountId, session: SessionId) {
        let mut lists = self.lists();
        remove(&mut lists.accounts, account, id);
        remove(&mut lists.sessions, session, id);
    }

    pub(crate) fn of_session(&self, session: SessionId) -> Peers {
        self.lists().sessions.get(&session).cloned().unwrap_or_default()
    }

    pub(crate) fn of_account(&self, account: AccountId) -> Peers {
        self.lists().accounts.get(&account).cloned().unwrap_or_default()
    }

    /// How many sockets there are.
    pub(crate) fn count(&self) -> u64 {
        self.lists().accounts.values().map(|peers| peers.len() as u64).sum()
    }

    pub(crate) fn all(&self) -> Peers {
        self.lists().accounts.values().flatten().cloned().collect()
    }
}

fn remove<K: Eq + Hash>(lists: &mut HashMap<K, Peers>, key: K, id: u64) {
    if let Some(list) = lists.get_mut(&key) {
        list.retain(|peer| peer.id != id);
        if list.is_empty() {
            lists.remove(&key);
        }
    }
}
