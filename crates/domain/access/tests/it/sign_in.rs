//! Registering, proving an address, signing in, getting back in.

use std::time::Duration;

use domicile_access::{
    HouseFacts, HouseKind, MailTemplate, MembershipStatus, Password, PasswordHash, Registration,
    queries::UserFilter,
    usecases::sign_in::{AskForCode, Login, Register, RegisterError, ResetPassword, VerifyOtp},
};
use domicile_kernel::{Code, Detail, Fault, Flags, HostelId, Page, Purpose, Role, Scope, Who};
use pollster::block_on;

use crate::support::{House, PASSWORD, anonymous, call_of, code, text};

fn verify(house: &House, name: &str, otp: domicile_access::SecretText) -> Result<(), Code> {
    let command = VerifyOtp { email: Some(format!("{name}@example.com")), otp: Some(otp) };
    block_on(house.sign_in().verify_otp(&anonymous(), command)).map(|_| ()).map_err(|error| error.code())
}

fn register(house: &House, command: Register) -> Result<String, Code> {
    let answer = block_on(house.sign_in().register(&anonymous(), command));
    answer.map(|view| serde_json::to_string(&view).unwrap()).map_err(|error| error.code())
}

fn ask(name: &str) -> AskForCode {
    AskForCode { email: Some(format!("{name}@example.com")) }
}

fn try_login(house: &House, command: Login) -> Result<(), Code> {
    block_on(house.sign_in().login(&anonymous(), command)).map(|_| ()).map_err(|error| error.code())
}

#[test]
fn somebody_registers_proves_the_address_and_signs_in() {
    let house = House::new();
    register(&house, house.registration("ama")).unwrap();
    assert_eq!(try_login(&house, House::login("ama")), Err(Code::EmailNotVerified));
    assert_eq!(house.last_mail().template, MailTemplate::VerifyEmail);
    verify(&house, "ama", house.last_code()).unwrap();
    let signed_in = house.signed_in("ama");
    assert_eq!((signed_in.token_type.as_str(), signed_in.expires_in), ("Bearer", 3600));
    assert!(signed_in.user.email_verified);
    let hostel = &signed_in.hostels[0];
    assert_eq!((hostel.id, hostel.name.as_str(), hostel.role), (house.hostel, "Unity Hall", Role::Student));
    assert_eq!(house.audited("account.register") + house.audited("account.verify"), 2);
    assert_eq!((house.audited("session.start"), house.happened("user.created")), (1, 1));
}

#[test]
fn a_known_address_gets_the_answer_of_a_new_one_and_its_owner_a_mail() {
    let house = House::new();
    let ama = Register { username: text("ama_k"), phone: text("+233201234567"), ..house.registration("ama") };
    let first = register(&house, ama.clone()).unwrap();
    let old_code = house.last_code();
    assert_eq!(register(&house, ama.clone()).unwrap(), first);
    assert_eq!(house.last_mail().template, MailTemplate::VerifyEmail);
    let fresh_code = house.last_code();
    assert_eq!(verify(&house, "ama", old_code), Err(Code::ValidationError));
    verify(&house, "ama", fresh_code).unwrap();
    assert_eq!(register(&house, ama).unwrap(), first);
    assert_eq!(house.last_mail().template, MailTemplate::AlreadyRegistered);
    assert_eq!(house.happened("user.created"), 1);
}

#[test]
fn whoever_registered_a_strangers_address_first_shares_nothing_with_its_owner() {
    let house = House::new();
    let stolen = Password::new("Stranger-123!");
    let stranger = Register {
        password: Some(stolen.clone()),
        username: text("stranger"),
        first_name: text("Stran"),
        hostel_id: None,
        ..house.registration("ama")
    };
    register(&house, stranger).unwrap();
    register(&house, house.registration("ama")).unwrap();
    verify(&house, "ama", house.last_code()).unwrap();
    let stranger = Login { password: Some(stolen), ..House::login("ama") };
    assert_eq!(try_login(&house, stranger), Err(Code::Unauthorized));
    let ama = house.signed_in("ama");
    assert_eq!((ama.user.first_name.as_str(), ama.hostels.len()), ("ama", 1));
}

#[test]
fn a_name_brings_no_lines_of_its_own_to_a_mail() {
    let house = House::new();
    let command = Register { first_name: text("Ama,\r\n\nyou won\tmoney"), ..house.registration("ama") };
    register(&house, command).unwrap();
    assert!(house.last_mail().text().starts_with("Hello Ama, you won money,\n"));
}

