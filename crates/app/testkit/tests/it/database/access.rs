//! Codes, tickets and revocations on real databases: what many do at once is done as if one after the other.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use domicile_access::{
    AccessConfig, AccessUows, AdmissionError, Admissions, Challenge, ChallengePurpose, OwnAccount, Parts, RevokeReason,
    SecretText, SignIn,
    memory::{CountingHasher, PlainAccessTokens, PlainCodes, PlainRefreshTokens},
    usecases::sign_in::{AskForCode, Login, ResetPassword, ResetPasswordError, VerifyOtp, VerifyOtpError},
};
use domicile_kernel::{AccountId, Call, HostelId, Outcome, Purpose, Role, Scope, SessionId, Who};
use domicile_testkit::{barrier::race, store::TestStore};

const PASSWORD: &str = "Kente-cloth-7!";
const OWNER: [u8; 4] = [192, 0, 2, 7];

/// Access over a real database, with cryptography that can be looked through.
fn parts(store: &TestStore) -> Arc<Parts> {
    Arc::new(Parts {
        uows: Arc::new(store.database.clone()),
        queries: Arc::new(store.database.clone()),
        standings: Arc::new(()),
        hasher: Arc::new(CountingHasher::default()),
        access_tokens: Arc::new(PlainAccessTokens),
        refresh_tokens: Arc::new(PlainRefreshTokens),
        codes: Arc::new(PlainCodes),
        ambient: store.ambient.clone(),
        config: AccessConfig::default(),
    })
}

fn from(store: &TestStore, address: impl Into<IpAddr>) -> Call {
    Call { ip: Some(address.into()), ..store.call_by(Who::Anonymous, Scope::System(Purpose::SignIn)) }
}

fn attacker(store: &TestStore, n: u32) -> Call {
    from(store, (0x0A00_0000 + n).to_be_bytes())
}

/// Somebody of a hostel who can sign in.
struct Person {
    account: AccountId,
    hostel: HostelId,
    email: String,
}

async fn person(store: &TestStore, is_verified: bool) -> Person {
    let hostel = store.hostel("Unity Hall").await;
    let mut email = String::new();
    let account = store
        .account(|account| {
            account.email_verified_at = is_verified.then_some(account.created_at);
            account.password_hash = Some(domicile_access::PasswordHash::new(format!("plain:{PASSWORD}")));
            account.email.as_str().clone_into(&mut email);
        })
        .await;
    store.enrol(hostel, account, Role::Student, |_as_it_is| ()).await;
    Person { account, hostel, email }
}

/// The codes on their way, newest first, as they were mailed.
async fn codes(store: &TestStore, account: AccountId, purpose: ChallengePurpose) -> Vec<(Challenge, SecretText)> {
    let call = store.call(Scope::System(Purpose::SignIn));
    let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
    let found = uow.challenges().list(account, purpose).await.unwrap();
    uow.rollback().await.unwrap();
    found
        .into_iter()
        .filter(|code| code.is_open(store.ambient.now()))
        .map(|code| {
            let text = String::from_utf8(code.code_hash[16..22].to_vec()).unwrap();
            (code, SecretText::new(text))
        })
        .collect()
}

fn wrong(right: &SecretText) -> SecretText {
    let right: u32 = right.expose().parse().unwrap();
    SecretText::new(format!("{:06}", (right + 1) % 1_000_000))
}

#[tokio::test]
async fn nobody_elsewhere_burns_a_code_that_proves_an_address() {
    for store in TestStore::both().await {
        let sign_in = SignIn::new(parts(&store));
        let person = person(&store, false).await;
        let ask = AskForCode { email: Some(person.email.clone()) };
        sign_in.resend_otp(&from(&store, OWNER), ask.clone()).await.unwrap();
        let (_, right) = codes(&store, person.account, ChallengePurpose::VerifyEmail).await.remove(0);
        let guess = |otp: &SecretText| VerifyOtp { email: Some(person.email.clone()), otp: Some(otp.clone()) };
        for n in 0..200 {
            if n % 10 == 0 {
                sign_in.resend_otp(&attacker(&store, n), ask.clone()).await.unwrap();
            }
            let open = codes(&store, person.account, ChallengePurpose::VerifyEmail).await;
            let no_code = (0..).map(|n| SecretText::new(format!("{n:06}")));
            let otp = no_code.into_iter().find(|text| open.iter().all(|(_, code)| code != text)).unwrap();
            let error = sign_in.verify_otp(&attacker(&store, n), guess(&otp)).await.unwrap_err();
            assert!(matches!(error, VerifyOtpError::Invalid(_) | VerifyOtpError::TooManyAttempts), "{error:?}");
        }
        let open = codes(&store, person.account, ChallengePurpose::VerifyEmail).await;
        assert_eq!(open.len(), 5);
        assert!(open.iter().map(|(code, _)| code.attempts + code.foreign_attempts).sum::<i64>() <= 50);
        sign_in.verify_otp(&from(&store, OWNER), guess(&wrong(&right))).await.unwrap_err();
        sign_in.verify_otp(&from(&store, OWNER), guess(&right)).await.unwrap();
        assert!(codes(&store, person.account, ChallengePurpose::VerifyEmail).await.is_empty());
    }
}

