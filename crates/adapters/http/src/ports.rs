//! What this adapter needs from others and no business rule does: who may come in, where refusals are noted, bytes kept
//! for a while, and whether the house is well. The server joins them to their technologies.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domicile_kernel::{AccountId, Actor, Call, Code, Fault, Flags, HostelId, Instant, RequestId, StoreError};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::limits::Quota;

/// What a caller shows at the door.
#[derive(Debug, Clone)]
pub struct Knock {
    /// The access token, without its scheme.
    pub bearer: String,
    /// The hostel they want to enter, if any.
    pub hostel: Option<HostelId>,
    /// How the request is known.
    pub request_id: RequestId,
    /// Where it came from.
    pub ip: Option<IpAddr>,
}

/// Who came in, and what is on in the hostel they came into (everything, outside one).
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who it is, vouched for.
    pub actor: Actor,
    /// Which features are on.
    pub flags: Flags,
    /// Whether a super_admin came into a hostel where they are no member: that is noted.
    pub entered: bool,
}

/// Why somebody was not let in.
#[derive(Debug)]
pub struct Denied {
    /// The refusal as they will see it.
    pub error: Box<dyn Fault + Send + Sync>,
    /// Who it was, when that is known: a known account at the door of another hostel.
    pub actor: Option<Actor>,
}

/// Who may come in. Asked once for each request that is not public.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Checks the token and, with a hostel, the membership.
    async fn admit(&self, knock: Knock) -> Result<Admission, Denied>;

    /// Lets somebody in from memory, without waiting for anything. Nothing where [`admit`](Self::admit) must be asked, which
    /// is also who says no.
    fn recall(&self, _bearer: &str, _hostel: Option<HostelId>) -> Option<Admission> {
        None
    }
}

/// A refusal for the audit trail (J17).
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// The operation that was refused, such as `bookings.approve`.
    pub operation: &'static str,
    /// Why: `INSUFFICIENT_PERMISSIONS` or `FORBIDDEN`.
    pub code: Code,
    /// The missing permission, if that was it.
    pub required: Option<&'static str>,
    /// The record that was asked for, if the path named one.
    pub target: Option<Uuid>,
}

/// Where refusals of known accounts and entries of a super_admin are noted. Must not wait: a bounded writer stands behind.
pub trait RefusalSink: Send + Sync {
    /// A known account was refused.
    fn refused(&self, call: &Call, refused: Refused);

    /// A super_admin entered a hostel (W6).
    fn entered(&self, call: &Call, operation: &'static str);
}

/// What is kept. The scope of a topic is whose writes outdate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Room lists without dates; scope: the hostel. Outdated by its rooms.
    Rooms,
    /// Room lists with dates; scope: the hostel. Outdated by its rooms and stays.
    Availability,
    /// One room; scope: the room.
    Room,
    /// One's own account with its memberships; scope: the account. Outdated by both, and by the names of hostels.
    Profile,
    /// Settings; scope: the hostel.
    Settings,
    /// Feature flags; scope: the hostel.
    Flags,
}

/// What a look into the cache found.
pub enum Looked {
    /// These bytes.
    Hit(Bytes),
    /// Somebody is loading them. The future ends when they are there, or with nothing when that load failed.
    Pending(BoxFuture<'static, Option<Bytes>>),
    /// Nothing. What is loaded from now on may be kept by calling this; it is kept under the generation of the look, so
    /// that a load which a write overtook is never found again. Dropping it gives up.
    Miss(Box<dyn FnOnce(Bytes) + Send>),
}

/// Bytes kept for a while, in generations: a write to a topic's scope makes the next, and nobody asks for an old one.
pub trait ByteCache: Send + Sync {
    /// Looks for the answer to a canonical query.
    fn look(&self, topic: Topic, scope: Uuid, query: &str) -> Looked;
}

/// A connection that has shaken hands for a socket, and that nobody has said a word on.
#[derive(Debug)]
pub struct Newcomer {
    /// The connection, without blocking; the 101 is sent.
    pub stream: std::net::TcpStream,
    /// What was read past the handshake already: the beginning of the first frames.
    pub early: Bytes,
    /// Where it came from, past trusted proxies.
    pub ip: IpAddr,
    /// How the handshake's request was known.
    pub request_id: RequestId,
}

/// Why there is no room for another socket now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Too many from that address have not said who they are.
    Address {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// This node holds as many as it may.
    Node {
        /// When to try again, in seconds.
        retry_after: u32,
    },
}

/// Where connections go that have become sockets.
pub trait Sockets: Send + Sync {
    /// Whether another one from this address has room. Must not wait.
    fn room_for(&self, ip: IpAddr) -> Result<(), Crowded>;

