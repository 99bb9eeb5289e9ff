//! `GET /admin/performance/summary`: the last five minutes, the last hour, memory, and what should worry somebody.

use std::time::Duration;

use actix_web::web::Data;
use domicile_kernel::Permission;

use super::{AlertView, MemoryView, SummaryView, SystemMemoryView, WindowView};
use crate::{Answer, ApiError, AppState, Caller};

/// More failures than this, in percent, are an alert.
const ERROR_PERCENT: f64 = 5.0;
/// A 95th percentile above this, in milliseconds, is an alert.
const P95_MS: f64 = 1_000.0;
/// More of the machine's memory in use than this, in percent, is an alert.
const MEMORY_PERCENT: f64 = 90.0;
/// Fewer requests than this say nothing about rates.
const TELLING: u64 = 20;

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<SummaryView>, ApiError> {
    call.require(Permission::PerformanceRead)?;
    let shell = &state.shell;
    let now = shell.ambient.now();
    let last5_minutes = WindowView::of(&shell.watch, Duration::from_mins(5), now);
    let last_hour = WindowView::of(&shell.watch, Duration::from_hours(1), now);
    let usage_percent = shell.health.system_memory_percent();
    let memory =
        MemoryView { resident_bytes: shell.health.resident_bytes(), system_memory: SystemMemoryView { usage_percent } };
    let uptime = u64::try_from(now.since(shell.config.started).as_millis()).unwrap_or(u64::MAX);
    let error_rate = last5_minutes.error_rate;
    let alerts = alerts(&last5_minutes, usage_percent);
    Ok(Answer::of(SummaryView { last5_minutes, last_hour, memory, uptime, error_rate, alerts }))
}

fn alerts(window: &WindowView, memory: Option<f64>) -> Vec<AlertView> {
    let telling = window.total_requests >= TELLING;
    let alert = |rule, value: f64, threshold, unit, telling| {
        let state = if telling && value > threshold { "firing" } else { "ok" };
        AlertView { rule, state, value, threshold, unit }
    };
    let rates = [
        alert("error_rate", window.error_rate, ERROR_PERCENT, "percent", telling),
        alert("response_time_p95", window.p95, P95_MS, "milliseconds", telling),
    ];
    let memory = memory.map(|used| alert("memory_usage", used, MEMORY_PERCENT, "percent", true));
    rates.into_iter().chain(memory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(total_requests: u64, error_rate: f64, p95: f64) -> WindowView {
        WindowView {
            time_window: 300_000,
            total_requests,
            average_response_time: 1.0,
            p50: 1.0,
            p95,
            p99: p95,
            error_rate,
            refusal_rate: 0.0,
            slow_requests: 0,
            requests_per_second: 1.0,
            top_endpoints: Vec::new(),
        }
    }

    #[test]
    fn a_rule_fires_above_its_threshold_and_not_on_a_handful_of_requests() {
        let states = |window: &WindowView, memory| {
            alerts(window, memory).into_iter().map(|alert| alert.state).collect::<Vec<_>>()
        };
        assert_eq!(states(&window(100, 5.0, 1_000.0), Some(90.0)), ["ok", "ok", "ok"]);
        assert_eq!(states(&window(100, 5.1, 1_001.0), Some(90.1)), ["firing", "firing", "firing"]);
        assert_eq!(states(&window(19, 100.0, 9_000.0), Some(90.1)), ["ok", "ok", "firing"]);
        assert_eq!(states(&window(100, 5.1, 1_001.0), None), ["firing", "firing"]);
    }
}
