//! Requests at a steady pace while a server is told to end, each by a client that never tries again by itself; and what must
//! be true of every one of them afterwards.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's tools: a failure is a panic")]

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_testkit::store::Owner;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::ground::{Visitor, room};

/// How often each client asks.
const PACE: Duration = Duration::from_millis(100);

/// When the end was told, when readiness was first refused, and how long the server goes on letting people in after that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) told: Instant,
    pub(crate) draining: Instant,
    pub(crate) drain: Duration,
}

/// A request and what came of it.
pub(crate) struct Tale {
    id: String,
    begun: Instant,
    /// Status and head of a whole answer.
    answer: Option<(u16, String)>,
    /// The connection was refused: nobody listens any more.
    refused: bool,
}

/// Clients that ask ten times a second each until nobody listens any more.
pub(crate) struct Load(JoinSet<Vec<Tale>>);

impl Load {
    pub(crate) fn begin(visitor: &Visitor, clients: u64) -> Self {
        let sent = Arc::new(AtomicU64::new(0));
        let mut load = JoinSet::new();
        for number in 0..clients {
            let rest = PACE * u32::try_from(number).unwrap() / u32::try_from(clients).unwrap();
            load.spawn(client(visitor.clone(), number, rest, Arc::clone(&sent)));
        }
        Self(load)
    }

    /// Everything that was asked, once nobody is there to answer.
    pub(crate) async fn ended(mut self) -> Vec<Tale> {
        let mut tales = Vec::new();
        while let Some(told) = self.0.join_next().await {
            tales.extend(told.unwrap());
        }
        tales
    }
}

/// Whoever was let in was answered well, and knows from `Connection: close` that the next one goes elsewhere; whoever was not
/// answered was never let in; and what was acknowledged is there. `log` is what the server wrote. Answers how many were
/// answered while it drained.
pub(crate) async fn judge(tales: &[Tale], log: &str, end: End, owner: &mut Owner) -> usize {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines = lines.filter(|line| line["message"] == "answered").collect::<Vec<_>>();
    let accepted: BTreeSet<String> = lines.iter().map(|line| find(line, "request_id").unwrap()).collect();
    assert!(accepted.iter().filter(|id| id.starts_with("load-")).count() > 50, "that was no load");
    for tale in tales {
        let late = tale.begun.duration_since(end.told);
        match &tale.answer {
            Some((status, head)) => {
                assert!(matches!(status, 200 | 201), "{} {late:?} after the signal: {head}", tale.id);
                assert!(accepted.contains(&tale.id));
                let closed = head.contains("\r\nconnection: close");
                assert!(closed || tale.begun < end.draining, "{late:?} after the signal a connection was kept: {head}");
            }
            None => {
                assert!(!accepted.contains(&tale.id), "{} was accepted {late:?} after the signal and lost", tale.id);
                // The kernel lets in who knocks at the moment of closing; nobody reads what they say.
                assert!(tale.refused || late + PACE >= end.drain, "{} was lost {late:?} after the signal", tale.id);
            }
        }
    }
    let names: BTreeSet<String> =
        owner.texts("SELECT name FROM rooms").await.into_iter().map(|row| row.concat()).collect();
    for tale in tales.iter().filter(|tale| matches!(tale.answer, Some((201, _)))) {
        assert!(names.contains(&tale.id), "{} was acknowledged and is not there", tale.id);
    }
    tales.iter().filter(|tale| tale.answer.is_some() && tale.begun >= end.draining).count()
}

/// One connection, kept as long as the server keeps it. Written by hand, because a client that tries again by itself would
/// hide what is looked for.
struct Wire {
    address: String,
    stream: Option<TcpStream>,
}

impl Wire {
    async fn ask(&mut self, request: &str) -> Result<(u16, String), bool> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).await.map_err(|_error| true)?,
        };
        stream.write_all(request.as_bytes()).await.map_err(|_error| false)?;
        let (head, closing) = answer(&mut stream).await.ok_or(false)?;
        if !closing {
            self.stream = Some(stream);
        }
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), head))
    }
}

/// A whole answer's head, and whether it ends the connection; nothing when it broke off.
async fn answer(stream: &mut TcpStream) -> Option<(String, bool)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
            let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let length: usize = field("content-length:").unwrap().parse().unwrap();
            if bytes.len() == end + 4 + length {
                let closing = field("connection:") == Some("close");
                return Some((head, closing));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn request(visitor: &Visitor, id: &str, client: u64) -> String {
    let (token, hostel) = (&visitor.token, &visitor.hostel);
    let who = format!("host: x\r\nauthorization: Bearer {token}\r\nx-hostel-id: {hostel}\r\nx-request-id: {id}\r\n");
    if client.is_multiple_of(4) {
        let body = room(id).to_string();
        format!(
            "POST /api/rooms HTTP/1.1\r\n{who}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    } else {
        format!("GET /api/rooms?limit=5 HTTP/1.1\r\n{who}\r\n")
    }
}

async fn client(visitor: Visitor, number: u64, rest: Duration, sent: Arc<AtomicU64>) -> Vec<Tale> {
    let mut tales = Vec::new();
    let mut wire = Wire { address: visitor.base.trim_start_matches("http://").to_owned(), stream: None };
    tokio::time::sleep(rest).await;
    loop {
        let (id, begun) = (format!("load-{number}-{}", sent.fetch_add(1, Ordering::SeqCst)), Instant::now());
        let outcome = wire.ask(&request(&visitor, &id, number)).await;
        let refused = matches!(outcome, Err(true));
        tales.push(Tale { id, begun, answer: outcome.ok(), refused });
        if refused {
            return tales;
        }
        tokio::time::sleep(PACE.saturating_sub(begun.elapsed())).await;
    }
}

/// A field of a log line, wherever its span stands.
fn find(line: &Value, name: &str) -> Option<String> {
    match line {
        Value::Object(fields) => match fields.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => fields.values().find_map(|value| find(value, name)),
        },
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