    /// Takes one over. Called on an HTTP worker: it must not wait, and what it does goes on elsewhere.
    fn welcome(&self, newcomer: Newcomer);
}

/// Whether what the house stands on is there.
#[async_trait]
pub trait Health: Send + Sync {
    /// Asks the database something small: how long it took, or why it did not answer (for the log only).
    async fn database(&self) -> Result<Duration, String>;

    /// False while the process is being drained: readiness is then refused, and every answer ends its connection.
    fn accepting(&self) -> bool {
        true
    }

    /// How much memory the process holds, where that can be told.
    fn resident_bytes(&self) -> Option<u64> {
        domicile_telemetry::process::resident_bytes()
    }

    /// How much of the machine's memory is in use, in percent, where that can be told.
    fn system_memory_percent(&self) -> Option<f64> {
        domicile_telemetry::process::machine_memory_percent()
    }

    /// How many sockets are open; nothing in an installation without them.
    fn sockets(&self) -> Option<u64> {
        None
    }

    /// How the payment gateway was when it was last asked. Must not wait for it.
    fn payment_gateway(&self) -> GatewayHealth {
        GatewayHealth::None
    }
}

/// How a payment gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayHealth {
    /// No payments are taken here.
    None,
    /// It was not asked yet.
    Unasked,
    /// It was asked.
    Asked {
        /// Whether it answered.
        up: bool,
        /// When.
        at: Instant,
    },
}

/// Somebody is online in a hostel: they have a socket open there, on any node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct PresenceView {
    /// Who.
    pub user_id: AccountId,
    /// Since when.
    pub since: Instant,
}

/// Who is online (A50).
#[async_trait]
pub trait Presence: Send + Sync {
    /// Everybody who is, by account.
    async fn online(&self, hostel: HostelId) -> Result<Vec<PresenceView>, StoreError>;
}

/// A page of a gateway that is inside this process: the sandbox's checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutPage {
    /// How it is answered.
    pub outcome: CheckoutOutcome,
    /// The page, whole: HTML that runs no scripts.
    pub html: String,
    /// What a browser may do with it: its header `Content-Security-Policy`.
    pub policy: String,
}

/// What became of a request to the checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutOutcome {
    /// The page as it stands, or after a button: 200.
    Shown,
    /// There is no such charge: 404.
    Unknown,
    /// There is no such button: 400.
    NotAnAction,
}

/// The checkout page of the sandbox gateway. A ticket is the last segment of its address: a reference with a proof behind
/// it, so that who knows or guesses a reference cannot press its buttons. One without a sound proof must cost no look into
/// a store.
#[async_trait]
pub trait Checkout: Send + Sync {
    /// The page at a ticket.
    async fn page(&self, ticket: &str) -> Result<CheckoutPage, StoreError>;

    /// Presses a button: `pay`, `decline`, `hang` or `pay_twice`. Any other word, the empty one among them, changes
    /// nothing.
    async fn act(&self, ticket: &str, action: &str) -> Result<CheckoutPage, StoreError>;
}

/// Who a rule counts.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Addresses and ids, as numbers; zero where there is none.
    pub numbers: [u128; 2],
    /// An e-mail address or a name to sign in with; empty where there is none. It is not to be kept as it is.
    pub text: &'a str,
}

/// One pass, for giving it back: whose, as a keyed hash, and when, as the limiter tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Whose.
    pub key: u128,
    /// When.
    pub stamp: i64,
}

/// How a subject stands with a rule after asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this one passed.
    pub allowed: bool,
    /// How many pass in a window.
    pub limit: u32,
    /// How many more would pass now.
    pub remaining: u32,
    /// When one more place becomes free, never too early.
    pub reset: Instant,
    /// What the pass is given back with.
    pub receipt: Receipt,
}

/// Counts who asks how often (J5). It must not wait, and of many who ask at once exactly as many pass as may.
pub trait Limiter: Send + Sync {
    /// Asks for a pass. A refusal leaves no trace.
    fn take(&self, rule: &'static str, subject: Subject<'_>, quota: Quota, now: Instant) -> Standing;

    /// Takes a pass out again, as if it had never been asked for.
    fn give_back(&self, receipt: Receipt);
}
