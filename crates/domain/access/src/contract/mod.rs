//! What every implementation of [`ports`](crate::ports) must do. Run over memory by this crate and over both databases by
//! the adapter. Each function is one promise, makes its own rows and panics when the promise is broken, so any number of
//! them can share a store; [`all`] runs every one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise ends the test that runs it")]
#![expect(clippy::disallowed_methods, reason = "the contract acts as the system")]

mod accounts;
mod challenges;
mod memberships;
mod reach;
mod reading;
mod sessions;
mod tickets;

use crate::{
    crypto::PasswordHash,
    model::{
        Account, AskedFrom, Challenge, ChallengePurpose, Email, Membership, MembershipStatus, Session, SocketTicket,
        Username,
    },
    ports::{
        AccessQueries, AccessUow, AccessUows, AccountInsertion, HouseFacts, HouseKind, MembershipInsertion,
        Registration,
    },
};
use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Actor, Ambient, Call, Flags, HostelId, Outcome, Purpose, RequestId, Role, Scope, SessionId, Text, Who,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

pub use accounts::{
    a_password_is_set_apart_from_the_profile, a_taken_value_is_an_answer_and_the_work_goes_on,
    an_account_comes_back_as_it_was_written, an_account_is_found_by_each_of_its_names,
    an_update_needs_the_version_that_was_seen,
};
pub use challenges::{
    a_new_challenge_replaces_the_one_from_the_same_place, a_used_or_expired_challenge_takes_no_guess,
    challenges_are_removed_by_account_and_by_time, guesses_are_counted_up_to_the_most,
    guesses_from_elsewhere_are_counted_apart,
};
pub use memberships::{
    a_house_is_found_as_it_is, a_membership_comes_back_as_it_was_written,
    a_membership_exists_once_and_its_update_needs_the_version,
};
pub use reach::{
    a_hostel_reaches_only_its_own_memberships, an_account_reaches_only_itself,
    nothing_remains_of_work_that_was_not_committed,
};
pub use reading::{
    audit_rows_are_read_by_their_hostel_only, live_sessions_are_listed_last_used_first,
    members_are_listed_filtered_and_paged, memberships_are_listed_with_the_names_of_the_houses,
    standing_tells_everything_at_once,
};
pub use sessions::{
    a_session_comes_back_as_it_was_written, all_sessions_but_one_are_ended_once, long_ended_sessions_are_purged,
};
pub use tickets::{a_ticket_is_taken_once, expired_tickets_are_purged};

/// A store to be held to the contract.
#[async_trait]
pub trait World: Send + Sync {
    /// Its units of work.
    fn uows(&self) -> Arc<dyn AccessUows>;
    /// Its queries.
    fn queries(&self) -> Arc<dyn AccessQueries>;
    /// Time and ids; ids must be new to the store.
    fn ambient(&self) -> Ambient;
    /// Puts a hostel there.
    async fn add_house(&self, id: HostelId, facts: HouseFacts, flags: Flags);
}

/// Every promise, one after the other.
pub async fn all(world: &dyn World) {
    an_account_comes_back_as_it_was_written(world).await;
    an_account_is_found_by_each_of_its_names(world).await;
    a_taken_value_is_an_answer_and_the_work_goes_on(world).await;
    an_update_needs_the_version_that_was_seen(world).await;
    a_password_is_set_apart_from_the_profile(world).await;
    a_membership_comes_back_as_it_was_written(world).await;
    a_membership_exists_once_and_its_update_needs_the_version(world).await;
    a_session_comes_back_as_it_was_written(world).await;
    all_sessions_but_one_are_ended_once(world).await;
    long_ended_sessions_are_purged(world).await;
    a_new_challenge_replaces_the_one_from_the_same_place(world).await;
    guesses_are_counted_up_to_the_most(world).await;
    guesses_from_elsewhere_are_counted_apart(world).await;
    a_used_or_expired_challenge_takes_no_guess(world).await;
    challenges_are_removed_by_account_and_by_time(world).await;
    a_ticket_is_taken_once(world).await;
    expired_tickets_are_purged(world).await;
    nothing_remains_of_work_that_was_not_committed(world).await;
    a_hostel_reaches_only_its_own_memberships(world).await;
    an_account_reaches_only_itself(world).await;
    a_house_is_found_as_it_is(world).await;
    members_are_listed_filtered_and_paged(world).await;
    live_sessions_are_listed_last_used_first(world).await;
    memberships_are_listed_with_the_names_of_the_houses(world).await;
    audit_rows_are_read_by_their_hostel_only(world).await;
    standing_tells_everything_at_once(world).await;
}

const DAY: Duration = Duration::from_hours(24);

fn call(world: &dyn World, scope: Scope) -> Call {
    let request = RequestId::from_uuid(world.ambient().id());
    Call::new(Actor::vouched_for(Who::System(Purpose::Enrolment)), scope, request)
}

fn system(world: &dyn World) -> Call {
    call(world, Scope::System(Purpose::Enrolment))
}

