//! What is promised of tickets that open sockets.

use super::{World, begin, begin_system, commit, inserted, session_of, ticket_of};
use crate::model::SocketTicket;
use domicile_kernel::{Instant, Purpose, Scope};

async fn issue(world: &dyn World, ticket: &SocketTicket) {
    let mut uow = begin(world, Scope::Account(ticket.account_id)).await;
    uow.tickets().insert(ticket).await.unwrap();
    commit(uow).await;
}

/// Whole; not by its hash's neighbour, not by another account, not when it has expired, and not again.
pub async fn a_ticket_is_taken_once(world: &dyn World) {
    let (account, other) = (inserted(world).await, inserted(world).await);
    let ticket = ticket_of(world, &session_of(world, &account));
    issue(world, &ticket).await;
    let mut uow = begin(world, Scope::Account(other.id)).await;
    assert!(uow.tickets().insert(&ticket_of(world, &session_of(world, &account))).await.is_err());
    uow.rollback().await.unwrap();
    let now = world.ambient().now();
    let mut uow = begin_system(world).await;
    assert_eq!(uow.tickets().take("another", now).await.unwrap(), None);
    assert_eq!(uow.tickets().take(&ticket.hash, ticket.expires_at).await.unwrap(), None);
    let last = Instant::from_micros(ticket.expires_at.micros() - 1);
    assert_eq!(uow.tickets().take(&ticket.hash, last).await.unwrap().as_ref(), Some(&ticket));
    assert_eq!(uow.tickets().take(&ticket.hash, last).await.unwrap(), None);
    uow.rollback().await.unwrap();
    let mut uow = begin_system(world).await;
    assert!(uow.tickets().take(&ticket.hash, now).await.unwrap().is_some(), "what was rolled back was not taken");
    commit(uow).await;
    let mut uow = begin_system(world).await;
    assert_eq!(uow.tickets().take(&ticket.hash, now).await.unwrap(), None);
    uow.rollback().await.unwrap();
}

/// Those alone that had expired before the instant.
pub async fn expired_tickets_are_purged(world: &dyn World) {
    let account = inserted(world).await;
    let live = ticket_of(world, &session_of(world, &account));
    let old =
        SocketTicket { expires_at: Instant::from_seconds(1_000), ..ticket_of(world, &session_of(world, &account)) };
    issue(world, &live).await;
    issue(world, &old).await;
    let mut uow = begin(world, Scope::System(Purpose::Sweep)).await;
    assert_eq!(uow.tickets().purge_before(Instant::from_seconds(1_000)).await.unwrap(), 0);
    assert_eq!(uow.tickets().purge_before(Instant::from_seconds(1_001)).await.unwrap(), 1);
    assert!(uow.tickets().take(&live.hash, live.created_at).await.unwrap().is_some());
    commit(uow).await;
}
