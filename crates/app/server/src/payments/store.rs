//! The sandbox's charges and refunds in the database: a renaming of rows. Beside it: what is to be told is wanted at once.

use async_trait::async_trait;
use domicile_billing::ports::BillingUows;
use domicile_db::{
    Database,
    sandbox::{self, ChargeRow, RefundRow, Table},
};
use domicile_kernel::{
    Actor, Ambient, Call, Currency, Instant, Money, NewJob, Outcome, Purpose, RequestId, Scope, StoreError, Who,
};
use domicile_payments::sandbox::{
    About, NoticeId, RefundWritten, SandboxCharge, SandboxRefund, SandboxRefundState, SandboxState, SandboxStore,
    Untold,
};
use domicile_workflows::SANDBOX_NOTICE;
use serde_json::json;

/// Charges and refunds, in the database.
pub(super) struct Charges {
    pub database: Database,
    pub ambient: Ambient,
}

impl Charges {
    /// Wants told what is to be told. It is told without this as well, only later: whoever tells looks now and then.
    pub(super) async fn tell_soon(&self) {
        #[expect(clippy::disallowed_methods, reason = "the gateway in this process acts for the installation")]
        let actor = Actor::vouched_for(Who::System(Purpose::Payments));
        let request_id = RequestId::from_uuid(self.ambient.ids.uuid());
        let call = Call::new(actor, Scope::System(Purpose::Payments), request_id);
        let job = NewJob {
            id: self.ambient.id(),
            kind: SANDBOX_NOTICE,
            key: SANDBOX_NOTICE.to_owned(),
            due: self.ambient.now(),
            payload: json!({}),
        };
        let wanted = async {
            let mut uow = BillingUows::begin(&self.database, &call).await?;
            uow.enqueue(job);
            uow.commit(Outcome::done()).await
        };
        if let Err(error) = wanted.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what the sandbox has to tell is told later");
        }
    }
}

#[async_trait]
impl SandboxStore for Charges {
    async fn insert_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        self.database.insert_sandbox_charge(&charge_row(charge)).await
    }

    async fn find_charge(&self, reference: &str) -> Result<Option<SandboxCharge>, StoreError> {
        self.database.sandbox_charge(reference).await?.map(charge).transpose()
    }

    async fn move_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        let moved = self.database.move_sandbox_charge(&charge_row(charge)).await?;
        if moved && charge.notices_due > charge.notices_sent {
            self.tell_soon().await;
        }
        Ok(moved)
    }

    async fn insert_refund(&self, refund: &SandboxRefund) -> Result<RefundWritten, StoreError> {
        match self.database.insert_sandbox_refund(&refund_row(refund), refund.counts()).await? {
            sandbox::RefundWritten::Written => {
                self.tell_soon().await;
                Ok(RefundWritten::Written)
            }
            sandbox::RefundWritten::Exists => Ok(RefundWritten::Exists),
            sandbox::RefundWritten::NotPaid => Ok(RefundWritten::NotPaid),
            sandbox::RefundWritten::TooMuch => Ok(RefundWritten::TooMuch),
        }
    }

    async fn find_refund(&self, reference: &str) -> Result<Option<SandboxRefund>, StoreError> {
        self.database.sandbox_refund(reference).await?.map(refund).transpose()
    }

    async fn move_refund(&self, refund: &SandboxRefund) -> Result<bool, StoreError> {
        let moved = self.database.move_sandbox_refund(&refund_row(refund)).await?;
        if moved {
            self.tell_soon().await;
        }
        Ok(moved)
    }

    async fn untold(&self, at_most: u32) -> Result<Vec<Untold>, StoreError> {
        let rows = self.database.untold_by_sandbox(at_most).await?;
        let untold = rows.into_iter().map(|row| match row {
            sandbox::Untold::Charge(row) => charge(row).map(Untold::Charge),
            sandbox::Untold::Refund(row) => refund(row).map(Untold::Refund),
        });
        untold.collect()
    }

    async fn delivered(&self, notice: &NoticeId) -> Result<bool, StoreError> {
        let table = match notice.about {
            About::Charge => Table::Charges,
            About::Refund => Table::Refunds,
        };
        self.database.told_by_sandbox(table, &notice.reference, notice.number).await
    }
}

fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt(format!("{column} is not readable").into())
}

fn money(amount: i64, currency: &str, column: &str) -> Result<Money, StoreError> {
    Ok(Money::new(amount, Currency::parse(currency).map_err(|_unknown| corrupt(column))?))
}

fn count(number: i64, column: &str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_negative_or_huge| corrupt(column))
}

fn charge(row: ChargeRow) -> Result<SandboxCharge, StoreError> {
    Ok(SandboxCharge {
        amount: money(row.amount, &row.currency, "sandbox_charges.currency")?,
        refunded: money(row.refunded, &row.currency, "sandbox_charges.currency")?,
        state: SandboxState::parse(&row.state).ok_or_else(|| corrupt("sandbox_charges.state"))?,
        created_at: Instant::from_micros(row.created_at),
        expires_at: Instant::from_micros(row.expires_at),
        decided_at: row.decided_at.map(Instant::from_micros),
        notices_due: count(row.notices_due, "sandbox_charges.notices_due")?,
        notices_sent: count(row.notices_sent, "sandbox_charges.notices_sent")?,
        reference: row.reference,
        description: row.description,
        return_url: row.return_url,
        version: row.version,
    })
}

fn charge_row(charge: &SandboxCharge) -> ChargeRow {
    ChargeRow {
        reference: charge.reference.clone(),
        description: charge.description.clone(),
        amount: charge.amount.amount_minor(),
        currency: charge.amount.currency().code().to_owned(),
        refunded: charge.refunded.amount_minor(),
        state: charge.state.as_str().to_owned(),
        return_url: charge.return_url.clone(),
        created_at: charge.created_at.micros(),
        expires_at: charge.expires_at.micros(),
        decided_at: charge.decided_at.map(Instant::micros),
        notices_due: charge.notices_due.into(),
        notices_sent: charge.notices_sent.into(),
        version: charge.version,
    }
}

fn refund(row: RefundRow) -> Result<SandboxRefund, StoreError> {
    Ok(SandboxRefund {
        amount: money(row.amount, &row.currency, "sandbox_refunds.currency")?,
        state: SandboxRefundState::parse(&row.state).ok_or_else(|| corrupt("sandbox_refunds.state"))?,
        created_at: Instant::from_micros(row.created_at),
        notices_due: count(row.notices_due, "sandbox_refunds.notices_due")?,
        notices_sent: count(row.notices_sent, "sandbox_refunds.notices_sent")?,
        reference: row.reference,
        charge_reference: row.charge_reference,
        version: row.version,
    })
}

fn refund_row(refund: &SandboxRefund) -> RefundRow {
    RefundRow {
        reference: refund.reference.clone(),
        charge_reference: refund.charge_reference.clone(),
        amount: refund.amount.amount_minor(),
        currency: refund.amount.currency().code().to_owned(),
        state: refund.state.as_str().to_owned(),
        created_at: refund.created_at.micros(),
        notices_due: refund.notices_due.into(),
        notices_sent: refund.notices_sent.into(),
        version: refund.version,
    }
}
