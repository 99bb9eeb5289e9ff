//! What is promised of one-time codes.

use super::{World, begin_system, challenge_of, challenged, challenges, commit, inserted};
use crate::model::{AskedFrom, Challenge, ChallengeId, ChallengePurpose, Tries};
use domicile_kernel::Instant;
use std::time::Duration;

fn elsewhere() -> AskedFrom {
    AskedFrom::stored("2001:db8::/64".to_owned())
}

/// One an account, purpose and place; the newest comes first.
pub async fn a_new_challenge_replaces_the_one_from_the_same_place(world: &dyn World) {
    let account = inserted(world).await;
    let old = challenged(world, &account).await;
    let reset = challenge_of(world, &account, ChallengePurpose::ResetPassword);
    let later = world.ambient().now().plus(Duration::from_micros(1));
    let foreign = Challenge {
        asked_from: elsewhere(),
        created_at: later,
        ..challenge_of(world, &account, ChallengePurpose::VerifyEmail)
    };
    let new = challenge_of(world, &account, ChallengePurpose::VerifyEmail);
    let nowhere = Challenge {
        asked_from: AskedFrom::nowhere(),
        foreign_attempts: 2,
        ..challenge_of(world, &account, ChallengePurpose::VerifyEmail)
    };
    let mut uow = begin_system(world).await;
    let now = world.ambient().now();
    assert_eq!(uow.challenges().attempt(old.id, Tries::Own, 5, now).await.unwrap(), Some(1));
    for one in [&reset, &foreign, &new, &nowhere] {
        uow.challenges().replace(one).await.unwrap();
    }
    assert_eq!(uow.challenges().attempt(old.id, Tries::Own, 5, now).await.unwrap(), None);
    commit(uow).await;
    assert_eq!(challenges(world, &account, ChallengePurpose::VerifyEmail).await, [foreign, nowhere, new]);
    assert_eq!(challenges(world, &account, ChallengePurpose::ResetPassword).await, [reset]);
}

/// The count is answered; behind the last there is none.
pub async fn guesses_are_counted_up_to_the_most(world: &dyn World) {
    let account = inserted(world).await;
    let challenge = challenged(world, &account).await;
    let now = world.ambient().now();
    for expected in [Some(1), Some(2), Some(3), None, None] {
        let mut uow = begin_system(world).await;
        assert_eq!(uow.challenges().attempt(challenge.id, Tries::Own, 3, now).await.unwrap(), expected);
        commit(uow).await;
    }
    let mut uow = begin_system(world).await;
    let found = uow.challenges().list(account.id, challenge.purpose).await.unwrap();
    assert_eq!((found[0].attempts, found[0].foreign_attempts), (3, 0));
    let unknown = world.ambient().id::<ChallengeId>();
    assert_eq!(uow.challenges().attempt(unknown, Tries::Own, 3, now).await.unwrap(), None);
    uow.rollback().await.unwrap();
}

/// They leave the asker's own tries alone; a code that its asker guessed dead is dead for all.
pub async fn guesses_from_elsewhere_are_counted_apart(world: &dyn World) {
    let account = inserted(world).await;
    let challenge = challenged(world, &account).await;
    let now = world.ambient().now();
    let mut uow = begin_system(world).await;
    for (tries, expected) in [
        (Tries::Foreign, Some(1)),
        (Tries::Own, Some(1)),
        (Tries::Foreign, Some(2)),
        (Tries::Foreign, None),
        (Tries::Own, Some(2)),
        (Tries::Own, None),
    ] {
        assert_eq!(uow.challenges().attempt(challenge.id, tries, 2, now).await.unwrap(), expected);
    }
    assert_eq!(uow.challenges().attempt(challenge.id, Tries::Own, 3, now).await.unwrap(), Some(3));
    assert_eq!(uow.challenges().attempt(challenge.id, Tries::Foreign, 3, now).await.unwrap(), None, "it is dead");
    commit(uow).await;
    let found = challenges(world, &account, challenge.purpose).await;
    assert_eq!((found[0].attempts, found[0].foreign_attempts), (3, 2));
}

/// Used once only; expired at its instant, not after it.
pub async fn a_used_or_expired_challenge_takes_no_guess(world: &dyn World) {
    let account = inserted(world).await;
    let challenge = challenged(world, &account).await;
    let now = world.ambient().now();
    let mut uow = begin_system(world).await;
    for tries in [Tries::Own, Tries::Foreign] {
        assert_eq!(uow.challenges().attempt(challenge.id, tries, 5, challenge.expires_at).await.unwrap(), None);
        let last = challenge.expires_at.minus(Duration::from_micros(1));
        assert_eq!(uow.challenges().attempt(challenge.id, tries, 5, last).await.unwrap(), Some(1));
    }
    assert!(uow.challenges().spend(challenge.id, now).await.unwrap());
    assert!(!uow.challenges().spend(challenge.id, now).await.unwrap());
    assert_eq!(uow.challenges().attempt(challenge.id, Tries::Own, 5, now).await.unwrap(), None);
    assert_eq!(uow.challenges().attempt(challenge.id, Tries::Foreign, 5, now).await.unwrap(), None);
    let found = uow.challenges().list(account.id, challenge.purpose).await.unwrap();
    assert_eq!(found[0].used_at, Some(now));
    commit(uow).await;
}

/// Each removal takes what it names and nothing else.
pub async fn challenges_are_removed_by_account_and_by_time(world: &dyn World) {
    let (account, other) = (inserted(world).await, inserted(world).await);
    let kept = challenged(world, &account).await;
    let foreign = Challenge { asked_from: elsewhere(), ..challenge_of(world, &account, kept.purpose) };
    let reset = challenge_of(world, &account, ChallengePurpose::ResetPassword);
    let mut old = challenge_of(world, &other, ChallengePurpose::ResetPassword);
    old.expires_at = Instant::from_seconds(500);
    let mut uow = begin_system(world).await;
    for one in [&foreign, &reset, &old, &challenge_of(world, &other, ChallengePurpose::VerifyEmail)] {
        uow.challenges().replace(one).await.unwrap();
    }
    let of_account = uow.challenges().remove_of(account.id, Some(kept.purpose), Some(kept.id)).await.unwrap();
    assert_eq!(of_account, 1);
    assert_eq!(uow.challenges().list(account.id, kept.purpose).await.unwrap(), [kept]);
    assert_eq!(uow.challenges().remove_of(account.id, None, None).await.unwrap(), 2);
    assert_eq!(uow.challenges().purge_before(Instant::from_seconds(500)).await.unwrap(), 0);
    assert_eq!(uow.challenges().purge_before(Instant::from_seconds(501)).await.unwrap(), 1);
    commit(uow).await;
    assert!(challenges(world, &account, ChallengePurpose::VerifyEmail).await.is_empty());
    assert_eq!(challenges(world, &other, ChallengePurpose::VerifyEmail).await.len(), 1);
}
