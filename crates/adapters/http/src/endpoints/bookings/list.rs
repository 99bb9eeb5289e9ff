//! `GET /bookings`: the stays of the hostel, or one's own.

use actix_web::web::Data;
use domicile_booking::{BookingView, ListBookings};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField};

impl Filters for ListBookings {
    const SORTS: &'static [SortField] =
        &[SortField::new("created_at", KeyKind::Whole), SortField::new("check_in_date", KeyKind::Day)];
    const DEFAULT: (&'static str, bool) = ("created_at", true);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListBookings>,
) -> Result<Answer<Vec<BookingView>>, ApiError> {
    let (desk, asked, page) = (state.desk.clone(), listing.filters.clone(), listing.page.clone());
    let found = state.shell.read(async move { desk.list_bookings(&call, asked, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
