//! The series of requests: for each operation and status one count, one histogram, and for refusals one count of errors.
//! They are made when they are first needed, so that what never happened is not shown, and found by place afterwards.

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{Endpoint, Observed, REQUEST_MS, counter_vec, histogram_vec, milliseconds};

/// The statuses with a place of their own. Any other is told as `other`.
const STATUSES: [u16; 32] = [
    101, 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415,
    422, 426, 428, 429, 431, 500, 501, 503, 504,
];

const LABELS: [&str; 3] = ["method", "endpoint", "status"];

/// The place of a status.
pub(super) fn status_slot(status: u16) -> usize {
    STATUSES.binary_search(&status).unwrap_or(STATUSES.len())
}

struct Series {
    count: IntCounter,
    duration: Histogram,
    errors: Option<IntCounter>,
}

pub(super) struct Requests {
    endpoints: Vec<Endpoint>,
    places: HashMap<&'static str, usize>,
    counts: IntCounterVec,
    durations: HistogramVec,
    errors: IntCounterVec,
    /// Statuses of the first operation, of the second, …, of no operation.
    series: Vec<OnceLock<Series>>,
}

impl Requests {
    pub(super) fn new(registry: &Registry, endpoints: &[Endpoint]) -> Self {
        let counts = counter_vec(registry, "api_request_count", "Requests that were answered.", &LABELS);
        let durations = histogram_vec(
            registry,
            "api_request_duration",
            "How long requests took until their answer was made, in milliseconds.",
            &REQUEST_MS,
            &LABELS,
        );
        let errors =
            counter_vec(registry, "api_request_errors", "Requests that were refused (4xx) or failed (5xx).", &LABELS);
        let mut endpoints = endpoints.to_vec();
        let places = endpoints.iter().enumerate().map(|(place, endpoint)| (endpoint.id, place)).collect();
        let unmatched = "unmatched".to_owned();
        endpoints.push(Endpoint { id: "unmatched", method: "any".to_owned(), path: unmatched });
        let series = (0..endpoints.len() * (STATUSES.len() + 1)).map(|_place| OnceLock::new()).collect();
        Self { endpoints, places, counts, durations, errors, series }
    }

    pub(super) fn place(&self, id: &str) -> Observed {
        self.places.get(id).map_or(Observed::UNMATCHED, |place| Observed(*place))
    }

    pub(super) fn answered(&self, observed: Observed, slot: usize, took: Duration) {
        let place = observed.0.min(self.endpoints.len() - 1);
        let Some(cell) = self.series.get(place * (STATUSES.len() + 1) + slot) else { return };
        let series = cell.get_or_init(|| self.make(place, slot));
        series.count.inc();
        series.duration.observe(milliseconds(took));
        if let Some(errors) = &series.errors {
            errors.inc();
        }
    }

    fn make(&self, place: usize, slot: usize) -> Series {
        let status = STATUSES.get(slot).copied();
        let shown = status.map_or_else(|| "other".to_owned(), |status| status.to_string());
        let (method, path) = self
            .endpoints
            .get(place)
            .map_or(("any", "unmatched"), |known| (known.method.as_str(), known.path.as_str()));
        let labels = [method, path, shown.as_str()];
        Series {
            count: self.counts.with_label_values(&labels),
            duration: self.durations.with_label_values(&labels),
            errors: status.is_none_or(|status| status >= 400).then(|| self.errors.with_label_values(&labels)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_are_in_order_and_every_other_shares_a_place() {
        assert!(STATUSES.is_sorted());
        assert_eq!(STATUSES[status_slot(404)], 404);
        assert_eq!(status_slot(418), STATUSES.len());
        assert_eq!(status_slot(0), STATUSES.len());
    }
}
