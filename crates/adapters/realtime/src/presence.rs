//! Who is online: comings and goings of this node's sockets are written down together each half second, confirmed now and
//! then, and read for the hostels in which somebody watches. Only the present state is ever written, so that a write that
//! failed or was overtaken is put right by the next.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use domicile_kernel::{AccountId, HostelId, Instant, StoreError};
use uuid::Uuid;

use crate::{
    frame,
    hall::Hall,
    hub::House,
    ports::{Presence, Present, Refused},
};

/// This node's part of the book.
pub(crate) struct Attendance {
    node: Uuid,
    /// Who came or went since it was last written down.
    changed: Mutex<HashSet<(HostelId, AccountId)>>,
}

impl Attendance {
    pub(crate) fn of(node: Uuid) -> Self {
        Self { node, changed: Mutex::default() }
    }

    fn changed(&self) -> MutexGuard<'_, HashSet<(HostelId, AccountId)>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, hostel: HostelId, account: AccountId) {
        self.changed().insert((hostel, account));
    }

    /// A socket of somebody was let in.
    pub(crate) fn arrived(&self, hall: &Hall, account: AccountId, now: Instant) {
        if hall.arrive(account, now) {
            self.mark(hall.hostel, account);
        }
    }

    /// A socket of somebody is gone.
    pub(crate) fn departed(&self, hall: &Hall, account: AccountId) {
        if hall.depart(account) {
            self.mark(hall.hostel, account);
        }
    }

    /// Who is online in a hostel, on any node.
    pub(crate) async fn snapshot(&self, house: &House, hall: &Hall) -> Result<Vec<Present>, Refused> {
        who(house, hall.hostel).await.map_err(|error| Box::new(error) as Refused)
    }

    /// Writes down who came and went.
    pub(crate) async fn flush(&self, house: &House) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut *self.changed());
        if changed.is_empty() {
            return Ok(());
        }
        let mut unwritten = Unwritten { of: self, changed };
        let mut changes: Vec<Presence> = unwritten
            .changed
            .iter()
            .map(|(hostel, account)| Presence {
                hostel: *hostel,
                account: *account,
                since: house.hall_if_there(*hostel).and_then(|hall| hall.present(*account)),
            })
            .collect();
        changes.sort_unstable_by_key(|change| (change.hostel, change.account));
        let noted = house.ports.presence.note(self.node, &changes, house.ports.clock.now()).await;
        if noted.is_ok() {
            unwritten.changed.clear();
        }
        noted
    }

    /// Confirms that this node's people are still here; writes them down anew when others have given them up.
    async fn confirm(&self, house: &House) -> Result<(), StoreError> {
        let now = house.ports.clock.now();
        let confirmed = house.ports.presence.confirm(self.node, now).await?;
        let here: Vec<(HostelId, AccountId)> = house
            .halls()
            .iter()
            .flat_map(|hall| hall.everybody().into_iter().map(|(account, _)| (hall.hostel, account)))
            .collect();
        if confirmed != here.len() as u64 {
            self.changed().extend(here);
            self.flush(house).await?;
        }
        house.ports.presence.remove(None, now.minus(house.config.presence_lost)).await
    }

    /// Removes what was written down for this node, when it ends.
    pub(crate) async fn close(&self, house: &House) -> Result<(), StoreError> {
        house.ports.presence.remove(Some(self.node), Instant::from_micros(0)).await
    }
}

/// What is being written down. Unless that went well it is changed still, also when the writing panicked.
struct Unwritten<'a> {
    of: &'a Attendance,
    changed: HashSet<(HostelId, AccountId)>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.of.changed().extend(self.changed.drain());
    }
}

async fn who(house: &House, hostel: HostelId) -> Result<Vec<Present>, StoreError> {
    let since = house.ports.clock.now().minus(house.config.presence_lost);
    house.ports.presence.who(hostel, since).await
}

/// Keeps the book until the house is gone.
pub(crate) async fn keep(house: Weak<House>, every: Duration, heartbeat: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut confirmed = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let Some(house) = house.upgrade() else { return };
        note(house.presence.flush(&house).await);
        if confirmed.elapsed() >= heartbeat {
            confirmed = tokio::time::Instant::now();
            note(house.presence.confirm(&house).await);
        }
    }
}

/// Tells those who watch what changed, until the house is gone.
pub(crate) async fn watch(house: Weak<House>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(house) = house.upgrade() else { return };
        let watched: Vec<Arc<Hall>> = house.halls().into_iter().filter(|hall| hall.presence_is_watched()).collect();
        for hall in watched {
            match who(&house, hall.hostel).await {
                Ok(present) => tell(&house, &hall, &present),
                Err(error) => note(Err(error)),
            }
        }
    }
}

fn tell(house: &House, hall: &Hall, present: &[Present]) {
    let (changes, watchers) = hall.compare(present);
    for (account, online) in changes {
        let frame = frame::presence_changed(hall.hostel, account, online, house.ports.clock.now());
        for watcher in &watchers {
            watcher.send(&house.config, frame.clone(), house.millis());
        }
    }
}

fn note(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "who is online cannot be written down or read");
    }
}
