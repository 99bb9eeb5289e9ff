//! What this adapter needs from others and no business rule does: who may come in, where refusals are noted, bytes kept
//! for a while, and whether the house is well. The server joins them to their technologies.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domicile_kernel::{Actor, Call, Code, Fault, Flags, HostelId, RequestId};
use uuid::Uuid;

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

/// What a look into the cache found.
pub enum Looked {
    /// These bytes.
    Hit(Bytes),
    /// Nothing. What is loaded from now on may be kept by calling this; it is kept under the generation of the look, so
    /// that a load which a write overtook is never found again.
    Miss(Box<dyn FnOnce(Bytes) + Send>),
}

/// Bytes kept for a while, in generations: a write to a topic of a hostel makes the next, and nobody asks for an old one.
pub trait ByteCache: Send + Sync {
    /// Looks for the answer to a canonical query.
    fn look(&self, topic: &'static str, hostel: HostelId, query: &str) -> Looked;
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
        None
    }
}