async fn begin(world: &dyn World, scope: Scope) -> Box<dyn AccessUow> {
    world.uows().begin(&call(world, scope)).await.unwrap()
}

async fn begin_system(world: &dyn World) -> Box<dyn AccessUow> {
    world.uows().begin(&system(world)).await.unwrap()
}

async fn commit(uow: Box<dyn AccessUow>) {
    uow.commit(Outcome::done()).await.unwrap();
}

async fn house(world: &dyn World, name: &str) -> HostelId {
    let id = world.ambient().id();
    let facts =
        HouseFacts { name: name.to_owned(), kind: HouseKind::Hostel, active: true, registration: Registration::Open };
    world.add_house(id, facts, Flags::all()).await;
    id
}

/// An account whose every value is set and nobody else's: made of its id's last digits.
fn somebody(world: &dyn World) -> Account {
    let ambient = world.ambient();
    let id: AccountId = ambient.id();
    let number = id.uuid().as_u128();
    let email = Email::parse(&format!("p{}@example.com", id.uuid().simple())).unwrap();
    Account {
        email_verified_at: Some(ambient.now()),
        username: Some(Username::parse(&format!("P.{:x}", number & 0xffff_ffff_ffff_ffff)).unwrap()),
        password_hash: Some(PasswordHash::new("$argon2id$stored")),
        phone: Some(format!("+9{:013}", number % 10_000_000_000_000)),
        emergency_contact: Some(Text::clean("Kofi, uncle")),
        program: Some(Text::clean("Architecture")),
        ..Account::new(id, email, Text::clean("Ama"), Text::clean("Kufuor"), ambient.now())
    }
}

async fn insert(world: &dyn World, account: &Account) {
    let mut uow = begin_system(world).await;
    assert_eq!(uow.accounts().insert(account).await.unwrap(), AccountInsertion::Inserted);
    commit(uow).await;
}

async fn inserted(world: &dyn World) -> Account {
    let account = somebody(world);
    insert(world, &account).await;
    account
}

async fn join(
    world: &dyn World,
    hostel: HostelId,
    account: &Account,
    role: Role,
    status: MembershipStatus,
) -> Membership {
    let membership = Membership::new(hostel, account.id, role, status, account.card(), world.ambient().now());
    let mut uow = begin_system(world).await;
    assert_eq!(uow.memberships().insert(&membership).await.unwrap(), MembershipInsertion::Inserted);
    commit(uow).await;
    membership
}

fn session_of(world: &dyn World, account: &Account) -> Session {
    let ambient = world.ambient();
    let now = ambient.now();
    Session {
        id: ambient.id(),
        account_id: account.id,
        generation: 1,
        rotated_at: now,
        token_hash: "abc".to_owned(),
        created_at: now,
        last_used_at: now,
        idle_expires_at: now.plus(7 * DAY),
        absolute_expires_at: now.plus(90 * DAY),
        revoked_at: None,
        revoke_reason: None,
        device_info: Some(json!({ "model": "Pixel", "os": ["Android", 15] })),
        ip: Some("2001:db8::7".parse().unwrap()),
        user_agent: Some("curl/8".to_owned()),
    }
}

async fn sign_in(world: &dyn World, session: &Session) {
    let mut uow = begin_system(world).await;
    uow.sessions().insert(session).await.unwrap();
    commit(uow).await;
}

async fn session(world: &dyn World, id: SessionId) -> Option<Session> {
    let mut uow = begin_system(world).await;
    let found = uow.sessions().find_for_update(id).await.unwrap();
    uow.rollback().await.unwrap();
    found
}

fn challenge_of(world: &dyn World, account: &Account, purpose: ChallengePurpose) -> Challenge {
    let ambient = world.ambient();
    let now = ambient.now();
    Challenge {
        id: ambient.id(),
        account_id: account.id,
        purpose,
        code_hash: [7; 32],
        asked_from: AskedFrom::stored("192.0.2.7".to_owned()),
        attempts: 0,
        foreign_attempts: 0,
        created_at: now,
        expires_at: now.plus(Duration::from_mins(10)),
        used_at: None,
    }
}

async fn challenged(world: &dyn World, account: &Account) -> Challenge {
    let challenge = challenge_of(world, account, ChallengePurpose::VerifyEmail);
    let mut uow = begin_system(world).await;
    uow.challenges().replace(&challenge).await.unwrap();
    commit(uow).await;
    challenge
}

async fn challenges(world: &dyn World, account: &Account, purpose: ChallengePurpose) -> Vec<Challenge> {
    let mut uow = begin_system(world).await;
    let found = uow.challenges().list(account.id, purpose).await.unwrap();
    uow.rollback().await.unwrap();
    found
}

fn ticket_of(world: &dyn World, session: &Session) -> SocketTicket {
    let now = world.ambient().now();
    SocketTicket {
        hash: world.ambient().id::<SessionId>().to_string(),
        account_id: session.account_id,
        session_id: session.id,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(30)),
    }
}
