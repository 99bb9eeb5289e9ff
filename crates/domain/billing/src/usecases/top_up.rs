//! Filling a wallet by a gateway (J32).

use domicile_kernel::{Call, Checks, Feature, FieldErrors, Money, Outcome, Permission, StoreError};
use serde::Deserialize;
use serde_json::json;

use super::initialize::{Beginning, InitializeError, positive};
use crate::{Bursar, model::Purpose, queries::InitializedPayment};

/// How a wallet is to be filled, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TopUpWallet {
    /// How much, in the currency of the hostel. Required.
    pub amount: Option<Money>,
    /// By which gateway; the usual one when absent.
    pub provider: Option<String>,
}

impl Bursar {
    /// Begins to fill the caller's own wallet in the hostel.
    pub async fn top_up_wallet(
        &self,
        call: &Call,
        command: TopUpWallet,
    ) -> Result<InitializedPayment, InitializeError> {
        call.require(Permission::PaymentsCreate)?;
        call.require_feature(Feature::Payments)?;
        Self::house(call)?;
        let payer = call.account()?;
        let gateway = self.gateway(command.provider.as_deref())?;
        let mut uow = match self.uows.begin(call).await {
            Ok(uow) => uow,
            Err(StoreError::Replayed(outcome)) => return self.go_on(call, outcome).await,
            Err(error) => return Err(error.into()),
        };
        let amount = command.check(uow.held_house().await?.currency)?;
        let beginning = Beginning { purpose: Purpose::WalletTopup, payer, booking_id: None, invoice_id: None, amount };
        let (payment, charge) = self.begin_payment(&mut *uow, call, &*gateway, beginning).await?;
        uow.commit(Outcome::of(&InitializedPayment::of(&payment))).await?;
        self.open_checkout(call, &*gateway, payment, &charge).await
    }
}

impl TopUpWallet {
    fn check(&self, currency: domicile_kernel::Currency) -> Result<Money, FieldErrors> {
        let mut checks = Checks::new();
        let sent = checks.require("amount", self.amount);
        let amount = positive(&mut checks, "amount", sent);
        if amount.is_some_and(|amount| amount.currency() != currency) {
            let message = format!("amount.currency must be {currency}, the currency of this hostel");
            checks.fail("amount.currency", "currency", json!({ "currency": currency }), message);
        }
        checks.conclude(amount)
    }
}
