//! What goes wrong with Paystack, told apart by what may have happened at the other end.

use std::error::Error;

use domicile_billing::ports::GatewayError;

use crate::wire::ShapeError;

/// Why a call has no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There was no connection, so nothing was asked.
    #[error("Paystack could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It was asked and did not answer to the end: it may have done what it was asked, or not.
    #[error("Paystack did not answer to the end")]
    Unanswered(#[source] reqwest::Error),
    /// It answered that the fault is its own: it may have done what it was asked, or not.
    #[error("Paystack answered {0}")]
    Broken(u16),
    /// It wants to be left alone for a while, and did nothing.
    #[error("Paystack asks for patience ({})", .0.map_or("without saying how long".to_owned(), |seconds| format!("{seconds} s")))]
    Busy(Option<u32>),
    /// It answered more than anybody reads.
    #[error("Paystack's answer is too large")]
    TooLarge,
    /// It answered something else than its documented shape.
    #[error("Paystack's answer cannot be read: {0}")]
    Shape(#[source] ShapeError),
    /// It answered something that is not its own language.
    #[error("Paystack's answer ({0}) is not JSON")]
    NotJson(u16),
    /// The list of refunds goes on for longer than anybody reads.
    #[error("Paystack's list of refunds does not end")]
    Endless,
    /// There are refunds that may be the one, and nothing that says which.
    #[error("Paystack has refunds of this charge and amount without our note, and it cannot be told which is meant")]
    Ambiguous,
    /// It answered about another charge or refund than the one that was asked for.
    #[error("Paystack's answer is about another {0}")]
    Another(&'static str),
    /// It does not take our key.
    #[error("Paystack does not accept the secret key")]
    Key,
    /// The reference was used before.
    #[error("Paystack has a charge with this reference")]
    Duplicate,
    /// There is no such charge or refund.
    #[error("Paystack knows no such {0}")]
    NotFound(&'static str),
    /// It will not do this.
    #[error("Paystack refused ({code}): {message}")]
    Refused {
        /// Its machine-readable word, or `none`.
        code: String,
        /// Its words for people, cleaned.
        message: String,
    },
    /// What was to be sent is nothing that may be sent.
    #[error("the {0} cannot be sent to Paystack")]
    Unsendable(&'static str),
}

impl Failure {
    /// A failure of the connection. The address is left out, for it holds the reference.
    pub(super) fn on_the_way(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_connect() || error.is_builder() { Self::Unreachable(error) } else { Self::Unanswered(error) }
    }
}

impl From<ShapeError> for Failure {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<Failure> for GatewayError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unanswered(error) if error.is_timeout() => Self::Timeout,
            // Nothing is decided by a key that is wrong today: the same call may go once somebody has put it right.
            Failure::Unreachable(_) | Failure::Unanswered(_) | Failure::Broken(_) | Failure::Busy(_) | Failure::Key => {
                Self::Unreachable(chain(&failure))
            }
            Failure::TooLarge
            | Failure::Shape(_)
            | Failure::NotJson(_)
            | Failure::Endless
            | Failure::Ambiguous
            | Failure::Another(_) => Self::Malformed { what: failure.to_string() },
            Failure::Duplicate => Self::DuplicateReference,
            Failure::NotFound(_) => Self::Unknown,
            Failure::Refused { code, message } => Self::Refused { code, message },
            Failure::Unsendable(_) => Self::Refused { code: "unsendable".to_owned(), message: failure.to_string() },
        }
    }
}

/// The failure with its causes, in one line.
fn chain(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
