//! `GET /admin/performance/slow-requests?limit=`: the last slow requests, the slowest first, ten if nobody says.

use actix_web::web::Data;
use domicile_kernel::{Checks, Permission};
use serde_json::json;

use super::{SlowRequestView, SlowRequests, shown};
use crate::{Answer, ApiError, AppState, Caller, list::Query};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Query(asked): Query<SlowRequests>,
) -> Result<Answer<Vec<SlowRequestView>>, ApiError> {
    call.require(Permission::PerformanceRead)?;
    let limit = asked.limit.unwrap_or(10);
    let mut checks = Checks::new();
    if !(1..=100).contains(&limit) {
        checks.fail("limit", "range", json!({ "min": 1, "max": 100 }), "limit must be between 1 and 100");
    }
    checks.finish()?;
    let watch = &state.shell.watch;
    let slow = watch.performance.slow(limit as usize).into_iter().map(|one| SlowRequestView {
        endpoint: watch.name(one.endpoint),
        response_time: shown(one.took.as_secs_f64() * 1_000.0),
        status_code: one.status,
        timestamp: one.at,
        request_id: one.request_id,
    });
    Ok(Answer::of(slow.collect()))
}
