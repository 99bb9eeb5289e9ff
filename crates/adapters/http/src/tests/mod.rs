//! The adapter as a whole: [`framework`] over a small table of its own, [`endpoints`] over the contexts' memory. This file
//! is the bench both stand on.

mod billing;
mod endpoints;
mod framework;
mod limits;
mod sandbox;
mod sockets;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    body::{MessageBody, to_bytes},
    dev::{Service, ServiceResponse},
    http::{Method, header::HeaderMap},
    test::{TestRequest, init_service},
    web::Data,
};
use async_trait::async_trait;
use domicile_kernel::{AccountId, Actor, Call, Feature, Flags, Refusal, Role, SessionId, Who, ports::fixed};
use domicile_telemetry::{SLOW, Watch};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    HttpConfig, Shell, app,
    limits::Limits,
    operation::Operation,
    ports::{Admission, ByteCache, Denied, Gate, Health, Knock, Looked, RefusalSink, Refused, Topic},
};

const HOSTEL: &str = "0190f5a0-0000-7000-8000-000000000001";
const OTHER_HOSTEL: &str = "0190f5a0-0000-7000-8000-000000000002";

/// Lets in whoever says which role they have, into one hostel where these features are on. A number behind the role makes
/// it somebody else's: `student-7`.
struct Doorman(Flags);

#[async_trait]
impl Gate for Doorman {
    async fn admit(&self, knock: Knock) -> Result<Admission, Denied> {
        let (role, number) = knock.bearer.split_once('-').unwrap_or((&knock.bearer, "5"));
        let (Some(role), Ok(number)) = (Role::parse(role), number.parse()) else {
            return Err(Denied { error: Box::new(Refusal::NotSignedIn), actor: None });
        };
        let member = knock.hostel.is_none_or(|hostel| hostel.to_string() == HOSTEL) || role == Role::SuperAdmin;
        let who = Who::Account {
            id: AccountId::new(Uuid::from_u128(number)),
            session: SessionId::new(Uuid::from_u128(6)),
            role: (member && knock.hostel.is_some() || role == Role::SuperAdmin).then_some(role),
        };
        #[expect(clippy::disallowed_methods, reason = "a test's doorman")]
        let actor = Actor::vouched_for(who);
        if !member {
            return Err(Denied { error: Box::new(Refusal::NotAMember), actor: Some(actor) });
        }
        let entered = role == Role::SuperAdmin && knock.hostel.is_some();
        Ok(Admission { actor, flags: self.0, entered })
    }
}

#[derive(Default)]
struct Notebook {
    refused: Mutex<Vec<(String, &'static str)>>,
    entered: Mutex<Vec<&'static str>>,
}

impl RefusalSink for Notebook {
    fn refused(&self, _call: &Call, refused: Refused) {
        self.refused.lock().unwrap().push((refused.operation.to_owned(), refused.code.as_str()));
    }

    fn entered(&self, _call: &Call, operation: &'static str) {
        self.entered.lock().unwrap().push(operation);
    }
}

/// Keeps everything under its generation, and counts what it had.
#[derive(Clone, Default)]
struct Shelf {
    kept: Arc<Mutex<HashMap<String, bytes::Bytes>>>,
    generation: Arc<Mutex<u64>>,
    hits: Arc<Mutex<u32>>,
    looks: Arc<Mutex<Vec<Topic>>>,
}

impl ByteCache for Shelf {
    fn look(&self, topic: Topic, scope: Uuid, query: &str) -> Looked {
        self.looks.lock().unwrap().push(topic);
        let key = format!("{topic:?}:{scope}:{}:{query}", self.generation.lock().unwrap());
        if let Some(bytes) = self.kept.lock().unwrap().get(&key) {
            *self.hits.lock().unwrap() += 1;
            return Looked::Hit(bytes.clone());
        }
        let kept = Arc::clone(&self.kept);
        Looked::Miss(Box::new(move |bytes| {
            kept.lock().unwrap().insert(key, bytes);
        }))
    }
}

/// Nobody is online.
struct Nobody;

#[async_trait]
impl crate::ports::Presence for Nobody {
    async fn online(
        &self,
        _hostel: domicile_kernel::HostelId,
    ) -> Result<Vec<crate::ports::PresenceView>, domicile_kernel::StoreError> {
        Ok(Vec::new())
    }
}

struct Well(bool);

#[async_trait]
impl Health for Well {
    async fn database(&self) -> Result<Duration, String> {
        if self.0 { Ok(Duration::from_millis(2)) } else { Err("refused at 10.0.0.1".to_owned()) }
    }
}

struct Bench {
    shell: Shell,
    notes: Arc<Notebook>,
    shelf: Shelf,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (ambient, _clock) = fixed::ambient("2026-01-20T10:30:00Z");
        let notes = Arc::new(Notebook::default());
        let shelf = Shelf::default();
        let config = HttpConfig {
            allowed_origins: vec!["https://app.example.org".to_owned()],
            deadline: Duration::from_secs(3),
            ..HttpConfig::local(ambient.now())
        };
        let ambient_now = ambient.now();
        let shell = Shell {
            config,
            ambient,
            gate: Arc::new(Doorman(Flags::all().with(Feature::Payments, false))),
            refusals: notes.clone(),
            limits: Arc::new(Limits::off()),
            limiter: Arc::new(limits::Counter::default()),
            cache: Arc::new(shelf.clone()),
            health: Arc::new(Well(true)),
            watch: Watch::new(&crate::operations::endpoints(), "0.0.0", ambient_now, SLOW),
            sockets: None,
            runtime: runtime.handle().clone(),
        };
        Self { shell, notes, shelf, runtime: Some(runtime) }
    }

    /// Sends a request to the application over a table, with a state for its handlers.
    async fn ask<T: 'static>(&self, table: &'static [Operation], state: T, request: TestRequest) -> Said {
        let service = init_service(app::over(table, self.shell.clone(), Data::new(state))).await;
        match service.call(request.to_request()).await {
            Ok(response) => Said::of(response).await,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Bench {
    /// A runtime may not wait for its own end where futures run.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Debug)]
struct Said {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Said {
    async fn of<B: MessageBody>(response: ServiceResponse<B>) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.map_err(|_broken| "body").unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Self { status, headers, body, text }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn ask(method: Method, path: &str, role: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(method)
        .insert_header(("Authorization", format!("Bearer {role}")))
        .insert_header(("X-Hostel-ID", HOSTEL))
}

fn json(request: TestRequest, body: &str) -> TestRequest {
    request.insert_header(("Content-Type", "application/json")).set_payload(body.to_owned())
}
