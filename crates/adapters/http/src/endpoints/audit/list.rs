//! `GET /admin/audit`: who did what, newest first.

use actix_web::web::Data;
use domicile_access::{AuditFilter, AuditView};
use domicile_kernel::{Checks, FieldErrors, Instant};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

/// Which rows.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AuditFilters {
    /// Only this action, such as `booking.approve`.
    action: Option<String>,
    /// Only this actor: an account's id, `operator`, `system:jobs`, …
    actor: Option<String>,
    /// Only this sort of record.
    target: Option<String>,
    /// Only this record.
    target_id: Option<String>,
    /// From this instant on.
    from: Option<String>,
    /// Before this instant.
    to: Option<String>,
}

impl Filters for AuditFilters {
    const SORTS: &'static [SortField] = &[SortField::new("at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("at", true);
}

impl AuditFilters {
    fn check(&self) -> Result<AuditFilter, FieldErrors> {
        let mut checks = Checks::new();
        let filter = AuditFilter {
            action: word(&mut checks, "action", self.action.as_deref()),
            actor: word(&mut checks, "actor", self.actor.as_deref()),
            target: word(&mut checks, "target", self.target.as_deref()),
            target_id: checks.id::<Uuid>("target_id", self.target_id.as_deref(), "target_id must be a UUID"),
            from: instant(&mut checks, "from", self.from.as_deref()),
            to: instant(&mut checks, "to", self.to.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

fn word(checks: &mut Checks, field: &str, value: Option<&str>) -> Option<String> {
    checks.text(field, value, 1, 100, "").map(domicile_kernel::Text::into_string)
}

fn instant(checks: &mut Checks, field: &str, value: Option<&str>) -> Option<Instant> {
    let parsed = value?.parse::<Instant>();
    if parsed.is_err() {
        let message = format!("{field} must be an instant, such as 2026-01-20T10:30:00Z");
        checks.fail(field, "instant", json!({ "format": "RFC 3339" }), message);
    }
    parsed.ok()
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<AuditFilters>,
) -> Result<Answer<Vec<AuditView>>, ApiError> {
    let filter = listing.filters.check()?;
    let (service, page) = (state.directory.clone(), listing.page.clone());
    let found = state.shell.read(async move { service.audit_trail(&call, &filter, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
