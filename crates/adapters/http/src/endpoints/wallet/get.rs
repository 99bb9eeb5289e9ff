//! `GET /wallet`: what is in one's own wallet.

use actix_web::web::Data;
use domicile_billing::WalletView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<WalletView>, ApiError> {
    let bursar = state.bursar.clone();
    Ok(Answer::of(state.shell.read(async move { bursar.wallet(&call).await }).await?))
}
