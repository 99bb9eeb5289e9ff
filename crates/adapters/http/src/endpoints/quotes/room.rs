//! `GET /quotes`: the bills of a stay that nobody asked for yet, as they would be made today.

use actix_web::web::Data;
use domicile_billing::{AskQuote, QuoteView};

use crate::{Answer, ApiError, AppState, Caller, list::Query};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Query(asked): Query<AskQuote>,
) -> Result<Answer<QuoteView>, ApiError> {
    let bursar = state.bursar.clone();
    Ok(Answer::of(state.shell.read(async move { bursar.quote_room(&call, asked).await }).await?))
}
