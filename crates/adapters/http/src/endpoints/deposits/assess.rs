//! `PUT /deposits/{id}/assess`: proposes what to keep of a deposit, item by item.

use actix_web::web::Data;
use domicile_billing::{AssessDeposit, DepositView, model::DepositId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<DepositId>,
    Expected(version): Expected,
    Body(command): Body<AssessDeposit>,
) -> Result<Answer<DepositView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.assess_deposit(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|deposit| deposit.version).saying("Deductions proposed"))
}
