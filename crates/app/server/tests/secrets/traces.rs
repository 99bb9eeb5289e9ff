//! One trace from a request over its statements and the relay to the mail that goes out for it (J11).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    stage::stage,
    support::{PASSWORD, TestApp},
};

const TRACE: [u8; 16] =
    [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];

/// The names of the spans of the trace.
fn names(sent: &[u8]) -> BTreeSet<String> {
    let places = sent.windows(16).enumerate().filter(|(_, window)| *window == TRACE).map(|(at, _)| at);
    places.filter_map(|at| name(&sent[at + 16..])).collect()
}

/// The name (field 5) among the fields that follow on a span's trace: its own id, its state, its parent. Each is a tag, a
/// length of one byte and so many bytes; the ids are any bytes, a name's tag among them.
fn name(mut fields: &[u8]) -> Option<String> {
    const NAME: u8 = 0x2a;
    while let [tag @ (0x12 | 0x1a | 0x22 | NAME), length, rest @ ..] = fields {
        let (content, next) = rest.split_at_checked(usize::from(*length))?;
        if *tag == NAME {
            return String::from_utf8(content.to_vec()).ok();
        }
        fields = next;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_statements_the_relay_and_the_delivery_share_one_trace() {
    let stage = stage();
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Adom").await;
    let email = "traced@new.example";
    let body =
        json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu", "hostel_id": hostel });
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    app.post("/api/auth/register").header("traceparent", parent).json(body).told().await.is(201);
    app.mails(email, 1).await;
    let wanted = ["request", "sql", "relay", "job", "delivery"];
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        app.settle().await;
        stage.running.flush();
        let seen = names(&stage.spans.bytes());
        if wanted.iter().all(|name| seen.contains(*name)) {
            break;
        }
        assert!(Instant::now() < deadline, "only {seen:?} share the trace");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.end().await;
}
