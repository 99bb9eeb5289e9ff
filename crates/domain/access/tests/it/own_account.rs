//! One's own profile, password and sessions.

use domicile_access::{
    HouseFacts, HouseKind, MailTemplate, Password, Registration,
    usecases::{
        own::{ChangePassword, UpdateProfile},
        sign_in::Login,
    },
};
use domicile_kernel::{Call, Code, Detail, Fault, Feature, Flags, Role, Scope};
use pollster::block_on;

use crate::support::{House, PASSWORD, anonymous, code, text};

#[test]
fn a_profile_needs_no_hostel_and_tells_permissions_with_one() {
    let house = House::new();
    let id = house.member("ama", "student");
    let signed_in = house.signed_in("ama");
    let without = block_on(house.own().profile(&house.call_with(&signed_in, None))).unwrap();
    assert_eq!((without.id, without.memberships.len(), without.permissions.len()), (id, 1, 0));
    let with = block_on(house.own().profile(&house.call_with(&signed_in, Some(house.hostel)))).unwrap();
    assert!(with.permissions.contains(&"bookings:create".to_owned()));
    assert_eq!(with.memberships[0].role, Role::Student);
    assert_eq!(code(block_on(house.own().profile(&anonymous()))), Code::Unauthorized);
}

#[test]
fn changing_the_profile_changes_the_card_in_every_hostel() {
    let house = House::new();
    let id = house.member("ama", "student");
    let other = house.memory.open_hostel("Second", Registration::Open);
    house.member_of(other, "ama", "staff");
    let call = house.call("ama");
    let command = UpdateProfile {
        first_name: text("Abena"),
        phone: text("+233 20 123 4567"),
        emergency_contact: text("Kofi, uncle"),
        program: text("Architecture"),
        ..UpdateProfile::default()
    };
    let view = block_on(house.own().update_profile(&call, command, 1)).unwrap();
    assert_eq!((view.first_name.as_str(), view.last_name.as_str(), view.version), ("Abena", "Kufuor", 2));
    assert_eq!(view.phone.as_deref(), Some("+233201234567"));
    for hostel in [house.hostel, other] {
        let scoped = house.operator().within(Scope::Hostel(hostel));
        let user = block_on(house.directory().get_user(&scoped, id)).unwrap();
        assert_eq!((user.first_name.as_str(), user.phone.as_deref()), ("Abena", Some("+233201234567")));
        assert_eq!(user.version, 2);
    }
    assert_eq!((house.audited("profile.update"), house.happened("user.updated")), (1, 1));
    assert_eq!(house.happened("profile.updated"), 1);
    let cleared = UpdateProfile { emergency_contact: text(""), ..UpdateProfile::default() };
    let view = block_on(house.own().update_profile(&call, cleared, 2)).unwrap();
    assert_eq!(
        (view.emergency_contact, view.program.map(domicile_kernel::Text::into_string)),
        (None, text("Architecture"))
    );
    let trail = format!("{:?}", house.memory.store.audit_rows());
    assert!(!trail.contains("+233201234567") && !trail.contains("Kofi, uncle"));
}

#[test]
fn a_profile_update_that_cannot_be_is_refused() {
    let house = House::new();
    house.member("ama", "student");
    house.member("esi", "student");
    let (ama, esi) = (house.call("ama"), house.call("esi"));
    let update = |call: &Call, command, version| {
        block_on(house.own().update_profile(call, command, version)).map_err(|error| (error.code(), error.detail()))
    };
    let (refused, detail) = update(&ama, UpdateProfile::default(), 1).unwrap_err();
    let Detail::Fields(errors) = detail else { panic!("{refused:?}") };
    assert_eq!(errors.0[0].message, "At least one field must be provided for update");
    let wrong = UpdateProfile {
        first_name: text("A"),
        last_name: Some("x".repeat(51)),
        phone: text("020"),
        emergency_contact: Some("x".repeat(101)),
        program: Some("x".repeat(101)),
    };
    let (_, detail) = update(&ama, wrong, 1).unwrap_err();
    let Detail::Fields(errors) = detail else { panic!() };
    assert_eq!(errors.0.len(), 5);

    let phone = UpdateProfile { phone: text("+233201234567"), ..UpdateProfile::default() };
    update(&ama, phone.clone(), 1).unwrap();
    assert_eq!(update(&esi, phone.clone(), 1).unwrap_err().0, Code::AlreadyExists);
    let (refused, detail) = update(&ama, phone.clone(), 1).unwrap_err();
    let Detail::Version { current, yours, latest } = detail else { panic!("{refused:?}") };
    assert_eq!((refused, current, yours), (Code::VersionConflict, 2, 1));
    assert_eq!(latest["phone"], "+233201234567");

    let mut off = esi.clone();
    off.flags = off.flags.with(Feature::ProfileEditing, false);
    assert_eq!(update(&off, UpdateProfile::default(), 1).unwrap_err().0, Code::FeatureDisabled);
    assert_eq!(update(&anonymous(), phone, 1).unwrap_err().0, Code::Unauthorized);
}

