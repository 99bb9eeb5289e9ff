//! Reading and switching features.

use std::{collections::BTreeMap, time::Duration};

use domicile_kernel::{Audience, Code, Detail, Fault, Feature, HostelId, Role, call::Refusal};
use domicile_tenancy::{FlagsView, ReadTenancyError, UpdateFlags, UpdateFlagsError};
use pollster::block_on;

use crate::house::{House, broken};

fn switch(flags: &[(&str, bool)]) -> UpdateFlags {
    let flags: BTreeMap<String, bool> = flags.iter().map(|(key, on)| ((*key).to_owned(), *on)).collect();
    UpdateFlags { flags: Some(flags) }
}

#[test]
fn every_member_reads_the_flags() {
    block_on(async {
        let house = House::build().await;
        for role in Role::ALL {
            let flags = house.tenancy.flags(&house.as_role(*role)).await.unwrap();
            assert!(!flags.shuttle_booking && flags.room_booking);
        }
        let stranger = house.tenancy.flags(&house.as_role(None)).await.unwrap_err();
        assert!(matches!(stranger, ReadTenancyError::Refused(Refusal::NotAMember)));
        let anonymous = house.tenancy.flags(&house.anonymous()).await.unwrap_err();
        assert!(matches!(anonymous, ReadTenancyError::Refused(Refusal::NotSignedIn)));
    });
}

#[test]
fn manager_admin_and_super_admin_switch_features() {
    block_on(async {
        let house = House::build().await;
        for (role, on) in [(Role::Manager, true), (Role::Admin, false), (Role::SuperAdmin, true)] {
            let call = house.as_role(role);
            let before = house.tenancy.flags(&call).await.unwrap();
            let flags = house.tenancy.update_flags(&call, switch(&[("shuttle_booking", on)])).await.unwrap();
            assert_eq!(flags, FlagsView { shuttle_booking: on, ..before });
            assert_eq!(house.tenancy.flags(&call).await.unwrap(), flags);
        }
        let others = house.inside(house.society.id, Some(Role::Admin));
        assert!(!house.tenancy.flags(&others).await.unwrap().shuttle_booking);
    });
}

#[test]
fn switching_is_told_to_the_hostel_and_audited_with_who_did_it() {
    block_on(async {
        let house = House::build().await;
        house.clock.advance(Duration::from_secs(1));
        let manager = house.as_role(Role::Manager);
        house.tenancy.update_flags(&manager, switch(&[("feedback", false), ("shuttle_booking", true)])).await.unwrap();
        let event = house.store.events().await.pop().unwrap();
        assert_eq!((event.kind, event.audience), ("feature_flags.updated", Audience::Hostel));
        assert_eq!(event.aggregate_version, house.ambient.now().micros());
        assert_eq!((&event.data["feedback"], &event.data["payments"]), (&false.into(), &true.into()));
        let entry = house.store.audit().await.pop().unwrap();
        assert_eq!(entry.action, "feature_flags.update");
        assert_eq!(entry.before.unwrap()["shuttle_booking"], false);
        assert_eq!(entry.after.unwrap()["shuttle_booking"], true);
        let row = house.store.flag_row(house.hostel.id, Feature::Feedback).await.unwrap();
        assert_eq!((row.by, row.at), (manager.actor.account(), house.ambient.now()));
        let untouched = house.store.flag_row(house.hostel.id, Feature::Payments).await.unwrap();
        assert_eq!(untouched.by, None);
    });
}

#[test]
fn others_do_not_switch_features() {
    block_on(async {
        let house = House::build().await;
        for role in [Role::Student, Role::Resident, Role::Professional, Role::Guard, Role::Staff] {
            let refused =
                house.tenancy.update_flags(&house.as_role(role), switch(&[("payments", false)])).await.unwrap_err();
            let named = Detail::Permission { required: "flags:update", role: Some(role.as_str()) };
            assert_eq!((refused.code(), refused.detail()), (Code::InsufficientPermissions, named));
        }
        let refused = house.tenancy.update_flags(&house.anonymous(), switch(&[])).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthorized);
    });
}

#[test]
fn unknown_and_missing_flags_are_named_and_nothing_is_switched() {
    block_on(async {
        let house = House::build().await;
        let admin = house.as_role(Role::Admin);
        let before = house.tenancy.flags(&admin).await.unwrap();
        let cases = [
            (
                switch(&[("payments", false), ("teleport", true), ("zoo", true)]),
                vec![("flags.teleport", "one_of"), ("flags.zoo", "one_of")],
            ),
            (switch(&[]), vec![("flags", "min_items")]),
            (UpdateFlags::default(), vec![("flags", "required")]),
        ];
        for (command, expected) in cases {
            let refused = house.tenancy.update_flags(&admin, command).await.unwrap_err();
            let UpdateFlagsError::Invalid(errors) = refused else { panic!("expected wrong fields") };
            assert_eq!(broken(&errors), expected);
        }
        assert_eq!(house.tenancy.flags(&admin).await.unwrap(), before);
    });
}

#[test]
fn a_hostel_that_is_not_there_has_no_flags() {
    block_on(async {
        let house = House::build().await;
        let nowhere = house.inside(HostelId::new(house.ambient.id()), Some(Role::SuperAdmin));
        assert_eq!(house.tenancy.flags(&nowhere).await.unwrap_err().code(), Code::NotFound);
        let refused = house.tenancy.update_flags(&nowhere, switch(&[("payments", false)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    });
}
