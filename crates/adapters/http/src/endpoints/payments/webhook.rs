//! `POST /payments/webhook/{provider}`: what a payment gateway tells (J30). Whoever sends it is known by the signature over
//! the body as it came, and by nothing else. It is kept before the answer, and its effect comes later.

use actix_web::{HttpRequest, http::header::HeaderMap, web::Data};
use domicile_billing::{ReceiveError, Webhook};

use crate::{
    Answer, ApiError, AppState, Caller,
    body::RawBytes,
    segment::{Provider, Segment},
};

/// The most bytes of what a gateway tells. What they send is a few thousand.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

/// The headers that are kept beside the signature: what helps to find out later what came from where.
const KEPT: &[&str] = &["content-type", "user-agent", "date", "x-request-id"];

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    provider: Segment<Provider>,
    RawBytes(body): RawBytes,
    request: HttpRequest,
) -> Result<Answer<()>, ApiError> {
    let (bursar, provider) = (state.bursar.clone(), provider.0);
    let signed_in = bursar.signature_header(&provider);
    let signature = signed_in.and_then(|name| only(request.headers(), name));
    let headers = worth_keeping(request.headers(), signed_in);
    let webhook = Webhook { provider, signature, headers, body: body.into() };
    match state.shell.finish(async move { bursar.receive_webhook(&call, webhook).await }).await? {
        Ok(_kept) => Ok(Answer::nothing("Received")),
        // Whatever the store's trouble is, the sender comes again as long as it is told that it passes.
        Err(ReceiveError::Store(error)) => {
            Err(ApiError::unavailable(ApiError::from(error).cause().unwrap_or("the inbox is busy")))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The value of a header that came once.
fn only(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.to_owned())
}

fn worth_keeping(headers: &HeaderMap, signed_in: Option<&'static str>) -> String {
    let mut lines = String::new();
    for name in KEPT.iter().copied().chain(signed_in) {
        for value in headers.get_all(name).filter_map(|value| value.to_str().ok()) {
            lines.extend([name, ": ", value, "\n"]);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_is_kept_names_no_secret_of_a_caller_and_a_doubled_signature_is_none() {
        let mut headers = HeaderMap::new();
        let mut say = |name: &'static str, value: &'static str| {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        };
        say("authorization", "Bearer s3cret");
        say("cookie", "s3cret");
        say("user-agent", "Gateway/1");
        say("x-memory-signature", "one");
        assert_eq!(
            worth_keeping(&headers, Some("x-memory-signature")),
            "user-agent: Gateway/1\nx-memory-signature: one\n"
        );
        assert_eq!(only(&headers, "x-memory-signature").as_deref(), Some("one"));
        headers.append(HeaderName::from_static("x-memory-signature"), HeaderValue::from_static("two"));
        assert_eq!(only(&headers, "x-memory-signature"), None);
        assert_eq!(only(&headers, "x-other"), None);
        assert_eq!(worth_keeping(&headers, None), "user-agent: Gateway/1\n");
    }
}
