//! The one error of this adapter, and the only table from a kind of refusal to a status.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use domicile_kernel::{Code, Detail, Fault, FieldErrors, Kind};

/// A refusal on its way out: code, message for a person, and what goes with it. Made from any [`Fault`]. Boxed, for most
/// results are no refusals.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct ApiError(Box<Said>);

#[derive(Debug, Clone)]
struct Said {
    code: Code,
    message: String,
    detail: Detail,
    /// For our own faults only: the chain of causes. It goes to the log, never into an answer.
    cause: Option<String>,
    allow: Option<String>,
}

/// What a body says when it is our fault. The cause is in the log, under the request id.
const OUR_FAULT: &str = "Something went wrong on our side. Please try again, and give the request id if you tell us.";
/// What a body says when it is our fault and will pass.
const BUSY: &str = "The service is busy. Please try again in a moment.";

impl ApiError {
    /// A refusal with a message that says what to do next.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let said = Said { code, message: message.into(), detail: Detail::None, cause: None, allow: None };
        Self(Box::new(said.without_our_fault()))
    }

    /// Input that cannot be right and belongs to no field: a header, the JSON, a cursor.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message)
    }

    /// Our own fault; the cause goes to the log only.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut error = Self::new(Code::InternalError, OUR_FAULT);
        error.0.cause = Some(cause.into());
        error
    }

    /// It will pass: a deadline or a closed door.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let mut error = Self::new(Code::ServiceUnavailable, BUSY).with(Detail::RetryAfter(1));
        error.0.cause = Some(cause.into());
        error
    }

    /// There is no such route or record.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// The route exists, the method does not; `allow` lists those that do.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let message = format!("This method is not available here. Use one of: {allow}");
        let mut error = Self::new(Code::MethodNotAllowed, message);
        error.0.allow = Some(allow.to_owned());
        error
    }

    /// The same refusal with something beside its message.
    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.0.detail = detail;
        self
    }

    /// What any fault looks like from outside.
    pub fn of(fault: &dyn Fault) -> Self {
        let (code, message, detail) = (fault.code(), fault.to_string(), fault.detail());
        let said = Said { code, message, detail, cause: None, allow: None };
        let cause = said.is_our_fault().then(|| chain(fault));
        Self(Box::new(Said { cause, ..said.without_our_fault() }))
    }

    /// What actix refused by itself, by its status.
    pub(crate) fn of_actix(status: StatusCode, cause: Option<String>) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(NO_ROUTE),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(Code::MethodNotAllowed, "This method is not available here"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::PayloadTooLarge, "The request is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Code::UnsupportedMediaType, "Send JSON"),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(cause.unwrap_or_default()),
            other if other.is_server_error() => Self::internal(cause.unwrap_or_default()),
            _ => Self::invalid_input("The request cannot be read"),
        }
    }

    /// The machine-readable name.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What goes with it.
    #[must_use]
    pub fn detail(&self) -> &Detail {
        &self.0.detail
    }

    /// The chain of causes of our own fault, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The methods that exist, when the one that was used does not.
    pub(crate) fn allow(&self) -> Option<&str> {
        self.0.allow.as_deref()
    }

    /// The only table from kind to status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        status_of(self.0.code.kind())
    }
}

impl Said {
    const fn is_our_fault(&self) -> bool {
        matches!(self.code.kind(), Kind::Internal | Kind::Unavailable)
    }

    /// What is our fault is told in fixed words.
    fn without_our_fault(mut self) -> Self {
        match self.code.kind() {
            Kind::Internal => OUR_FAULT.clone_into(&mut self.message),
            Kind::Unavailable => BUSY.clone_into(&mut self.message),
            _ => return self,
        }
        if !matches!(self.detail, Detail::RetryAfter(_)) {
            self.detail = Detail::None;
        }
        self
    }
}

/// What an unknown path is told.
pub(crate) const NO_ROUTE: &str = "There is nothing at this address. See /docs for what there is.";

/// The status of each kind of refusal.
#[must_use]
pub const fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Kind::WrongProtocol => StatusCode::UPGRADE_REQUIRED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn chain(fault: &dyn Fault) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl<F: Fault> From<F> for ApiError {
    fn from(fault: F) -> Self {
        Self::of(&fault)
    }
}

/// One wrong field, as an error of the whole request.
pub(crate) fn field(field: &str, rule: &'static str, message: impl Into<String>) -> ApiError {
    FieldErrors::one(field, rule, message).into()
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// Only a place holder: the outermost layer writes the body, for it alone knows version and request id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status())
    }
}

#[cfg(test)]
mod tests {
    use domicile_kernel::StoreError;

    use super::*;

    #[test]
    fn our_own_faults_never_tell_their_cause() {
        let error = ApiError::from(StoreError::Other("relation \"rooms\" does not exist".into()));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message().contains("relation"));
        assert!(error.cause().unwrap().contains("relation \"rooms\""));
    }

    #[test]
    fn every_code_has_a_status_of_its_kind() {
        for code in Code::ALL {
            let status = ApiError::new(*code, "x").status();
            assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
        }
    }
}
