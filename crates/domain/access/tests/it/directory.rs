//! The people of a hostel.

use std::time::Duration;

use domicile_access::{
    MailTemplate, MembershipStatus, Password, Registration, Sweeper,
    queries::{AuditFilter, UserFilter},
    usecases::{
        directory::{CreateGuest, CreateSuperAdmin, CreateUser, UpdateUser},
        sign_in::{AskForCode, Register, ResetPassword, VerifyOtp},
    },
};
use domicile_kernel::{AccountId, Call, Code, Detail, Fault, Page, Purpose, Role, Scope, Who};
use pollster::block_on;

use crate::support::{House, PASSWORD, anonymous, call_of, code, text};

fn person(name: &str, role: &str) -> CreateUser {
    CreateUser {
        email: Some(format!("{name}@example.com")),
        first_name: text(name),
        last_name: text("Kufuor"),
        role: text(role),
        ..CreateUser::default()
    }
}

fn create(house: &House, call: &Call, command: CreateUser) -> Result<AccountId, Code> {
    block_on(house.directory().create_user(call, command)).map(|user| user.id).map_err(|error| error.code())
}

fn update(house: &House, call: &Call, id: AccountId, command: UpdateUser, version: i64) -> Result<i64, Code> {
    block_on(house.directory().update_user(call, id, command, version))
        .map(|user| user.version)
        .map_err(|error| error.code())
}

fn to_role(role: &str) -> UpdateUser {
    UpdateUser { role: text(role), ..UpdateUser::default() }
}

fn to_status(status: &str) -> UpdateUser {
    UpdateUser { status: text(status), ..UpdateUser::default() }
}

#[test]
fn an_account_that_nobody_proved_loses_its_password_when_it_is_made_a_member() {
    let house = House::new();
    house.member("boss", "admin");
    let boss = house.call("boss");
    // A stranger has registered the address, and waits.
    block_on(house.sign_in().register(&anonymous(), Register { hostel_id: None, ..house.registration("ama") }))
        .unwrap();
    let old_code = house.last_code();
    create(&house, &boss, person("ama", "manager")).unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::AccountCreatedSetPassword);
    let verify = |otp| {
        let command = VerifyOtp { email: text("ama@example.com"), otp: Some(otp) };
        block_on(house.sign_in().verify_otp(&anonymous(), command)).map(|_| ())
    };
    assert_eq!(code(verify(old_code)), Code::ValidationError);
    let ask = AskForCode { email: text("ama@example.com") };
    block_on(house.sign_in().resend_otp(&anonymous(), ask)).unwrap();
    verify(house.last_code()).unwrap();
    assert_eq!(code(block_on(house.sign_in().login(&anonymous(), House::login("ama")))), Code::Unauthorized);
}

#[test]
fn one_hostels_word_for_an_address_is_not_taken_by_another() {
    let house = House::new();
    house.member("boss", "admin");
    let boss = house.call("boss");
    let with_password = CreateUser { password: Some(Password::new(PASSWORD)), ..person("ama", "student") };
    create(&house, &boss, with_password).unwrap();
    house.signed_in("ama");
    // Whoever made the account still knows its password; the other hostel makes its owner choose a new one.
    let elsewhere = house.memory.open_hostel("Volta Hall", Registration::Open);
    let elsewhere = call_of(Who::Operator, Scope::Hostel(elsewhere));
    create(&house, &elsewhere, person("ama", "manager")).unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::AccountCreatedSetPassword);
    assert_eq!(code(block_on(house.sign_in().login(&anonymous(), House::login("ama")))), Code::Unauthorized);
    let chosen = ResetPassword {
        email: text("ama@example.com"),
        otp: Some(house.last_code()),
        new_password: Some(Password::new(PASSWORD)),
    };
    block_on(house.sign_in().reset_password(&anonymous(), chosen)).unwrap();
    house.signed_in("ama");
    // Now the owner has proved the address, and a third hostel takes that.
    let third = house.memory.open_hostel("Sahara House", Registration::Open);
    create(&house, &call_of(Who::Operator, Scope::Hostel(third)), person("ama", "student")).unwrap();
    house.signed_in("ama");
}

#[test]
fn somebody_made_without_a_password_chooses_one_by_mail() {
    let house = House::new();
    house.member("boss", "admin");
    let boss = house.call("boss");
    create(&house, &boss, person("ama", "student")).unwrap();
    let mail = house.last_mail();
    assert_eq!(mail.template, MailTemplate::AccountCreatedSetPassword);
    assert!(mail.text().contains("Unity Hall"));
    let command = ResetPassword {
        email: text("ama@example.com"),
        otp: Some(house.last_code()),
        new_password: Some(Password::new(PASSWORD)),
    };
    block_on(house.sign_in().reset_password(&anonymous(), command)).unwrap();
    house.signed_in("ama");
}

