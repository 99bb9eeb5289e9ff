//! A ticket for a socket, for clients that cannot show their access token there (A2).

use domicile_kernel::{Call, Outcome};
use serde::{Deserialize, Serialize};

use super::{OwnAccount, SessionsError};
use crate::{crypto::SecretText, model::SocketTicket, parts::Parts};

/// How many random bytes a ticket has; on the wire it has two characters for each.
const BYTES: usize = 32;

/// A ticket that opens one socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SocketTicketView {
    /// To be sent as `ticket` in the socket's first message; works once.
    pub ticket: SecretText,
    /// How long it lives, in seconds.
    pub expires_in: u64,
}

impl OwnAccount {
    /// Makes a ticket for the session of the call. The hostel is named on the socket, and judged there.
    ///
    /// No audit row: a ticket gives nothing that its session does not give already, and each socket would write one.
    pub async fn socket_ticket(&self, call: &Call) -> Result<SocketTicketView, SessionsError> {
        let (account_id, session_id) = Self::caller(call)?;
        let mut halves = [[0; BYTES / 2]; 2];
        for half in &mut halves {
            self.parts.ambient.secrets.bytes(half);
        }
        let [high, low] = halves.map(u128::from_be_bytes);
        let ticket = format!("{high:032x}{low:032x}");
        let (now, lives) = (self.now(), self.parts.config.ticket_ttl);
        let stored = SocketTicket {
            hash: self.parts.refresh_tokens.fingerprint(&ticket),
            account_id,
            session_id,
            created_at: now,
            expires_at: now.plus(lives),
        };
        let mut uow = self.begin(call, account_id).await?;
        uow.tickets().insert(&stored).await?;
        uow.commit(Outcome::done()).await?;
        Ok(SocketTicketView { ticket: SecretText::new(ticket), expires_in: lives.as_secs() })
    }
}

/// Under which hash a ticket is stored; nothing for what cannot be one, so that garbage never reaches the store. The ticket is
/// 256 random bits, so a plain hash cannot be reversed by guessing.
pub(in crate::usecases) fn ticket_hash(parts: &Parts, ticket: &str) -> Option<String> {
    let shaped = ticket.len() == 2 * BYTES && ticket.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    shaped.then(|| parts.refresh_tokens.fingerprint(ticket))
}
