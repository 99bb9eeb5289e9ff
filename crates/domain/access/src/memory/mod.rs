//! Every port in memory: for embedders' tests and our own. A unit of work works on a copy of everything and holds one async
//! mutex for its life, as SQLite's writer does; commit puts the copy in place. Readers see what is committed and never wait.

mod crypto;
mod queries;
mod repositories;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Ambient, AuditEntry, Call, Flags, HostelId, NewEvent, NewJob, Outcome, Scope, SessionId, StoreError,
    UnitOfWork, ports::fixed,
};

pub use crypto::{CountingHasher, PlainAccessTokens, PlainCodes, PlainRefreshTokens};

use crate::{
    mail::Mail,
    model::{Account, Challenge, ChallengeId, Membership, Session, SocketTicket},
    parts::{AccessConfig, Parts},
    ports::{
        AccessUow, AccessUows, AccountRepository, ChallengeRepository, HouseFacts, HouseKind, HouseRepository,
        MembershipRepository, Registration, SessionRepository, SocketTicketRepository,
    },
    queries::AuditView,
};

/// Everything there is.
#[derive(Debug, Clone, Default)]
struct State {
    houses: BTreeMap<HostelId, (HouseFacts, Flags)>,
    accounts: BTreeMap<AccountId, Account>,
    memberships: BTreeMap<(HostelId, AccountId), Membership>,
    sessions: BTreeMap<SessionId, Session>,
    challenges: BTreeMap<ChallengeId, Challenge>,
    tickets: BTreeMap<String, SocketTicket>,
    events: Vec<NewEvent>,
    audit: Vec<(Option<HostelId>, AuditView)>,
    jobs: Vec<NewJob>,
}

/// The store in memory: implements the ports for changing and for reading. Clones share it.
#[derive(Clone)]
pub struct MemoryAccess {
    committed: Arc<RwLock<Arc<State>>>,
    writer: Arc<async_lock::Mutex<()>>,
    ambient: Ambient,
}

impl MemoryAccess {
    /// An empty one; `ambient` dates its audit rows.
    #[must_use]
    pub fn new(ambient: Ambient) -> Self {
        Self { committed: Arc::default(), writer: Arc::default(), ambient }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.committed.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, state: State) {
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Adds or replaces a hostel, with its features.
    pub fn add_house(&self, id: HostelId, facts: HouseFacts, flags: Flags) {
        let mut state = State::clone(&self.state());
        state.houses.insert(id, (facts, flags));
        self.put(state);
    }

    /// The events that were recorded, in order.
    #[must_use]
    pub fn events(&self) -> Vec<NewEvent> {
        self.state().events.clone()
    }

    /// The audit rows, in order, with the hostel each is filed under.
    #[must_use]
    pub fn audit_rows(&self) -> Vec<(Option<HostelId>, AuditView)> {
        self.state().audit.clone()
    }

    /// The jobs that wait, in order.
    #[must_use]
    pub fn jobs(&self) -> Vec<NewJob> {
        self.state().jobs.clone()
    }

    /// The mails that wait to be sent, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let jobs = self.jobs().into_iter().filter(|job| job.kind == crate::mail::SEND_MAIL);
        jobs.filter_map(|job| serde_json::from_value(job.payload).ok()).collect()
    }
}

/// Which rows a scope reaches.
#[derive(Debug, Clone, Copy)]
struct Reach(Scope);

impl Reach {
    fn account(self, id: AccountId) -> bool {
        match self.0 {
            Scope::Hostel(_) => false,
            Scope::Account(own) => own == id,
            Scope::System(_) => true,
        }
    }

    fn membership(self, hostel: HostelId, account: AccountId) -> bool {
        match self.0 {
            Scope::Hostel(own) => own == hostel,
            Scope::Account(own) => own == account,
            Scope::System(_) => true,
        }
    }

    fn house(self, id: HostelId) -> bool {
        match self.0 {
            Scope::Hostel(own) => own == id,
            Scope::Account(_) => false,
            Scope::System(_) => true,
        }
    }
}

fn out_of_reach() -> StoreError {
    StoreError::Other("the row lies outside the scope of the unit of work".into())
}

/// A unit of work over a copy of everything.
struct MemoryUow {
    store: MemoryAccess,
    state: State,
    call: Call,
    reach: Reach,
    _writer: async_lock::MutexGuardArc<()>,
}

