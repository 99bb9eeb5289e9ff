//! How many round trips each method makes: a table, so that one that grows is noticed.

use domicile_access::{AccessQueries, AccessUows, AuditFilter, ChallengePurpose, RevokeReason, Tries, UserFilter};
use domicile_kernel::{
    AuditEntry, Feature, IdempotencyKey, NewJob, Outcome, Page, Position, Purpose, Role, Scope, SessionId,
};
use domicile_tenancy::{TenancyQueries, TenancyUows};
use domicile_testkit::store::TestStore;
use serde_json::json;

use super::relay::event;

/// What was counted, and what it may be.
struct Count<'a> {
    store: &'a TestStore,
    wrong: Vec<String>,
}

impl Count<'_> {
    fn is(&mut self, what: &str, before: u64, expected: u64) {
        let trips = self.store.database.round_trips() - before;
        if trips != expected {
            self.wrong.push(format!("{what}: {trips} round trips, not {expected}"));
        }
    }
}

/// Counts what an expression costs.
macro_rules! count {
    ($count:ident, $expected:expr, $what:literal, $act:expr) => {{
        let before = $count.store.database.round_trips();
        let answer = $act;
        $count.is($what, before, $expected);
        answer.unwrap()
    }};
}

mod billing;
mod booking;

#[tokio::test]
async fn each_method_makes_as_many_round_trips_as_the_table_says() {
    for store in TestStore::both().await {
        let mut count = Count { store: &store, wrong: Vec::new() };
        let db = &store.database;
        let hostel = store.hostel("Counted").await;
        let account = store
            .account(|account| {
                account.phone = Some("+233201234567".to_owned());
                account.username = Some(domicile_access::Username::stored("ama"));
            })
            .await;
        store.enrol(hostel, account, Role::Manager, |_as_it_is| ()).await;
        let now = store.ambient.now();
        let in_hostel = store.call_as(account, Some(Role::Manager), Scope::Hostel(hostel));
        let enrolment = store.call(Scope::System(Purpose::Enrolment));
        let installation = store.call(Scope::System(Purpose::Installation));
        let lobby = store.call(Scope::System(Purpose::Lobby));
        let page = Page::first("created_at", false);
        let by_cursor = Page { position: Position::After(None), ..page.clone() };
        let beyond = Page { position: Position::Number(9), ..page.clone() };

        // The unit of work: begin carries the scope, and the commit one statement for each kind of thing it was told.
        let uow = count!(count, 1, "begin", TenancyUows::begin(db, &in_hostel).await);
        count!(count, 1, "an empty commit", uow.commit(Outcome::done()).await);
        let mut keyed = in_hostel.clone();
        keyed.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] });
        let mut uow = count!(count, 2, "begin with a key", TenancyUows::begin(db, &keyed).await);
        for n in 0..3 {
            uow.record(event(&store.ambient, hostel.uuid(), n + 1));
            uow.audit(AuditEntry {
                id: store.ambient.id(),
                action: "a.b",
                target: "a",
                target_id: None,
                before: None,
                after: None,
            });
            let key = n.to_string();
            uow.enqueue(NewJob { id: store.ambient.id(), kind: "test.job", key, due: now, payload: json!({}) });
        }
        count!(
            count,
            5,
            "commit of a key, three events, three audit rows and three jobs",
            uow.commit(Outcome::done()).await
        );
        let lock = u64::from(store.is_postgres());
        count!(count, 10 + lock, "the relay's batch", db.relay_once(store.seal().as_ref()).await);
        count!(count, 3 + lock, "the relay's batch with nothing to do", db.relay_once(store.seal().as_ref()).await);
        count!(count, 2, "the log behind a position", db.events_after(0, 100).await);
        count!(count, 2, "a hostel's log behind a seq", db.events_of(hostel, 0, 100).await);
        count!(count, 2, "how far a hostel's log reaches", db.reach_of(hostel).await);
        let node = store.ambient.ids.uuid();
        let comings = [(hostel, account, Some(now))];
        count!(count, 3, "noting who came", db.note_presence(node, &comings, now).await);
        count!(count, 3, "confirming who is here", db.confirm_presence(node, now).await);
        count!(count, 2, "who is online", db.present_in(hostel, now).await);
        count!(count, 4, "removing a node's people", db.remove_presence(Some(node), now).await);
        let jobs =
            count!(count, 3, "taking jobs", db.take_jobs(now, now.plus(std::time::Duration::from_secs(9)), 10).await);
        count!(count, 3, "completing a job", db.complete_job(&jobs[0].ticket).await);
        count!(count, 3, "giving a job back", db.retry_job(&jobs[1].ticket, now, "no").await);
        count!(
            count,
            3,
            "noting a refusal",
            db.note(
                &in_hostel,
                vec![AuditEntry {
                    id: store.ambient.id(),
                    action: "a.b",
                    target: "a",
                    target_id: None,
                    before: None,
                    after: None
                }]
            )
            .await
        );

        // Tenancy.
        let mut uow = TenancyUows::begin(db, &installation).await.unwrap();
        let found = count!(count, 1, "hostels.find", uow.hostels().find(hostel).await).unwrap();
        count!(count, 1, "hostels.update", uow.hostels().update(&found.clone().changed(None, None, now), 1).await);
        let settings = count!(count, 1, "settings.find", uow.settings().find(hostel).await).unwrap();
        let seen = settings.version();
        count!(count, 1, "settings.update", uow.settings().update(&settings, seen).await);
        count!(count, 1, "flags.lock", uow.flags().lock(hostel).await);
        count!(
            count,
            1,
            "flags.put",
            uow.flags().put(hostel, &[(Feature::Payments, true), (Feature::Support, true)], None, now).await
        );
        count!(count, 1, "commit", uow.commit(Outcome::done()).await);
        count!(count, 2, "hostels", db.hostels(&installation, &page).await);
        count!(count, 2, "hostels by cursor", db.hostels(&installation, &by_cursor).await);
        count!(count, 3, "hostels past the last page", db.hostels(&installation, &beyond).await);
        count!(count, 2, "hostels_of", db.hostels_of(&lobby, account, &page).await);
        count!(count, 2, "hostel", db.hostel(&installation, hostel).await);
        count!(count, 2, "settings", db.settings(&in_hostel, hostel).await);
        count!(count, 2, "flags", db.flags(&in_hostel, hostel).await);

        let mut uow = TenancyUows::begin(db, &in_hostel).await.unwrap();
        let lock = u64::from(store.is_postgres());
        let priced = count!(count, 1 + lock, "settings.lock_prices", uow.settings().lock_prices(hostel).await);
        assert!(!priced);
        uow.rollback().await.unwrap();

        // Access.
        let mut uow = AccessUows::begin(db, &enrolment).await.unwrap();
        let person = count!(count, 1, "accounts.find", uow.accounts().find(account).await).unwrap();
        count!(count, 1, "accounts.find_for_update", uow.accounts().find_for_update(account).await);
        count!(count, 1, "accounts.find_by_email", uow.accounts().find_by_email(&person.email).await);
        count!(
            count,
            1,
            "accounts.find_by_username",
            uow.accounts().find_by_username(&domicile_access::Username::stored("ama")).await
        );
        count!(count, 1, "accounts.find_by_phone", uow.accounts().find_by_phone("+233201234567").await);
        let update = if store.is_postgres() { 3 } else { 2 };
        let _ = count!(
            count,
            update,
            "accounts.update",
            uow.accounts().update(&person.clone().edited(now), person.version).await
        );
        count!(count, 1, "accounts.set_password", uow.accounts().set_password(account, None).await);
        let other = domicile_access::Account {
            id: store.ambient.id(),
            email: domicile_access::Email::stored("b@example.com"),
            username: None,
            phone: None,
            ..person.clone()
        };
        let _ = count!(count, 1, "accounts.insert", uow.accounts().insert(&other).await);
        let member = count!(count, 1, "memberships.find", uow.memberships().find(hostel, account).await).unwrap();
        count!(count, 1, "memberships.find_for_update", uow.memberships().find_for_update(hostel, account).await);
        count!(count, 1, "memberships.list_for_update", uow.memberships().list_for_update(account).await);
        count!(count, 1, "memberships.update", uow.memberships().update(&member, member.version).await);
        let joined = domicile_access::Membership { account_id: other.id, ..member.clone() };
        let _ = count!(count, 1, "memberships.insert", uow.memberships().insert(&joined).await);
        let session = session(&store, account);
        count!(count, 1, "sessions.insert", uow.sessions().insert(&session).await);
        count!(count, 1, "sessions.find_for_update", uow.sessions().find_for_update(session.id).await);
        count!(count, 1, "sessions.update", uow.sessions().update(&session).await);
        count!(
            count,
            1,
            "sessions.revoke_all",
            uow.sessions().revoke_all(account, Some(session.id), now, RevokeReason::SignedOut).await
        );
        count!(count, 1, "sessions.purge_before", uow.sessions().purge_before(now).await);
        let challenge = challenge(&store, account);
        count!(count, 1, "challenges.replace", uow.challenges().replace(&challenge).await);
        count!(count, 1, "challenges.list", uow.challenges().list(account, ChallengePurpose::VerifyEmail).await);
        count!(count, 1, "challenges.attempt", uow.challenges().attempt(challenge.id, Tries::Own, 5, now).await);
        count!(count, 1, "challenges.spend", uow.challenges().spend(challenge.id, now).await);
        count!(count, 1, "challenges.remove_of", uow.challenges().remove_of(account, None, None).await);
        count!(count, 1, "challenges.purge_before", uow.challenges().purge_before(now).await);
        count!(count, 1, "tickets.take", uow.tickets().take("hash", now).await);
        count!(count, 1, "tickets.purge_before", uow.tickets().purge_before(now).await);
        count!(count, 1, "houses.find", uow.houses().find(hostel).await);
        count!(count, 1, "commit", uow.commit(Outcome::done()).await);
        let own = store.call_as(account, None, Scope::Account(account));
        let mut uow = AccessUows::begin(db, &own).await.unwrap();
        let ticket = domicile_access::SocketTicket {
            hash: "hash".to_owned(),
            account_id: account,
            session_id: session.id,
            created_at: now,
            expires_at: now,
        };
        count!(count, 1, "tickets.insert", uow.tickets().insert(&ticket).await);
        uow.rollback().await.unwrap();
        count!(count, 2, "sessions ended since", db.revoked_since(now).await);
        count!(count, 2, "standing", db.standing(session.id, Some(hostel)).await);
        count!(count, 2, "users", db.users(&in_hostel, &UserFilter::default(), &page).await);
        count!(count, 2, "user", db.user(&in_hostel, account).await);
        count!(count, 2, "account", db.account(&enrolment, account).await);
        count!(count, 2, "sessions", db.sessions(&enrolment, account, now).await);
        count!(count, 2, "memberships", db.memberships(&lobby, account).await);
        count!(count, 2, "audit", db.audit(&in_hostel, &AuditFilter::default(), &Page::first("at", true)).await);
        assert!(count.wrong.is_empty(), "on {:?}:\n{}", db.backend(), count.wrong.join("\n"));
    }
}

fn session(store: &TestStore, account: domicile_kernel::AccountId) -> domicile_access::Session {
    let now = store.ambient.now();
    let later = now.plus(std::time::Duration::from_hours(1));
    domicile_access::Session {
        id: SessionId::new(store.ambient.ids.uuid()),
        account_id: account,
        generation: 1,
        rotated_at: now,
        token_hash: "hash".to_owned(),
        created_at: now,
        last_used_at: now,
        idle_expires_at: later,
        absolute_expires_at: later,
        revoked_at: None,
        revoke_reason: None,
        device_info: None,
        ip: None,
        user_agent: None,
    }
}

fn challenge(store: &TestStore, account: domicile_kernel::AccountId) -> domicile_access::Challenge {
    let now = store.ambient.now();
    domicile_access::Challenge {
        id: store.ambient.id(),
        account_id: account,
        purpose: ChallengePurpose::VerifyEmail,
        code_hash: [7; 32],
        asked_from: domicile_access::AskedFrom::nowhere(),
        attempts: 0,
        foreign_attempts: 0,
        created_at: now,
        expires_at: now.plus(std::time::Duration::from_mins(10)),
        used_at: None,
    }
}
