//! Trying a refund once more that needs attention, to an account that somebody named (J31).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, Permission, StoreError};
use serde::Deserialize;

use super::refund::{LOOK_AGAIN, RefundError};
use crate::{
    Bursar,
    events::note_retry,
    model::{IllegalRefundMove, RefundId, RefundState},
    ports::{AccountDetails, GatewayError, NewRefund, PaymentGateway, RefundReport, RefundStatus},
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
    /// Tells the gateway an account for a refund that needs attention. The account is not kept. Before, the gateway is asked
    /// how the refund stands: an earlier attempt may have reached it whose answer was lost. Where it refuses or does not
    /// answer, a repeat with the same key tries again.
    pub async fn retry_refund(
        &self,
        call: &Call,
        id: RefundId,
        command: RetryRefund,
    ) -> Result<RefundView, RefundError> {
        call.require(Permission::PaymentsRefund)?;
        Self::house(call)?;
        let (account_number, bank_id) = command.check()?;
        let (mut uow, repeated) = match self.uows.begin(call).await {
            Ok(uow) => (uow, false),
            // It was begun with this key, and came to no end.
            Err(StoreError::Replayed(kept)) if kept == Outcome::done() => {
                (self.uows.begin(&Self::finishing(call)).await?, true)
            }
            Err(error) => return Err(error.into()),
        };
        let known = uow.refunds().find(id).await?.ok_or(RefundError::RefundNotFound)?;
        let payment = uow.payments().lock(known.record().payment_id).await?.ok_or(RefundError::PaymentNotFound)?;
        let refund = uow.refunds().lock(id).await?.ok_or(RefundError::RefundNotFound)?;
        let state = refund.record().state;
        if state != RefundState::NeedsAttention {
            if repeated {
                let view = RefundView::of(&refund);
                uow.commit(Outcome::of(&view)).await?;
                return Ok(view);
            }
            return Err(IllegalRefundMove { state, attempted: "retried" }.into());
        }
        let provider = &payment.record().provider;
        let gateway = self.gateways.find(provider).cloned();
        let gateway = gateway.ok_or_else(|| RefundError::NotConfigured { provider: provider.clone() })?;
        let asking = self.ask_for(&refund).ok_or(RefundError::BeingAsked)?;
        written(uow.refunds().update(&asking).await?, "refunds")?;
        note_retry(&mut *uow, &self.ambient, &asking);
        uow.enqueue(self.refund_job(&asking, LOOK_AGAIN));
        // That it was begun is all that is kept until the gateway has answered.
        uow.commit(Outcome::done()).await?;

        let to = AccountDetails { currency: asking.record().amount.currency(), account_number, bank_id };
        match ask_again(&*gateway, &Self::order_of(&payment, &asking), &to).await {
            Ok(report) => {
                // What the store does not take now, the job writes down later.
                let done = self.write_report(&Self::finishing(call), id, &report).await;
                Ok(RefundView::of(&done.map_or(asking, |(_payment, refund)| refund)))
            }
            Err(error) => {
                // If the store does not take this, nobody else asks for a while.
                self.leave(&Self::bare(call), id, None).await.ok();
                Err(match error {
                    GatewayError::Refused { message, .. } => RefundError::GatewayRefused(message),
                    GatewayError::Unknown => RefundError::GatewayRefused("it knows no such refund".to_owned()),
                    _ => RefundError::GatewaySilent,
                })
            }
        }
    }
}

/// Tells the gateway an account, if the refund still needs one; else how the refund stands.
async fn ask_again(
    gateway: &dyn PaymentGateway,
    order: &NewRefund,
    to: &AccountDetails,
) -> Result<RefundReport, GatewayError> {
    let found = match gateway.find_refund(order).await {
        // A refusal to tell is no word about the refund.
        Err(GatewayError::Refused { .. }) => return Err(GatewayError::Timeout),
        found => found?,
    };
    if found.status != RefundStatus::NeedsAttention || found.amount != order.amount {
        return Ok(found);
    }
    let gateway_id = found.gateway_id.as_ref().or(order.gateway_id.as_ref()).ok_or(GatewayError::Unknown)?;
    gateway.retry_refund(gateway_id, to).await
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
