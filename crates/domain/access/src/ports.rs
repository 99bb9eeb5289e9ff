//! Everything this context needs from a store. Cryptography is in [`crypto`](crate::crypto).
//!
//! Which rows a unit of work reaches follows from the scope of the call it was begun with: a hostel reaches its memberships
//! and nothing else; an account reaches itself, its memberships, sessions and challenges; the purposes `SignIn`, `Enrolment`,
//! `Lobby`, `Installation` and `Sweep` reach all. What is out of reach is as if it did not exist.
//!
//! Expected collisions are answers, never errors, so that the transaction lives on: implement them with
//! `ON CONFLICT DO NOTHING`, or a savepoint around an update. [`contract`](crate) holds every promise made here, but for the
//! one of [`StandingMemory`], which is no store.

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Call, Flags, HostelId, Instant, Page, PageOf, Role, SessionId, StoreError, UnitOfWork,
};

use crate::{
    crypto::PasswordHash,
    model::{
        Account, AccountStatus, Challenge, ChallengeId, ChallengePurpose, Email, Membership, MembershipStatus,
        RevokeReason, Session, SocketTicket, Tries, Username, words,
    },
    queries::{AuditFilter, AuditView, HostelMembershipView, SessionView, UserFilter, UserView},
};

/// What became of inserting an account. When several values are taken, the first of this order is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum AccountInsertion {
    /// It is there.
    Inserted,
    /// Another account has the address; nothing was written.
    EmailTaken,
    /// Another account has the username; nothing was written.
    UsernameTaken,
    /// Another account has the telephone number; nothing was written.
    PhoneTaken,
}

/// What became of updating an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum AccountUpdate {
    /// It is written.
    Updated,
    /// Its version is not the one seen, or it is gone; nothing was written.
    Stale,
    /// Another account has the address; nothing was written.
    EmailTaken,
    /// Another account has the username; nothing was written.
    UsernameTaken,
    /// Another account has the telephone number; nothing was written.
    PhoneTaken,
}

/// Accounts.
#[async_trait]
pub trait AccountRepository: Send {
    /// The account, if there is one.
    async fn find(&mut self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account, locked against other writers until the unit of work ends.
    async fn find_for_update(&mut self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account with this address.
    async fn find_by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError>;

    /// The account with this username, without regard to case.
    async fn find_by_username(&mut self, username: &Username) -> Result<Option<Account>, StoreError>;

    /// The account with this telephone number (E.164), by its blind index.
    async fn find_by_phone(&mut self, phone: &str) -> Result<Option<Account>, StoreError>;

    /// Adds an account.
    async fn insert(&mut self, account: &Account) -> Result<AccountInsertion, StoreError>;

    /// Writes every field but the password hash, if the version is still `seen`.
    async fn update(&mut self, account: &Account, seen: i64) -> Result<AccountUpdate, StoreError>;

    /// Sets or (with none) takes away the password hash. Touches neither version nor times. An unknown account is no error.
    async fn set_password(&mut self, id: AccountId, hash: Option<&PasswordHash>) -> Result<(), StoreError>;
}

/// What became of inserting a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MembershipInsertion {
    /// It is there.
    Inserted,
    /// The account is a member already, whatever the status; nothing was written.
    AlreadyMember,
}

/// Memberships.
#[async_trait]
pub trait MembershipRepository: Send {
    /// What an account is in a hostel.
    async fn find(&mut self, hostel: HostelId, account: AccountId) -> Result<Option<Membership>, StoreError>;

    /// The same, locked against other writers until the unit of work ends.
    async fn find_for_update(&mut self, hostel: HostelId, account: AccountId)
    -> Result<Option<Membership>, StoreError>;

    /// Every membership of an account that is in reach, by hostel id, locked against other writers.
    async fn list_for_update(&mut self, account: AccountId) -> Result<Vec<Membership>, StoreError>;

    /// Adds a membership. The account must exist.
    async fn insert(&mut self, membership: &Membership) -> Result<MembershipInsertion, StoreError>;

