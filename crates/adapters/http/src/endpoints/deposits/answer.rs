//! `PUT /deposits/{id}/answer`: the resident says what they think of the deductions.

use actix_web::web::Data;
use domicile_billing::{AnswerDeposit, DepositView, model::DepositId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<DepositId>,
    Expected(version): Expected,
    Body(command): Body<AnswerDeposit>,
) -> Result<Answer<DepositView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.answer_deposit(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|deposit| deposit.version).saying("Answer noted"))
}