#[test]
fn nobody_gives_a_role_at_or_above_their_own() {
    let house = House::new();
    house.member("boss", "admin");
    house.member("chief", "manager");
    let boss = house.call("boss");
    assert_eq!(create(&house, &boss, person("rival", "admin")), Err(Code::Forbidden));
    assert_eq!(create(&house, &boss, person("rival", "super_admin")), Err(Code::ValidationError));
    assert_eq!(create(&house, &house.call("chief"), person("x", "student")), Err(Code::InsufficientPermissions));
    assert_eq!(create(&house, &anonymous(), person("x", "student")), Err(Code::Unauthorized));
    create(&house, &boss, person("guard", "guard")).unwrap();
    create(&house, &house.operator(), person("rival", "admin")).unwrap();
}

#[test]
fn every_wrong_field_of_a_new_user_is_named() {
    let house = House::new();
    let command = CreateUser {
        phone: text("0"),
        role: text("king"),
        password: Some(Password::new("x")),
        ..CreateUser::default()
    };
    let error = block_on(house.directory().create_user(&house.operator(), command)).unwrap_err();
    let Detail::Fields(errors) = error.detail() else { panic!("{error}") };
    let fields: std::collections::BTreeSet<&str> = errors.0.iter().map(|error| error.field.as_str()).collect();
    let expected = ["email", "first_name", "last_name", "password", "phone", "role"];
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn an_address_with_an_account_joins_with_the_card_as_it_was_typed() {
    let house = House::new();
    let registration = Register { phone: text("+233201234567"), ..house.registration("ama") };
    block_on(house.sign_in().register(&anonymous(), registration)).unwrap();
    assert_eq!(create(&house, &house.operator(), person("ama", "staff")), Err(Code::AlreadyExists));
    let other = house.memory.open_hostel("Second", Registration::Closed);
    let call = house.operator().within(Scope::Hostel(other));
    let command = CreateUser { first_name: text("A."), ..person("ama", "staff") };
    let user = block_on(house.directory().create_user(&call, command)).unwrap();
    assert_eq!((user.first_name.as_str(), user.phone.as_deref()), ("A.", None), "the account's phone is not told");
    let taken = CreateUser { phone: text("+233201234567"), ..person("new", "staff") };
    assert_eq!(create(&house, &call, taken), Err(Code::AlreadyExists));
}

#[test]
fn an_admin_approves_deactivates_and_brings_back() {
    let house = House::new();
    house.member("boss", "admin");
    let boss = house.call("boss");
    let ama = house.member("ama", "student");
    assert_eq!(update(&house, &boss, ama, to_status("deactivated"), 1), Ok(2));
    assert_eq!(
        update(&house, &boss, ama, to_status("pending"), 7),
        Err(Code::ResourceConflict),
        "state before version"
    );
    assert_eq!(update(&house, &boss, ama, to_status("active"), 1), Err(Code::VersionConflict));
    assert_eq!(update(&house, &boss, ama, to_status("active"), 2), Ok(3));
    assert_eq!(update(&house, &boss, ama, to_role("staff"), 3), Ok(4));
    assert_eq!((house.audited("user.update"), house.happened("user.updated")), (3, 3));
    let error = block_on(house.directory().update_user(&boss, ama, to_role("guard"), 1)).unwrap_err();
    let Detail::Version { current: 4, yours: 1, latest } = error.detail() else { panic!("{error}") };
    assert_eq!(latest["role"], "staff");

    let approving = house.memory.open_hostel("Approving", Registration::Approval);
    let registration = Register { hostel_id: Some(approving.to_string()), ..house.registration("esi") };
    block_on(house.sign_in().register(&anonymous(), registration)).unwrap();
    let call = house.operator().within(Scope::Hostel(approving));
    let pending = UserFilter { status: Some(MembershipStatus::Pending), ..UserFilter::default() };
    let page = Page::first("created_at", true);
    let waiting = block_on(house.directory().list_users(&call, &pending, &page)).unwrap();
    assert_eq!(update(&house, &call, waiting.rows[0].id, to_status("active"), 1), Ok(2));
}

#[test]
fn nobody_touches_a_person_at_or_above_their_own_role_nor_their_own_standing() {
    let house = House::new();
    let boss_id = house.member("boss", "admin");
    let rival = house.member("rival", "admin");
    let ama = house.member("ama", "student");
    let boss = house.call("boss");
    let rename = UpdateUser { first_name: text("Nana"), ..UpdateUser::default() };
    assert_eq!(update(&house, &boss, rival, rename.clone(), 1), Err(Code::Forbidden));
    assert_eq!(update(&house, &boss, ama, to_role("admin"), 1), Err(Code::Forbidden));
    assert_eq!(update(&house, &boss, boss_id, to_role("manager"), 1), Err(Code::Forbidden));
    assert_eq!(update(&house, &boss, boss_id, to_status("deactivated"), 1), Err(Code::Forbidden));
    assert_eq!(update(&house, &boss, boss_id, rename.clone(), 1), Ok(2));
    assert_eq!(update(&house, &house.operator(), rival, to_role("manager"), 1), Ok(2));
    assert_eq!(update(&house, &house.call("ama"), ama, rename.clone(), 1), Err(Code::InsufficientPermissions));
    assert_eq!(update(&house, &boss, house.memory.parts.ambient.id(), rename, 1), Err(Code::NotFound));
    assert_eq!(update(&house, &boss, ama, UpdateUser::default(), 1), Err(Code::ValidationError));
    assert_eq!(update(&house, &boss, ama, to_status("king"), 1), Err(Code::ValidationError));
}

#[test]
fn an_admin_s_edit_changes_the_card_and_never_the_account() {
    let house = House::new();
    let ama = house.member("ama", "student");
    let call = house.call("ama");
    let rename = UpdateUser { first_name: text("Nana"), phone: text("+233201234567"), ..UpdateUser::default() };
    update(&house, &house.operator(), ama, rename, 1).unwrap();
    let profile = block_on(house.own().profile(&call)).unwrap();
    assert_eq!((profile.first_name.as_str(), profile.phone, profile.version), ("ama", None, 1));
}

#[test]
fn another_hostel_s_people_do_not_exist() {
    let house = House::new();
    let other = house.memory.open_hostel("Second", Registration::Open);
    house.member_of(other, "boss", "admin");
    let ama = house.member("ama", "student");
    let signed_in = house.signed_in("boss");
    let boss = house.call_with(&signed_in, Some(other));
    assert_eq!(code(block_on(house.directory().get_user(&boss, ama))), Code::NotFound);
    assert_eq!(update(&house, &boss, ama, to_role("staff"), 1), Err(Code::NotFound));
    let page = Page::first("created_at", true);
    let users = block_on(house.directory().list_users(&boss, &UserFilter::default(), &page)).unwrap();
    assert_eq!((users.rows.len(), users.rows[0].hostel_id), (1, other));
}

#[test]
fn one_reads_oneself_and_others_only_by_permission() {
    let house = House::new();
    let ama = house.member("ama", "student");
    let esi = house.member("esi", "student");
    house.member("chief", "manager");
    let call = house.call("ama");
    assert_eq!(block_on(house.directory().get_user(&call, ama)).unwrap().role, Role::Student);
    for id in [esi, house.memory.parts.ambient.id()] {
        assert_eq!(code(block_on(house.directory().get_user(&call, id))), Code::InsufficientPermissions);
    }
    let page = Page::first("created_at", true);
    let everybody = UserFilter::default();
    assert_eq!(code(block_on(house.directory().list_users(&call, &everybody, &page))), Code::InsufficientPermissions);
    let chief = house.call("chief");
    assert_eq!(block_on(house.directory().list_users(&chief, &everybody, &page)).unwrap().total, Some(3));
    assert_eq!(block_on(house.directory().get_user(&chief, esi)).unwrap().id, esi);
    let nowhere = call_of(Who::Operator, Scope::System(Purpose::Installation));
    assert_eq!(code(block_on(house.directory().list_users(&nowhere, &everybody, &page))), Code::InvalidInput);
}

#[test]
fn the_audit_trail_is_for_admins() {
    let house = House::new();
    house.member("boss", "admin");
    house.member("chief", "manager");
    let (page, all) = (Page::first("at", true), AuditFilter::default());
    let read = |name: &str| block_on(house.directory().audit_trail(&house.call(name), &all, &page));
    let rows = read("boss").unwrap().rows;
    assert_eq!(rows.iter().filter(|row| row.action == "user.create").count(), 2);
    assert!(rows.iter().all(|row| row.actor == "operator"));
    assert_eq!(code(read("chief")), Code::InsufficientPermissions);
}

#[test]
fn a_super_admin_deletes_an_account_everywhere() {
    let house = House::new();
    house.super_admin();
    let root = house.call("root");
    let other = house.memory.open_hostel("Second", Registration::Open);
    let ama = house.member("ama", "admin");
    house.member_of(other, "ama", "student");
    let signed_in = house.signed_in("ama");
    let ama_call = house.call_with(&signed_in, Some(house.hostel));
    let delete = |call: &Call, id, version| {
        block_on(house.directory().delete_user(call, id, version)).map_err(|error| error.code())
    };
    assert_eq!(delete(&ama_call, ama, 1), Err(Code::InsufficientPermissions));
    assert_eq!(delete(&root, ama, 2), Err(Code::VersionConflict));
    assert_eq!(delete(&root, house.memory.parts.ambient.id(), 1), Err(Code::NotFound));
    assert_eq!(delete(&root, root.actor.account().unwrap(), 1), Err(Code::Forbidden));
    delete(&root, ama, 1).unwrap();

    assert_eq!(house.refresh(&signed_in.refresh_token), Err(Code::TokenRevoked));
    assert_eq!(code(block_on(house.sign_in().login(&anonymous(), House::login("ama")))), Code::Unauthorized);
    for hostel in [house.hostel, other] {
        let scoped = house.operator().within(Scope::Hostel(hostel));
        let left = block_on(house.directory().get_user(&scoped, ama)).unwrap();
        assert_eq!(left.status, MembershipStatus::Deactivated);
        assert!(left.first_name.is_empty() && left.email.as_str() == format!("deleted+{ama}@invalid"));
    }
    assert_eq!((house.audited("user.delete"), house.happened("user.deleted")), (1, 1));
    block_on(house.sign_in().register(&anonymous(), house.registration("ama"))).unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::VerifyEmail, "the address is free again");
}

