//! `GET /admin/hostels/{id}`: one hostel.

use actix_web::web::Data;
use domicile_kernel::HostelId;
use domicile_tenancy::HostelView;

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<HostelId>,
) -> Result<Answer<HostelView>, ApiError> {
    let service = state.tenancy.clone();
    let view = state.shell.read(async move { service.hostel(&call, id).await }).await?;
    Ok(Answer::of(view).version(|hostel| hostel.version))
}
