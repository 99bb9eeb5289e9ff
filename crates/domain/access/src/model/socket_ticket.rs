//! A ticket that opens one socket: for clients that cannot show their access token there, such as a browser that keeps it in
//! a cookie (A2). It works once, for seconds, and says no more than the session it was made in.

use domicile_kernel::{AccountId, Instant, SessionId};

/// A ticket as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SocketTicket {
    /// A hash of the ticket: the ticket itself is known to its owner alone.
    pub hash: String,
    /// Whose.
    pub account_id: AccountId,
    /// In whose name it opens the socket; when the session ends, so does the ticket.
    pub session_id: SessionId,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it no longer counts.
    pub expires_at: Instant,
}

impl std::fmt::Debug for SocketTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketTicket").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}
