//! How the gateway does: what every call to it says of that, and a small question now and then when nobody calls.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domicile_billing::ports::{
    AccountDetails, ChargeReport, Checkout, Domain, GatewayError, NewCharge, NewRefund, PaymentGateway, RefundReport,
    Unreadable, WebhookEvent,
};
use domicile_kernel::{Clock, Currency, Instant};

use crate::background::{Stop, stopped};

/// How old the last word may be before the gateway is asked.
const ASK_EVERY: Duration = Duration::from_mins(1);

/// A reference that no payment has: who answers that there is none is there.
const NOBODYS: &str = "domicile-health";

/// How the gateway was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether it answered.
    pub up: bool,
    /// When it was asked.
    pub at: Instant,
}

/// A gateway, and how it was the last time.
pub struct Watched {
    inner: Arc<dyn PaymentGateway>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Option<Seen>>,
}

impl Watched {
    pub(super) fn over(inner: Arc<dyn PaymentGateway>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, seen: Mutex::new(None) }
    }

    /// How it was the last time; nothing before the first.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks it something small: whether it answers.
    pub async fn ask(&self) -> bool {
        // Whatever it says to that, it has answered; `noted` knows when it has not.
        let _ = self.verify(NOBODYS).await;
        self.seen().is_some_and(|seen| seen.up)
    }

    fn noted<T>(&self, answer: Result<T, GatewayError>) -> Result<T, GatewayError> {
        let up = !matches!(answer, Err(GatewayError::Timeout | GatewayError::Unreachable(_)));
        let now = Seen { up, at: self.clock.now() };
        let before = self.seen.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        if before.is_none_or(|before| before.up) && !up {
            tracing::warn!(provider = self.inner.provider(), "the payment gateway does not answer");
        } else if before.is_some_and(|before| !before.up) && up {
            tracing::info!(provider = self.inner.provider(), "the payment gateway answers again");
        }
        answer
    }
}

/// Asks the gateway when nobody else has for a while, until told to end.
pub async fn watch(gateway: Arc<Watched>, mut stop: Stop) {
    loop {
        let old = gateway.seen().is_none_or(|seen| gateway.clock.now() >= seen.at.plus(ASK_EVERY));
        if old {
            tokio::select! {
                _up = gateway.ask() => {}
                () = stopped(&mut stop) => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY / 4) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

#[async_trait]
impl PaymentGateway for Watched {
    fn provider(&self) -> &'static str {
        self.inner.provider()
    }

    fn domain(&self) -> Domain {
        self.inner.domain()
    }

    fn session_length(&self) -> Duration {
        self.inner.session_length()
    }

    fn takes(&self, currency: Currency) -> bool {
        self.inner.takes(currency)
    }

    async fn initialize(&self, charge: &NewCharge) -> Result<Checkout, GatewayError> {
        self.noted(self.inner.initialize(charge).await)
    }

    async fn verify(&self, reference: &str) -> Result<ChargeReport, GatewayError> {
        self.noted(self.inner.verify(reference).await)
    }

    fn checkout_of(&self, reference: &str) -> Option<Checkout> {
        self.inner.checkout_of(reference)
    }

    async fn refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        self.noted(self.inner.refund(refund).await)
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        self.noted(self.inner.find_refund(refund).await)
    }

    async fn retry_refund(&self, gateway_id: &str, to: &AccountDetails) -> Result<RefundReport, GatewayError> {
        self.noted(self.inner.retry_refund(gateway_id, to).await)
    }

    fn authenticate(&self, signature: Option<&str>, body: &[u8]) -> bool {
        self.inner.authenticate(signature, body)
    }

    fn read(&self, body: &[u8]) -> Result<WebhookEvent, Unreadable> {
        self.inner.read(body)
    }

    fn signature_header(&self) -> &'static str {
        self.inner.signature_header()
    }
}
