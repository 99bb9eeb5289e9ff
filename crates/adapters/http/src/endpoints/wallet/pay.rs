//! `POST /wallet/pay`: pays an invoice of one's own out of the wallet, at once.

use actix_web::web::Data;
use domicile_billing::{PayFromWallet, PaymentView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<PayFromWallet>,
) -> Result<Answer<PaymentView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.pay_from_wallet(&call, command).await }).await?;
    Ok(Answer::done(done).created(|payment| format!("/payments/{}", payment.id)).version(|payment| payment.version))
}
