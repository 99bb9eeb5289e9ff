//! Name, health and documentation.

use actix_web::web;

use crate::{
    endpoints::platform::{docs, health, metrics, name},
    operation::Operation,
};

const TAG: &str = "Platform";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("platform.root", "/", TAG, "Name, status and version", || web::route().to(name::handle))
            .at_root()
            .bare(),
        Operation::get("platform.api", "", TAG, "Name, status and version", || web::route().to(name::handle)).bare(),
        Operation::get("health.whole", "/health", TAG, "Health, with each part", || web::route().to(health::whole))
            .at_root()
            .bare(),
        Operation::get("health.ready", "/health/ready", TAG, "Whether requests may be sent here now", || {
            web::route().to(health::ready)
        })
        .at_root()
        .bare(),
        Operation::get("health.live", "/health/live", TAG, "Whether the process is there", || {
            web::route().to(health::live)
        })
        .at_root()
        .bare(),
        Operation::get("health.services", "/health", TAG, "Health, by service", || web::route().to(health::services))
            .bare(),
        Operation::get("platform.metrics", "/metrics", TAG, "The process's counters, for Prometheus", || {
            web::route().to(metrics::handle)
        })
        .at_root()
        .bare(),
        Operation::get("docs.openapi", "/openapi.json", TAG, "The OpenAPI document of the version asked for", || {
            web::route().to(docs::document)
        })
        .bare(),
        Operation::get("docs.door", "/docs", TAG, "Sends on to the documentation page", || web::route().to(docs::door))
            .at_root()
            .bare()
            .status(302),
        Operation::get("docs.errors", "/docs/errors", TAG, "Every error code with its status", || {
            web::route().to(docs::errors)
        })
        .at_root()
        .bare(),
        Operation::get("docs.file", "/docs/{file}", TAG, "The documentation page and its parts", || {
            web::route().to(docs::file)
        })
        .at_root()
        .bare(),
    ]
}
