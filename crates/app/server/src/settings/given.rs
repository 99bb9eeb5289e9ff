//! Everything that can be configured, as it was given: a section each. Unknown keys are errors.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use domicile_realtime::RealtimeConfig;
use serde::Deserialize;

use super::payments::GivenPayments;

/// Everything that can be configured, as it was given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) profile: Option<String>,
    pub(super) drain_seconds: Option<u64>,
    pub(super) database: GivenDatabase,
    pub(super) redis: GivenRedis,
    pub(super) keys: GivenKeys,
    pub(super) mail: GivenMail,
    pub(super) cors: GivenCors,
    pub(super) api: GivenApi,
    pub(super) events: GivenEvents,
    pub(super) jobs: GivenJobs,
    pub(super) http: GivenHttp,
    pub(super) rate_limits: BTreeMap<String, String>,
    pub(super) logs: GivenLogs,
    pub(super) payments: GivenPayments,
    pub(super) metrics: GivenMetrics,
    pub(super) performance: GivenPerformance,
    pub(super) realtime: GivenRealtime,
    pub(super) traces: GivenTraces,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenDatabase {
    pub(super) url: Option<String>,
    pub(super) owner_url: Option<String>,
    pub(super) connections: Option<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenRedis {
    pub(super) url: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenKeys {
    pub(super) ring: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenMail {
    pub(super) smtp_url: Option<String>,
    pub(super) from: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenCors {
    pub(super) allowed_origins: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenApi {
    pub(super) v0_sunset: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenEvents {
    pub(super) retention_days: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenJobs {
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenHttp {
    pub(super) trusted_proxies: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenLogs {
    pub(super) filter: Option<String>,
    pub(super) format: Option<String>,
    pub(super) dir: Option<PathBuf>,
    pub(super) keep_days: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenMetrics {
    pub(super) token: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenPerformance {
    pub(super) slow_request_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenRealtime {
    pub(super) sockets: Option<u64>,
    pub(super) sockets_per_account: Option<usize>,
    pub(super) strangers_per_address: Option<u32>,
    pub(super) messages_per_minute: Option<u32>,
    pub(super) queue_frames: Option<usize>,
    pub(super) queue_bytes: Option<usize>,
    pub(super) ping_seconds: Option<u64>,
}

impl GivenRealtime {
    pub(super) fn resolve(&self) -> RealtimeConfig {
        let usual = RealtimeConfig::default();
        RealtimeConfig {
            sockets: self.sockets.unwrap_or(usual.sockets),
            sockets_per_account: self.sockets_per_account.unwrap_or(usual.sockets_per_account),
            strangers_per_address: self.strangers_per_address.unwrap_or(usual.strangers_per_address),
            messages: self.messages_per_minute.unwrap_or(usual.messages),
            queue_frames: self.queue_frames.unwrap_or(usual.queue_frames),
            queue_bytes: self.queue_bytes.unwrap_or(usual.queue_bytes),
            ping_every: self.ping_seconds.map_or(usual.ping_every, |seconds| Duration::from_secs(seconds.max(1))),
            ..usual
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenTraces {
    pub(super) otlp_endpoint: Option<String>,
}
