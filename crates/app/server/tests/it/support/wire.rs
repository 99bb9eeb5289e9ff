//! Asking and being told.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domicile_kernel::HostelId;
use reqwest::{
    Method, RequestBuilder,
    header::{HeaderMap, HeaderName},
};
use serde_json::Value;

use super::{Person, TestApp};

/// A question in the making.
pub(crate) struct Asked(pub(crate) RequestBuilder);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl TestApp {
    /// Asks as nobody; `path` begins with a slash.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Asked {
        Asked(self.client.request(method, format!("{}{path}", self.base)))
    }

    pub(crate) fn get(&self, path: &str) -> Asked {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Asked {
        self.ask(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> Asked {
        self.ask(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Asked {
        self.ask(Method::DELETE, path)
    }
}

impl Asked {
    /// As somebody, in their own hostel if they have one.
    pub(crate) fn by(self, person: &Person) -> Self {
        let asked = Self(self.0.bearer_auth(&person.token));
        match person.hostel {
            Some(hostel) => asked.at(hostel),
            None => asked,
        }
    }

    /// In a hostel.
    pub(crate) fn at(self, hostel: HostelId) -> Self {
        self.header("x-hostel-id", &hostel.to_string())
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name.parse::<HeaderName>().unwrap(), value))
    }

    /// Having seen a version.
    pub(crate) fn seen(self, version: i64) -> Self {
        self.header("if-match", &version.to_string())
    }

    pub(crate) fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    /// A body as it stands, said to be JSON.
    pub(crate) fn raw(self, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.header("content-type", "application/json").body(body.into()))
    }

    pub(crate) async fn told(self) -> Told {
        let answer = self.0.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Told { status, headers, text, json }
    }

    /// The answer and how long it took.
    pub(crate) async fn timed(self) -> (Told, Duration) {
        let asked = Instant::now();
        let told = self.told().await;
        (told, asked.elapsed())
    }
}

impl Told {
    /// What is not allowed to differ between two refusals, whoever asked when.
    #[allow(dead_code, reason = "not every test binary that shares this module compares refusals")]
    pub(crate) fn without_who_and_when(&self) -> String {
        let mut body = self.json.clone();
        let object = body.as_object_mut().unwrap();
        assert!(object.remove("timestamp").is_some() && object.remove("request_id").is_some(), "{}", self.text);
        let headers: BTreeSet<_> = self
            .headers
            .iter()
            // A connection is closed after an answer that did not wait for the whole body: who is refused by their
            // role alone may have sent all of it by then, or not.
            .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id" | "content-length" | "connection"))
            .map(|(name, value)| {
                // Each worker lists the exposed headers in an order of its own.
                let mut words: Vec<_> = value.to_str().unwrap().split(", ").collect();
                words.sort_unstable();
                format!("{name}: {words:?}")
            })
            .collect();
        format!("{} {headers:?} {body}", self.status)
    }

    /// The error code, or nothing.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("")
    }

    pub(crate) fn data(&self) -> &Value {
        &self.json["data"]
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// This status, or the whole answer in the panic.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// This status and code, or the whole answer in the panic.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        self
    }
}
