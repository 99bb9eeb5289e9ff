//! What this context needs from outside. What each implementation must do is written as tests in `contract`.

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, Feature, Flags, HostelId, Instant, Page, PageOf, StoreError, UnitOfWork};

use crate::model::{Hostel, HostelView, Settings, SettingsView};

/// The tenants, inside a unit of work. Making and changing them needs the scope `System(Installation)`.
#[async_trait]
pub trait HostelRepository: Send {
    /// The tenant, if there is one.
    async fn find(&mut self, id: HostelId) -> Result<Option<Hostel>, StoreError>;

    /// Adds a tenant. `Conflict` when the id is taken.
    async fn insert(&mut self, hostel: &Hostel) -> Result<(), StoreError>;

    /// Writes a changed tenant over the one of version `seen`. `Stale` when it is gone or has another version.
    async fn update(&mut self, hostel: &Hostel, seen: i64) -> Result<(), StoreError>;
}

/// The settings, inside a unit of work. In the scope of a hostel only that hostel's can be found or written.
#[async_trait]
pub trait SettingsRepository: Send {
    /// The hostel's settings, if the scope reaches them.
    async fn find(&mut self, hostel: HostelId) -> Result<Option<Settings>, StoreError>;

    /// Adds the settings of a new hostel. `Conflict` when it has some.
    async fn insert(&mut self, settings: &Settings) -> Result<(), StoreError>;

    /// Whether anything is priced or booked in the hostel's currency: a room that is not deleted, a journal in its ledger, or
    /// a payment, which may become one late. Asked in the scope of the hostel. Holds the settings, so that no room is
    /// added before this unit of work ends.
    async fn lock_prices(&mut self, hostel: HostelId) -> Result<bool, StoreError>;

    /// Writes changed settings over those of version `seen`. `Stale` when they have another version or are out of reach.
    async fn update(&mut self, settings: &Settings, seen: i64) -> Result<(), StoreError>;
}

/// The flags, inside a unit of work, one row a feature. In the scope of a hostel only that hostel's are in reach.
#[async_trait]
pub trait FlagRepository: Send {
    /// The hostel's flags, held so that no other unit of work changes them before this one ends. A feature without a row
    /// has its default. `None` when the hostel has no row at all or is out of reach.
    async fn lock(&mut self, hostel: HostelId) -> Result<Option<Flags>, StoreError>;

    /// Sets some flags, adding rows that are missing, and notes who did it (nobody: the installation itself) and when.
    async fn put(
        &mut self,
        hostel: HostelId,
        flags: &[(Feature, bool)],
        by: Option<AccountId>,
        at: Instant,
    ) -> Result<(), StoreError>;
}

/// A unit of work of this context.
pub trait TenancyUow: UnitOfWork {
    /// The tenants.
    fn hostels(&mut self) -> &mut dyn HostelRepository;

    /// Their settings.
    fn settings(&mut self) -> &mut dyn SettingsRepository;

    /// Their flags.
    fn flags(&mut self) -> &mut dyn FlagRepository;
}

/// Opens units of work.
#[async_trait]
pub trait TenancyUows: Send + Sync {
    /// Opens one in the call's scope. `Replayed` when the call's idempotency key was answered before.
    async fn begin(&self, call: &Call) -> Result<Box<dyn TenancyUow>, StoreError>;
}

/// Reads outside a unit of work, in the call's scope.
#[async_trait]
pub trait TenancyQueries: Send + Sync {
    /// All tenants, in the scope `System(Installation)`. Sorted by one of [`HOSTEL_SORTS`](crate::HOSTEL_SORTS).
    async fn hostels(&self, call: &Call, page: &Page) -> Result<PageOf<HostelView>, StoreError>;

    /// The tenants where an account has an active membership, in the scope `System(Lobby)`, suspended ones included.
    /// Sorted by one of [`HOSTEL_SORTS`](crate::HOSTEL_SORTS).
    async fn hostels_of(&self, call: &Call, account: AccountId, page: &Page) -> Result<PageOf<HostelView>, StoreError>;

    /// One tenant, in the scope `System(Installation)`.
    async fn hostel(&self, call: &Call, id: HostelId) -> Result<Option<HostelView>, StoreError>;

    /// The settings of a hostel, in its scope.
    async fn settings(&self, call: &Call, hostel: HostelId) -> Result<Option<SettingsView>, StoreError>;

    /// The flags of a hostel, in its scope: as [`FlagRepository::lock`] tells them, without holding them.
    async fn flags(&self, call: &Call, hostel: HostelId) -> Result<Option<Flags>, StoreError>;
}
