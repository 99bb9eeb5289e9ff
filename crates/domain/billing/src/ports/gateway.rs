//! The port to a payment gateway: somebody outside who takes money from people. An implementation speaks one provider's
//! protocol and decides nothing: what an answer means for a payment is decided here.
//!
//! Every call has a time limit of the implementation's own, at most 20 seconds, and answers [`GatewayError::Timeout`] when
//! it is over. After that nobody knows whether the call had an effect, so the use cases ask ([`PaymentGateway::verify`],
//! [`PaymentGateway::find_refund`]) before they call again.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use domicile_kernel::{Currency, Instant, Money};
use serde::{Deserialize, Serialize};

/// Takes money from people and gives it back.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// The name under which payments remember it and webhooks arrive: lower-case letters, digits and `_`.
    fn provider(&self) -> &'static str;

    /// Whether its money is real. What is reported from the other domain never settles a payment.
    fn domain(&self) -> Domain;

    /// How long somebody can pay after [`initialize`](Self::initialize).
    fn session_length(&self) -> Duration;

    /// Whether it can take money in a currency.
    fn takes(&self, currency: Currency) -> bool;

    /// Opens a checkout for a charge. The reference is the charge's identity: a second call with it has no second effect and
    /// answers [`GatewayError::DuplicateReference`].
    async fn initialize(&self, charge: &NewCharge) -> Result<Checkout, GatewayError>;

    /// What became of the charge with this reference; [`GatewayError::Unknown`] when there is none.
    async fn verify(&self, reference: &str) -> Result<ChargeReport, GatewayError>;

    /// Where the payer pays for an open charge, for who lost the answer of [`initialize`](Self::initialize). None when the
    /// provider tells it only once.
    fn checkout_of(&self, _reference: &str) -> Option<Checkout> {
        None
    }

    /// Gives money back. Not every provider knows whether it was asked before, so nobody calls this a second time for the
    /// same refund without [`find_refund`](Self::find_refund).
    async fn refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError>;

    /// What became of a refund, found by the reference or whatever else of it the provider keeps (the charge and the amount,
    /// the note); [`GatewayError::Unknown`] when the provider has none.
    async fn find_refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError>;

    /// Tries a refund once more that the provider could not pay out by itself, to an account that somebody named.
    async fn retry_refund(&self, gateway_id: &str, to: &AccountDetails) -> Result<RefundReport, GatewayError>;

    /// Whether the signature fits the raw body. Takes as long whatever is wrong with it.
    fn authenticate(&self, signature: Option<&str>, body: &[u8]) -> bool;

    /// Reads an authentic body. Unknown fields and kinds are no error; what is needed and wrong is.
    fn read(&self, body: &[u8]) -> Result<WebhookEvent, Unreadable>;

    /// The header in which the signature comes, in lower case.
    fn signature_header(&self) -> &'static str;
}

/// Whether money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// It is.
    Live,
    /// It is not.
    Test,
}

/// A charge to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCharge {
    /// Ours, deterministic, `[a-z0-9-]`, at most 64 characters.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// The payer's address, which providers want for their own receipt.
    pub email: String,
    /// The payer's name, if known.
    pub name: Option<String>,
    /// What the payer reads on the checkout page, such as `Invoice 2026-02, Attic Hostel`.
    pub description: String,
    /// Where the payer comes back to; the provider's own page when none.
    pub callback_url: Option<String>,
    /// When the checkout should end at the latest.
    pub expires_at: Instant,
}

/// An opened checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Where the payer pays.
    pub authorization_url: String,
    /// The provider's own name for the session, if it has one.
    pub access_code: Option<String>,
}

/// What became of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// The money was taken.
    Success,
    /// Declined; the payer may try again while the session lasts.
    Failed,
    /// Not decided yet.
    Pending,
    /// Taken, and given back or charged back since.
    Reversed,
    /// The payer left, or the session is over; nothing was taken.
    Abandoned,
}

/// A charge as the provider knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeReport {
    /// The reference we gave.
    pub reference: String,
    /// What became of it.
    pub status: ChargeStatus,
    /// What the payer paid, fees passed on included.
    pub amount: Money,
    /// What we asked for, where the provider tells it beside the amount. This is what is compared, when it is there.
    pub requested: Option<Money>,
    /// Whether the money is real.
    pub domain: Domain,
    /// The provider's own id of the charge.
    pub gateway_id: Option<String>,
    /// What the provider keeps, in the same currency, if told.
    pub fees: Option<Money>,
    /// When it was paid, if told.
    pub paid_at: Option<Instant>,
    /// Why it failed, in the provider's words, at most 200 characters.
    pub message: Option<String>,
}

