//! This context's ports in memory: for an embedder's tests and our own. A writing unit of work holds the whole store for
//! its life, as SQLite's writer does, works on a copy, and puts the copy in place when it commits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_lock::{Mutex, MutexGuardArc};
use async_trait::async_trait;
use domicile_kernel::{
    AccountId, AuditEntry, Call, Cursor, Feature, Flags, HostelId, IdempotencyKey, Instant, NewEvent, NewJob, Outcome,
    Page, PageOf, Scope, StoreError, UnitOfWork,
};

use crate::{
    model::{Hostel, HostelView, Settings, SettingsView},
    ports::{FlagRepository, HostelRepository, SettingsRepository, TenancyQueries, TenancyUow, TenancyUows},
};

/// One flag as a row keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagRow {
    /// Whether the feature is on.
    pub on: bool,
    /// Who set it; nobody: the installation.
    pub by: Option<AccountId>,
    /// When.
    pub at: Instant,
}

#[derive(Debug, Clone, Default)]
struct Stored {
    hostels: BTreeMap<HostelId, Hostel>,
    settings: BTreeMap<HostelId, Settings>,
    flags: BTreeMap<(HostelId, &'static str), FlagRow>,
    members: Vec<(AccountId, HostelId)>,
    priced: BTreeSet<HostelId>,
    events: Vec<NewEvent>,
    audit: Vec<AuditEntry>,
    jobs: Vec<NewJob>,
    /// By actor and key.
    answers: BTreeMap<(String, String), ([u8; 32], Outcome)>,
}

impl Stored {
    fn flags_of(&self, hostel: HostelId) -> Option<Flags> {
        let row = |feature: &Feature| self.flags.get(&(hostel, feature.key()));
        Feature::ALL.iter().any(|feature| row(feature).is_some()).then(|| {
            Feature::ALL.iter().fold(Flags::defaults(), |flags, feature| {
                row(feature).map_or(flags, |row| flags.with(*feature, row.on))
            })
        })
    }
}

/// The store. Cloning it shares it.
#[derive(Debug, Clone, Default)]
pub struct MemoryTenancy(Arc<Mutex<Stored>>);

impl MemoryTenancy {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The factory of units of work over this store.
    #[must_use]
    pub fn uows(&self) -> Arc<dyn TenancyUows> {
        Arc::new(self.clone())
    }

    /// The read port over this store.
    #[must_use]
    pub fn queries(&self) -> Arc<dyn TenancyQueries> {
        Arc::new(self.clone())
    }

    /// Makes an account a member of a hostel, which this context only reads.
    pub async fn enrol(&self, account: AccountId, hostel: HostelId) {
        self.0.lock().await.members.push((account, hostel));
    }

    /// Says that something of a hostel is priced or booked, which this context only asks.
    pub async fn price(&self, hostel: HostelId) {
        self.0.lock().await.priced.insert(hostel);
    }

    /// The events of all commits, in order.
    pub async fn events(&self) -> Vec<NewEvent> {
        self.0.lock().await.events.clone()
    }

    /// The audit rows of all commits, in order.
    pub async fn audit(&self) -> Vec<AuditEntry> {
        self.0.lock().await.audit.clone()
    }

    /// The row behind one flag.
    pub async fn flag_row(&self, hostel: HostelId, feature: Feature) -> Option<FlagRow> {
        self.0.lock().await.flags.get(&(hostel, feature.key())).copied()
    }
}

/// One unit of work.
struct MemoryUow {
    held: MutexGuardArc<Stored>,
    draft: Stored,
    scope: Scope,
    actor: String,
    key: Option<IdempotencyKey>,
}

/// Whether a scope reaches the rows of a hostel.
fn reaches(scope: Scope, hostel: HostelId) -> bool {
    match scope {
        Scope::Hostel(own) => own == hostel,
        Scope::System(_) => true,
        Scope::Account(_) => false,
    }
}

#[async_trait]
impl TenancyUows for MemoryTenancy {
    async fn begin(&self, call: &Call) -> Result<Box<dyn TenancyUow>, StoreError> {
        let held = self.0.lock_arc().await;
        let actor = call.actor.label();
        if let Some(key) = &call.idempotency
            && let Some((fingerprint, outcome)) = held.answers.get(&(actor.clone(), key.key.clone()))
        {
            let same = *fingerprint == key.fingerprint;
            return Err(if same { StoreError::Replayed(outcome.clone()) } else { StoreError::KeyReused });
        }
        let draft = held.clone();
        Ok(Box::new(MemoryUow { held, draft, scope: call.scope, actor, key: call.idempotency.clone() }))
    }
}

#[async_trait]
impl UnitOfWork for MemoryUow {
    fn record(&mut self, event: NewEvent) {
        self.draft.events.push(event);
    }

    fn audit(&mut self, entry: AuditEntry) {
        self.draft.audit.push(entry);
    }

    fn enqueue(&mut self, job: NewJob) {
        self.draft.jobs.push(job);
    }

