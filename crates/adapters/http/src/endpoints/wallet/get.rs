//! `GET /wallet`: what is in one's own wallet, or in that of another for who may see every payment.

use actix_web::web::Data;
use domicile_billing::{AskWallet, WalletView};

use crate::{Answer, ApiError, AppState, Caller, list::Query};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Query(asked): Query<AskWallet>,
) -> Result<Answer<WalletView>, ApiError> {
    let bursar = state.bursar.clone();
    Ok(Answer::of(state.shell.read(async move { bursar.wallet(&call, asked).await }).await?))
}