#[test]
fn exactly_one_hash_is_computed_whoever_asks() {
    let house = House::new();
    register(&house, house.registration("new")).unwrap();
    assert_eq!(house.hashes(), 1, "registering a new address");
    register(&house, house.registration("new")).unwrap();
    assert_eq!(house.hashes(), 1, "registering a known address");
    try_login(&house, House::login("new")).unwrap_err();
    assert_eq!(house.hashes(), 1, "an unverified account");
    let ama = house.member("ama", "student");
    house.hashes();
    try_login(&house, House::login("ama")).unwrap();
    assert_eq!(house.hashes(), 1, "a right password");
    try_login(&house, Login { password: Some(Password::new("x")), ..House::login("ama") }).unwrap_err();
    assert_eq!(house.hashes(), 1, "a wrong password");
    for identifier in ["nobody@example.com", "nobody", "+233209999999", "not an identifier", ""] {
        let command = Login { identifier: text(identifier), ..House::login("ama") };
        assert_eq!(try_login(&house, command), Err(Code::Unauthorized));
        assert_eq!(house.hashes(), 1, "unknown: {identifier}");
    }
    set_status(&house, ama, domicile_access::AccountStatus::Disabled);
    assert_eq!(try_login(&house, House::login("ama")), Err(Code::Unauthorized));
    assert_eq!(house.hashes(), 1, "a disabled account");
    for email in ["new@example.com", "nobody@example.com"] {
        let command = ResetPassword {
            email: text(email),
            otp: Some(domicile_access::SecretText::new("000000")),
            new_password: Some(Password::new("Another-cloth-8!")),
        };
        block_on(house.sign_in().reset_password(&anonymous(), command)).unwrap_err();
        assert_eq!(house.hashes(), 1, "resetting {email}");
    }
}

fn set_status(house: &House, id: domicile_kernel::AccountId, status: domicile_access::AccountStatus) {
    let call = call_of(Who::System(Purpose::Enrolment), Scope::System(Purpose::Enrolment));
    block_on(async {
        let mut uow = house.memory.parts.uows.begin(&call).await.unwrap();
        let mut account = uow.accounts().find(id).await.unwrap().unwrap();
        let seen = account.version;
        account.status = status;
        assert_eq!(
            uow.accounts().update(&account, seen).await.unwrap(),
            domicile_access::ports::AccountUpdate::Updated
        );
        uow.commit(domicile_kernel::Outcome::done()).await.unwrap();
    });
}

#[test]
fn every_wrong_field_of_a_registration_is_named() {
    let house = House::new();
    let command = Register {
        email: text("nonsense"),
        password: Some(Password::new("short")),
        hostel_id: text("7"),
        username: text("7"),
        phone: text("0"),
        role: text("admin"),
        ..Register::default()
    };
    let error = block_on(house.sign_in().register(&anonymous(), command)).unwrap_err();
    let Detail::Fields(errors) = error.detail() else { panic!("{error}") };
    let fields: std::collections::BTreeSet<&str> = errors.0.iter().map(|error| error.field.as_str()).collect();
    let expected = ["email", "first_name", "hostel_id", "last_name", "password", "phone", "role", "username"];
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(house.hashes(), 0);
}

#[test]
fn a_full_name_stands_for_both() {
    let house = House::new();
    let base = Register { first_name: None, last_name: None, ..house.registration("ama") };
    register(&house, Register { full_name: text("Ama Serwaa Kufuor"), ..base }).unwrap();
    let call = call_of(Who::Operator, Scope::Hostel(house.hostel));
    let page = Page::first("created_at", false);
    let users = block_on(house.directory().list_users(&call, &UserFilter::default(), &page)).unwrap();
    let user = &users.rows[0];
    assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Ama", "Serwaa Kufuor"));
}

#[test]
fn a_hostel_decides_who_may_register() {
    let house = House::new();
    let facts =
        |active, registration| HouseFacts { name: "Other".to_owned(), kind: HouseKind::Hostel, active, registration };
    let closed: HostelId = house.memory.parts.ambient.id();
    let suspended: HostelId = house.memory.parts.ambient.id();
    let approving: HostelId = house.memory.parts.ambient.id();
    house.memory.store.add_house(closed, facts(true, Registration::Closed), Flags::all());
    house.memory.store.add_house(suspended, facts(false, Registration::Open), Flags::all());
    house.memory.store.add_house(approving, facts(true, Registration::Approval), Flags::all());
    let into =
        |hostel: HostelId, name: &str| Register { hostel_id: Some(hostel.to_string()), ..house.registration(name) };
    let unknown: HostelId = house.memory.parts.ambient.id();
    for hostel in [closed, suspended, unknown] {
        let error = block_on(house.sign_in().register(&anonymous(), into(hostel, "ama"))).unwrap_err();
        assert!(matches!(error, RegisterError::Closed));
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (Code::Forbidden, "This hostel does not take registrations")
        );
    }
    register(&house, into(approving, "esi")).unwrap();
    verify(&house, "esi", house.last_code()).unwrap();
    assert_eq!(house.signed_in("esi").hostels[0].status, MembershipStatus::Pending);
    register(&house, Register { role: text("professional"), ..house.registration("yaw") }).unwrap();
    verify(&house, "yaw", house.last_code()).unwrap();
    assert_eq!(house.signed_in("yaw").hostels[0].role, Role::Professional);
    register(&house, Register { role: text("customer"), ..house.registration("efua") }).unwrap();
    verify(&house, "efua", house.last_code()).unwrap();
    assert!(house.signed_in("efua").hostels.is_empty());
}

