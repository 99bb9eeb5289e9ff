//! What is promised of sessions.

use super::{DAY, World, begin, begin_system, commit, inserted, session, session_of, sign_in};
use crate::model::{RevokeReason, Session};
use domicile_kernel::{Instant, Purpose, Scope};

/// Every field survives inserting and updating.
pub async fn a_session_comes_back_as_it_was_written(world: &dyn World) {
    let account = inserted(world).await;
    let full = session_of(world, &account);
    let bare = Session { id: world.ambient().id(), device_info: None, ip: None, user_agent: None, ..full.clone() };
    for one in [full, bare] {
        sign_in(world, &one).await;
        assert_eq!(session(world, one.id).await.as_ref(), Some(&one));
        let now = world.ambient().now();
        let ended = one.rotated(now, DAY, "def".to_owned()).revoked(now, RevokeReason::TokenReused);
        let mut uow = begin_system(world).await;
        uow.sessions().update(&ended).await.unwrap();
        commit(uow).await;
        assert_eq!(session(world, ended.id).await, Some(ended));
    }
    assert_eq!(session(world, world.ambient().id()).await, None);
}

/// The excepted one and other people's stay; an ended one keeps its own reason.
pub async fn all_sessions_but_one_are_ended_once(world: &dyn World) {
    let (account, stranger) = (inserted(world).await, inserted(world).await);
    let now = world.ambient().now();
    let mut sessions: Vec<Session> = (0..3).map(|_| session_of(world, &account)).collect();
    sessions.push(session_of(world, &account).revoked(now, RevokeReason::SignedOut));
    sessions.push(session_of(world, &stranger));
    for one in &sessions {
        sign_in(world, one).await;
    }
    let mut uow = begin_system(world).await;
    let reason = RevokeReason::PasswordChanged;
    let mut ended = uow.sessions().revoke_all(account.id, Some(sessions[0].id), now, reason).await.unwrap();
    ended.sort();
    let mut expected = vec![sessions[1].id, sessions[2].id];
    expected.sort();
    assert_eq!(ended, expected);
    assert_eq!(uow.sessions().revoke_all(account.id, None, now, reason).await.unwrap(), [sessions[0].id]);
    assert!(uow.sessions().revoke_all(account.id, None, now, reason).await.unwrap().is_empty());
    commit(uow).await;
    let ended = session(world, sessions[1].id).await.unwrap();
    assert_eq!((ended.revoked_at, ended.revoke_reason), (Some(now), Some(reason)));
    assert_eq!(session(world, sessions[3].id).await.unwrap().revoke_reason, Some(RevokeReason::SignedOut));
    assert_eq!(session(world, sessions[4].id).await.unwrap().revoked_at, None);
}

/// Ended by its owner, by idleness, or at last: gone; live: stays.
pub async fn long_ended_sessions_are_purged(world: &dyn World) {
    let account = inserted(world).await;
    let long_ago = Instant::from_seconds(1_000);
    let live = session_of(world, &account);
    let idle = Session { id: world.ambient().id(), idle_expires_at: long_ago, ..live.clone() };
    let over = Session { absolute_expires_at: long_ago, id: world.ambient().id(), ..idle.clone() };
    let ended = Session { id: world.ambient().id(), ..live.clone() }.revoked(long_ago, RevokeReason::SignedOut);
    for one in [&live, &idle, &over, &ended] {
        sign_in(world, one).await;
    }
    let mut uow = begin(world, Scope::System(Purpose::Sweep)).await;
    assert_eq!(uow.sessions().purge_before(long_ago).await.unwrap(), 0);
    assert_eq!(uow.sessions().purge_before(Instant::from_seconds(1_001)).await.unwrap(), 3);
    commit(uow).await;
    assert!(session(world, live.id).await.is_some());
    for gone in [idle.id, over.id, ended.id] {
        assert_eq!(session(world, gone).await, None);
    }
}
