//! `GET /payments`: the payments of the hostel, or one's own.

use actix_web::web::Data;
use domicile_billing::{ListPayments, PaymentView};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

impl Filters for ListPayments {
    const SORTS: &'static [SortField] =
        &[SortField::new("created_at", KeyKind::Whole), SortField::new("amount", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListPayments>,
) -> Result<Answer<Vec<PaymentView>>, ApiError> {
    let (bursar, asked, page) = (state.bursar.clone(), listing.filters.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_payments(&call, asked, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
