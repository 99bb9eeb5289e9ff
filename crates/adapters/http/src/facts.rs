//! What is known about a request before anything is decided: kept with it from the first layer to the last.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use actix_web::{HttpMessage as _, HttpRequest, http::Method};
use domicile_kernel::{Clock, Instant, RequestId};

use crate::version::Version;

/// Known from the first layer on.
pub(crate) struct Facts {
    /// The presentation asked for.
    pub(crate) version: Version,
    /// Whether the path named the version.
    pub(crate) in_path: bool,
    /// How the request is known.
    pub(crate) request_id: RequestId,
    /// The method.
    pub(crate) method: Method,
    /// The canonical path, without version and aliases.
    pub(crate) path: String,
    /// Where it came from, past trusted proxies.
    pub(crate) ip: Option<IpAddr>,
    /// When v0 ends.
    pub(crate) sunset: Instant,
    /// For the time of the answer.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Facts {
    /// Keeps them with the request.
    pub(crate) fn keep(self: &Rc<Self>, request: &impl actix_web::HttpMessage) {
        request.extensions_mut().insert(Rc::clone(self));
    }

    /// Those of a request; none only when it did not come through the first layer.
    pub(crate) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.extensions().get::<Rc<Self>>().cloned()
    }

    /// The address of something, in the spelling the caller used.
    pub(crate) fn address(&self, path: &str) -> String {
        if self.in_path { format!("/api/{}{path}", self.version.as_str()) } else { format!("/api{path}") }
    }
}
