//! Loads under way, so that who asks for the same thing meanwhile waits instead of loading too.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

type Landing = watch::Receiver<Option<Bytes>>;

/// The loads that are under way. Asked only by looks that found nothing; cloning shares them.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<String, Landing>>>);

/// What somebody is on whose look found nothing.
pub(crate) enum Boarding {
    /// It is there by now.
    Landed(Bytes),
    /// Somebody else's load.
    Passenger(Flight),
    /// Their own.
    Pilot(Pilot),
}

/// Somebody else's load, to wait for.
#[derive(Debug)]
pub struct Flight(Landing);

impl Flight {
    /// What was loaded; nothing when the load failed or was given up. Then every passenger loads for itself: one after
    /// another, each waiting for the last to fail, would be slower for all.
    pub async fn landed(mut self) -> Option<Bytes> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone())
    }
}

/// The right and duty to load. Dropped without landing, it tells the passengers so.
pub(crate) struct Pilot {
    key: String,
    flights: Flights,
    tell: watch::Sender<Option<Bytes>>,
}

impl fmt::Debug for Pilot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pilot").field(&self.key).finish()
    }
}

impl Flights {
    /// Joins the load of a key or begins it. `landed` is asked while no flight can end: what a flight stored before it ended
    /// is found by it, so nobody loads what is there.
    pub(crate) fn board(&self, key: String, landed: impl FnOnce(&str) -> Option<Bytes>) -> Boarding {
        let mut under_way = self.lock();
        if let Some(bytes) = landed(&key) {
            return Boarding::Landed(bytes);
        }
        match under_way.entry(key) {
            Entry::Occupied(flight) => Boarding::Passenger(Flight(flight.get().clone())),
            Entry::Vacant(vacant) => {
                let key = vacant.key().clone();
                let (tell, landing) = watch::channel(None);
                vacant.insert(landing);
                Boarding::Pilot(Pilot { key, flights: self.clone(), tell })
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.lock().len()
    }

    // Nothing that can panic runs under the lock but the caller's look; the map is whole at any time.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Landing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pilot {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Hands the passengers what was loaded.
    pub(crate) fn land(self, bytes: Bytes) {
        self.tell.send_replace(Some(bytes));
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