#[test]
fn only_an_operator_makes_a_super_admin_and_only_once() {
    let house = House::new();
    let command = CreateSuperAdmin {
        email: text("root@example.com"),
        password: Some(Password::new(PASSWORD)),
        ..CreateSuperAdmin::default()
    };
    house.member("boss", "admin");
    let by_admin = block_on(house.directory().create_super_admin(&house.call("boss"), command.clone()));
    assert_eq!(code(by_admin), Code::InsufficientPermissions);
    let weak = CreateSuperAdmin { password: Some(Password::new("x")), ..command.clone() };
    let by_operator = |command| block_on(house.directory().create_super_admin(&house.operator(), command));
    assert_eq!(code(by_operator(weak)), Code::ValidationError);
    by_operator(command.clone()).unwrap();
    assert_eq!(code(by_operator(command)), Code::AlreadyExists);
    assert_eq!(house.signed_in("root").user.role, Some(Role::SuperAdmin));
}

#[test]
fn a_guest_is_made_once_and_never_signs_in() {
    let house = House::new();
    let guest = |call: &Call| {
        let command =
            CreateGuest { email: text("guest-1@example.com"), first_name: text("Guest"), last_name: text("One") };
        block_on(house.directory().create_guest(call, command)).map_err(|error| error.code())
    };
    let id = guest(&house.operator()).unwrap();
    assert_eq!(guest(&house.operator()), Ok(id));
    assert_eq!((house.happened("user.created"), house.memory.store.mails().len()), (1, 0));
    assert_eq!(code(block_on(house.sign_in().login(&anonymous(), House::login("guest-1")))), Code::Unauthorized);
    assert_eq!(guest(&anonymous()), Err(Code::Unauthorized));
    let nobody = block_on(house.directory().create_guest(&house.operator(), CreateGuest::default()));
    assert_eq!(code(nobody), Code::ValidationError);
}

#[test]
fn a_sweep_removes_old_codes_and_sessions() {
    let house = House::new();
    block_on(house.sign_in().register(&anonymous(), house.registration("new"))).unwrap();
    house.member("ama", "student");
    house.signed_in("ama");
    let sweeper = Sweeper::new(house.memory.parts.clone());
    let system = call_of(Who::System(Purpose::Sweep), Scope::System(Purpose::Sweep));
    let swept = |call: &Call| block_on(sweeper.sweep(call)).map(|purged| (purged.challenges, purged.sessions));
    assert_eq!(swept(&system).unwrap(), (0, 0));
    house.memory.clock.advance(Duration::from_mins(11));
    assert_eq!(swept(&system).unwrap(), (1, 0));
    house.memory.clock.advance(Duration::from_hours(24 * 38));
    assert_eq!(swept(&system).unwrap(), (0, 1));
    assert_eq!(code(swept(&anonymous())), Code::Unauthorized);
}
