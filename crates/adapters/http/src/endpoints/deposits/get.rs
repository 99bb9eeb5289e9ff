//! `GET /deposits/{id}`: one deposit.

use actix_web::web::Data;
use domicile_billing::{DepositView, model::DepositId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<DepositId>,
) -> Result<Answer<DepositView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.deposit(&call, id).await }).await?;
    Ok(Answer::of(view).version(|deposit| deposit.version))
}
