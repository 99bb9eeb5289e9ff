//! What is promised of one-time codes.

use super::{World, begin_system, challenge_of, challenged, commit, inserted};
use crate::model::{ChallengeId, ChallengePurpose};
use domicile_kernel::Instant;
use std::time::Duration;

/// One an account and purpose.
pub async fn a_new_challenge_replaces_the_old(world: &dyn World) {
    let account = inserted(world).await;
    let old = challenged(world, &account).await;
    let reset = challenge_of(world, &account, ChallengePurpose::ResetPassword);
    let new = challenge_of(world, &account, ChallengePurpose::VerifyEmail);
    let mut uow = begin_system(world).await;
    let now = world.ambient().now();
    assert_eq!(uow.challenges().attempt(old.id, 5, now).await.unwrap(), Some(1));
    uow.challenges().replace(&reset).await.unwrap();
    uow.challenges().replace(&new).await.unwrap();
    assert_eq!(uow.challenges().attempt(old.id, 5, now).await.unwrap(), None);
    assert_eq!(uow.challenges().find(account.id, ChallengePurpose::VerifyEmail).await.unwrap(), Some(new));
    assert_eq!(uow.challenges().find(account.id, ChallengePurpose::ResetPassword).await.unwrap(), Some(reset));
    commit(uow).await;
}

/// The count is answered; behind the last there is none.
pub async fn guesses_are_counted_up_to_the_most(world: &dyn World) {
    let account = inserted(world).await;
    let challenge = challenged(world, &account).await;
    let now = world.ambient().now();
    for expected in [Some(1), Some(2), Some(3), None, None] {
        let mut uow = begin_system(world).await;
        assert_eq!(uow.challenges().attempt(challenge.id, 3, now).await.unwrap(), expected);
        commit(uow).await;
    }
    let mut uow = begin_system(world).await;
    let found = uow.challenges().find(account.id, challenge.purpose).await.unwrap().unwrap();
    assert_eq!(found.attempts, 3);
    assert_eq!(uow.challenges().attempt(world.ambient().id::<ChallengeId>(), 3, now).await.unwrap(), None);
    uow.rollback().await.unwrap();
}

/// Used once only; expired at its instant, not after it.
pub async fn a_used_or_expired_challenge_takes_no_guess(world: &dyn World) {
    let account = inserted(world).await;
    let challenge = challenged(world, &account).await;
    let now = world.ambient().now();
    let mut uow = begin_system(world).await;
    assert_eq!(uow.challenges().attempt(challenge.id, 5, challenge.expires_at).await.unwrap(), None);
    let last = challenge.expires_at.minus(Duration::from_micros(1));
    assert_eq!(uow.challenges().attempt(challenge.id, 5, last).await.unwrap(), Some(1));
    assert!(uow.challenges().spend(challenge.id, now).await.unwrap());
    assert!(!uow.challenges().spend(challenge.id, now).await.unwrap());
    assert_eq!(uow.challenges().attempt(challenge.id, 5, now).await.unwrap(), None);
    let found = uow.challenges().find(account.id, challenge.purpose).await.unwrap().unwrap();
    assert_eq!(found.used_at, Some(now));
    commit(uow).await;
}

/// Each removal takes what it names and nothing else.
pub async fn challenges_are_removed_by_account_and_by_time(world: &dyn World) {
    let (account, other) = (inserted(world).await, inserted(world).await);
    challenged(world, &account).await;
    let mut old = challenge_of(world, &other, ChallengePurpose::ResetPassword);
    old.expires_at = Instant::from_seconds(500);
    let mut uow = begin_system(world).await;
    uow.challenges().replace(&old).await.unwrap();
    uow.challenges().replace(&challenge_of(world, &other, ChallengePurpose::VerifyEmail)).await.unwrap();
    assert_eq!(uow.challenges().remove_of(account.id).await.unwrap(), 1);
    assert_eq!(uow.challenges().purge_before(Instant::from_seconds(500)).await.unwrap(), 0);
    assert_eq!(uow.challenges().purge_before(Instant::from_seconds(501)).await.unwrap(), 1);
    assert_eq!(uow.challenges().find(account.id, ChallengePurpose::VerifyEmail).await.unwrap(), None);
    assert!(uow.challenges().find(other.id, ChallengePurpose::VerifyEmail).await.unwrap().is_some());
    commit(uow).await;
}
