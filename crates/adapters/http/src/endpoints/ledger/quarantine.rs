//! `GET /admin/ledger/quarantine`: what gateways told and did not fit what was asked for; none of it was credited.

use actix_web::web::Data;
use domicile_billing::QuarantineView;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

/// All of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Quarantined {}

impl Filters for Quarantined {
    const SORTS: &'static [SortField] = &[SortField::new("created_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<Quarantined>,
) -> Result<Answer<Vec<QuarantineView>>, ApiError> {
    let (bursar, page) = (state.bursar.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_quarantined(&call, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
