//! Meters and performance under one roof: what the layers of a process note requests with.

use std::{sync::Arc, time::Duration};

use domicile_kernel::Instant;

use crate::{
    meters::{Endpoint, Meters, Observed},
    performance::{Answered, Performance},
};

/// When a request is slow unless somebody says otherwise (F42).
pub const SLOW: Duration = Duration::from_secs(1);

/// Everything that is watched of requests. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Watch {
    /// For `/metrics`.
    pub meters: Meters,
    /// For the performance endpoints.
    pub performance: Performance,
    endpoints: Arc<[Endpoint]>,
}

impl Watch {
    /// Watches these operations of a release, in a process that started at an instant; what takes `slow` or longer is slow.
    #[must_use]
    pub fn new(endpoints: &[Endpoint], release: &str, started: Instant, slow: Duration) -> Self {
        Self {
            meters: Meters::new(endpoints, release, started),
            performance: Performance::new(endpoints.len(), slow),
            endpoints: endpoints.into(),
        }
    }

    /// Notes an answered request.
    pub fn answered(&self, answered: Answered<'_>) {
        self.meters.answered(answered.observed, answered.status, answered.took);
        self.performance.record(answered);
    }

    /// The place of an operation, by its id.
    #[must_use]
    pub fn observed(&self, id: &str) -> Observed {
        self.meters.observed(id)
    }

    /// The name of an operation by its place, such as `GET /api/rooms`.
    #[must_use]
    pub fn name(&self, place: usize) -> String {
        let known = self.endpoints.get(place);
        known.map_or_else(|| "unmatched".to_owned(), |endpoint| format!("{} {}", endpoint.method, endpoint.path))
    }
}
