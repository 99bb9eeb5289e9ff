//! The checkout page of the sandbox gateway, as far as HTTP knows it: who shows it is the port
//! [`Checkout`](crate::ports::Checkout). Bare HTML, for people; where there is no sandbox there is nothing here.

pub(crate) mod page;
pub(crate) mod press;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};

use crate::{
    error::ApiError,
    front::Bare,
    ports::{CheckoutOutcome, CheckoutPage},
};

fn shown(page: CheckoutPage) -> Result<HttpResponse, ApiError> {
    let status = match page.outcome {
        CheckoutOutcome::Shown => StatusCode::OK,
        CheckoutOutcome::Unknown => StatusCode::NOT_FOUND,
        CheckoutOutcome::NotAnAction => StatusCode::BAD_REQUEST,
    };
    let policy = HeaderValue::from_str(&page.policy).map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(page.html);
    response.extensions_mut().insert(Bare);
    Ok(response)
}