#[test]
fn leaving_the_hostel_unnamed_is_no_way_round_its_switch() {
    let house = House::new();
    house.member("ama", "student");
    let outside = house.call_with(&house.signed_in("ama"), None);
    let command = UpdateProfile { first_name: text("Amma"), ..UpdateProfile::default() };
    block_on(house.own().update_profile(&outside, command.clone(), 1)).unwrap();
    let facts = HouseFacts {
        name: "Unity Hall".to_owned(),
        kind: HouseKind::Hostel,
        active: true,
        registration: Registration::Open,
    };
    house.memory.store.add_house(house.hostel, facts, Flags::all().with(Feature::ProfileEditing, false));
    assert_eq!(code(block_on(house.own().update_profile(&outside, command, 2))), Code::FeatureDisabled);
}

#[test]
fn changing_the_password_ends_all_other_sessions() {
    let house = House::new();
    house.member("ama", "student");
    let (here, there) = (house.signed_in("ama"), house.signed_in("ama"));
    let call = house.call_with(&here, None);
    let command = ChangePassword {
        current_password: Some(Password::new(PASSWORD)),
        new_password: Some(Password::new("Another-cloth-8!")),
    };
    assert_eq!(block_on(house.own().change_password(&call, command)).unwrap().ended, 1);
    assert_eq!(house.refresh(&there.refresh_token), Err(Code::TokenRevoked));
    house.refresh(&here.refresh_token).unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::PasswordChanged);
    assert_eq!(code(block_on(house.sign_in().login(&anonymous(), House::login("ama")))), Code::Unauthorized);
    let new = Login { password: Some(Password::new("Another-cloth-8!")), ..House::login("ama") };
    block_on(house.sign_in().login(&anonymous(), new)).unwrap();
}

#[test]
fn a_password_change_is_refused_with_the_printed_messages() {
    let house = House::new();
    house.member("ama", "student");
    let call = house.call("ama");
    let refused = |current: &str, new: &str| {
        let command =
            ChangePassword { current_password: Some(Password::new(current)), new_password: Some(Password::new(new)) };
        let error = block_on(house.own().change_password(&call, command)).unwrap_err();
        let Detail::Fields(errors) = error.detail() else { panic!("{error}") };
        assert_eq!(error.code(), Code::ValidationError);
        errors.0.into_iter().map(|error| (error.field, error.message)).collect::<Vec<_>>()
    };
    let one = |field: &str, message: &str| vec![(field.to_owned(), message.to_owned())];
    assert_eq!(refused("", "Another-cloth-8!"), one("current_password", "Current password is required"));
    assert_eq!(
        refused(PASSWORD, PASSWORD),
        one("new_password", "New password must be different from current password")
    );
    assert_eq!(refused("Wrong-cloth-9!", "Another-cloth-8!"), one("current_password", "Current password is wrong"));
    assert_eq!(refused(PASSWORD, "Ab1!"), one("new_password", "Password must be at least 8 characters"));
    assert_eq!(
        code(block_on(house.own().change_password(&anonymous(), ChangePassword::default()))),
        Code::Unauthorized
    );
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let house = House::new();
    house.member("ama", "student");
    house.member("esi", "student");
    let stranger = house.call("esi");
    let (here, there) = (house.signed_in("ama"), house.signed_in("ama"));
    let (call, other) = (house.call_with(&here, None), house.call_with(&there, None));
    let sessions = block_on(house.own().sessions(&call)).unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().find(|one| one.current).map(|one| one.id), call.actor.session());
    let other_id = other.actor.session().unwrap();
    assert_eq!(code(block_on(house.own().revoke_session(&stranger, other_id))), Code::NotFound);
    block_on(house.own().revoke_session(&call, other_id)).unwrap();
    assert_eq!(code(block_on(house.own().revoke_session(&call, other_id))), Code::NotFound);
    assert_eq!(house.refresh(&there.refresh_token), Err(Code::TokenRevoked));
    assert_eq!(block_on(house.own().sessions(&call)).unwrap().len(), 1);
    house.signed_in("ama");
    house.signed_in("ama");
    assert_eq!(block_on(house.own().revoke_other_sessions(&call)).unwrap().ended, 2);
    block_on(house.own().logout(&call)).unwrap();
    block_on(house.own().logout(&call)).unwrap();
    assert_eq!(house.refresh(&here.refresh_token), Err(Code::TokenRevoked));
    assert_eq!(house.happened("session.revoked"), 4);
    for refused in [
        block_on(house.own().logout(&anonymous())).map(|()| 0),
        block_on(house.own().sessions(&anonymous())).map(|all| all.len()),
        block_on(house.own().revoke_other_sessions(&anonymous())).map(|_| 0),
    ] {
        assert_eq!(code(refused), Code::Unauthorized);
    }
    assert_eq!(code(block_on(house.own().revoke_session(&anonymous(), other_id))), Code::Unauthorized);
}