#[test]
fn a_taken_username_or_phone_is_told_without_telling_of_the_address() {
    let house = House::new();
    let ama = Register { username: text("ama_k"), phone: text("+233201234567"), ..house.registration("ama") };
    register(&house, ama).unwrap();
    house.member("known", "student");
    for name in ["known", "new"] {
        let username = Register { username: text("AMA_K"), ..house.registration(name) };
        let error = block_on(house.sign_in().register(&anonymous(), username)).unwrap_err();
        let Detail::Fields(errors) = error.detail() else { panic!("{error}") };
        assert_eq!((error.code(), errors.0[0].field.as_str()), (Code::AlreadyExists, "username"));
        let phone = Register { phone: text("00233 20 123 4567"), ..house.registration(name) };
        assert_eq!(register(&house, phone), Err(Code::AlreadyExists));
    }
}

#[test]
fn a_code_dies_with_the_fifth_wrong_guess() {
    let house = House::new();
    register(&house, house.registration("ama")).unwrap();
    for _ in 0..4 {
        assert_eq!(verify(&house, "ama", house.wrong_code()), Err(Code::ValidationError));
    }
    assert_eq!(verify(&house, "ama", house.wrong_code()), Err(Code::TooManyAttempts));
    assert_eq!(verify(&house, "ama", house.last_code()), Err(Code::TooManyAttempts));
    block_on(house.sign_in().resend_otp(&anonymous(), ask("ama"))).unwrap();
    verify(&house, "ama", house.last_code()).unwrap();
    assert_eq!(verify(&house, "ama", house.last_code()), Err(Code::ValidationError), "it works once");
}

#[test]
fn a_code_lives_ten_minutes_and_serves_one_purpose() {
    let house = House::new();
    register(&house, house.registration("ama")).unwrap();
    block_on(house.sign_in().forgot_password(&anonymous(), ask("ama"))).unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::ResetPassword);
    assert_eq!(verify(&house, "ama", house.last_code()), Err(Code::ValidationError));
    block_on(house.sign_in().resend_otp(&anonymous(), ask("ama"))).unwrap();
    house.memory.clock.advance(Duration::from_mins(10));
    assert_eq!(verify(&house, "ama", house.last_code()), Err(Code::ValidationError));
    assert_eq!(verify(&house, "nobody", house.last_code()), Err(Code::ValidationError));
    let malformed = VerifyOtp { email: text("ama"), otp: Some(domicile_access::SecretText::new("12345x")) };
    let error = block_on(house.sign_in().verify_otp(&anonymous(), malformed)).unwrap_err();
    let Detail::Fields(errors) = error.detail() else { panic!("{error}") };
    assert_eq!(errors.0.len(), 2);
}

#[test]
fn asking_for_a_code_answers_the_same_and_mails_only_who_needs_one() {
    let house = House::new();
    house.member("ama", "student");
    let mails = house.memory.store.mails().len();
    let known = block_on(house.sign_in().resend_otp(&anonymous(), ask("ama"))).unwrap();
    let unknown = block_on(house.sign_in().resend_otp(&anonymous(), ask("nobody"))).unwrap();
    assert_eq!(known.message, unknown.message);
    block_on(house.sign_in().forgot_password(&anonymous(), ask("nobody"))).unwrap();
    assert_eq!(house.memory.store.mails().len(), mails);
    assert_eq!(code(block_on(house.sign_in().resend_otp(&anonymous(), AskForCode::default()))), Code::ValidationError);
}

