//! `POST /auth/ws-ticket`: a ticket that opens one socket, for clients that cannot show their access token there. The answer
//! is a secret, so a repeated request makes another ticket and an `Idempotency-Key` is ignored.

use actix_web::web::Data;
use domicile_access::usecases::own::SocketTicketView;

use crate::{Answer, ApiError, AppState, Body, Caller, Nothing};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Answer<SocketTicketView>, ApiError> {
    let service = state.own.clone();
    let done = state.shell.run(async move { service.socket_ticket(&call).await }).await?;
    Ok(Answer::done(done))
}
