//! How fast and how well this process answers (F42).

use actix_web::web;
use domicile_kernel::Permission;

use crate::{
    endpoints::performance::{self, SlowRequestView, SlowRequests, SummaryView, TimeWindow, WindowView},
    operation::{Access, Operation},
};

const TAG: &str = "Performance";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get(
            "performance.metrics",
            "/admin/performance/metrics",
            TAG,
            "What requests were like in a window of time",
            || web::route().to(performance::metrics::handle),
        )
        .access(Access::Account)
        .needs(&[Permission::PerformanceRead])
        .asks::<TimeWindow>()
        .answers::<WindowView>(),
        Operation::get(
            "performance.slow_requests",
            "/admin/performance/slow-requests",
            TAG,
            "The last slow requests, the slowest first",
            || web::route().to(performance::slow_requests::handle),
        )
        .access(Access::Account)
        .needs(&[Permission::PerformanceRead])
        .asks::<SlowRequests>()
        .answers_many::<SlowRequestView>(),
        Operation::get(
            "performance.summary",
            "/admin/performance/summary",
            TAG,
            "Requests, memory and alerts at a glance",
            || web::route().to(performance::summary::handle),
        )
        .access(Access::Account)
        .needs(&[Permission::PerformanceRead])
        .answers::<SummaryView>(),
    ]
}
