//! The sandbox from the side of the house: the port of every gateway.

use std::time::Duration;

use async_trait::async_trait;
use domicile_billing::ports::{
    AccountDetails, ChargeReport, ChargeStatus, Checkout, Domain, GatewayError, NewCharge, NewRefund, PaymentGateway,
    RefundReport, RefundStatus, Unreadable, WebhookEvent,
};
use domicile_kernel::{Currency, Instant, Money, StoreError};

use super::{
    SIGNATURE_HEADER, SandboxGateway,
    charge::{SandboxCharge, SandboxState},
    notice::number_of,
    page::leads_to_a_page,
    refund::{SandboxRefund, SandboxRefundState},
    store::RefundWritten,
};
use crate::{note, wire::read_event};

#[async_trait]
impl PaymentGateway for SandboxGateway {
    fn provider(&self) -> &'static str {
        "sandbox"
    }

    fn domain(&self) -> Domain {
        Domain::Test
    }

    fn session_length(&self) -> Duration {
        self.config.session
    }

    fn takes(&self, _currency: Currency) -> bool {
        true
    }

    async fn initialize(&self, charge: &NewCharge) -> Result<Checkout, GatewayError> {
        sendable(&charge.reference, charge.amount)?;
        let now = self.clock.now();
        let opened = SandboxCharge {
            reference: charge.reference.clone(),
            description: charge.description.clone(),
            amount: charge.amount,
            refunded: Money::zero(charge.amount.currency()),
            state: SandboxState::Open,
            return_url: charge.callback_url.clone().filter(|url| leads_to_a_page(url)),
            created_at: now,
            expires_at: charge.expires_at.min(now.plus(self.config.session)),
            decided_at: None,
            notices_due: 0,
            notices_sent: 0,
            version: 1,
        };
        let is_new = self.store.insert_charge(&opened).await.map_err(store_failed)?;
        self.slowly(self.config.delays.initialize).await?;
        if !is_new {
            return Err(GatewayError::DuplicateReference);
        }
        Ok(self.checkout(&opened.reference))
    }

    /// The address follows from the reference, so it can be told again.
    fn checkout_of(&self, reference: &str) -> Option<Checkout> {
        note::is_sendable(reference).then(|| self.checkout(reference))
    }

    async fn verify(&self, reference: &str) -> Result<ChargeReport, GatewayError> {
        let charge = self.store.find_charge(reference).await.map_err(store_failed)?.ok_or(GatewayError::Unknown)?;
        if charge.state == SandboxState::Hanging {
            self.slowly(self.config.delays.verify_hanging).await?;
        }
        Ok(charge_report(&charge, self.clock.now()))
    }

    /// Unlike a real one, the sandbox knows the refund by its reference and makes it once.
    async fn refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        sendable(&refund.reference, refund.amount)?;
        let made = SandboxRefund {
            reference: refund.reference.clone(),
            charge_reference: refund.charge_reference.clone(),
            amount: refund.amount,
            state: self.config.refunds,
            created_at: self.clock.now(),
            notices_due: 1,
            notices_sent: 0,
            version: 1,
        };
        let written = self.store.insert_refund(&made).await.map_err(store_failed)?;
        self.slowly(self.config.delays.refund).await?;
        match written {
            RefundWritten::Written => Ok(refund_report(&made)),
            RefundWritten::Exists => self.find_refund(refund).await,
            RefundWritten::NotPaid => Err(refused("transaction_not_found", "No paid charge has this reference")),
            RefundWritten::TooMuch => Err(refused("amount_exceeded", "The charge does not hold so much any more")),
        }
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        let found = self.store.find_refund(&refund.reference).await.map_err(store_failed)?;
        let found = found.ok_or(GatewayError::Unknown)?;
        if found.charge_reference != refund.charge_reference || found.amount != refund.amount {
            return Err(GatewayError::Malformed {
                what: "the refund of this reference is about other money".to_owned(),
            });
        }
        Ok(refund_report(&found))
    }

    async fn retry_refund(&self, gateway_id: &str, to: &AccountDetails) -> Result<RefundReport, GatewayError> {
        let found = self.store.find_refund(gateway_id).await.map_err(store_failed)?.ok_or(GatewayError::Unknown)?;
        if found.state != SandboxRefundState::NeedsAttention {
            return Err(refused("invalid_params", "Only a refund that needs attention can be tried again"));
        }
        if to.account_number.trim().is_empty() || to.bank_id.trim().is_empty() || to.currency != found.amount.currency()
        {
            return Err(refused("invalid_params", "The account needs a number, a bank and the refund's currency"));
        }
        let next = SandboxRefund {
            state: SandboxRefundState::Processed,
            notices_due: found.notices_due.saturating_add(1),
            version: found.version.saturating_add(1),
            ..found
        };
        if self.store.move_refund(&next).await.map_err(store_failed)? {
            Ok(refund_report(&next))
        } else {
            Err(refused("invalid_params", "Somebody else tried it again just now"))
        }
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

impl SandboxGateway {
    fn checkout(&self, reference: &str) -> Checkout {
        let ticket = self.ticket(reference);
        let base = (self.config.checkout_base)();
        Checkout { authorization_url: format!("{}/{ticket}", base.trim_end_matches('/')), access_code: Some(ticket) }
    }

    /// Takes its time, and gives up where a caller of a real one would.
    async fn slowly(&self, delay: Duration) -> Result<(), GatewayError> {
        let patience = self.config.delays.patience;
        if delay.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(delay.min(patience)).await;
        if delay >= patience { Err(GatewayError::Timeout) } else { Ok(()) }
    }
}

/// Nobody pays less than one unit, and no reference leaves its place in an address.
fn sendable(reference: &str, amount: Money) -> Result<(), GatewayError> {
    if !note::is_sendable(reference) {
        return Err(refused("invalid_reference", "A reference is letters, digits, '-', '.' and '='"));
    }
    if amount.amount_minor() <= 0 {
        return Err(refused("invalid_amount", "An amount is at least one minor unit"));
    }
    Ok(())
}

fn charge_report(charge: &SandboxCharge, now: Instant) -> ChargeReport {
    let status = match charge.state {
        SandboxState::Open | SandboxState::Hanging if charge.has_expired(now) => ChargeStatus::Abandoned,
        SandboxState::Open | SandboxState::Hanging => ChargeStatus::Pending,
        SandboxState::Paid if charge.refunded == charge.amount => ChargeStatus::Reversed,
        SandboxState::Paid => ChargeStatus::Success,
        SandboxState::Declined => ChargeStatus::Failed,
    };
    let is_paid = charge.state == SandboxState::Paid;
    ChargeReport {
        reference: charge.reference.clone(),
        status,
        amount: charge.amount,
        requested: Some(charge.amount),
        domain: Domain::Test,
        gateway_id: Some(number_of(&charge.reference).to_string()),
        fees: is_paid.then(|| charge.fees()),
        paid_at: charge.decided_at.filter(|_| is_paid),
        message: (charge.state == SandboxState::Declined).then(|| "Declined".to_owned()),
    }
}

fn refund_report(refund: &SandboxRefund) -> RefundReport {
    RefundReport {
        status: match refund.state {
            SandboxRefundState::Pending => RefundStatus::Pending,
            SandboxRefundState::Processed => RefundStatus::Processed,
            SandboxRefundState::Failed => RefundStatus::Failed,
            SandboxRefundState::NeedsAttention => RefundStatus::NeedsAttention,
        },
        amount: refund.amount,
        gateway_id: Some(refund.reference.clone()),
        message: None,
    }
}

fn refused(code: &str, message: &str) -> GatewayError {
    GatewayError::Refused { code: code.to_owned(), message: message.to_owned() }
}

fn store_failed(error: StoreError) -> GatewayError {
    GatewayError::Unreachable(format!("the sandbox's store failed: {error}"))
}
