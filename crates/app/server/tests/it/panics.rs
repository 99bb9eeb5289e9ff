//! A panic in a handler, in a port it calls or at the door is answered like any other fault of ours, and the worker lives.
#![expect(clippy::indexing_slicing, reason = "JSON answers null for what is not there")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use domicile_http::ports::{Admission, ByteCache, Denied, Gate, Knock, Looked, Topic};
use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use uuid::Uuid;

use crate::support::{On, TestApp, Told};

/// What is said in a panic and must stay in the log.
const SECRET: &str = "the safe is behind the painting";

/// A cache that panics on the worker's own thread, inside the handler, while it is told to.
struct Trapped(Arc<AtomicBool>);

impl ByteCache for Trapped {
    fn look(&self, _topic: Topic, _scope: Uuid, _query: &str) -> Looked {
        assert!(!self.0.load(Ordering::SeqCst), "{SECRET}");
        Looked::Miss(Box::new(|_bytes| ()))
    }
}

/// A gate that panics on the runtime, where use cases run, while it is told to.
struct Jammed {
    gate: Arc<dyn Gate>,
    jammed: Arc<AtomicBool>,
}

#[async_trait]
impl Gate for Jammed {
    async fn admit(&self, knock: Knock) -> Result<Admission, Denied> {
        assert!(!self.jammed.load(Ordering::SeqCst), "{SECRET}");
        self.gate.admit(knock).await
    }
}

fn is_our_fault(told: &Told, request_id: &str) {
    assert_eq!(told.status, 500, "{}", told.text);
    assert_eq!(told.json["success"], false, "{}", told.text);
    assert_eq!(told.code(), "INTERNAL_ERROR", "{}", told.text);
    assert_eq!(told.json["request_id"], request_id, "{}", told.text);
    assert_eq!(told.header("x-request-id"), request_id);
    assert!(!told.text.contains("safe") && !told.text.contains("panic"), "{}", told.text);
}

async fn panics_are_answered_while(trap: Arc<AtomicBool>, app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    app.get("/api/rooms").by(&manager).told().await.is(200);
    trap.store(true, Ordering::SeqCst);
    // More than there are workers and threads: if a panic ended one, nobody would be left to answer.
    let asked = race(50, |number| {
        let asked = app.get("/api/rooms").by(&manager).header("x-request-id", &format!("broken-{number}"));
        async move { asked.told().await }
    });
    for (number, told) in asked.await.assert_overlapped().iter().enumerate() {
        is_our_fault(told, &format!("broken-{number}"));
    }
    let problem = app.get("/api/v2/rooms").by(&manager).told().await.is(500);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    trap.store(false, Ordering::SeqCst);
    let after = race(50, |_number| {
        let asked = app.get("/api/rooms").by(&manager);
        async move { asked.told().await }
    });
    for told in after.await.results {
        told.is(200);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_answers_500_in_the_envelope_and_the_worker_lives() {
    let trap = Arc::new(AtomicBool::new(false));
    let trapped = Arc::new(Trapped(Arc::clone(&trap)));
    let app = TestApp::start_with(On::Sqlite, |state| state.shell.cache = trapped).await;
    panics_are_answered_while(trap, app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_case_that_panics_answers_500_in_the_envelope_and_the_runtime_lives() {
    let jammed = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&jammed);
    let app = TestApp::start_with(On::Sqlite, |state| {
        state.shell.gate = Arc::new(Jammed { gate: Arc::clone(&state.shell.gate), jammed: told });
    })
    .await;
    panics_are_answered_while(jammed, app).await;
}
