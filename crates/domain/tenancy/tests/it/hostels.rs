//! Making, changing and listing tenants.

use domicile_kernel::{
    Audience, Code, Detail, Fault, Flags, HostelId, IdempotencyKey, Page, Permission, Role, Scope, StoreError,
    call::Refusal,
};
use domicile_tenancy::{
    CreateHostel, CreateHostelError, FlagsView, HostelKind, HostelStatus, ReadTenancyError, Registration, UpdateHostel,
    UpdateHostelError,
};
use pollster::block_on;

use crate::house::{EVERYBODY_BELOW_SUPER_ADMIN, House, broken};

fn page() -> Page {
    Page::first("created_at", false)
}

#[test]
fn a_new_hostel_has_the_printed_settings_and_flags() {
    block_on(async {
        let house = House::build().await;
        assert_eq!(
            (house.hostel.kind, house.hostel.status, house.hostel.version),
            (HostelKind::Hostel, HostelStatus::Active, 1)
        );
        let admin = house.as_role(Role::Admin);
        let settings = house.tenancy.settings(&admin).await.unwrap();
        assert_eq!(settings.currency.code(), "GHS");
        assert_eq!(settings.time_zone.name(), "Africa/Accra");
        assert_eq!((settings.minimum_stay_months, settings.approval_required), (1, true));
        assert_eq!((settings.entry_request_expiry_minutes, settings.pending_hold_hours), (15, 72));
        assert_eq!((settings.booking_deadline_hours, settings.cancellation_deadline_hours), (0, 24));
        assert_eq!((settings.registration, settings.default_country.as_str()), (Registration::Open, "GH"));
        assert_eq!(house.tenancy.flags(&admin).await.unwrap(), FlagsView::from(Flags::defaults()));
        let society = house.inside(house.society.id, Some(Role::Admin));
        assert_eq!(house.society.kind, HostelKind::Society);
        assert_eq!(house.tenancy.flags(&society).await.unwrap(), FlagsView::from(Flags::society_defaults()));
    });
}

#[test]
fn making_a_hostel_is_told_and_audited() {
    block_on(async {
        let house = House::build().await;
        let events = house.store.events().await;
        assert_eq!(events[0].kind, "hostel.created");
        assert_eq!(events[0].audience, Audience::Permission(Permission::HostelsManage));
        assert_eq!((events[0].aggregate_id, events[0].aggregate_version), (house.hostel.id.uuid(), 1));
        let audit = house.store.audit().await;
        assert_eq!((audit[0].action, audit[0].target), ("hostel.create", "hostel"));
        assert_eq!(audit[0].before, None);
        assert_eq!(audit[0].after.as_ref().unwrap()["name"], "Green Acres");
    });
}

#[test]
fn only_a_super_admin_manages_hostels() {
    block_on(async {
        let house = House::build().await;
        for role in EVERYBODY_BELOW_SUPER_ADMIN {
            let call = house.as_role(role);
            let refused = house.tenancy.create_hostel(&call, CreateHostel::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::InsufficientPermissions);
            assert_eq!(refused.detail(), Detail::Permission { required: "hostels:manage", role: Some(role.as_str()) });
            let id = house.hostel.id;
            let refused = house.tenancy.update_hostel(&call, id, UpdateHostel::default(), 1).await.unwrap_err();
            assert!(matches!(refused, UpdateHostelError::Refused(Refusal::Permission { .. })));
            let refused = house.tenancy.hostels(&call, &page()).await.unwrap_err();
            assert!(matches!(refused, ReadTenancyError::Refused(Refusal::Permission { .. })));
            let refused = house.tenancy.hostel(&call, id).await.unwrap_err();
            assert!(matches!(refused, ReadTenancyError::Refused(Refusal::Permission { .. })));
        }
        let refused = house.tenancy.create_hostel(&house.anonymous(), CreateHostel::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthorized);
    });
}

#[test]
fn every_wrong_field_of_a_new_hostel_is_named() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let command = CreateHostel {
            name: Some("<b></b>x".into()),
            kind: Some("palace".into()),
            currency: Some("GOLD".into()),
            time_zone: Some("Mars/Olympus".into()),
        };
        let Err(CreateHostelError::Invalid(errors)) = house.tenancy.create_hostel(&root, command).await else {
            panic!("expected wrong fields");
        };
        let expected =
            [("name", "min_chars"), ("kind", "one_of"), ("currency", "currency"), ("time_zone", "time_zone")];
        assert_eq!(broken(&errors), expected);
        let Err(CreateHostelError::Invalid(errors)) = house.tenancy.create_hostel(&root, CreateHostel::default()).await
        else {
            panic!("expected a missing name");
        };
        assert_eq!(broken(&errors), [("name", "required")]);
        assert_eq!(house.store.events().await.len(), 2);
    });
}

