//! Mail through a server, by SMTP.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domicile_kernel::{Clock, Instant};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{AsyncSmtpTransportBuilder, PoolConfig},
};
use tracing::Instrument as _;

use crate::{Cause, DeliveryError, Mailer, Message};

/// How long handing one mail over may take, everything included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections are kept.
const CONNECTIONS: u32 = 4;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Why mail cannot be set up. Never prints the address, for it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSetupError {
    /// The server's address cannot be read.
    #[error(
        "the mail server's address is smtp://user:password@host:587?tls=required, smtps://user:password@host, or smtp://host:port without TLS"
    )]
    Url(#[source] lettre::transport::smtp::Error),
    /// The sender cannot be read.
    #[error("the sender is an address, such as Domicile <no-reply@example.org>")]
    From(#[source] lettre::address::AddressError),
}

/// Hands mails to a server over kept connections.
#[derive(Clone)]
pub struct SmtpMailer(Arc<Line>);

struct Line {
    builder: AsyncSmtpTransportBuilder,
    transport: Mutex<Transport>,
    from: Mailbox,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

impl SmtpMailer {
    /// Prepares a line to `url`; nothing is connected before the first mail. `?tls=required` insists on STARTTLS, `smtps`
    /// speaks TLS from the start; neither is for a server on this machine only. Must be called inside a Tokio runtime.
    pub fn new(url: &str, from: &str, clock: Arc<dyn Clock>) -> Result<Self, SmtpSetupError> {
        Self::with_patience(url, from, clock, PATIENCE)
    }

    /// The same with another limit on how long handing one mail over may take (10 s otherwise).
    pub fn with_patience(
        url: &str,
        from: &str,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self, SmtpSetupError> {
        let builder = Transport::from_url(url)
            .map_err(SmtpSetupError::Url)?
            .timeout(Some(patience))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        let from = from.parse().map_err(SmtpSetupError::From)?;
        let transport = Mutex::new(builder.clone().build());
        Ok(Self(Arc::new(Line { builder, transport, from, patience, clock })))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Message) -> Result<(), DeliveryError> {
        mail.check()?;
        let letter = self.0.letter(mail).map_err(DeliveryError::Permanent)?;
        // In a task of its own: a caller that goes away must not leave a kept connection in the middle of a conversation.
        let line = Arc::clone(&self.0);
        let span = tracing::debug_span!("delivery", by = "smtp");
        match tokio::spawn(async move { line.hand_over(letter).await }.instrument(span)).await {
            Ok(done) => done,
            Err(error) => Err(DeliveryError::Temporary(error.into())),
        }
    }
}

impl Line {
    fn letter(&self, mail: &Message) -> Result<lettre::Message, Cause> {
        let to: Address = mail.to.parse()?;
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let letter = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .date(wall_time(self.clock.now()))
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())?;
        Ok(letter)
    }

    /// The library's own timeout ends at the connection, and a conversation that is given up goes back among the kept
    /// connections as if it were sound, where the next mail would read the answers to the last. So the limit is set here,
    /// and after it all kept connections are let go.
    async fn hand_over(&self, letter: lettre::Message) -> Result<(), DeliveryError> {
        let transport = self.transport.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match tokio::time::timeout(self.patience, transport.send(letter)).await {
            Ok(Ok(_accepted)) => Ok(()),
            Ok(Err(error)) if is_for_good(&error) => Err(DeliveryError::Permanent(error.into())),
            Ok(Err(error)) => Err(DeliveryError::Temporary(error.into())),
            Err(late) => {
                let fresh = self.builder.clone().build();
                let stuck =
                    std::mem::replace(&mut *self.transport.lock().unwrap_or_else(PoisonError::into_inner), fresh);
                stuck.shutdown().await;
                tracing::warn!("the mail server did not answer in time; its connections were let go");
                Err(DeliveryError::Temporary(late.into()))
            }
        }
    }
}

/// Whether the server will never take this mail. That it does not know us (530, 534, 535, 538) or cannot speak TLS is a
/// matter of set-up, not of the mail, which may go once somebody has put it right.
fn is_for_good(error: &lettre::transport::smtp::Error) -> bool {
    let ours = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
    error.is_permanent() && !ours
}

fn wall_time(at: Instant) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}
