//! `GET /admin/ledger/balances`: the trial balance, a line for each kind of account.

use actix_web::web::Data;
use domicile_billing::BalanceView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<Vec<BalanceView>>, ApiError> {
    let bursar = state.bursar.clone();
    Ok(Answer::of(state.shell.read(async move { bursar.balances(&call).await }).await?))
}
