//! The clients that tests use say what they are told to, and tell what they heard.

use domicile_testkit::socket::{self, Client, Got, Raw};
use serde_json::json;

use crate::{
    sockets::stage::Stage,
    support::{On, TestApp},
};

async fn open() -> (TestApp, Stage) {
    let (stage, door) = Stage::new();
    let app = TestApp::start_with(On::Sqlite, |state| state.shell.sockets = Some(door)).await;
    (app, stage)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_in_hears_and_is_told_why_it_ends() {
    let (app, mut stage) = open().await;
    let base = app.base.clone();
    let client = tokio::spawn(async move {
        let mut client = Client::connect(&base).await;
        let answer = client.auth("t", "h", Some(7)).await;
        assert_eq!(answer["seq"], 7);
        assert_eq!(client.of_type("b").await["seq"], 9);
        assert_eq!(client.drain().await, [json!({ "type": "c" })]);
        assert_eq!(client.subscribe("presence", None).await["type"], "subscribed");
        assert_eq!(client.closed().await, (4008, "too slow".to_owned()));
    });
    let mut guest = stage.next().await;
    let auth = guest.hears().await;
    assert_eq!(auth, json!({ "type": "auth", "token": "Bearer t", "hostel_id": "h", "resume_from": 7 }));
    guest.says(json!({ "type": "auth_success", "seq": 7 })).await;
    guest.says(json!({ "type": "a", "seq": 8 })).await;
    guest.says(json!({ "type": "b", "seq": 9 })).await;
    guest.says(json!({ "type": "c" })).await;
    assert_eq!(guest.hears().await, json!({ "type": "ping" }));
    guest.says(json!({ "type": "pong" })).await;
    assert_eq!(guest.hears().await, json!({ "type": "subscribe", "topic": "presence" }));
    guest.says(json!({ "type": "subscribed", "topic": "presence" })).await;
    guest.closes(4008, "too slow").await;
    client.await.unwrap();
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_tells_a_refusal_and_a_loss() {
    let (app, mut stage) = open().await;
    let refused = Client::try_connect(&app.base, &[("Origin", "https://evil.example")]).await.unwrap_err();
    assert_eq!(refused.status, 403);
    let told = socket::ask(&app.base, &socket::handshake("/ws", &[("Sec-WebSocket-Key", "")])).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (400, Some("INVALID_INPUT")));
    let mut client = Client::connect(&app.base).await;
    stage.next().await.dies();
    assert_eq!(client.next().await, Got::Gone);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_connection_sends_any_frame_and_reads_frames() {
    let (app, mut stage) = open().await;
    let mut raw = Raw::open(&app.base).await;
    let mut guest = stage.next().await;
    for text in ["{}".to_owned(), format!("\"{}\"", "x".repeat(300)), format!("\"{}\"", "y".repeat(70_000))] {
        assert!(raw.send(&socket::text_frame(&text)).await);
        assert_eq!(guest.hears().await.to_string(), text);
    }
    // In pieces, as slow networks have it; in two fragments, as the protocol allows it.
    for byte in socket::text_frame("1") {
        assert!(raw.send(&[byte]).await);
    }
    assert_eq!(guest.hears().await, 1);
    assert!(raw.send(&[socket::frame(0x01, true, b"[1,"), socket::frame(0x80, true, b"2]")].concat()).await);
    assert_eq!(guest.hears().await, json!([1, 2]));
    let long = "z".repeat(66_000);
    guest.says(json!(long)).await;
    assert_eq!(raw.read_frame().await, Some((0x81, format!("\"{long}\"").into_bytes())));
    let closing = tokio::spawn(async move { raw.closed().await });
    drop(tokio::time::timeout(std::time::Duration::from_millis(200), guest.closes(1012, "bye")).await);
    assert_eq!(closing.await.unwrap(), Some((1012, "bye".to_owned())));
    // All in one write: the first message is handed over with the connection.
    let _raw = Raw::never_reading(&app.base, "t", "h").await;
    let mut guest = stage.next().await;
    assert_eq!(guest.hears().await["hostel_id"], "h");
    app.end().await;
}
