//! Refunds. What is given back, of what and why is written once; of a change only what can change is written.

use async_trait::async_trait;
use domicile_billing::{
    model::{Allocation, DepositId, InvoiceId, PaymentId, Refund, RefundId, RefundOrigin, RefundRecord, RefundState},
    ports::{RefundRepository, Written},
};
use domicile_kernel::{AccountId, HostelId, Instant, Money, StoreError, Text};
use sea_orm::{FromQueryResult, JsonValue, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    allocations::{columns, target},
    currency, whole,
};
use crate::{
    dialect::{IntoStore, corrupt, for_change, json},
    tx::Tx,
    uow::SqlUow,
};

const COLUMNS: &str = "hostel_id, id, payment_id, user_id, amount, currency, reason, origin, deposit_id, taken_from, \
    reference, gateway_id, message, attempts, asking_until, state, version, created_at, updated_at";

#[derive(FromQueryResult)]
struct RefundRow {
    hostel_id: Uuid,
    id: Uuid,
    payment_id: Uuid,
    user_id: Uuid,
    amount: i64,
    currency: String,
    reason: String,
    origin: String,
    deposit_id: Option<Uuid>,
    taken_from: JsonValue,
    reference: String,
    gateway_id: Option<String>,
    message: Option<String>,
    attempts: i64,
    asking_until: Option<i64>,
    state: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// What a refund was taken from, as it is stored.
#[derive(Serialize, Deserialize)]
struct Part {
    target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invoice_id: Option<Uuid>,
    amount: i64,
}

impl Part {
    fn of(allocation: &Allocation) -> Self {
        let (target, invoice) = columns(allocation.target);
        Self { target: target.to_owned(), invoice_id: invoice.map(InvoiceId::uuid), amount: allocation.amount }
    }
}

impl RefundRow {
    fn refund(self) -> Result<Refund, StoreError> {
        let payment_id = PaymentId::new(self.payment_id);
        let parts: Vec<Part> =
            serde_json::from_value(self.taken_from).map_err(|_other_shape| corrupt("refunds.taken_from"))?;
        let part = |part: Part| {
            let target = target(&part.target, part.invoice_id)?;
            Ok(Allocation { payment_id, target, amount: part.amount })
        };
        let origin = match (self.origin.as_str(), self.deposit_id) {
            ("decided", None) => RefundOrigin::Decided,
            ("suspense", None) => RefundOrigin::Suspense,
            ("deposit", Some(id)) => RefundOrigin::Deposit(DepositId::new(id)),
            _ => return Err(corrupt("refunds.origin")),
        };
        Ok(Refund::from_record(RefundRecord {
            id: RefundId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            payment_id,
            user_id: AccountId::new(self.user_id),
            amount: Money::new(self.amount, currency(&self.currency, "refunds.currency")?),
            reason: Text::clean(&self.reason),
            origin,
            taken_from: parts.into_iter().map(part).collect::<Result<_, StoreError>>()?,
            reference: self.reference,
            gateway_id: self.gateway_id,
            message: self.message.as_deref().map(Text::clean),
            attempts: whole(self.attempts, "refunds.attempts")?,
            asking_until: self.asking_until.map(Instant::from_micros),
            state: RefundState::parse(&self.state).ok_or_else(|| corrupt("refunds.state"))?,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        }))
    }
}

/// What a change can touch, from `$3` on; the id is `$2`, the hostel `$1`.
fn changing(hostel: HostelId, is: &RefundRecord) -> Vec<Value> {
    vec![
        hostel.uuid().into(),
        is.id.uuid().into(),
        is.gateway_id.clone().into(),
        is.message.as_ref().map(Text::as_str).into(),
        i64::from(is.attempts).into(),
        is.asking_until.map(Instant::micros).into(),
        is.state.as_str().into(),
        is.version.into(),
        is.updated_at.micros().into(),
    ]
}

pub(super) async fn find(tx: &Tx, hostel: HostelId, id: RefundId, lock: bool) -> Result<Option<Refund>, StoreError> {
    let held = if lock { for_change(tx.is_postgres()) } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM refunds WHERE hostel_id = $1 AND id = $2{held}");
    let row = tx.one::<RefundRow>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    row.map(RefundRow::refund).transpose()
}

pub(super) async fn of_payment(tx: &Tx, hostel: HostelId, id: PaymentId) -> Result<Vec<Refund>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM refunds WHERE hostel_id = $1 AND payment_id = $2 ORDER BY created_at, id");
    let rows = tx.all::<RefundRow>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    rows.into_iter().map(RefundRow::refund).collect()
}

#[async_trait]
impl RefundRepository for SqlUow {
    async fn find(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        find(self.tx()?, self.hostel()?, id, false).await
    }

    async fn lock(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        find(self.tx()?, self.hostel()?, id, true).await
    }

    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<Refund>, StoreError> {
        of_payment(self.tx()?, self.hostel()?, id).await
    }

    async fn insert(&mut self, refund: &Refund) -> Result<Written, StoreError> {
        let sql = "INSERT INTO refunds (hostel_id, id, gateway_id, message, attempts, asking_until, state, version, \
                   updated_at, payment_id, user_id, amount, currency, reason, origin, deposit_id, taken_from, reference, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
                   ON CONFLICT DO NOTHING";
        let is = refund.record();
        let deposit = match is.origin {
            RefundOrigin::Deposit(id) => Some(id.uuid()),
            RefundOrigin::Decided | RefundOrigin::Suspense => None,
        };
        let mut values = changing(self.hostel()?, is);
        values.extend([
            is.payment_id.uuid().into(),
            is.user_id.uuid().into(),
            refund.amount().into(),
            is.amount.currency().code().into(),
            is.reason.as_str().into(),
            is.origin.as_str().into(),
            deposit.into(),
            json(&is.taken_from.iter().map(Part::of).collect::<Vec<_>>())?,
            is.reference.as_str().into(),
            is.created_at.micros().into(),
        ]);
        Ok(match self.tx()?.run(sql, values).await.store()? {
            1 => Written::Written,
            _ => Written::Exists,
        })
    }

    async fn update(&mut self, refund: &Refund) -> Result<Written, StoreError> {
        let sql = "UPDATE refunds SET gateway_id = $3, message = $4, attempts = $5, asking_until = $6, state = $7, \
                   version = $8, updated_at = $9 WHERE hostel_id = $1 AND id = $2 AND version = $8 - 1";
        let values = changing(self.hostel()?, refund.record());
        Ok(match self.tx()?.run(sql, values).await.store()? {
            1 => Written::Written,
            _ => Written::Stale,
        })
    }
}
