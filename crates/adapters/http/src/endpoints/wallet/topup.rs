//! `POST /wallet/topup`: begins to fill one's own wallet by a gateway.

use actix_web::web::Data;
use domicile_billing::{InitializedPayment, TopUpWallet};

use crate::{Answer, ApiError, AppState, Body, Caller, endpoints::payments::initialize::begun};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<TopUpWallet>,
) -> Result<Answer<InitializedPayment>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.top_up_wallet(&call, command).await }).await?;
    Ok(begun(done))
}
