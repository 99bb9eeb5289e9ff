//! What this adapter needs from others: who may come in, the event log, the records behind subscriptions, and where it is
//! written down who is online. The server joins them to access, booking and the database.

use std::net::IpAddr;

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Actor, Call, Code, Event, Fault, Flags, HostelId, Instant, RequestId, SessionId, StoreError,
};
use serde_json::Value;
use uuid::Uuid;

/// What somebody shows to be let in.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token, without the word `Bearer`.
    Token(String),
    /// A ticket of `POST /auth/ws-ticket`, good once.
    Ticket(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Ticket(_) => "Ticket(…)",
        })
    }
}

/// Somebody is in.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Who, with their role in the hostel; vouched for.
    pub actor: Actor,
    /// What is switched on in the hostel.
    pub flags: Flags,
    /// Where.
    pub hostel: HostelId,
    /// Through which sign-in.
    pub session: SessionId,
    /// Whose.
    pub account: AccountId,
    /// When the token, or the session if sooner, ends.
    pub expires_at: Instant,
}

/// Why somebody is not in.
#[derive(Debug)]
pub enum NotEntered {
    /// The token or ticket does not count (any more), with the words for the client.
    BadCredential(Code, String),
    /// No member of the hostel; unknown hostels get the same answer.
    NotAMember,
    /// It cannot be found out now.
    Unavailable,
}

/// Who may come in, and whether they still may.
#[async_trait]
pub trait Door: Send + Sync {
    /// Checks a credential and the membership.
    async fn enter(
        &self,
        credential: Credential,
        hostel: HostelId,
        ip: IpAddr,
        request_id: &RequestId,
    ) -> Result<Entered, NotEntered>;

    /// How somebody who is in stands now; always asks the store. `expires_at` is then the session's end.
    async fn again(&self, session: SessionId, account: AccountId, hostel: HostelId) -> Result<Entered, NotEntered>;
}

/// How far the log of a hostel reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The `seq` of the first event that is still kept; 0 when none is.
    pub oldest: i64,
    /// The last `seq` given out; 0 before the first.
    pub head: i64,
}

/// The events of one hostel, numbered from 1 without a gap.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// The events behind `seq`, in order, at most `most`.
    async fn after(&self, hostel: HostelId, seq: i64, most: u64) -> Result<Vec<Event>, StoreError>;

    /// How far it reaches, as of one moment.
    async fn reach(&self, hostel: HostelId) -> Result<Reach, StoreError>;
}

/// Why a subscription is refused.
pub type Refused = Box<dyn Fault + Send + Sync>;

/// The records behind subscriptions, as the caller may read them.
#[async_trait]
pub trait Views: Send + Sync {
    /// A booking, for its guest and for who may see them all.
    async fn booking(&self, call: &Call, id: Uuid) -> Result<Value, Refused>;

    /// A room.
    async fn room(&self, call: &Call, id: Uuid) -> Result<Value, Refused>;
}

/// Somebody is online in a hostel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Present {
    /// Who.
    pub user_id: AccountId,
    /// Since when, by the oldest of their sockets.
    pub since: Instant,
}

/// Somebody came to this node or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Where.
    pub hostel: HostelId,
    /// Who.
    pub account: AccountId,
    /// Since when they are here; none when they left.
    pub since: Option<Instant>,
}

/// Where it is written down who is online, by every node for its own sockets.
#[async_trait]
pub trait PresenceBook: Send + Sync {
    /// Writes comings and goings at a node: a few statements however many there are. What is there already is confirmed.
    async fn note(&self, node: Uuid, changes: &[Presence], now: Instant) -> Result<(), StoreError>;

    /// Confirms everybody written down for a node; how many those are.
    async fn confirm(&self, node: Uuid, now: Instant) -> Result<u64, StoreError>;

    /// Who is online in a hostel: confirmed at or after `since`, each once, by account.
    async fn who(&self, hostel: HostelId, since: Instant) -> Result<Vec<Present>, StoreError>;

    /// Removes a node's rows, and whatever was last confirmed before an instant, which is what nodes leave that died.
    async fn remove(&self, node: Option<Uuid>, before: Instant) -> Result<(), StoreError>;
}
