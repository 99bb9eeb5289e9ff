//! Tickets that open sockets: put in by their account, taken out by the system, once.

use async_trait::async_trait;
use domicile_access::{model::SocketTicket, ports::SocketTicketRepository};
use domicile_kernel::{AccountId, Instant, SessionId, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::out_of_reach;
use crate::{dialect::IntoStore, uow::SqlUow};

#[derive(FromQueryResult)]
struct TicketRow {
    hash: String,
    account_id: Uuid,
    session_id: Uuid,
    created_at: i64,
    expires_at: i64,
}

#[async_trait]
impl SocketTicketRepository for SqlUow {
    async fn insert(&mut self, ticket: &SocketTicket) -> Result<(), StoreError> {
        if !self.reach().account(ticket.account_id) {
            return Err(out_of_reach("a ticket"));
        }
        let sql = "INSERT INTO socket_tickets (hash, account_id, session_id, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5)";
        let values = [
            ticket.hash.as_str().into(),
            ticket.account_id.uuid().into(),
            ticket.session_id.uuid().into(),
            ticket.created_at.micros().into(),
            ticket.expires_at.micros().into(),
        ];
        self.tx()?.run(sql, values).await.store()?;
        Ok(())
    }

    async fn take(&mut self, hash: &str, now: Instant) -> Result<Option<SocketTicket>, StoreError> {
        let sql = "DELETE FROM socket_tickets WHERE hash = $1 AND expires_at > $2 \
                   AND account_id = coalesce($3, account_id) \
                   RETURNING hash, account_id, session_id, created_at, expires_at";
        let values = [hash.into(), now.micros().into(), self.reach().only().into()];
        let taken = self.tx()?.one::<TicketRow>(sql, values).await.store()?;
        Ok(taken.map(|row| SocketTicket {
            hash: row.hash,
            account_id: AccountId::new(row.account_id),
            session_id: SessionId::new(row.session_id),
            created_at: Instant::from_micros(row.created_at),
            expires_at: Instant::from_micros(row.expires_at),
        }))
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let sql = "DELETE FROM socket_tickets WHERE expires_at < $1 AND account_id = coalesce($2, account_id)";
        self.tx()?.run(sql, [before.micros().into(), self.reach().only().into()]).await.store()
    }
}