#[async_trait]
impl AccessUows for MemoryAccess {
    async fn begin(&self, call: &Call) -> Result<Box<dyn AccessUow>, StoreError> {
        let writer = self.writer.lock_arc().await;
        Ok(Box::new(MemoryUow {
            store: self.clone(),
            state: State::clone(&self.state()),
            call: call.clone(),
            reach: Reach(call.scope),
            _writer: writer,
        }))
    }
}

#[async_trait]
impl UnitOfWork for MemoryUow {
    fn record(&mut self, event: NewEvent) {
        self.state.events.push(event);
    }

    fn audit(&mut self, entry: AuditEntry) {
        let row = AuditView {
            id: entry.id,
            seq: None,
            at: self.store.ambient.now(),
            actor: self.call.actor.label(),
            actor_role: self.call.actor.role().map(|role| role.as_str().to_owned()),
            action: entry.action.to_owned(),
            target: entry.target.to_owned(),
            target_id: entry.target_id,
            before: entry.before,
            after: entry.after,
            ip: self.call.ip.map(|ip| ip.to_string()),
            request_id: self.call.request_id.to_string(),
            hash: None,
        };
        self.state.audit.push((self.call.hostel, row));
    }

    fn enqueue(&mut self, job: NewJob) {
        self.state.jobs.retain(|waiting| (waiting.kind, &waiting.key) != (job.kind, &job.key));
        self.state.jobs.push(job);
    }

    async fn commit(self: Box<Self>, _outcome: Outcome) -> Result<(), StoreError> {
        self.store.put(self.state);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl AccessUow for MemoryUow {
    fn accounts(&mut self) -> &mut dyn AccountRepository {
        self
    }

    fn memberships(&mut self) -> &mut dyn MembershipRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn challenges(&mut self) -> &mut dyn ChallengeRepository {
        self
    }

    fn tickets(&mut self) -> &mut dyn SocketTicketRepository {
        self
    }

    fn houses(&mut self) -> &mut dyn HouseRepository {
        self
    }
}

/// The whole context in memory, with a clock that stands still: what a test starts from.
#[derive(Clone)]
pub struct Memory {
    /// What the services are built from.
    pub parts: Arc<Parts>,
    /// The store behind them.
    pub store: MemoryAccess,
    /// The clock, to be moved.
    pub clock: Arc<fixed::FixedClock>,
    /// The hasher, which counts.
    pub hasher: Arc<CountingHasher>,
}

impl Memory {
    /// An empty installation at an RFC 3339 instant.
    #[must_use]
    pub fn at(now: &str) -> Self {
        let (ambient, clock) = fixed::ambient(now);
        let store = MemoryAccess::new(ambient.clone());
        let hasher = Arc::new(CountingHasher::default());
        let parts = Parts {
            uows: Arc::new(store.clone()),
            queries: Arc::new(store.clone()),
            standings: Arc::new(()),
            hasher: hasher.clone(),
            access_tokens: Arc::new(PlainAccessTokens),
            refresh_tokens: Arc::new(PlainRefreshTokens),
            codes: Arc::new(PlainCodes),
            ambient,
            config: AccessConfig::default(),
        };
        Self { parts: Arc::new(parts), store, clock, hasher }
    }

    /// Adds a hostel in use, with everything switched on.
    #[must_use]
    pub fn open_hostel(&self, name: &str, registration: Registration) -> HostelId {
        let id = self.parts.ambient.id();
        let facts = HouseFacts { name: name.to_owned(), kind: HouseKind::Hostel, active: true, registration };
        self.store.add_house(id, facts, Flags::all());
        id
    }
}

#[cfg(feature = "contract")]
#[async_trait]
impl crate::contract::World for Memory {
    fn uows(&self) -> Arc<dyn AccessUows> {
        self.parts.uows.clone()
    }

    fn queries(&self) -> Arc<dyn crate::ports::AccessQueries> {
        self.parts.queries.clone()
    }

    fn ambient(&self) -> Ambient {
        self.parts.ambient.clone()
    }

    async fn add_house(&self, id: HostelId, facts: HouseFacts, flags: Flags) {
        self.store.add_house(id, facts, flags);
    }
}
