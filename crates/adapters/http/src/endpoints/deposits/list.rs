//! `GET /deposits`: the deposits of the hostel, or one's own.

use actix_web::web::Data;
use domicile_billing::{DepositView, ListDeposits};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

impl Filters for ListDeposits {
    const SORTS: &'static [SortField] = &[SortField::new("created_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListDeposits>,
) -> Result<Answer<Vec<DepositView>>, ApiError> {
    let (bursar, asked, page) = (state.bursar.clone(), listing.filters.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_deposits(&call, asked, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
