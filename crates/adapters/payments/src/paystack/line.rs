//! The way to Paystack: one request, one answer of bounded size within a bounded time, no redirects, no repeats.
//!
//! A request is never sent twice from here. Whether one that was not answered arrived is for the caller to find out.

use std::time::Duration;

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect, retry,
};
use serde_json::Value;

use super::config::{PaystackConfig, PaystackSetupError};
use super::failure::Failure;

/// How large an answer may be. A page of fifty refunds is about a tenth of it.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Sends requests that carry the key.
pub(super) struct Line {
    client: Client,
    base: Url,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Whether it says of itself that it is JSON.
    pub(super) is_json: bool,
    /// How many seconds to wait, where that is said.
    pub(super) retry_after: Option<u32>,
    pub(super) body: Vec<u8>,
}

impl Line {
    pub(super) fn new(config: &PaystackConfig) -> Result<Self, PaystackSetupError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", config.key.expose()))
            .map_err(|_not_a_header| PaystackSetupError::Key(None))?;
        bearer.set_sensitive(true);
        let client = Client::builder()
            .user_agent(concat!("domicile/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // What the environment names is not asked to carry a key.
            .no_proxy()
            .https_only(config.base.scheme() == "https")
            .http1_only()
            .connect_timeout(config.connect)
            .timeout(config.total)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(PaystackSetupError::Client)?;
        Ok(Self { client, base: config.base.clone() })
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, Failure> {
        answered(self.request(Method::GET, path).query(query)).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Reply, Failure> {
        answered(self.request(Method::POST, path).json(body)).await
    }

    /// Each part of the path is one segment, whatever stands in it.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.client.request(method, url)
    }
}

async fn answered(request: RequestBuilder) -> Result<Reply, Failure> {
    let response = request.send().await.map_err(Failure::on_the_way)?;
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_json = header(CONTENT_TYPE).is_some_and(says_json);
    let retry_after = header(RETRY_AFTER).and_then(|text| text.parse().ok());
    let body = read(response).await?;
    Ok(Reply { status, is_json, retry_after, body })
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    if response.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
        return Err(Failure::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::on_the_way)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn says_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