#[tokio::test]
async fn nobody_elsewhere_burns_a_code_that_resets_a_password() {
    for store in TestStore::both().await {
        let sign_in = SignIn::new(parts(&store));
        let person = person(&store, true).await;
        let ask = AskForCode { email: Some(person.email.clone()) };
        sign_in.forgot_password(&from(&store, OWNER), ask).await.unwrap();
        let (_, right) = codes(&store, person.account, ChallengePurpose::ResetPassword).await.remove(0);
        let guess = |otp: &SecretText| ResetPassword {
            email: Some(person.email.clone()),
            otp: Some(otp.clone()),
            new_password: Some(domicile_access::Password::new("Another-cloth-8!")),
        };
        for n in 0..200 {
            let error = sign_in.reset_password(&attacker(&store, n), guess(&wrong(&right))).await.unwrap_err();
            let is_dead = matches!(error, ResetPasswordError::TooManyAttempts);
            assert_eq!(is_dead, n >= 4, "guess {n}: {error:?}");
        }
        sign_in.reset_password(&from(&store, OWNER), guess(&right)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_put_no_more_than_five_codes_on_their_way() {
    for store in TestStore::both().await {
        let person = person(&store, true).await;
        let sign_in = SignIn::new(parts(&store));
        let asked = race(16, |n| {
            let (sign_in, call) = (sign_in.clone(), attacker(&store, n as u32));
            let ask = AskForCode { email: Some(person.email.clone()) };
            async move { sign_in.forgot_password(&call, ask).await }
        })
        .await
        .assert_overlapped();
        assert!(asked.iter().all(Result::is_ok));
        let open = codes(&store, person.account, ChallengePurpose::ResetPassword).await;
        let places: BTreeSet<_> = open.iter().map(|(code, _)| code.asked_from.clone()).collect();
        assert_eq!((open.len(), places.len()), (5, 5));
    }
}

/// Signs in; answers the session.
async fn signed_in(store: &TestStore, parts: &Arc<Parts>, person: &Person) -> SessionId {
    let command = Login {
        identifier: Some(person.email.clone()),
        password: Some(domicile_access::Password::new(PASSWORD)),
        ..Login::default()
    };
    let call = from(store, OWNER);
    let view = SignIn::new(parts.clone()).login(&call, command).await.unwrap();
    let token = view.access_token.expose();
    let here = domicile_access::HostelRequirement::Optional(Some(person.hostel));
    let admitted = Admissions::new(parts.clone()).admit(Some(token), here).await.unwrap();
    admitted.actor.session().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_redeem_a_ticket_one_comes_in() {
    for store in TestStore::both().await {
        let parts = parts(&store);
        let person = person(&store, true).await;
        let session = signed_in(&store, &parts, &person).await;
        let who = Who::Account { id: person.account, session, role: None };
        let call = store.call_by(who, Scope::Account(person.account));
        let own = OwnAccount::new(parts.clone());
        for _ in 0..10 {
            let ticket = own.socket_ticket(&call).await.unwrap().ticket;
            let admissions = Admissions::new(parts.clone());
            let redeemed = race(12, |_| {
                let (admissions, ticket, hostel) = (admissions.clone(), ticket.clone(), person.hostel);
                async move { admissions.redeem(ticket.expose(), hostel).await }
            })
            .await
            .assert_overlapped();
            let (came_in, others): (Vec<_>, Vec<_>) = redeemed.into_iter().partition(Result::is_ok);
            assert_eq!(came_in.len(), 1);
            assert_eq!(came_in[0].as_ref().unwrap().actor.session(), Some(session));
            for other in others {
                assert!(matches!(other, Err(AdmissionError::InvalidTicket)), "{other:?}");
            }
        }
    }
}

#[tokio::test]
async fn sessions_ended_lately_are_heard_of_though_they_were_committed_late() {
    for store in TestStore::both().await {
        let parts = parts(&store);
        let person = person(&store, true).await;
        let (first, second) = (signed_in(&store, &parts, &person).await, signed_in(&store, &parts, &person).await);
        let live = signed_in(&store, &parts, &person).await;
        let began = store.ambient.now();
        assert!(store.database.revoked_since(began).await.unwrap().is_empty());
        let call = store.call(Scope::System(Purpose::SignIn));
        for (session, at) in [(first, began), (second, began.minus(Duration::from_secs(15)))] {
            // Dated before it is committed; whoever asked meanwhile has moved on.
            store.clock.advance(Duration::from_secs(1));
            let mut uow = AccessUows::begin(&store.database, &call).await.unwrap();
            let row = uow.sessions().find_for_update(session).await.unwrap().unwrap();
            uow.sessions().update(&row.revoked(at, RevokeReason::SignedOut)).await.unwrap();
            uow.commit(Outcome::done()).await.unwrap();
        }
        let heard = store.database.revoked_since(store.ambient.now()).await.unwrap();
        let sessions: Vec<SessionId> = heard.iter().map(|(session, ..)| *session).collect();
        assert_eq!(sessions, [second, first]);
        assert!(heard.iter().all(|(_, account, _)| *account == person.account) && !sessions.contains(&live));
        let later = store.ambient.now().plus(Duration::from_mins(1));
        assert!(store.database.revoked_since(later).await.unwrap().is_empty());
    }
}
