//! Whether the house is well: `/health` as one document prints it, `/api/health` as another, and the two short questions
//! of a load balancer. 200 as long as the database answers, 503 without it; why it does not is in the log only.

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode, web::Data};
use serde_json::{Value, json};

use crate::{ports::GatewayHealth, shell::Shell};

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

struct Report {
    /// How long the database took, when it answered.
    database: Option<Duration>,
}

impl Report {
    async fn of(shell: &Shell) -> Self {
        let health = shell.health.clone();
        let asked = shell.finish(async move { tokio::time::timeout(PATIENCE, health.database()).await }).await;
        let database = match asked {
            Ok(Ok(Ok(took))) => Some(took),
            Ok(Ok(Err(cause))) => {
                tracing::error!(cause, "the database did not answer");
                None
            }
            Ok(Err(_elapsed)) => {
                tracing::error!("the database did not answer in time");
                None
            }
            Err(error) => {
                tracing::error!(cause = error.cause(), "the health of the database could not be asked");
                None
            }
        };
        Self { database }
    }

    const fn status(&self) -> StatusCode {
        if self.database.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }

    const fn word(&self) -> &'static str {
        if self.database.is_some() { "healthy" } else { "unhealthy" }
    }
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn uptime(shell: &Shell) -> Duration {
    shell.ambient.now().since(shell.config.started)
}

/// `GET /health`.
pub(crate) async fn whole(shell: Data<Shell>) -> HttpResponse {
    let report = Report::of(&shell).await;
    let database = match report.database {
        Some(took) => json!({
            "status": "healthy", "responseTime": milliseconds(took), "message": "Database connection successful",
        }),
        None => json!({ "status": "unhealthy", "message": "Database does not answer" }),
    };
    let said = json!({
        "status": report.word(),
        "dbStatus": if report.database.is_some() { "connected" } else { "disconnected" },
        "timestamp": shell.ambient.now(),
        "uptime": uptime(&shell).as_millis() as u64,
        "version": shell.config.release,
        "environment": if shell.config.production { "production" } else { "local" },
        "checks": { "database": database, "redis": not_configured(), "memory": memory(&shell) },
    });
    super::bare(report.status(), &said)
}

/// `GET /api/health`.
pub(crate) async fn services(shell: Data<Shell>) -> HttpResponse {
    let report = Report::of(&shell).await;
    let database = match report.database {
        Some(took) => json!({ "status": "up", "response_time_ms": milliseconds(took) }),
        None => json!({ "status": "down" }),
    };
    let websocket = match shell.health.sockets() {
        Some(open) => json!({ "status": "up", "active_connections": open }),
        None => not_configured(),
    };
    let said = json!({
        "status": report.word(),
        "timestamp": shell.ambient.now(),
        "services": {
            "database": database,
            "redis": not_configured(),
            "websocket": websocket,
            "payment_gateway": payment_gateway(&shell),
        },
        "version": shell.config.release,
        "uptime_seconds": uptime(&shell).as_secs(),
    });
    super::bare(report.status(), &said)
}

/// `GET /health/ready`: whether requests may be sent here now.
pub(crate) async fn ready(shell: Data<Shell>) -> HttpResponse {
    if !shell.health.accepting() {
        return super::bare(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }));
    }
    let report = Report::of(&shell).await;
    let word = if report.database.is_some() { "ready" } else { "not_ready" };
    super::bare(report.status(), &json!({ "status": word, "timestamp": shell.ambient.now() }))
}

/// `GET /health/live`: whether the process is there at all.
pub(crate) async fn live(shell: Data<Shell>) -> HttpResponse {
    super::bare(StatusCode::OK, &json!({ "status": "alive", "timestamp": shell.ambient.now() }))
}

/// What the operating system tells of memory: the process's own, and the machine's in percent.
fn memory(shell: &Shell) -> Value {
    let asked = std::time::Instant::now();
    let (own, machine) = (shell.health.resident_bytes(), shell.health.system_memory_percent());
    if own.is_none() && machine.is_none() {
        return not_configured();
    }
    json!({
        "status": "healthy",
        "responseTime": milliseconds(asked.elapsed()),
        "details": { "residentBytes": own, "systemMemory": { "usagePercent": machine } },
    })
}

fn payment_gateway(shell: &Shell) -> Value {
    match shell.health.payment_gateway() {
        GatewayHealth::None => not_configured(),
        GatewayHealth::Unasked => json!({ "status": "unknown" }),
        GatewayHealth::Asked { up, at } => json!({ "status": if up { "up" } else { "down" }, "last_check": at }),
    }
}

fn not_configured() -> Value {
    json!({ "status": "not_configured" })
}
