//! `GET /invoices`: the invoices of the hostel, or one's own; those that are due first come first.

use actix_web::web::Data;
use domicile_billing::{InvoiceView, ListInvoices};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

impl Filters for ListInvoices {
    const SORTS: &'static [SortField] =
        &[SortField::new("due_date", KeyKind::Day), SortField::new("created_at", KeyKind::Whole)];
    const DEFAULT: (&'static str, bool) = ("due_date", false);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListInvoices>,
) -> Result<Answer<Vec<InvoiceView>>, ApiError> {
    let (bursar, asked, page) = (state.bursar.clone(), listing.filters.clone(), listing.page.clone());
    let found = state.shell.read(async move { bursar.list_invoices(&call, asked, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
