//! Whole requests as bytes, and a client that asks one thing after the other, for whatever is not measured.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::answer::{Answer, Reader};

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
    pub(crate) hostel: Option<String>,
}

impl Asking {
    pub(crate) fn anonymous(address: SocketAddr) -> Self {
        Self { address, token: None, hostel: None }
    }

    /// The same person in a hostel.
    pub(crate) fn inside(&self, hostel: &str) -> Self {
        Self { hostel: Some(hostel.to_owned()), ..self.clone() }
    }

    /// A whole request. `more` is further header lines, each with its line end.
    pub(crate) fn bytes(&self, method: &str, path: &str, more: &str, body: Option<&str>) -> Vec<u8> {
        let who = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let place = self.hostel.as_ref().map(|hostel| format!("X-Hostel-ID: {hostel}\r\n")).unwrap_or_default();
        let kind = body.map(|body| format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        let (kind, body) = (kind.unwrap_or_default(), body.unwrap_or_default());
        let text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{who}{place}{more}{kind}\r\n{body}", self.address);
        text.into_bytes()
    }
}

/// A connection that is asked one thing after the other.
pub(crate) struct Client {
    pub(crate) asking: Asking,
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(asking: Asking) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(asking.address).context("the server does not accept")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { asking, stream })
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        let mut reader = Reader::new(true);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = self.stream.read(&mut buffer).context("no answer came")?;
            if count == 0 {
                bail!("the server closed the connection instead of answering");
            }
            if let Some(answer) = reader.feed(buffer.get(..count).unwrap_or_default())? {
                return Ok(answer);
            }
        }
    }

    /// Asks, and takes nothing but a success: its `data`.
    pub(crate) fn ask(&mut self, method: &str, path: &str, more: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let text = body.map(Value::to_string);
        let request = self.asking.bytes(method, path, more, text.as_deref());
        let answer = self.send(&request)?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        let mut whole: Value = serde_json::from_slice(&answer.body).context("an answer is no JSON")?;
        Ok(whole.get_mut("data").map(Value::take).unwrap_or_default())
    }

    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, "", None)
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("POST", path, "", Some(body))
    }
}

/// The text at a place of a JSON value.
pub(crate) fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("there is no text at {pointer} of {value}"))?.to_owned())
}

/// The whole number at a place of a JSON value.
pub(crate) fn whole(value: &Value, pointer: &str) -> anyhow::Result<i64> {
    value.pointer(pointer).and_then(Value::as_i64).with_context(|| format!("there is no number at {pointer}"))
}
