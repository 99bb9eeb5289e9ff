//! What is promised of scopes and of work that is given up.

use super::{
    World, begin, begin_system, call, challenged, commit, house, inserted, join, session_of, sign_in, somebody, system,
};
use crate::{
    model::{Account, MembershipStatus, RevokeReason, Tries},
    ports::{AccountInsertion, AccountUpdate},
};
use domicile_kernel::{Role, Scope};

/// Neither when it was rolled back nor when it was dropped.
pub async fn nothing_remains_of_work_that_was_not_committed(world: &dyn World) {
    let account = somebody(world);
    for drop_it in [false, true] {
        let mut uow = begin_system(world).await;
        assert_eq!(uow.accounts().insert(&account).await.unwrap(), AccountInsertion::Inserted);
        if drop_it {
            drop(uow);
        } else {
            uow.rollback().await.unwrap();
        }
        let mut uow = begin_system(world).await;
        assert_eq!(uow.accounts().find(account.id).await.unwrap(), None);
        uow.rollback().await.unwrap();
    }
}

/// Other hostels' memberships are as if they did not exist, and so are accounts and sessions.
pub async fn a_hostel_reaches_only_its_own_memberships(world: &dyn World) {
    let (own, foreign) = (house(world, "Own").await, house(world, "Foreign").await);
    let account = inserted(world).await;
    let here = join(world, own, &account, Role::Student, MembershipStatus::Active).await;
    let there = join(world, foreign, &account, Role::Manager, MembershipStatus::Active).await;
    let open = session_of(world, &account);
    sign_in(world, &open).await;

    let mut uow = begin(world, Scope::Hostel(own)).await;
    assert_eq!(uow.memberships().find(own, account.id).await.unwrap().as_ref(), Some(&here));
    assert_eq!(uow.memberships().find(foreign, account.id).await.unwrap(), None);
    assert_eq!(uow.memberships().find_for_update(foreign, account.id).await.unwrap(), None);
    assert_eq!(uow.memberships().list_for_update(account.id).await.unwrap(), [here]);
    assert!(!uow.memberships().update(&there.clone().edited(there.created_at), 1).await.unwrap());
    assert_eq!(uow.accounts().find(account.id).await.unwrap(), None);
    assert_eq!(uow.sessions().find_for_update(open.id).await.unwrap(), None);
    uow.rollback().await.unwrap();

    let scoped = call(world, Scope::Hostel(own));
    assert_eq!(world.queries().user(&scoped, account.id).await.unwrap().unwrap().role, Role::Student);
    assert_eq!(world.queries().account(&scoped, account.id).await.unwrap(), None);
    let stranger = inserted(world).await;
    join(world, foreign, &stranger, Role::Student, MembershipStatus::Active).await;
    assert_eq!(world.queries().user(&scoped, stranger.id).await.unwrap(), None);
}

/// Somebody else's account, memberships, sessions and codes are as if they did not exist.
pub async fn an_account_reaches_only_itself(world: &dyn World) {
    let hostel = house(world, "Shared").await;
    let (own, other) = (inserted(world).await, inserted(world).await);
    let mine = join(world, hostel, &own, Role::Student, MembershipStatus::Active).await;
    let theirs = join(world, hostel, &other, Role::Student, MembershipStatus::Active).await;
    let (open, foreign) = (session_of(world, &own), session_of(world, &other));
    sign_in(world, &open).await;
    sign_in(world, &foreign).await;
    let challenge = challenged(world, &other).await;
    let now = world.ambient().now();

    let mut uow = begin(world, Scope::Account(own.id)).await;
    assert_eq!(uow.accounts().find_for_update(own.id).await.unwrap().as_ref(), Some(&own));
    assert_eq!(uow.accounts().find(other.id).await.unwrap(), None);
    assert_eq!(uow.accounts().find_by_email(&other.email).await.unwrap(), None);
    assert_eq!(uow.accounts().update(&other.clone().edited(now), 1).await.unwrap(), AccountUpdate::Stale);
    let grabbing = Account { phone: other.phone.clone(), ..own.clone().edited(now) };
    assert_eq!(uow.accounts().update(&grabbing, 1).await.unwrap(), AccountUpdate::PhoneTaken);
    uow.accounts().set_password(other.id, None).await.unwrap();
    assert_eq!(uow.memberships().list_for_update(own.id).await.unwrap().as_slice(), std::slice::from_ref(&mine));
    assert!(uow.memberships().list_for_update(other.id).await.unwrap().is_empty());
    assert!(!uow.memberships().update(&theirs.edited(now), 1).await.unwrap());
    assert!(uow.memberships().update(&mine.edited(now), 1).await.unwrap());
    assert_eq!(uow.sessions().find_for_update(open.id).await.unwrap().as_ref(), Some(&open));
    assert_eq!(uow.sessions().find_for_update(foreign.id).await.unwrap(), None);
    assert!(uow.sessions().revoke_all(other.id, None, now, RevokeReason::SignedOut).await.unwrap().is_empty());
    assert_eq!(uow.challenges().attempt(challenge.id, Tries::Own, 5, now).await.unwrap(), None);
    commit(uow).await;

    let scoped = call(world, Scope::Account(own.id));
    assert_eq!(world.queries().account(&scoped, other.id).await.unwrap(), None);
    assert!(world.queries().sessions(&scoped, other.id, now).await.unwrap().is_empty());
    let untouched = world.queries().account(&system(world), other.id).await.unwrap().unwrap();
    assert_eq!(untouched, other);
}