    /// Writes every field, if the version is still `seen`; answers whether it was.
    async fn update(&mut self, membership: &Membership, seen: i64) -> Result<bool, StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionRepository: Send {
    /// Adds a session.
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError>;

    /// The session, locked against other writers until the unit of work ends: two refreshes of one token go one after the
    /// other.
    async fn find_for_update(&mut self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Writes every field of a session that was found for update.
    async fn update(&mut self, session: &Session) -> Result<(), StoreError>;

    /// Ends every session of an account that is not ended yet, but for `except`. Answers which, by id.
    async fn revoke_all(
        &mut self,
        account: AccountId,
        except: Option<SessionId>,
        at: Instant,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Removes sessions that were ended, or whose idle or absolute time was over, before an instant. Answers how many.
    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError>;
}

/// One-time codes.
#[async_trait]
pub trait ChallengeRepository: Send {
    /// Puts a challenge in the place of the one the account had for the same purpose, asked for from the same place: that code
    /// is dead. Those asked for from elsewhere stay.
    async fn replace(&mut self, challenge: &Challenge) -> Result<(), StoreError>;

    /// The account's challenges for a purpose, in whatever state; newest first, then by id, the higher first.
    async fn list(&mut self, account: AccountId, purpose: ChallengePurpose) -> Result<Vec<Challenge>, StoreError>;

    /// Counts a guess, in one statement: adds one to the named tries if fewer than `most` of them were made, the code's own
    /// tries are not used up, and it is neither used nor expired at `now`. Answers the new count, or nothing when there was
    /// no guess left.
    async fn attempt(
        &mut self,
        id: ChallengeId,
        tries: Tries,
        most: i64,
        now: Instant,
    ) -> Result<Option<i64>, StoreError>;

    /// Marks the code as used; answers false when it was used before.
    async fn spend(&mut self, id: ChallengeId, now: Instant) -> Result<bool, StoreError>;

    /// Removes the challenges of an account, for one purpose or for all, but for `except`. Answers how many.
    async fn remove_of(
        &mut self,
        account: AccountId,
        purpose: Option<ChallengePurpose>,
        except: Option<ChallengeId>,
    ) -> Result<u64, StoreError>;

    /// Removes challenges that expired before an instant. Answers how many.
    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError>;
}

/// Tickets that open sockets.
#[async_trait]
pub trait SocketTicketRepository: Send {
    /// Adds a ticket.
    async fn insert(&mut self, ticket: &SocketTicket) -> Result<(), StoreError>;

    /// Takes a ticket out, in one statement, if it has not expired at `now`: of two who redeem it, one gets it.
    async fn take(&mut self, hash: &str, now: Instant) -> Result<Option<SocketTicket>, StoreError>;

    /// Removes tickets that expired before an instant. Answers how many.
    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError>;
}

words! {
    /// What sort of house it is.
    HouseKind {
        /// Lets beds by the month.
        Hostel = "hostel",
        /// Lets people in at the gate.
        Society = "society",
    }
}

words! {
    /// Who may register (J15).
    Registration {
        /// Anybody.
        Open = "open",
        /// Anybody, but an admin must approve.
        Approval = "approval",
        /// Nobody: people are made by an admin.
        Closed = "closed",
    }
}

/// What access needs to know of a hostel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseFacts {
    /// Its name.
    pub name: String,
    /// What sort of house.
    pub kind: HouseKind,
    /// Whether it is in use; a suspended one takes nobody in.
    pub active: bool,
    /// Who may register.
    pub registration: Registration,
}

/// Hostels, as far as access needs to know of them. In reach: the hostel of the scope, and all for the system.
#[async_trait]
pub trait HouseRepository: Send {
    /// The hostel, if there is one.
    async fn find(&mut self, hostel: HostelId) -> Result<Option<HouseFacts>, StoreError>;
}

/// A unit of work over accounts, memberships, sessions and codes.
pub trait AccessUow: UnitOfWork {
    /// Accounts.
    fn accounts(&mut self) -> &mut dyn AccountRepository;
    /// Memberships.
    fn memberships(&mut self) -> &mut dyn MembershipRepository;
    /// Sessions.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// One-time codes.
    fn challenges(&mut self) -> &mut dyn ChallengeRepository;
    /// Tickets that open sockets.
    fn tickets(&mut self) -> &mut dyn SocketTicketRepository;
    /// What is known of hostels.
    fn houses(&mut self) -> &mut dyn HouseRepository;
}

/// Opens units of work.
#[async_trait]
pub trait AccessUows: Send + Sync {
    /// Opens one in the scope of the call. A repeated idempotency key answers [`StoreError::Replayed`] here.
    async fn begin(&self, call: &Call) -> Result<Box<dyn AccessUow>, StoreError>;
}

/// A hostel and what an account is there, as admission sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseStanding {
    /// Whether the hostel is in use.
    pub active: bool,
    /// Which features are on.
    pub flags: Flags,
    /// What the account is there, if anything.
    pub membership: Option<(Role, MembershipStatus)>,
}

/// Everything admission asks, read in one round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose the session is.
    pub account: AccountId,
    /// Whether the account can be used.
    pub account_status: AccountStatus,
    /// Whether it runs the installation.
    pub super_admin: bool,
    /// Whether the session was ended.
    pub revoked: bool,
    /// When the session ends: the earlier of its idle and its absolute end.
    pub expires_at: Instant,
    /// The asked hostel; none when none was asked for, or there is none.
    pub house: Option<HouseStanding>,
}

/// When a load of a [`Standing`] began, as its memory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub u64);

/// Remembers standings between requests, so that the store is not asked each time (J10). It may forget whatever it likes, and
/// it must answer nothing when it cannot be sure to hear of what ends a standing elsewhere.
///
/// What it remembers only ever lets somebody in; whoever it would turn away, the store is asked about.
pub trait StandingMemory: Send + Sync {
    /// What is remembered of a session, and of what its account is in a hostel.
    fn recall(&self, session: SessionId, hostel: Option<HostelId>) -> Option<Standing>;

