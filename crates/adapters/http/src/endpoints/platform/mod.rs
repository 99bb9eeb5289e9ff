//! What the installation says of itself: its name, whether it is well, and its documentation. Bare answers, outside
//! envelope and version (W13).

pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod live;
pub(crate) mod metrics;
pub(crate) mod name;

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::Value;

use crate::front::Bare;

/// An answer that stands as it is.
fn bare(status: StatusCode, value: &Value) -> HttpResponse {
    let mut response = HttpResponse::build(status).json(value);
    response.extensions_mut().insert(Bare);
    response
}
