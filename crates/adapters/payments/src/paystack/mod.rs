//! Paystack, over HTTPS with a secret key.
//!
//! The reference is what keeps a charge from being opened twice. Refunds have nothing of the kind: ours carry their
//! reference in the note to the merchant, and are found again by it.

mod answer;
mod config;
mod failure;
mod line;
mod refunds;

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
pub use config::{PAYSTACK_URL, PaystackConfig, PaystackSetupError};
use domicile_billing::ports::{
    AccountDetails, ChargeReport, Checkout, Domain, GatewayError, NewCharge, NewRefund, PaymentGateway, RefundReport,
    Unreadable, WebhookEvent,
};
use domicile_kernel::{Clock, Currency};
use reqwest::Url;
use serde_json::{Value, json};
use tracing::Instrument as _;

use self::{answer::accepted, failure::Failure, line::Line};
use crate::{
    note,
    wire::{Charge, Object, Problem, read_event},
};

/// The header that a notice is signed in.
pub const SIGNATURE_HEADER: &str = "x-paystack-signature";

/// Takes and gives back money through Paystack.
pub struct PaystackGateway {
    config: PaystackConfig,
    line: Line,
    clock: Arc<dyn Clock>,
}

impl PaystackGateway {
    /// Prepares a client; nothing is connected before the first call. The clock tells when a checkout is over.
    pub fn new(config: PaystackConfig, clock: Arc<dyn Clock>) -> Result<Self, PaystackSetupError> {
        let line = Line::new(&config)?;
        Ok(Self { config, line, clock })
    }

    /// How long the account lets somebody pay, as Paystack has it; nothing when without end. What
    /// [`PaystackConfig::with_session`] says should be at least as long, for holds on beds are made by that.
    pub async fn account_session(&self) -> Result<Option<Duration>, GatewayError> {
        called("session", async {
            let reply = self.line.get(&["integration", "payment_session_timeout"], &[]).await?;
            let body = accepted(&reply, &self.config.key, "setting")?;
            let seconds = Object::root(&body)?.object("data")?.count("payment_session_timeout")?;
            Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
        })
        .await
    }

    async fn open(&self, charge: &NewCharge) -> Result<Checkout, Failure> {
        sendable(&charge.reference)?;
        if charge.amount.amount_minor() <= 0 || !self.takes(charge.amount.currency()) {
            return Err(Failure::Unsendable("amount"));
        }
        let mut asked = json!({
            "email": charge.email,
            "amount": charge.amount.amount_minor(),
            "currency": charge.amount.currency(),
            "reference": charge.reference,
            // For people at the dashboard. Nothing that comes back in it is looked at.
            "metadata": { "custom_fields": [
                { "display_name": "For", "variable_name": "for", "value": charge.description },
            ] },
        });
        if let (Some(url), Some(fields)) = (&charge.callback_url, asked.as_object_mut()) {
            fields.insert("callback_url".to_owned(), json!(url));
        }
        let reply = self.line.post(&["transaction", "initialize"], &asked).await?;
        let body = accepted(&reply, &self.config.key, "charge")?;
        checkout(&body, &charge.reference)
    }

    async fn charge(&self, reference: &str) -> Result<Charge, Failure> {
        sendable(reference)?;
        let reply = self.line.get(&["transaction", "verify", reference], &[]).await?;
        let body = accepted(&reply, &self.config.key, "charge")?;
        let charge = Charge::read(&Object::root(&body)?.object("data")?)?;
        if charge.report.reference == reference { Ok(charge) } else { Err(Failure::Another("charge")) }
    }
}

#[async_trait]
impl PaymentGateway for PaystackGateway {
    fn provider(&self) -> &'static str {
        "paystack"
    }

    fn domain(&self) -> Domain {
        if self.config.is_live() { Domain::Live } else { Domain::Test }
    }

    fn session_length(&self) -> Duration {
        self.config.session
    }

    fn takes(&self, currency: Currency) -> bool {
        self.config.currencies.contains(&currency)
    }

    /// Paystack ends sessions by a setting of the account, so `expires_at` is not sent.
    async fn initialize(&self, charge: &NewCharge) -> Result<Checkout, GatewayError> {
        called("initialize", self.open(charge)).await
    }

    async fn verify(&self, reference: &str) -> Result<ChargeReport, GatewayError> {
        let charge = called("verify", self.charge(reference)).await?;
        Ok(charge.settled_by(self.clock.now(), self.config.session))
    }

    async fn refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        called("refund", self.ask_refund(refund)).await
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        // Several calls, each with its own limit, and all of them together within the one that the port promises.
        match tokio::time::timeout(self.config.total * 2, called("find_refund", self.look_up(refund))).await {
            Ok(found) => found,
            Err(_elapsed) => Err(GatewayError::Timeout),
        }
    }

    async fn retry_refund(&self, gateway_id: &str, to: &AccountDetails) -> Result<RefundReport, GatewayError> {
        called("retry_refund", self.ask_again(gateway_id, to)).await
    }

    fn authenticate(&self, signature: Option<&str>, body: &[u8]) -> bool {
        self.config.key.verify(body, signature)
    }

    fn read(&self, body: &[u8]) -> Result<WebhookEvent, Unreadable> {
        read_event(body)
    }

    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }
}

/// Does one call under a span of its own.
async fn called<T>(call: &'static str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, GatewayError> {
    let span = tracing::debug_span!("gateway", by = "paystack", call);
    // Boxed: what the client holds while it waits is large, and whoever calls should not have to hold it.
    Box::pin(work.instrument(span)).await.map_err(GatewayError::from)
}

fn checkout(body: &Value, reference: &str) -> Result<Checkout, Failure> {
    let data = Object::root(body)?.object("data")?;
    if data.text("reference")? != reference {
        return Err(Failure::Another("charge"));
    }
    let authorization_url = data.text("authorization_url")?;
    if !Url::parse(authorization_url).is_ok_and(|url| url.scheme() == "https") {
        return Err(data.error("authorization_url", Problem::NoAddress).into());
    }
    Ok(Checkout {
        authorization_url: authorization_url.to_owned(),
        access_code: data.optional_text("access_code")?.map(str::to_owned),
    })
}

fn sendable(reference: &str) -> Result<(), Failure> {
    if note::is_sendable(reference) { Ok(()) } else { Err(Failure::Unsendable("reference")) }
}