#[test]
fn a_repeated_key_makes_one_hostel() {
    block_on(async {
        let house = House::build().await;
        let mut root = house.as_role(Role::SuperAdmin);
        root.idempotency = Some(IdempotencyKey { key: "k".into(), fingerprint: [1; 32] });
        let command = CreateHostel { name: Some("Third".into()), ..CreateHostel::default() };
        let made = house.tenancy.create_hostel(&root, command.clone()).await.unwrap();
        let again = house.tenancy.create_hostel(&root, command).await.unwrap_err();
        assert_eq!(again.replayed().unwrap().view::<domicile_tenancy::HostelView>().unwrap(), made);
        assert_eq!(house.store.events().await.len(), 3);
    });
}

#[test]
fn a_hostel_is_renamed_and_suspended() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let id = house.hostel.id;
        let command = UpdateHostel { name: Some(" Greener  Acres ".into()), status: Some("Suspended".into()) };
        let changed = house.tenancy.update_hostel(&root, id, command, 1).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.status), ("Greener  Acres", HostelStatus::Suspended));
        assert_eq!((changed.version, changed.updated_at), (2, house.ambient.now()));
        assert_eq!(house.tenancy.hostel(&root, id).await.unwrap(), changed);
        let event = house.store.events().await.pop().unwrap();
        assert_eq!((event.kind, event.aggregate_version), ("hostel.updated", 2));
        assert_eq!(event.audience, Audience::Permission(Permission::HostelsManage));
        let entry = house.store.audit().await.pop().unwrap();
        assert_eq!(entry.action, "hostel.update");
        assert_eq!(entry.before.unwrap()["status"], "active");
        assert_eq!(entry.after.unwrap()["status"], "suspended");
    });
}

#[test]
fn a_stale_version_of_a_hostel_is_a_conflict_with_the_latest_record() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let id = house.hostel.id;
        let command = UpdateHostel { name: Some("Greener Acres".into()), status: None };
        let latest = house.tenancy.update_hostel(&root, id, command.clone(), 1).await.unwrap();
        let refused = house.tenancy.update_hostel(&root, id, command, 1).await.unwrap_err();
        assert_eq!(refused.code(), Code::VersionConflict);
        let latest = serde_json::to_value(latest).unwrap();
        assert_eq!(refused.detail(), Detail::Version { current: 2, yours: 1, latest });
    });
}

#[test]
fn wrong_changes_of_a_hostel_are_refused() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let nowhere = HostelId::new(house.ambient.id());
        let good = UpdateHostel { name: Some("Good".into()), status: None };
        let refused = house.tenancy.update_hostel(&root, nowhere, good, 1).await.unwrap_err();
        assert_eq!((refused.code(), refused.to_string().as_str()), (Code::NotFound, "Hostel not found"));
        let id = house.hostel.id;
        let refused = house.tenancy.update_hostel(&root, id, UpdateHostel::default(), 1).await.unwrap_err();
        let UpdateHostelError::Invalid(errors) = refused else { panic!("expected an empty change to be refused") };
        assert_eq!(broken(&errors), [("body", "required")]);
        let bad = UpdateHostel { name: Some("x".repeat(101)), status: Some("burnt".into()) };
        let refused = house.tenancy.update_hostel(&root, id, bad, 1).await.unwrap_err();
        let UpdateHostelError::Invalid(errors) = refused else { panic!("expected wrong fields") };
        assert_eq!(broken(&errors), [("name", "max_chars"), ("status", "one_of")]);
        assert_eq!(house.tenancy.hostel(&root, nowhere).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn one_sees_ones_own_hostels_and_a_super_admin_sees_all() {
    block_on(async {
        let house = House::build().await;
        let student = house.as_role(Role::Student);
        let account = student.actor.account().unwrap();
        house.store.enrol(account, house.society.id).await;
        let outside = student.within(Scope::Account(account));
        let mine = house.tenancy.my_hostels(&outside, &page()).await.unwrap();
        assert_eq!((mine.rows, mine.total), (vec![house.society.clone()], Some(1)));
        let all = house.tenancy.my_hostels(&house.as_role(Role::SuperAdmin), &page()).await.unwrap();
        assert_eq!(all.rows, [house.hostel.clone(), house.society.clone()]);
        let listed = house.tenancy.hostels(&house.as_role(Role::SuperAdmin), &Page::first("name", true)).await.unwrap();
        assert_eq!(listed.rows, [house.society.clone(), house.hostel.clone()]);
        let refused = house.tenancy.my_hostels(&house.anonymous(), &page()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthorized);
        assert_eq!(ReadTenancyError::from(StoreError::Stale).code(), Code::VersionConflict);
    });
}
