//! The ports in memory. One writing unit of work at a time, as in SQLite: it works on a copy, which its commit puts in the
//! place of the original; readers see what was committed. Nothing here needs a runtime.

mod queries;
mod uow;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_lock::Mutex as AsyncMutex;
use async_trait::async_trait;
use domicile_kernel::{AccountId, AuditEntry, Call, HostelId, NewEvent, NewJob, Outcome, Scope, StoreError};

use crate::{
    events::BookingChange,
    model::{Booking, BookingId, HouseTerms, Room, RoomId},
    ports::{BookingUow, BookingUows},
};
use uow::MemoryUow;

/// Rooms, bookings and people of any number of hostels, in memory. A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct MemoryBookings {
    state: Arc<Mutex<State>>,
    turn: Arc<AsyncMutex<()>>,
}

/// Which promise an answer keeps: in which hostel, to whom, under which key.
type AnswerKey = (Option<HostelId>, String, String);

/// The fingerprint of the request, and what was answered.
type Answer = ([u8; 32], Outcome);

/// Everything that is kept.
#[derive(Clone, Default)]
struct State {
    houses: BTreeMap<HostelId, HouseTerms>,
    members: BTreeSet<(HostelId, AccountId)>,
    rooms: BTreeMap<(HostelId, RoomId), Room>,
    bookings: BTreeMap<(HostelId, BookingId), Booking>,
    events: Vec<NewEvent>,
    audit: Vec<AuditEntry>,
    jobs: BTreeMap<(&'static str, String), NewJob>,
    told: Vec<(BookingId, BookingChange)>,
    answers: BTreeMap<AnswerKey, Answer>,
}

impl MemoryBookings {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a hostel, or changes the terms of one.
    pub fn open_hostel(&self, hostel: HostelId, terms: HouseTerms) {
        self.state().houses.insert(hostel, terms);
    }

    /// Makes somebody an active member.
    pub fn enrol(&self, hostel: HostelId, person: AccountId) {
        self.state().members.insert((hostel, person));
    }

    /// Ends a membership.
    pub fn dismiss(&self, hostel: HostelId, person: AccountId) {
        self.state().members.remove(&(hostel, person));
    }

    /// The events that were committed, in order.
    #[must_use]
    pub fn events(&self) -> Vec<NewEvent> {
        self.state().events.clone()
    }

    /// The audit rows that were committed, in order.
    #[must_use]
    pub fn audit_trail(&self) -> Vec<AuditEntry> {
        self.state().audit.clone()
    }

    /// What the keeper of the accounts was told, in order.
    #[must_use]
    pub fn told_to_accounts(&self) -> Vec<(BookingId, BookingChange)> {
        self.state().told.clone()
    }

    /// The jobs that wait, by kind and key.
    #[must_use]
    pub fn jobs(&self) -> Vec<NewJob> {
        self.state().jobs.values().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BookingUows for MemoryBookings {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BookingUow>, StoreError> {
        let Scope::Hostel(hostel) = call.scope else {
            return Err(StoreError::Other("a booking belongs to a hostel".into()));
        };
        let held = self.turn.lock_arc().await;
        let copy = self.state().clone();
        let answer_key = call.idempotency.as_ref().map(|idempotency| {
            ((call.scope.hostel(), call.actor.label(), idempotency.key.clone()), idempotency.fingerprint)
        });
        if let Some((key, fingerprint)) = &answer_key
            && let Some((known, outcome)) = copy.answers.get(key)
        {
            let same = known == fingerprint;
            return Err(if same { StoreError::Replayed(outcome.clone()) } else { StoreError::KeyReused });
        }
        let job = call.job.as_ref().map(|ticket| ticket.id);
        Ok(Box::new(MemoryUow::new(self.clone(), held, copy, hostel, answer_key, job)))
    }
}
