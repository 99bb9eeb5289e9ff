//! `PUT /deposits/{id}/settle`: ends a deposit: what is deducted is kept, the rest goes back.

use actix_web::web::Data;
use domicile_billing::{DepositView, SettleDeposit, model::DepositId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<DepositId>,
    Expected(version): Expected,
    Body(command): Body<SettleDeposit>,
) -> Result<Answer<DepositView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.settle_deposit(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|deposit| deposit.version).saying("Deposit settled"))
}
