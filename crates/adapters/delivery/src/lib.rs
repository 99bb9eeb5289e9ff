//! Handing messages to people over to the technology that carries them: mail by SMTP, or, where none is configured, as
//! readable files in an outbox folder. No rule about who is told what lives here.
//!
//! A mail is sent by a job, at least once; its id is made of the job's, so a repeat carries the same `Message-ID` and a
//! mail program shows one mail.

mod outbox;
mod smtp;

use async_trait::async_trait;
pub use outbox::OutboxMailer;
pub use smtp::{SmtpMailer, SmtpSetupError};

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for each attempt: 1 to 128 of letters, digits and `-_.`. The id of the job that sends it.
    pub id: String,
    /// A bare address, such as `ama@example.org`.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// The driver's own error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a mail was not handed over, in kinds the sending job can act on.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The same mail may go later.
    #[error("the mail could not be handed over now")]
    Temporary(#[source] Cause),
    /// It will never go.
    #[error("the mail was refused for good")]
    Permanent(#[source] Cause),
}

/// Hands mails over.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one over. Success means that somebody else has it now: a mail server, or the disk.
    async fn send(&self, mail: &Message) -> Result<(), DeliveryError>;
}

/// What cannot be sent by any mailer.
#[derive(Debug, thiserror::Error)]
enum Unsendable {
    #[error("a mail's {0} is one line without control characters, and not empty")]
    Header(&'static str),
    #[error("a mail's id is 1 to 128 letters, digits, '-', '_' and '.'")]
    Id,
}

impl Message {
    /// Refuses what could break out of a header or of a file name. Every mailer asks this first.
    fn check(&self) -> Result<(), DeliveryError> {
        let one_line = |text: &str| !text.trim().is_empty() && !text.chars().any(is_break);
        let id_is_sane = (1..=128).contains(&self.id.len())
            && self.id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let wrong = if !one_line(&self.to) || self.to.chars().any(char::is_whitespace) {
            Unsendable::Header("recipient")
        } else if !one_line(&self.subject) {
            Unsendable::Header("subject")
        } else if !id_is_sane {
            Unsendable::Id
        } else {
            return Ok(());
        };
        Err(DeliveryError::Permanent(wrong.into()))
    }
}

/// Control characters, and the two separators that some readers take for a line's end.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Message {
        Message { id: "job-1".into(), to: "ama@example.org".into(), subject: "Your code".into(), text: "123456".into() }
    }

    #[test]
    fn a_header_cannot_be_broken_out_of() {
        assert!(mail().check().is_ok());
        for bad in ["", " ", "a\r\nBcc: x@y", "a\nb", "a\rb", "a\0b", "a\u{85}b", "a\u{2028}b"] {
            for broken in [
                Message { to: bad.to_owned(), ..mail() },
                Message { subject: bad.to_owned(), ..mail() },
                Message { id: bad.to_owned(), ..mail() },
            ] {
                assert!(matches!(broken.check(), Err(DeliveryError::Permanent(_))), "{broken:?}");
            }
        }
        for bad in ["../x", "a/b", &"x".repeat(129)] {
            assert!(Message { id: bad.to_owned(), ..mail() }.check().is_err(), "{bad}");
        }
    }
}
