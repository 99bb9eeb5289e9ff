//! Refresh tokens under parallel tabs, thieves and new keys (J4b): whoever is honest stays signed in, a token that was used
//! before ends its session and no other.

use std::time::Duration;

use domicile_identity::KeyRing;
use domicile_kernel::Role;
use domicile_server::house::key_file;
use domicile_testkit::barrier::race;
use serde_json::json;

use crate::support::{Asked, Dice, Person, TestApp, Told};

const TABS: usize = 100;
const PAST_GRACE: Duration = Duration::from_secs(21);

fn refreshing(app: &TestApp, token: &str) -> Asked {
    app.post("/api/auth/refresh-token").json(json!({ "refresh_token": token }))
}

fn text<'a>(told: &'a Told, name: &str) -> &'a str {
    told.data()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", told.text))
}

/// The same person with the next pair of tokens.
async fn refreshed(app: &TestApp, person: &Person) -> Person {
    let told = refreshing(app, &person.refresh_token).told().await.is(200);
    let (token, refresh_token) = (text(&told, "access_token").to_owned(), text(&told, "refresh_token").to_owned());
    Person { token, refresh_token, ..person.clone() }
}

async fn is_signed_in(app: &TestApp, person: &Person) {
    app.get("/api/auth/me").by(person).told().await.is(200);
}

/// Neither token of theirs works any more.
async fn is_out(app: &TestApp, person: &Person) {
    app.get("/api/auth/me").by(person).told().await.refuses(401, "TOKEN_REVOKED");
    refreshing(app, &person.refresh_token).told().await.refuses(401, "TOKEN_REVOKED");
}

async fn generation(app: &TestApp, person: &Person) -> i64 {
    let mut owner = app.owner().await;
    let id = owner.id(person.session.uuid());
    owner.number(format!("SELECT generation FROM sessions WHERE id = {id}")).await
}

async fn why_ended(app: &TestApp, person: &Person) -> String {
    let mut owner = app.owner().await;
    let id = owner.id(person.session.uuid());
    owner.texts(format!("SELECT revoke_reason FROM sessions WHERE id = {id}")).await.concat().concat()
}

