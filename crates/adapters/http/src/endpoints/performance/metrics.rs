//! `GET /admin/performance/metrics?timeWindow=`: what requests were like in a window, five minutes if nobody says.

use std::time::Duration;

use actix_web::web::Data;
use domicile_kernel::{Checks, Permission};
use serde_json::json;

use super::{TimeWindow, WindowView};
use crate::{Answer, ApiError, AppState, Caller, list::Query};

const BOUNDS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Query(asked): Query<TimeWindow>,
) -> Result<Answer<WindowView>, ApiError> {
    call.require(Permission::PerformanceRead)?;
    let window = asked.time_window.unwrap_or(300_000);
    let mut checks = Checks::new();
    if !BOUNDS.contains(&window) {
        let bounds = json!({ "min": BOUNDS.start(), "max": BOUNDS.end() });
        checks.fail("timeWindow", "range", bounds, "timeWindow must be between 1000 and 3600000 milliseconds");
    }
    checks.finish()?;
    let shell = &state.shell;
    Ok(Answer::of(WindowView::of(&shell.watch, Duration::from_millis(window), shell.ambient.now())))
}
