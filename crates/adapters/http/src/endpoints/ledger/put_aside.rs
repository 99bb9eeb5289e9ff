//! `GET /admin/ledger/put-aside`: what gateways told of payments of the hostel and had no effect, and why; never what it said.

use actix_web::web::Data;
use domicile_billing::PutAsideView;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

/// All of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PutAside {}

impl Filters for PutAside {
    const SORTS: &'static [SortField] = &[SortField::new("received_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("received_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<PutAside>,
) -> Result<Answer<Vec<PutAsideView>>, ApiError> {
    let (bursar, page) = (state.bursar.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_put_aside(&call, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
