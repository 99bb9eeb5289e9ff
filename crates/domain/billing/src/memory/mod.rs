//! The ports in memory. One writing unit of work at a time, as in SQLite: it works on a copy, which its commit puts in the
//! place of the original; readers see what was committed. Nothing here needs a runtime.

mod gateway;
mod printer;
mod queries;
mod repositories;
mod uow;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_lock::Mutex as AsyncMutex;
use async_trait::async_trait;
use domicile_kernel::{
    AccountId, AuditEntry, Call, Currency, HostelId, Money, NewEvent, NewJob, Outcome, Purpose, Scope, StoreError,
    Text, Zone,
};

pub use gateway::{MemoryGateway, RefundMode, Trouble};
pub use printer::PlainPrinter;

use crate::{
    model::{
        Account, Allocation, BillingTerms, BookingId, Deposit, DepositId, House, InboxEntry, InboxEntryId, Invoice,
        InvoiceId, Journal, Payment, PaymentId, Quarantined, Refund, RefundId, RoomId, StayFacts,
    },
    ports::{BillingUow, BillingUows},
};
use uow::MemoryUow;

/// The money of any number of hostels, in memory. A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct MemoryBilling {
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
    around: Around,
    terms: BTreeMap<HostelId, BillingTerms>,
    invoices: BTreeMap<(HostelId, InvoiceId), Invoice>,
    payments: BTreeMap<(HostelId, PaymentId), Payment>,
    allocations: Vec<(HostelId, Allocation)>,
    refunds: BTreeMap<(HostelId, RefundId), Refund>,
    deposits: BTreeMap<(HostelId, DepositId), Deposit>,
    // What is only added to is shared by the copies.
    journals: Vec<Arc<Journal>>,
    journal_keys: BTreeSet<(HostelId, String)>,
    balances: BTreeMap<(HostelId, Account, Currency), i64>,
    inbox: BTreeMap<InboxEntryId, InboxEntry>,
    quarantine: Vec<Quarantined>,
    events: Vec<Arc<NewEvent>>,
    audit: Vec<Arc<AuditEntry>>,
    jobs: BTreeMap<(&'static str, String), NewJob>,
    answers: BTreeMap<AnswerKey, Answer>,
}

/// What other contexts keep, set up beside the units of work.
#[derive(Clone, Default)]
struct Around {
    houses: BTreeMap<HostelId, House>,
    stays: BTreeMap<(HostelId, BookingId), StayFacts>,
    rooms: BTreeMap<(HostelId, RoomId), Money>,
    people: BTreeMap<AccountId, String>,
}

impl MemoryBilling {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a hostel, on the clock of Accra.
    pub fn open_hostel(&self, id: HostelId, name: &str, currency: Currency) {
        let zone = Zone::parse("Africa/Accra").unwrap_or(Zone::UTC);
        self.state().around.houses.insert(id, House { id, name: Text::clean(name), currency, zone });
    }

    /// Makes somebody known.
    pub fn enrol(&self, person: AccountId, email: &str) {
        self.state().around.people.insert(person, email.to_owned());
    }

    /// Makes or changes a stay, without telling billing.
    pub fn put_stay(&self, hostel: HostelId, stay: StayFacts) {
        self.state().around.stays.insert((hostel, stay.booking_id), stay);
    }

    /// Takes the record of a stay away.
    pub fn remove_stay(&self, hostel: HostelId, id: BookingId) {
        self.state().around.stays.remove(&(hostel, id));
    }

    /// Makes a room with a monthly price.
    pub fn put_room(&self, hostel: HostelId, id: RoomId, monthly_price: Money) {
        self.state().around.rooms.insert((hostel, id), monthly_price);
    }

    /// The events that were committed, in order.
    #[must_use]
    pub fn events(&self) -> Vec<NewEvent> {
        self.state().events.iter().map(|event| NewEvent::clone(event)).collect()
    }

    /// The audit rows that were committed, in order.
    #[must_use]
    pub fn audit_trail(&self) -> Vec<AuditEntry> {
        self.state().audit.iter().map(|entry| AuditEntry::clone(entry)).collect()
    }

    /// The jobs that wait, by kind and key.
    #[must_use]
    pub fn jobs(&self) -> Vec<NewJob> {
        self.state().jobs.values().cloned().collect()
    }

    /// Completes a job.
    pub fn complete_job(&self, job: &NewJob) {
        self.state().jobs.retain(|_, known| known.id != job.id);
    }

    /// Puts a job off.
    pub fn postpone_job(&self, job: &NewJob, due: domicile_kernel::Instant) {
        for known in self.state().jobs.values_mut().filter(|known| known.id == job.id) {
            known.due = due;
        }
    }

    /// The entries of the inbox, by id.
    #[must_use]
    pub fn inbox(&self) -> Vec<InboxEntry> {
        self.state().inbox.values().cloned().collect()
    }

    /// The journals of a hostel, oldest first.
    #[must_use]
    pub fn journals(&self, hostel: HostelId) -> Vec<Journal> {
        let state = self.state();
        let own = state.journals.iter().filter(|journal| journal.hostel_id() == hostel);
        own.map(|journal| Journal::clone(journal)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BillingUows for MemoryBilling {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BillingUow>, StoreError> {
        let hostel = match call.scope {
            Scope::Hostel(hostel) => Some(hostel),
            Scope::System(Purpose::Payments) => None,
            Scope::System(_) | Scope::Account(_) => {
                return Err(StoreError::Other("money belongs to a hostel".into()));
            }
        };
        let held = self.turn.lock_arc().await;
        let copy = self.state().clone();
        let answer_key = call.idempotency.as_ref().map(|idempotency| {
            ((call.scope.hostel(), call.actor.label(), idempotency.key.clone()), idempotency.fingerprint)
        });
        if let Some((key, fingerprint)) = &answer_key
            && let Some((known, outcome)) = copy.answers.get(key)
            && !call.completing
        {
            let same = known == fingerprint;
            return Err(if same { StoreError::Replayed(outcome.clone()) } else { StoreError::KeyReused });
        }
        // What completes a command replaces an answer that is kept, and makes none of its own.
        let kept = answer_key.as_ref().is_some_and(|(key, _)| copy.answers.contains_key(key));
        let answer_key = answer_key.filter(|_| kept || !call.completing);
        Ok(Box::new(MemoryUow::new(self.clone(), held, copy, hostel, answer_key)))
    }
}
