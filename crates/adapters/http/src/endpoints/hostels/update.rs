//! `PUT /admin/hostels/{id}`: renames, suspends or reopens a hostel.

use actix_web::web::Data;
use domicile_kernel::HostelId;
use domicile_tenancy::{HostelView, UpdateHostel};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<HostelId>,
    Expected(version): Expected,
    Body(command): Body<UpdateHostel>,
) -> Result<Answer<HostelView>, ApiError> {
    let service = state.tenancy.clone();
    let done = state.shell.run(async move { service.update_hostel(&call, id, command, version).await }).await?;
    Ok(Answer::done(done).version(|hostel| hostel.version).saying("Hostel updated successfully"))
}
