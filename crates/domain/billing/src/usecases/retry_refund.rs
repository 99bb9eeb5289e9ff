//! Trying a refund once more that needs attention, to an account that somebody named (J31).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, Permission, StoreError};
use serde::Deserialize;

use super::refund::RefundError;
use crate::{
    Bursar,
    model::{IllegalRefundMove, RefundId, RefundState},
    ports::{AccountDetails, GatewayError},
    queries::RefundView,
    stays::written,
};

/// The account a refund is to go to, as it was sent.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RetryRefund {
    /// Its number, 4 to 34 letters and digits. Required.
    pub account_number: Option<String>,
    /// The provider's id of its bank, 1 to 64 letters, digits, `-` and `_`. Required.
    pub bank_id: Option<String>,
}

impl std::fmt::Debug for RetryRefund {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RetryRefund")
    }
}

impl Bursar {
    /// Tells the gateway an account for a refund that needs attention. The account is not kept.
    pub async fn retry_refund(
        &self,
        call: &Call,
        id: RefundId,
        command: RetryRefund,
    ) -> Result<RefundView, RefundError> {
        call.require(Permission::PaymentsRefund)?;
        Self::house(call)?;
        let (account_number, bank_id) = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let known = uow.refunds().find(id).await?.ok_or(RefundError::RefundNotFound)?;
        let payment = uow.payments().lock(known.record().payment_id).await?.ok_or(RefundError::PaymentNotFound)?;
        let refund = uow.refunds().lock(id).await?.ok_or(RefundError::RefundNotFound)?;
        let state = refund.record().state;
        let illegal = IllegalRefundMove { state, attempted: "retried" };
        let gateway_id = refund.record().gateway_id.clone();
        let (RefundState::NeedsAttention, Some(gateway_id)) = (state, gateway_id) else { return Err(illegal.into()) };
        let gateway = self.gateways.find(&payment.record().provider).cloned().ok_or(RefundError::GatewaySilent)?;
        let asking = self.ask_for(&refund).ok_or(illegal)?;
        written(uow.refunds().update(&asking).await?, "refunds")?;
        uow.commit(Outcome::of(&RefundView::of(&asking))).await?;

        let currency = asking.record().amount.currency();
        let answer = gateway.retry_refund(&gateway_id, &AccountDetails { currency, account_number, bank_id }).await;
        let report = match answer {
            Ok(report) => report,
            Err(error) => {
                self.leave(call, id).await?;
                return Err(match error {
                    GatewayError::Refused { message, .. } => RefundError::GatewayRefused(message),
                    _ => RefundError::GatewaySilent,
                });
            }
        };
        let (_payment, refund) = self.write_report(&Self::finishing(call), id, &report).await?;
        Ok(RefundView::of(&refund))
    }

    /// Nobody asks about the refund any more.
    async fn leave(&self, call: &Call, id: RefundId) -> Result<(), StoreError> {
        let mut uow = self.uows.begin(&Self::bare(call)).await?;
        let Some(refund) = uow.refunds().lock(id).await? else { return Ok(()) };
        let state = refund.record().state;
        if let Ok(left) = refund.heard(state, None, None, self.ambient.now()) {
            written(uow.refunds().update(&left).await?, "refunds")?;
            uow.commit(Outcome::done()).await?;
        }
        Ok(())
    }
}

impl RetryRefund {
    fn check(self) -> Result<(String, String), FieldErrors> {
        let mut checks = Checks::new();
        let account = checks.require("account_number", self.account_number);
        let account = word(&mut checks, "account_number", account, 4, 34);
        let bank = checks.require("bank_id", self.bank_id);
        let bank = word(&mut checks, "bank_id", bank, 1, 64);
        checks.conclude(account.zip(bank))
    }
}

/// Letters, digits, `-` and `_` only: it goes into somebody else's address.
fn word(checks: &mut Checks, field: &str, value: Option<String>, min: usize, max: usize) -> Option<String> {
    let value = value?;
    let sane = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let ok = sane && (min..=max).contains(&value.len());
    checks.ensure(ok, field, "format", format!("{field} must be {min} to {max} letters and digits"));
    ok.then_some(value)
}