async fn a_hundred_tabs_that_refresh_at_once_make_one_step_together(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let mut person = app.member(hostel, Role::Student).await;
    for round in 1..=4 {
        let told = race(TABS, |_tab| refreshing(&app, &person.refresh_token).told()).await.assert_overlapped();
        let successor = text(&told[0].clone().is(200), "refresh_token").to_owned();
        assert_ne!(successor, person.refresh_token);
        for told in &told {
            assert_eq!(text(&told.clone().is(200), "refresh_token"), successor, "tabs went apart");
            let tab = Person { token: text(told, "access_token").to_owned(), ..person.clone() };
            if round == 1 {
                is_signed_in(&app, &tab).await;
            }
        }
        assert_eq!(generation(&app, &person).await, round + 1, "one step for all tabs");
        is_signed_in(&app, &person).await;
        person = Person { token: text(&told[0], "access_token").to_owned(), refresh_token: successor, ..person };
        is_signed_in(&app, &person).await;
    }
    let steps = "SELECT count(*) FROM audit_log WHERE action = 'session.refresh'";
    assert_eq!(app.owner().await.number(steps).await, 4);
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tabs_that_refresh_at_once_make_one_step_together_on_sqlite() {
    a_hundred_tabs_that_refresh_at_once_make_one_step_together(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tabs_that_refresh_at_once_make_one_step_together_on_postgres() {
    a_hundred_tabs_that_refresh_at_once_make_one_step_together(TestApp::postgres().await).await;
}

async fn an_old_token_ends_its_session_and_no_other(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;

    // After its successor was refreshed, at once.
    let first = app.member(hostel, Role::Student).await;
    let elsewhere = app.session_of(first.id, first.email.clone(), Some(hostel)).await;
    let second = refreshed(&app, &first).await;
    let third = refreshed(&app, &second).await;
    is_signed_in(&app, &third).await;
    refreshing(&app, &first.refresh_token).told().await.refuses(401, "TOKEN_REVOKED");
    for generation in [&first, &second, &third] {
        is_out(&app, generation).await;
    }
    assert_eq!(why_ended(&app, &first).await, "token_reused");
    is_signed_in(&app, &elsewhere).await;
    is_signed_in(&app, &refreshed(&app, &elsewhere).await).await;

    // After the grace, though nobody refreshed its successor.
    let first = app.member(hostel, Role::Student).await;
    let second = refreshed(&app, &first).await;
    app.clock.advance(Duration::from_secs(20));
    let again = refreshed(&app, &first).await;
    assert_eq!(again.refresh_token, second.refresh_token, "within the grace, the same successor");
    app.clock.advance(Duration::from_secs(1));
    refreshing(&app, &first.refresh_token).told().await.refuses(401, "TOKEN_REVOKED");
    is_out(&app, &second).await;
    assert_eq!(why_ended(&app, &first).await, "token_reused");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_ends_its_session_and_no_other_on_sqlite() {
    an_old_token_ends_its_session_and_no_other(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_ends_its_session_and_no_other_on_postgres() {
    an_old_token_ends_its_session_and_no_other(TestApp::postgres().await).await;
}

async fn a_thief_with_any_old_token_is_found_out(app: TestApp) {
    let mut dice = Dice::thrown("theft");
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.member(hostel, Role::Student).await;
    let bystander = app.session_of(owner.id, owner.email.clone(), Some(hostel)).await;
    for theft in 0..50 {
        let mut held = vec![app.session_of(owner.id, owner.email.clone(), Some(hostel)).await];
        for _ in 0..4 {
            app.clock.advance(Duration::from_secs(dice.below(40)));
            held.push(refreshed(&app, held.last().unwrap()).await);
        }
        let newest = held.pop().unwrap();
        let stolen = usize::try_from(dice.below(held.len() as u64)).unwrap();
        // The last one before the newest is let through for parallel tabs until the grace is over.
        let gap = if stolen + 1 == held.len() { PAST_GRACE } else { Duration::from_secs(dice.below(40)) };
        app.clock.advance(gap);
        is_signed_in(&app, &newest).await;
        println!("theft {theft}: token {} of 5 after {gap:?}", stolen + 1);
        refreshing(&app, &held[stolen].refresh_token).told().await.refuses(401, "TOKEN_REVOKED");
        is_out(&app, &newest).await;
        is_out(&app, &held[stolen]).await;
        assert_eq!(why_ended(&app, &newest).await, "token_reused");
    }
    is_signed_in(&app, &refreshed(&app, &bystander).await).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_with_any_old_token_is_found_out_on_sqlite() {
    a_thief_with_any_old_token_is_found_out(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_with_any_old_token_is_found_out_on_postgres() {
    a_thief_with_any_old_token_is_found_out(TestApp::postgres().await).await;
}

/// The header of a token: it names the key.
fn header(token: &str) -> &str {
    token.split('.').next().unwrap()
}

async fn a_new_key_logs_nobody_out(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let idle = app.member(hostel, Role::Student).await;
    let mid_tab = app.member(hostel, Role::Manager).await;
    let before = refreshed(&app, &mid_tab).await;

    let path = key_file(&app.house.settings.data_dir);
    let mut ring = KeyRing::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    ring.rotate(app.house.ambient.now(), app.house.ambient.secrets.as_ref());
    std::fs::write(&path, ring.to_text().as_bytes()).unwrap();
    let app = app.restarted().await;

    for person in [&idle, &mid_tab, &before] {
        is_signed_in(&app, person).await;
    }
    let after = refreshed(&app, &idle).await;
    assert_ne!(header(&after.token), header(&idle.token), "the new key signs");
    is_signed_in(&app, &after).await;
    // A tab that still holds the token before the newest is within the grace, though another key made the newest.
    let tab = refreshed(&app, &mid_tab).await;
    is_signed_in(&app, &tab).await;
    is_signed_in(&app, &refreshed(&app, &before).await).await;
    is_signed_in(&app, &refreshed(&app, &after).await).await;
    // What the old key made is still known for what it is.
    app.clock.advance(PAST_GRACE);
    refreshing(&app, &idle.refresh_token).told().await.refuses(401, "TOKEN_REVOKED");
    is_out(&app, &after).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_logs_nobody_out_on_sqlite() {
    Box::pin(a_new_key_logs_nobody_out(TestApp::sqlite().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_logs_nobody_out_on_postgres() {
    Box::pin(a_new_key_logs_nobody_out(TestApp::postgres().await)).await;
}
