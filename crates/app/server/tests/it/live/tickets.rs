//! The ticket of a browser that cannot show its access token on a socket: good once, for thirty seconds, where its session is.

use std::time::Duration;

use domicile_kernel::{HostelId, Role};
use domicile_testkit::socket::{Client, kind};
use serde_json::{Value, json};

use crate::support::{On, Person, TestApp};

const ORIGIN: &str = "https://app.example.org";

async fn app() -> TestApp {
    TestApp::start_with_settings(On::Sqlite, |settings| settings.allowed_origins = vec![ORIGIN.to_owned()]).await
}

async fn ticket(app: &TestApp, person: &Person) -> String {
    let told = app.post("/api/auth/ws-ticket").by(person).header("origin", ORIGIN).told().await.is(200);
    assert_eq!(told.data()["expires_in"], 30);
    assert!(told.header("set-cookie").is_empty());
    assert!(told.header("cache-control").contains("no-store"), "a secret is not to be kept: {:?}", told.headers);
    told.data()["ticket"].as_str().unwrap().to_owned()
}

/// As a browser shakes hands: with its page's origin, without cookies, and with nothing else that says who it is.
async fn show(app: &TestApp, ticket: &str, hostel: HostelId) -> Result<Value, (u16, String)> {
    let mut client = Client::try_connect(&app.base, &[("Origin", ORIGIN)]).await.unwrap();
    client.send(&json!({ "type": "auth", "ticket": ticket, "hostel_id": hostel })).await;
    match client.next().await {
        domicile_testkit::socket::Got::Message(message) => {
            assert_eq!(kind(&message), "auth_success", "{message}");
            Ok(message)
        }
        domicile_testkit::socket::Got::Closed(code, reason) => Err((code, reason)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_socket_within_thirty_seconds() {
    let app = app().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;

    let once = ticket(&app, &person).await;
    let entered = show(&app, &once, hostel).await.unwrap();
    assert_eq!(entered["user_id"], person.id.to_string());
    assert_eq!(show(&app, &once, hostel).await.unwrap_err().0, 4_401, "a ticket is good once");

    let in_time = ticket(&app, &person).await;
    app.clock.advance(Duration::from_secs(29));
    show(&app, &in_time, hostel).await.unwrap();
    let late = ticket(&app, &person).await;
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(show(&app, &late, hostel).await.unwrap_err().0, 4_401, "a ticket is good for thirty seconds");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_show_one_ticket_at_once_one_comes_in() {
    let app = app().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;
    for _ in 0..5 {
        let shared = ticket(&app, &person).await;
        let tries = (0..8).map(|_| show(&app, &shared, hostel));
        let outcomes = join_all(tries.collect()).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|(code, _)| *code == 4_401));
    }
    app.end().await;
}

/// Runs them all at once on this task.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, outcome) in &mut futures {
            if outcome.is_none()
                && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
            {
                *outcome = Some(done);
            }
        }
        if futures.iter().all(|(_, outcome)| outcome.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_worth_what_its_session_is_worth() {
    let app = app().await;
    let (hostel, foreign) = (app.hostel("Volta Hall").await, app.hostel("Sahara House").await);
    let person = app.member(hostel, Role::Student).await;
    // Not for a house where its owner is nobody; and that is told as any other refusal to a stranger.
    let elsewhere = ticket(&app, &person).await;
    assert_eq!(show(&app, &elsewhere, foreign).await.unwrap_err().0, 4_403);
    // Not after the session's end.
    let outlived = ticket(&app, &person).await;
    app.post("/api/auth/logout").by(&person).told().await.is(200);
    assert_eq!(show(&app, &outlived, hostel).await.unwrap_err().0, 4_401);
    app.post("/api/auth/ws-ticket").by(&person).told().await.refuses(401, "TOKEN_REVOKED");
    // A socket opened by one ends with the session.
    let other = app.session_of(person.id, person.email.clone(), Some(hostel)).await;
    let fresh = ticket(&app, &other).await;
    let mut client = Client::try_connect(&app.base, &[("Origin", ORIGIN)]).await.unwrap();
    client.send(&json!({ "type": "auth", "ticket": fresh, "hostel_id": hostel })).await;
    assert_eq!(kind(&client.message().await), "auth_success");
    app.post("/api/auth/logout").by(&other).told().await.is(200);
    assert_eq!(client.closed_in(Duration::from_secs(2)).await.0, 4_401);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_opens_no_socket() {
    let app = app().await;
    for origin in ["https://evil.example", "https://app.example.org.evil.example", "null", "http://app.example.org"] {
        let refused = Client::try_connect(&app.base, &[("Origin", origin)]).await.unwrap_err();
        assert_eq!(refused.status, 403, "{origin}: {}", refused.body);
    }
    app.end().await;
}
