//! `POST /admin/hostels`: a hostel or a society, with its settings and flags.

use actix_web::web::Data;
use domicile_tenancy::{CreateHostel, HostelView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<CreateHostel>,
) -> Result<Answer<HostelView>, ApiError> {
    let service = state.tenancy.clone();
    let done = state.shell.run(async move { service.create_hostel(&call, command).await }).await?;
    Ok(Answer::done(done).created(|hostel| format!("/admin/hostels/{}", hostel.id)).version(|hostel| hostel.version))
}
