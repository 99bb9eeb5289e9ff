//! `GET /admin/hostels`: every hostel of the installation.

use actix_web::web::Data;
use domicile_tenancy::HostelView;

use super::HostelFilters;
use crate::{Answer, ApiError, AppState, Caller, Listing};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<HostelFilters>,
) -> Result<Answer<Vec<HostelView>>, ApiError> {
    let (service, page) = (state.tenancy.clone(), listing.page.clone());
    let found = state.shell.read(async move { service.hostels(&call, &page).await }).await?;
    Ok(Answer::page(&listing, found))
}
