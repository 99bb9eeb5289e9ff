//! How a socket ends: every close code once from end to end, over the bare connection where a library would not let one do it.

use std::time::{Duration, Instant};

use domicile_access::crypto::{AccessClaims, AccessTokens};
use domicile_identity::{JwtTokens, KeyRing};
use domicile_kernel::{HostelId, Role, SessionId};
use domicile_testkit::{
    postgres::Cluster,
    socket::{self, Client, Got, Raw, auth, frame, kind, text_frame},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::crowd::{Run, Stage, commit, settled};
use crate::{
    process::ground::Ground,
    support::{On, Person, TestApp},
};

/// What a client sends, and what it is closed with.
struct Row {
    what: &'static str,
    /// Whether it has signed in before.
    member: bool,
    bytes: Vec<u8>,
    code: u16,
}

fn row(what: &'static str, member: bool, code: u16, bytes: Vec<u8>) -> Row {
    Row { what, member, bytes, code }
}

fn said(what: &'static str, member: bool, code: u16, message: &Value) -> Row {
    row(what, member, code, text_frame(&message.to_string()))
}

/// A token of somebody's session with another time of validity, by these keys.
fn token(app: &TestApp, keys: &KeyRing, person: &Person, session: SessionId, valid: Duration) -> String {
    let now = app.house.ambient.now();
    let (issued_at, expires_at) = (now.minus(Duration::from_hours(1)), now.minus(Duration::from_hours(1)).plus(valid));
    JwtTokens::new(keys).issue(&AccessClaims { account: person.id, session, generation: 1, issued_at, expires_at })
}

fn rows(app: &TestApp, hostel: HostelId, foreign: HostelId, person: &Person) -> Vec<Row> {
    let (here, there) = (hostel.to_string(), foreign.to_string());
    let own = |keys: &KeyRing, session, valid| auth(&token(app, keys, person, session, valid), &here, None);
    let keys = std::fs::read_to_string(app.house.settings.data_dir.join("keys.json")).unwrap();
    let keys = KeyRing::parse(&keys).unwrap();
    let others = KeyRing::create(app.house.ambient.now(), app.house.ambient.secrets.as_ref());
    let hour = Duration::from_hours(2);
    let mut unknown_field = auth(&person.token, &here, None);
    unknown_field["password"] = json!("x");
    let mut both = auth(&person.token, &here, None);
    both["ticket"] = json!("0".repeat(64));
    vec![
        row("no JSON", false, 4_400, text_frame("hello")),
        row("nothing", false, 4_400, text_frame("")),
        said("no object", false, 4_400, &json!([1, 2])),
        said("no type", false, 4_400, &json!({ "token": "x" })),
        said("an unknown type", false, 4_400, &json!({ "type": "shout" })),
        said("a wrong type of field", false, 4_400, &json!({ "type": "auth", "token": 7, "hostel_id": here })),
        said("no hostel", false, 4_400, &json!({ "type": "auth", "token": "x" })),
        said("a hostel that is no id", false, 4_400, &json!({ "type": "auth", "token": "x", "hostel_id": "volta" })),
        said("a seq below zero", false, 4_400, &auth(&person.token, &here, Some(-1))),
        said("an unknown field", false, 4_400, &unknown_field),
        said("two credentials", false, 4_400, &both),
        row("binary", false, 4_400, frame(0x82, true, b"{}")),
        said("another message first", false, 4_401, &json!({ "type": "ping" })),
        said("a subscription first", false, 4_401, &json!({ "type": "subscribe", "topic": "presence" })),
        said("no token at all", false, 4_401, &auth("", &here, None)),
        said("garbage for a token", false, 4_401, &auth("not.a.token", &here, None)),
        said("somebody else's keys", false, 4_401, &own(&others, person.session, hour)),
        said("an expired token", false, 4_401, &own(&keys, person.session, Duration::from_mins(1))),
        said("a session that is not there", false, 4_401, &own(&keys, app.house.ambient.id(), hour)),
        said(
            "a ticket that is not there",
            false,
            4_401,
            &json!({ "type": "auth", "ticket": "0".repeat(64), "hostel_id": here }),
        ),
        said("a foreign hostel", false, 4_403, &auth(&person.token, &there, None)),
        said("an unknown hostel", false, 4_403, &auth(&person.token, "00000000-0000-7000-8000-000000000000", None)),
        row("a large first message", false, 1_009, text_frame(&" ".repeat(5_000))),
        row("a very large message", true, 1_009, text_frame(&" ".repeat(70_000))),
        row("a large message in pieces", true, 1_009, {
            let part = " ".repeat(30_000).into_bytes();
            [frame(0x01, true, &part), frame(0x00, true, &part), frame(0x80, true, &part)].concat()
        }),
        row("a length beyond all", true, 1_009, [&[0x81, 0xff][..], &u64::MAX.to_be_bytes()[..], &[0; 4]].concat()),
        row("no mask", true, 1_002, frame(0x81, false, b"{}")),
        row("an unknown opcode", true, 1_002, frame(0x83, true, b"{}")),
        row("a reserved bit", true, 1_002, frame(0xc1, true, b"{}")),
        row("a continuation of nothing", true, 1_002, frame(0x80, true, b"{}")),
        row("a message within another", true, 1_002, [frame(0x01, true, b"{"), frame(0x81, true, b"}")].concat()),
        row("a ping that is too long", true, 1_002, frame(0x89, true, &[b'x'; 126])),
        row("no UTF-8", true, 1_007, frame(0x81, true, b"\"\xff\xfe\"")),
        row("no JSON from a member", true, 4_400, text_frame("{")),
        said("a topic that is not there", true, 4_400, &json!({ "type": "subscribe", "topic": "weather" })),
        said("a topic without its id", true, 4_400, &json!({ "type": "subscribe", "topic": "booking" })),
        said("another hostel later", true, 4_400, &auth(&person.token, &there, None)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_breach_is_closed_with_its_code_and_words_that_help() {
    let app = TestApp::sqlite().await;
    let (hostel, foreign) = (app.hostel("Volta Hall").await, app.hostel("Sahara House").await);
    let person = app.member(hostel, Role::Student).await;
    let mut wrong = Vec::new();
    for Row { what, member, bytes, code } in rows(&app, hostel, foreign, &person) {
        let mut raw = Raw::open(&app.base).await;
        if member {
            assert!(raw.send(&text_frame(&auth(&person.token, &hostel.to_string(), None).to_string())).await);
            let (_, answer) = raw.read_frame().await.unwrap();
            assert_eq!(kind(&serde_json::from_slice(&answer).unwrap()), "auth_success");
        }
        assert!(raw.send(&bytes).await);
        match raw.closed().await {
            Some((closed, reason)) if closed == code && !reason.is_empty() && reason.len() <= 123 => {}
            other => wrong.push(format!("{what}: {other:?} instead of {code}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_does_not_say_who_it_is_is_closed_after_three_seconds() {
    let app = TestApp::sqlite().await;
    let opened = Instant::now();
    let mut silent = Client::connect(&app.base).await;
    let mut halfway = Raw::open(&app.base).await;
    // Half a message is none.
    assert!(halfway.send(text_frame("{\"type\":\"auth\"").split_at(9).0).await);
    let (code, reason) = silent.closed().await;
    let after = opened.elapsed();
    assert_eq!((code, reason.is_empty()), (4_408, false), "{reason}");
    assert!((Duration::from_millis(2_900)..Duration::from_secs(5)).contains(&after), "closed after {after:?}");
    assert_eq!(halfway.closed().await.map(|(code, _)| code), Some(4_408));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_token_unless_a_newer_one_is_shown() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;
    let mut ends = Client::enter(&app.base, &person.token, &hostel.to_string()).await;
    let mut goes_on = Client::enter(&app.base, &person.token, &hostel.to_string()).await;
    app.clock.advance(Duration::from_mins(59));
    let newer = app.session_of(person.id, person.email.clone(), Some(hostel)).await;
    goes_on.auth(&newer.token, &hostel.to_string(), None).await;
    assert!(ends.drain().await.is_empty(), "a minute before its end it is open");
    app.clock.advance(Duration::from_mins(2));
    let (code, reason) = ends.closed().await;
    assert_eq!(code, 4_401, "{reason}");
    app.room(hostel, 1).await;
    goes_on.of_type("room.created").await;
    drop(goes_on);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_talks_without_end_is_warned_and_then_closed() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;
    let mut raw = Raw::open(&app.base).await;
    let mut bytes = text_frame(&auth(&person.token, &hostel.to_string(), None).to_string());
    for _ in 0..250 {
        bytes.extend(text_frame("{\"type\":\"ping\"}"));
    }
    assert!(raw.send(&bytes).await);
    let (mut pongs, mut warnings) = (0, 0);
    let code = loop {
        let (first, payload) = raw.read_frame().await.expect("a close frame");
        if first & 0x0f == 8 {
            break u16::from_be_bytes([payload[0], payload[1]]);
        }
        let message: Value = serde_json::from_slice(&payload).unwrap();
        match kind(&message) {
            "pong" => pongs += 1,
            "error" => {
                assert_eq!(message["code"], "RATE_LIMIT_EXCEEDED", "{message}");
                assert!((1..=60).contains(&message["retry_after"].as_i64().unwrap()), "{message}");
                warnings += 1;
            }
            _ => {}
        }
    };
    assert_eq!(code, 1_008);
    assert!((99..=100).contains(&pongs), "{pongs} answers to 250 messages");
    assert!(warnings >= 1);
    app.end().await;
}

/// The code is behind what the kernel took already, so whoever reads in time sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_that_looks_up_is_told_that_it_was_too_slow() {
    let stage = Stage::on(On::Sqlite).await;
    let person = stage.member(Role::Student).await;
    stage.settled().await;
    let mut raw = Raw::never_reading(&stage.node.base_url(), &person.token, &stage.hostel.to_string()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert!(raw.read_frame().await.is_some());
    let mut owner = stage.ground.owner().await;
    let (hostel, kind, audience) = (stage.hostel, "room.updated", "hostel".to_owned());
    commit(&mut owner, Run { hostel, kind, audience, from: 0, to: 640, pad: 14_000 }).await;
    settled(&mut owner).await;
    let (mut events, mut code) = (0, None);
    while let Some((first, payload)) = raw.read_frame().await {
        if first & 0x0f == 8 {
            code = Some(u16::from_be_bytes([payload[0], payload[1]]));
            break;
        }
        events += 1;
    }
    assert_eq!(code, Some(4_008), "after {events} events");
    assert!(events < 640);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_a_newcomer_is_told_to_come_back() {
    let cluster = tokio::task::block_in_place(|| Cluster::private(true));
    let stage = Stage::over(Ground::over(&cluster, TempDir::with_prefix("domicile-node-").unwrap()).await).await;
    let person = stage.member(Role::Student).await;
    let hostel = stage.hostel.to_string();
    let mut inside = Client::enter(&stage.node.base_url(), &person.token, &hostel).await;
    stage.office.database.close().await;
    tokio::task::block_in_place(|| cluster.kill());
    let other = Client::connect(&stage.node.base_url()).await;
    let mut other = other;
    other.send(&auth(&person.token, &hostel, None)).await;
    let (code, reason) = other.closed_in(Duration::from_secs(30)).await;
    assert_eq!(code, 1_013, "{reason}");
    // Who is in stays in, and hears what is told when it is back.
    assert!(inside.drain().await.is_empty());
    tokio::task::block_in_place(|| cluster.start());
    let mut owner = stage.ground.owner().await;
    let (kind, audience) = ("room.updated", "hostel".to_owned());
    commit(&mut owner, Run { hostel: stage.hostel, kind, audience, from: 0, to: 1, pad: 8 }).await;
    inside.until_in(Duration::from_secs(30), |message| message["data"]["n"] == 0).await;
    assert_eq!(Client::enter(&stage.node.base_url(), &person.token, &hostel).await.drain().await.len(), 0);
}

/// More sockets of one account than it may have; and of one address that do not say who they are.
#[tokio::test(flavor = "multi_thread")]
async fn one_account_holds_twenty_sockets_and_one_address_a_hundred_strangers() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;
    let mut twenty = Vec::new();
    for _ in 0..20 {
        twenty.push(Client::enter(&app.base, &person.token, &hostel.to_string()).await);
    }
    let mut one_more = Client::connect(&app.base).await;
    one_more.send(&auth(&person.token, &hostel.to_string(), None)).await;
    let (code, reason) = one_more.closed().await;
    assert_eq!(code, 1_008, "{reason}");
    twenty.pop().unwrap().leave().await;
    twenty.push(Client::enter(&app.base, &person.token, &hostel.to_string()).await);

    let mut strangers = Vec::new();
    let refused = loop {
        match Client::try_connect(&app.base, &[]).await {
            Ok(client) => strangers.push(client),
            Err(told) => break told,
        }
        // Who is answered is counted right after it: on a busy machine the next few may be asked in before that.
        assert!(strangers.len() <= 104, "nobody counts strangers");
    };
    assert!(strangers.len() >= 95, "only {} strangers", strangers.len());
    assert_eq!(refused.status, 429, "{}", refused.body);
    let refused = socket::ask(&app.base, &socket::handshake("/ws", &[])).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.json()["success"], false);
    // Those who are in are not strangers.
    assert!(twenty[0].drain().await.is_empty());
    drop(strangers);
    let deadline = Instant::now() + Duration::from_secs(10);
    while Client::try_connect(&app.base, &[]).await.is_err() {
        assert!(Instant::now() < deadline, "places of strangers who went are not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(twenty[0].within(Duration::from_millis(1)).await, None | Some(Got::Ping)));
    drop(twenty);
    app.end().await;
}
