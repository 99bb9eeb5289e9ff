//! What the tests share: gateways, orders, and outcomes as one line of text.

use std::{sync::Arc, time::Duration};

use domicile_billing::ports::{
    ChargeReport, Checkout, Domain, GatewayError, NewCharge, NewRefund, RefundReport, Unreadable, WebhookEvent,
    WebhookKind,
};
use domicile_kernel::{Currency, Instant, Money, ports::fixed::FixedClock};
use domicile_payments::{
    SecretKey,
    paystack::{PaystackConfig, PaystackGateway},
    sandbox::{MemorySandbox, SandboxConfig, SandboxGateway},
};

use crate::server::{Answer, Server};

/// A key that is nobody's.
pub(crate) const KEY: &str = "sk_test_thekeyofnobody0123456789";
/// What the shapes are about.
pub(crate) const REFERENCE: &str = "pay-0190a1";
pub(crate) const NOW: &str = "2026-02-01T12:00:00Z";

pub(crate) fn cedis(minor: i64) -> Money {
    Money::new(minor, Currency::GHS)
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Paystack at a server that answers so, with little patience.
pub(crate) async fn paystack(answers: impl IntoIterator<Item = Answer>) -> (PaystackGateway, Server) {
    let server = Server::start(answers).await;
    (paystack_at(&server.url), server)
}

pub(crate) fn paystack_at(url: &str) -> PaystackGateway {
    let config = PaystackConfig::new(KEY).unwrap().at(url).unwrap();
    let config = config.with_patience(Duration::from_secs(1), Duration::from_secs(2));
    PaystackGateway::new(config, FixedClock::at(NOW)).unwrap()
}

pub(crate) fn new_charge() -> NewCharge {
    NewCharge {
        reference: REFERENCE.to_owned(),
        amount: cedis(45_000),
        email: "ama@example.org".to_owned(),
        name: Some("Ama Mensah".to_owned()),
        description: "Invoice 2026-02, Attic Hostel".to_owned(),
        callback_url: Some("https://attic.example.org/paid?a=1&b=2".to_owned()),
        expires_at: at("2026-02-01T13:00:00Z"),
    }
}

pub(crate) fn new_refund(reference: &str, minor: i64) -> NewRefund {
    NewRefund {
        reference: reference.to_owned(),
        charge_reference: REFERENCE.to_owned(),
        charge_gateway_id: None,
        gateway_id: None,
        amount: cedis(minor),
        reason: "Moved out early".to_owned(),
        requested_at: at("2026-02-03T08:00:00.750Z"),
    }
}

/// A sandbox over a store of its own.
pub(crate) struct Play {
    pub(crate) gateway: Arc<SandboxGateway>,
    pub(crate) store: Arc<MemorySandbox>,
    pub(crate) clock: Arc<FixedClock>,
}

pub(crate) fn sandbox() -> Play {
    sandbox_with(|config| config)
}

pub(crate) fn sandbox_with(change: impl FnOnce(SandboxConfig) -> SandboxConfig) -> Play {
    let key = SecretKey::new("the-sandbox-signs-with-this").unwrap();
    let config = change(SandboxConfig::new(key, Arc::new(|| "http://127.0.0.1:9/sandbox/checkout".to_owned())));
    let (store, clock) = (Arc::new(MemorySandbox::default()), FixedClock::at(NOW));
    let gateway = Arc::new(SandboxGateway::new(config, store.clone(), clock.clone()));
    Play { gateway, store, clock }
}

/// The last segment of the page's address.
pub(crate) fn ticket_of(checkout: &Checkout) -> String {
    checkout.authorization_url.rsplit('/').next().unwrap().to_owned()
}

pub(crate) fn told_opening(outcome: &Result<Checkout, GatewayError>) -> String {
    match outcome {
        Ok(checkout) => format!("{} {}", checkout.authorization_url, or_none(checkout.access_code.as_ref())),
        Err(error) => told_error(error),
    }
}

pub(crate) fn told_charge(outcome: &Result<ChargeReport, GatewayError>) -> String {
    outcome.as_ref().map_or_else(told_error, charge_line)
}

pub(crate) fn told_refund(outcome: &Result<RefundReport, GatewayError>) -> String {
    outcome.as_ref().map_or_else(told_error, refund_line)
}

pub(crate) fn told_event(outcome: &Result<WebhookEvent, Unreadable>) -> String {
    match outcome {
        Ok(event) => match &event.kind {
            WebhookKind::Charge(report) => format!("charge {}", charge_line(report)),
            WebhookKind::Refund { refund_reference, report } => {
                let of = or_none(event.reference.as_ref());
                format!("refund of {of} ours={} {}", or_none(refund_reference.as_ref()), refund_line(report))
            }
            WebhookKind::Dispute { step, amount } => {
                let (of, amount) = (or_none(event.reference.as_ref()), amount.map_or("-".to_owned(), minor));
                format!("dispute of {of} {amount} ({step})")
            }
            WebhookKind::Other(name) => format!("other {name}"),
        },
        Err(unreadable) => format!("unreadable: {}", unreadable.what),
    }
}

fn charge_line(report: &ChargeReport) -> String {
    let domain = if report.domain == Domain::Live { "live" } else { "test" };
    format!(
        "{:?} {} {domain} {} asked={} fees={} id={}",
        report.status,
        report.reference,
        minor(report.amount),
        minor(report.asked()),
        report.fees.map_or("-".to_owned(), minor),
        or_none(report.gateway_id.as_ref())
    )
}

fn refund_line(report: &RefundReport) -> String {
    format!("{:?} {} id={}", report.status, minor(report.amount), or_none(report.gateway_id.as_ref()))
}

fn told_error(error: &GatewayError) -> String {
    match error {
        GatewayError::Timeout => "timeout".to_owned(),
        GatewayError::Unreachable(why) => format!("unreachable: {why}"),
        GatewayError::Refused { code, message } => format!("refused {code}: {message}"),
        GatewayError::DuplicateReference => "duplicate".to_owned(),
        GatewayError::Unknown => "unknown".to_owned(),
        GatewayError::Malformed { what } => format!("malformed: {what}"),
    }
}

fn minor(money: Money) -> String {
    format!("{}{}", money.currency(), money.amount_minor())
}

fn or_none(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}