    async fn commit(mut self: Box<Self>, outcome: Outcome) -> Result<(), StoreError> {
        let Self { held, draft, actor, key, .. } = &mut *self;
        if let Some(key) = key.take() {
            draft.answers.insert((std::mem::take(actor), key.key), (key.fingerprint, outcome));
        }
        **held = std::mem::take(draft);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl TenancyUow for MemoryUow {
    fn hostels(&mut self) -> &mut dyn HostelRepository {
        self
    }

    fn settings(&mut self) -> &mut dyn SettingsRepository {
        self
    }

    fn flags(&mut self) -> &mut dyn FlagRepository {
        self
    }
}

#[async_trait]
impl HostelRepository for MemoryUow {
    async fn find(&mut self, id: HostelId) -> Result<Option<Hostel>, StoreError> {
        Ok(self.draft.hostels.get(&id).filter(|_| reaches(self.scope, id)).cloned())
    }

    async fn insert(&mut self, hostel: &Hostel) -> Result<(), StoreError> {
        if self.draft.hostels.contains_key(&hostel.id()) {
            return Err(StoreError::Conflict("pk_hostels".to_owned()));
        }
        self.draft.hostels.insert(hostel.id(), hostel.clone());
        Ok(())
    }

    async fn update(&mut self, hostel: &Hostel, seen: i64) -> Result<(), StoreError> {
        match self.draft.hostels.get_mut(&hostel.id()) {
            Some(stored) if stored.version() == seen => {
                *stored = hostel.clone();
                Ok(())
            }
            _ => Err(StoreError::Stale),
        }
    }
}

#[async_trait]
impl SettingsRepository for MemoryUow {
    async fn find(&mut self, hostel: HostelId) -> Result<Option<Settings>, StoreError> {
        Ok(self.draft.settings.get(&hostel).filter(|_| reaches(self.scope, hostel)).cloned())
    }

    async fn insert(&mut self, settings: &Settings) -> Result<(), StoreError> {
        if self.draft.settings.contains_key(&settings.hostel()) {
            return Err(StoreError::Conflict("pk_hostel_settings".to_owned()));
        }
        self.draft.settings.insert(settings.hostel(), settings.clone());
        Ok(())
    }

    async fn lock_prices(&mut self, hostel: HostelId) -> Result<bool, StoreError> {
        Ok(self.draft.priced.contains(&hostel) && reaches(self.scope, hostel))
    }

    async fn update(&mut self, settings: &Settings, seen: i64) -> Result<(), StoreError> {
        let scope = self.scope;
        match self.draft.settings.get_mut(&settings.hostel()) {
            Some(stored) if stored.version() == seen && reaches(scope, settings.hostel()) => {
                *stored = settings.clone();
                Ok(())
            }
            _ => Err(StoreError::Stale),
        }
    }
}

#[async_trait]
impl FlagRepository for MemoryUow {
    async fn lock(&mut self, hostel: HostelId) -> Result<Option<Flags>, StoreError> {
        Ok(self.draft.flags_of(hostel).filter(|_| reaches(self.scope, hostel)))
    }

    async fn put(
        &mut self,
        hostel: HostelId,
        flags: &[(Feature, bool)],
        by: Option<AccountId>,
        at: Instant,
    ) -> Result<(), StoreError> {
        for (feature, on) in flags {
            self.draft.flags.insert((hostel, feature.key()), FlagRow { on: *on, by, at });
        }
        Ok(())
    }
}

#[async_trait]
impl TenancyQueries for MemoryTenancy {
    async fn hostels(&self, _call: &Call, page: &Page) -> Result<PageOf<HostelView>, StoreError> {
        Ok(cut(self.0.lock().await.hostels.values().map(Hostel::view).cloned().collect(), page))
    }

    async fn hostels_of(
        &self,
        _call: &Call,
        account: AccountId,
        page: &Page,
    ) -> Result<PageOf<HostelView>, StoreError> {
        let stored = self.0.lock().await;
        let mine = |id: HostelId| stored.members.contains(&(account, id));
        let views = stored.hostels.values().filter(|hostel| mine(hostel.id())).map(Hostel::view).cloned().collect();
        Ok(cut(views, page))
    }

    async fn hostel(&self, call: &Call, id: HostelId) -> Result<Option<HostelView>, StoreError> {
        let stored = self.0.lock().await;
        Ok(stored.hostels.get(&id).filter(|_| reaches(call.scope, id)).map(Hostel::view).cloned())
    }

    async fn settings(&self, call: &Call, hostel: HostelId) -> Result<Option<SettingsView>, StoreError> {
        let stored = self.0.lock().await;
        Ok(stored.settings.get(&hostel).filter(|_| reaches(call.scope, hostel)).map(Settings::view).cloned())
    }

    async fn flags(&self, call: &Call, hostel: HostelId) -> Result<Option<Flags>, StoreError> {
        Ok(self.0.lock().await.flags_of(hostel).filter(|_| reaches(call.scope, hostel)))
    }
}

fn cut(mut views: Vec<HostelView>, page: &Page) -> PageOf<HostelView> {
    let by_name = page.sort == "name";
    if by_name {
        views.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    } else {
        views.sort_by_key(|view| (view.created_at, view.id));
    }
    if page.descending {
        views.reverse();
    }
    PageOf::cut(views, page, |view| Cursor {
        key: if by_name { view.name.to_string() } else { view.created_at.micros().to_string() },
        id: view.id.uuid(),
    })
}
