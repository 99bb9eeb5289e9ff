//! `GET /admin/ledger/journals`: what was moved between accounts, the latest first.

use actix_web::web::Data;
use domicile_billing::{JournalView, ListJournals};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

impl Filters for ListJournals {
    const SORTS: &'static [SortField] = &[SortField::new("created_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListJournals>,
) -> Result<Answer<Vec<JournalView>>, ApiError> {
    let (bursar, asked, page) = (state.bursar.clone(), listing.filters.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_journals(&call, asked, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
