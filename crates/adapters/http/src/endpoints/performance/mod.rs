//! How fast and how well this process answers (F42), with the names that the requirement prints: camelCase goes out here
//! (W3). The figures are this process's own; over several nodes they are added up from `/metrics`.

pub(crate) mod metrics;
pub(crate) mod slow_requests;
pub(crate) mod summary;

use std::time::Duration;

use domicile_kernel::Instant;
use domicile_telemetry::{
    Watch,
    performance::{Share, Window},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// At most this many operations are named in a window.
const TOP: usize = 10;

/// Which window.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct TimeWindow {
    /// How long, in milliseconds up to now.
    #[schema(rename = "timeWindow", minimum = 1000, maximum = 3_600_000, default = 300_000)]
    pub(crate) time_window: Option<u64>,
}

/// How many.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SlowRequests {
    /// At most this many.
    #[schema(minimum = 1, maximum = 100, default = 10)]
    pub(crate) limit: Option<u64>,
}

/// What requests were like in a window. Durations are in milliseconds, rates in percent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowView {
    /// How long the window is, in milliseconds.
    pub(crate) time_window: u64,
    pub(crate) total_requests: u64,
    /// The mean.
    pub(crate) average_response_time: f64,
    /// The duration that half of the requests did not exceed; right within a fifth, as are the next two.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    /// Answered with 5xx: our faults.
    pub(crate) error_rate: f64,
    /// Answered with 4xx: refusals.
    pub(crate) refusal_rate: f64,
    /// At least as slow as the configured threshold.
    pub(crate) slow_requests: u64,
    pub(crate) requests_per_second: f64,
    /// The busiest operations, the busiest first, at most ten.
    pub(crate) top_endpoints: Vec<EndpointView>,
}

/// One operation in a window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointView {
    /// The method and the pattern of the path, such as `GET /api/rooms/{id}`.
    pub(crate) endpoint: String,
    pub(crate) count: u64,
    /// The mean, in milliseconds.
    pub(crate) average_response_time: f64,
}

/// A request that took long.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlowRequestView {
    /// The method and the pattern of the path, never the path that was asked for.
    pub(crate) endpoint: String,
    /// In milliseconds.
    pub(crate) response_time: f64,
    pub(crate) status_code: u16,
    /// When it was answered.
    pub(crate) timestamp: Instant,
    /// How logs know it.
    pub(crate) request_id: String,
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryView {
    pub(crate) last5_minutes: WindowView,
    pub(crate) last_hour: WindowView,
    pub(crate) memory: MemoryView,
    /// How long the process has run, in milliseconds.
    pub(crate) uptime: u64,
    /// That of the last five minutes, in percent.
    pub(crate) error_rate: f64,
    /// Every rule, whether it fires or not.
    pub(crate) alerts: Vec<AlertView>,
}

/// Memory, as far as the operating system tells.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemoryView {
    /// What the process holds in RAM.
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) system_memory: SystemMemoryView,
}

/// The machine's memory.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemMemoryView {
    /// How much is not available to others, in percent.
    pub(crate) usage_percent: Option<f64>,
}

/// One alert rule and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertView {
    /// Which rule: `error_rate`, `response_time_p95` or `memory_usage`.
    pub(crate) rule: &'static str,
    /// `firing` or `ok`.
    pub(crate) state: &'static str,
    /// What was measured.
    pub(crate) value: f64,
    /// From above what it fires.
    pub(crate) threshold: f64,
    /// Of `value` and `threshold`.
    pub(crate) unit: &'static str,
}

impl WindowView {
    fn of(watch: &Watch, length: Duration, now: Instant) -> Self {
        let window = watch.performance.window(length, now);
        let top = window.endpoints.iter().take(TOP).map(|share| EndpointView::of(watch, share)).collect();
        Self {
            time_window: u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            total_requests: window.requests,
            average_response_time: shown(window.mean_ms()),
            p50: shown(window.spread.quantile_ms(0.50)),
            p95: shown(window.spread.quantile_ms(0.95)),
            p99: shown(window.spread.quantile_ms(0.99)),
            error_rate: shown(window.failed_percent()),
            refusal_rate: shown(window.refused_percent()),
            slow_requests: window.slow,
            requests_per_second: shown(per_second(&window, length)),
            top_endpoints: top,
        }
    }
}

impl EndpointView {
    fn of(watch: &Watch, share: &Share) -> Self {
        let endpoint = watch.name(share.endpoint);
        Self { endpoint, count: share.count, average_response_time: shown(share.mean_ms()) }
    }
}

fn per_second(window: &Window, length: Duration) -> f64 {
    window.requests as f64 / length.as_secs_f64()
}

/// Two digits behind the point are enough for a person.
fn shown(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
