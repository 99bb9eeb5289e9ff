//! Sockets, as far as HTTP knows them: the answer to whoever asks for one by plain HTTP, and `/docs/live`, a page that
//! signs in, opens one and shows what comes. The page is out of the binary, loads nothing from anywhere else, and needs
//! no inline script or style.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderValue},
};

use crate::{error::ApiError, front::Bare, upgrade};

/// What OpenAPI says about `GET /ws`.
pub(crate) const PROTOCOL: &str = "\
Open a WebSocket (RFC 6455, version 13) here; plain HTTP is answered with 426. Messages are JSON, one a text frame.\n\n\
The first message, within 3 seconds: `{\"type\":\"auth\",\"token\":\"Bearer …\",\"hostel_id\":\"…\"}`, or with `ticket` \
(of `POST /auth/ws-ticket`) in place of `token`. The answer is `auth_success` with `seq`. From then on every event of \
the hostel that the caller may see comes as `{\"type\":\"booking.approved\",\"hostel_id\",\"data\",\"timestamp\",\"seq\"}`, \
with `user_id` where it is one person's. After a lost connection, `\"resume_from\": <last seq>` in `auth` sends what was \
missed, once and in order, then `live`; `resync` says that the log no longer reaches back so far.\n\n\
`{\"type\":\"subscribe\",\"topic\":\"booking\"|\"room.beds\"|\"presence\",\"id\":\"…\"}` (no `id` for presence) answers \
`subscribed` with a snapshot; `unsubscribe` ends it; `{\"type\":\"ping\"}` answers `pong`.\n\n\
Close codes: 4400 a message that cannot be read, 4401 the token or session does not count any more, 4403 not a member, \
4408 no `auth` in time, 4008 too slow, 1008 too many messages, 1009 a message too large, 1012 the server restarts, 1013 \
try again later.";

/// `GET /ws` without the will to leave HTTP.
pub(crate) async fn wanted() -> Result<HttpResponse, ApiError> {
    Err(upgrade::wanted())
}

/// What the page may do: its own script and style, its own calls and sockets. `ws:` and `wss:` are named because not every
/// browser counts sockets of the page's own host as `'self'`.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; \
                    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /docs/live`.
pub(crate) async fn page() -> HttpResponse {
    own("text/html; charset=utf-8", include_str!("live/page.html"))
}

/// What belongs to the page, by its name below `/docs/`.
pub(crate) fn part(name: &str) -> Option<HttpResponse> {
    match name {
        "live.js" => Some(own("text/javascript; charset=utf-8", include_str!("live/page.js"))),
        "live.css" => Some(own("text/css; charset=utf-8", include_str!("live/page.css"))),
        _ => None,
    }
}

fn own(content_type: &'static str, text: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(content_type)))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .body(text);
    response.extensions_mut().insert(Bare);
    response
}