#[test]
fn resetting_the_password_ends_every_session_and_proves_the_address() {
    let house = House::new();
    register(&house, house.registration("ama")).unwrap();
    let reset = |otp, password: &str| {
        let command = ResetPassword {
            email: text("ama@example.com"),
            otp: Some(otp),
            new_password: Some(Password::new(password)),
        };
        block_on(house.sign_in().reset_password(&anonymous(), command)).map_err(|error| error.code())
    };
    block_on(house.sign_in().forgot_password(&anonymous(), ask("ama"))).unwrap();
    assert_eq!(reset(house.last_code(), "weak"), Err(Code::ValidationError));
    assert_eq!(reset(house.wrong_code(), PASSWORD), Err(Code::ValidationError));
    reset(house.last_code(), PASSWORD).unwrap();
    let signed_in = house.signed_in("ama");
    block_on(house.sign_in().forgot_password(&anonymous(), ask("ama"))).unwrap();
    reset(house.last_code(), "Another-cloth-8!").unwrap();
    assert_eq!(house.last_mail().template, MailTemplate::PasswordChanged);
    assert_eq!(house.refresh(&signed_in.refresh_token), Err(Code::TokenRevoked));
    assert_eq!(try_login(&house, House::login("ama")), Err(Code::Unauthorized));
    try_login(&house, Login { password: Some(Password::new("Another-cloth-8!")), ..House::login("ama") }).unwrap();
    assert_eq!((house.audited("password.reset"), house.happened("session.revoked")), (2, 1));
    block_on(house.sign_in().forgot_password(&anonymous(), ask("ama"))).unwrap();
    for _ in 0..4 {
        assert_eq!(reset(house.wrong_code(), PASSWORD), Err(Code::ValidationError));
    }
    assert_eq!(reset(house.wrong_code(), PASSWORD), Err(Code::TooManyAttempts));
    assert_eq!(reset(house.last_code(), PASSWORD), Err(Code::TooManyAttempts));
}

#[test]
fn one_field_takes_address_username_and_phone() {
    let house = House::new();
    let ama = Register { username: text("ama_k"), phone: text("+233201234567"), ..house.registration("ama") };
    register(&house, ama).unwrap();
    verify(&house, "ama", house.last_code()).unwrap();
    for identifier in ["AMA@Example.com ", "Ama_K", "+233 20 123 4567", "233201234567"] {
        try_login(&house, Login { identifier: text(identifier), ..House::login("ama") }).unwrap();
    }
    let by_email = Login { identifier: None, email: text("ama@example.com"), ..House::login("ama") };
    try_login(&house, by_email).unwrap();
    assert_eq!(try_login(&house, Login::default()), Err(Code::ValidationError));
    let huge = Login { device_info: Some("x".repeat(3000).into()), ..House::login("ama") };
    assert_eq!(try_login(&house, huge), Err(Code::ValidationError));
    let long = Login { password: Some(Password::new("x".repeat(1025))), ..House::login("ama") };
    assert_eq!(try_login(&house, long), Err(Code::ValidationError));
}

#[test]
fn an_outdated_hash_is_replaced_at_the_next_login() {
    let house = House::new();
    let ama = house.member("ama", "student");
    let call = call_of(Who::System(Purpose::Enrolment), Scope::System(Purpose::Enrolment));
    block_on(async {
        let mut uow = house.memory.parts.uows.begin(&call).await.unwrap();
        let old = PasswordHash::new(format!("old:{PASSWORD}"));
        uow.accounts().set_password(ama, Some(&old)).await.unwrap();
        uow.commit(domicile_kernel::Outcome::done()).await.unwrap();
    });
    house.hashes();
    house.signed_in("ama");
    assert_eq!(house.hashes(), 2);
    house.signed_in("ama");
    assert_eq!(house.hashes(), 1);
}

#[test]
fn no_secret_is_seen_in_debug_output_or_the_audit_trail() {
    let house = House::new();
    let command = Register { phone: text("+233201234567"), ..house.registration("ama") };
    assert!(!format!("{command:?}").contains(PASSWORD));
    register(&house, command).unwrap();
    let code = house.last_code();
    verify(&house, "ama", code.clone()).unwrap();
    let signed_in = house.signed_in("ama");
    let seen = format!("{signed_in:?} {:?} {:?}", house.memory.store.audit_rows(), house.memory.store.events());
    let in_trail = format!("{:?} {:?}", house.memory.store.audit_rows(), house.memory.store.events());
    for secret in [PASSWORD, code.expose(), signed_in.access_token.expose(), signed_in.refresh_token.expose()] {
        assert!(!seen.contains(secret));
    }
    assert!(!in_trail.contains("+233201234567"));
    let events = format!("{:?}", house.memory.store.events());
    assert!(!events.contains("example.com") && !events.contains("Kufuor"));
}
