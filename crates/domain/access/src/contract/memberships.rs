//! What is promised of memberships and houses.

use super::{World, begin, begin_system, commit, house, insert, inserted, join, somebody};
use crate::{
    model::{Membership, MembershipStatus},
    ports::{HouseFacts, HouseKind, MembershipInsertion, Registration},
};
use domicile_kernel::{Flags, Purpose, Role, Scope, Text};

/// Every field survives, in every role and status.
pub async fn a_membership_comes_back_as_it_was_written(world: &dyn World) {
    let hostel = house(world, "Round Trip").await;
    for role in Role::ALL.iter().filter(|role| **role != Role::SuperAdmin) {
        for status in MembershipStatus::ALL {
            let mut account = somebody(world);
            account.phone = account.phone.filter(|_| *role == Role::Student);
            insert(world, &account).await;
            let membership = join(world, hostel, &account, *role, *status).await;
            let mut uow = begin_system(world).await;
            assert_eq!(uow.memberships().find(hostel, account.id).await.unwrap().as_ref(), Some(&membership));
            assert_eq!(uow.memberships().find_for_update(hostel, account.id).await.unwrap(), Some(membership));
            uow.rollback().await.unwrap();
        }
    }
}

/// Joining again is an answer; a stale update writes nothing.
pub async fn a_membership_exists_once_and_its_update_needs_the_version(world: &dyn World) {
    let (hostel, elsewhere) = (house(world, "Here").await, house(world, "There").await);
    let account = inserted(world).await;
    let membership = join(world, hostel, &account, Role::Student, MembershipStatus::Pending).await;
    join(world, elsewhere, &account, Role::Staff, MembershipStatus::Active).await;
    let mut uow = begin_system(world).await;
    let again = Membership { role: Role::Admin, ..membership.clone() };
    assert_eq!(uow.memberships().insert(&again).await.unwrap(), MembershipInsertion::AlreadyMember);
    let mut edited =
        Membership { status: MembershipStatus::Active, ..membership.clone() }.edited(membership.created_at);
    edited.card.phone = None;
    edited.card.first_name = Text::clean("Abena");
    assert!(!uow.memberships().update(&edited, 2).await.unwrap());
    assert_eq!(uow.memberships().find(hostel, account.id).await.unwrap(), Some(membership));
    assert!(uow.memberships().update(&edited, 1).await.unwrap());
    assert_eq!(uow.memberships().find(hostel, account.id).await.unwrap(), Some(edited));
    let all = uow.memberships().list_for_update(account.id).await.unwrap();
    let mut expected = vec![hostel, elsewhere];
    expected.sort();
    assert_eq!(all.iter().map(|one| one.hostel_id).collect::<Vec<_>>(), expected);
    assert_eq!(uow.memberships().find(world.ambient().id(), account.id).await.unwrap(), None);
    commit(uow).await;
}

/// Name, kind, use and registration; nothing for an unknown one.
pub async fn a_house_is_found_as_it_is(world: &dyn World) {
    for (kind, registration, active) in [
        (HouseKind::Hostel, Registration::Open, true),
        (HouseKind::Society, Registration::Approval, true),
        (HouseKind::Hostel, Registration::Closed, false),
    ] {
        let id = world.ambient().id();
        let facts = HouseFacts { name: "Casa Única".to_owned(), kind, active, registration };
        world.add_house(id, facts.clone(), Flags::all()).await;
        let mut uow = begin(world, Scope::System(Purpose::SignIn)).await;
        assert_eq!(uow.houses().find(id).await.unwrap(), Some(facts));
        assert_eq!(uow.houses().find(world.ambient().id()).await.unwrap(), None);
        uow.rollback().await.unwrap();
    }
}