impl ChargeReport {
    /// What is compared with what was asked for.
    #[must_use]
    pub fn asked(&self) -> Money {
        self.requested.unwrap_or(self.amount)
    }
}

/// Money to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Ours, deterministic, `[a-z0-9-]`, at most 64 characters. Providers without a field for it get it in a note.
    pub reference: String,
    /// The reference of the charge it is a part of.
    pub charge_reference: String,
    /// The provider's id of that charge, if known.
    pub charge_gateway_id: Option<String>,
    /// The provider's id of the refund, once it answered with one.
    pub gateway_id: Option<String>,
    /// How much.
    pub amount: Money,
    /// Why, for the payer to read.
    pub reason: String,
    /// When we reserved it: a refund the provider made before cannot be this one.
    pub requested_at: Instant,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The payer has it.
    Processed,
    /// It did not go through, and the money is ours again.
    Failed,
    /// It needs an account to go to.
    NeedsAttention,
}

/// A refund as the provider knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundReport {
    /// Where it stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// The provider's own id of the refund, if told.
    pub gateway_id: Option<String>,
    /// What the provider says, at most 200 characters.
    pub message: Option<String>,
}

/// An account to send a refund to.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountDetails {
    /// In which currency the account is.
    pub currency: Currency,
    /// Its number.
    pub account_number: String,
    /// The provider's id of its bank.
    pub bank_id: String,
}

impl fmt::Debug for AccountDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountDetails").field("currency", &self.currency).finish_non_exhaustive()
    }
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookKind {
    /// A charge; what the event itself says of it. It is verified before anything is credited.
    Charge(ChargeReport),
    /// A refund of the charge with the event's reference.
    Refund {
        /// Our reference of the refund, if the provider tells it.
        refund_reference: Option<String>,
        /// What the event itself says of it.
        report: RefundReport,
    },
    /// The payer disputes the charge with the event's reference: their bank takes the money back, or wants to.
    Dispute {
        /// What happened to the dispute, in the provider's words, at most 200 characters.
        step: String,
        /// How much is disputed, if the provider tells it.
        amount: Option<Money>,
    },
    /// Something that concerns no charge of ours: its name.
    Other(String),
}

/// A webhook as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// What it is about.
    pub kind: WebhookKind,
    /// The reference of the charge it concerns, if any.
    pub reference: Option<String>,
    /// What makes two deliveries one: made of the content, at most 200 visible ASCII characters.
    pub dedupe_key: String,
}

/// Why an authentic body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreadable {
    /// What is wrong, naming the field.
    pub what: String,
    /// What makes two deliveries of it one: a hash of the body. No body that can be read has this key: once it can be, it is
    /// another one, and delivered again it is taken for new.
    pub dedupe_key: String,
    /// The reference that it seems to concern, where that much can be made out: nothing is credited by it.
    pub reference: Option<String>,
}

/// Why a gateway did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It did not answer in time: it may have done it.
    #[error("the payment gateway did not answer in time")]
    Timeout,
    /// It could not be reached: it has not done it, or the answer was lost.
    #[error("the payment gateway cannot be reached: {0}")]
    Unreachable(String),
    /// It will not.
    #[error("the payment gateway refused: {message}")]
    Refused {
        /// Its own code.
        code: String,
        /// Its own words, at most 200 characters.
        message: String,
    },
    /// There is a charge with this reference already.
    #[error("the payment gateway knows this reference already")]
    DuplicateReference,
    /// There is no such charge or refund.
    #[error("the payment gateway knows nothing of this reference")]
    Unknown,
    /// It answered something that cannot be understood: it may have done it.
    #[error("the payment gateway's answer cannot be understood: {what}")]
    Malformed {
        /// What is wrong, naming the field.
        what: String,
    },
}

impl GatewayError {
    /// Whether the gateway surely did nothing.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// The gateways of the installation, by their providers' names.
#[derive(Clone, Default)]
pub struct Gateways {
    by_name: BTreeMap<&'static str, Arc<dyn PaymentGateway>>,
    usual: Option<&'static str>,
}

impl Gateways {
    /// None yet: nobody can pay.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more. The first is the usual one, for who does not name any.
    #[must_use]
    pub fn with(mut self, gateway: Arc<dyn PaymentGateway>) -> Self {
        let name = gateway.provider();
        self.by_name.insert(name, gateway);
        self.usual = self.usual.or(Some(name));
        self
    }

    /// The one of this name.
    #[must_use]
    pub fn find(&self, provider: &str) -> Option<&Arc<dyn PaymentGateway>> {
        self.by_name.get(provider)
    }

    /// The usual one.
    #[must_use]
    pub fn usual(&self) -> Option<&Arc<dyn PaymentGateway>> {
        self.find(self.usual?)
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.by_name.keys().copied().collect()
    }
}