    /// Now, to be asked before the store is.
    fn moment(&self) -> Moment;

    /// Remembers what was loaded since `moment`. Refused, quietly, when anything was forgotten since then: what was loaded may
    /// be from before. Once a `forget_…` has returned, nothing from before it is recalled, whoever keeps what meanwhile.
    fn keep(&self, moment: Moment, session: SessionId, hostel: Option<HostelId>, standing: &Standing);

    /// A session ended.
    fn forget_session(&self, session: SessionId);

    /// An account changed, or what it is in some hostel.
    fn forget_account(&self, account: AccountId);

    /// A hostel changed: its state, or its features.
    fn forget_hostel(&self, hostel: HostelId);

    /// Anything may have changed.
    fn forget_all(&self);
}

/// No memory: the store is asked each time.
impl StandingMemory for () {
    fn recall(&self, _session: SessionId, _hostel: Option<HostelId>) -> Option<Standing> {
        None
    }

    fn moment(&self) -> Moment {
        Moment(0)
    }

    fn keep(&self, _moment: Moment, _session: SessionId, _hostel: Option<HostelId>, _standing: &Standing) {}

    fn forget_session(&self, _session: SessionId) {}

    fn forget_account(&self, _account: AccountId) {}

    fn forget_hostel(&self, _hostel: HostelId) {}

    fn forget_all(&self) {}
}

/// Reading. Reach follows the scope of the call as for units of work.
#[async_trait]
pub trait AccessQueries: Send + Sync {
    /// A page of the members of the call's hostel. Sorts: `created_at`, `first_name`, `last_name`, `email`; ties by id.
    async fn users(&self, call: &Call, filter: &UserFilter, page: &Page) -> Result<PageOf<UserView>, StoreError>;

    /// A member of the call's hostel.
    async fn user(&self, call: &Call, id: AccountId) -> Result<Option<UserView>, StoreError>;

    /// An account.
    async fn account(&self, call: &Call, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The sessions of an account that are live at `now`, last used first. None is marked current.
    async fn sessions(&self, call: &Call, account: AccountId, now: Instant) -> Result<Vec<SessionView>, StoreError>;

    /// The memberships of an account with the hostels' names, by name, then id; deactivated ones too. Asked with purpose
    /// `Lobby`.
    async fn memberships(&self, call: &Call, account: AccountId) -> Result<Vec<HostelMembershipView>, StoreError>;

    /// A page of the audit rows filed under the call's hostel. Sort: `at`; ties by id.
    async fn audit(&self, call: &Call, filter: &AuditFilter, page: &Page) -> Result<PageOf<AuditView>, StoreError>;

    /// Everything admission asks, in one round trip; none when there is no such session.
    async fn standing(&self, session: SessionId, hostel: Option<HostelId>) -> Result<Option<Standing>, StoreError>;
}
