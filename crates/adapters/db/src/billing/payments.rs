//! Payments. Where the payer pays is ciphertext, for who has the address can use it. What a payment is for is written once:
//! of a change only what can change is written.

use async_trait::async_trait;
use domicile_billing::{
    model::{BookingId, InvoiceId, Payment, PaymentId, PaymentRecord, PaymentState, Purpose},
    ports::{PaymentRepository, PaymentWritten},
};
use domicile_kernel::{AccountId, HostelId, Instant, Money, StoreError, Text};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::currency;
use crate::{
    dialect::{IntoStore, corrupt, for_change},
    sealed::{FieldCipher, Place},
    tx::Tx,
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "p.hostel_id, p.id, p.user_id, p.booking_id, p.invoice_id, p.purpose, p.provider, \
    p.reference, p.amount, p.currency, p.refunded, p.refund_pending, p.fees, p.gateway_id, p.authorization_url, \
    p.asking_until, p.expires_at, p.state, p.settled_at, p.failure, p.version, p.created_at, p.updated_at";

#[derive(FromQueryResult)]
pub(super) struct PaymentRow {
    hostel_id: Uuid,
    pub(super) id: Uuid,
    user_id: Uuid,
    booking_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    purpose: String,
    provider: String,
    reference: String,
    pub(super) amount: i64,
    currency: String,
    refunded: i64,
    refund_pending: i64,
    fees: Option<i64>,
    gateway_id: Option<String>,
    authorization_url: Option<Vec<u8>>,
    asking_until: Option<i64>,
    expires_at: i64,
    state: String,
    settled_at: Option<i64>,
    failure: Option<String>,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
}

/// Where a payment's sealed column lives.
fn place(hostel: Uuid, id: Uuid) -> Place {
    Place { hostel: Some(hostel), table: "payments", column: "authorization_url", row: id }
}

impl PaymentRow {
    pub(super) fn payment(self, cipher: &dyn FieldCipher) -> Result<Payment, StoreError> {
        let state = self.state()?;
        let authorization_url = place(self.hostel_id, self.id).open(cipher, self.authorization_url.as_deref())?;
        Payment::from_record(PaymentRecord {
            id: PaymentId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            user_id: AccountId::new(self.user_id),
            booking_id: self.booking_id.map(BookingId::new),
            invoice_id: self.invoice_id.map(InvoiceId::new),
            purpose: Purpose::parse(&self.purpose).ok_or_else(|| corrupt("payments.purpose"))?,
            provider: self.provider,
            reference: self.reference,
            amount: Money::new(self.amount, currency(&self.currency, "payments.currency")?),
            refunded: self.refunded,
            refund_pending: self.refund_pending,
            fees: self.fees,
            gateway_id: self.gateway_id,
            authorization_url,
            asking_until: self.asking_until.map(Instant::from_micros),
            expires_at: Instant::from_micros(self.expires_at),
            state,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        })
        .map_err(|error| StoreError::Corrupt(error.into()))
    }

    fn state(&self) -> Result<PaymentState, StoreError> {
        let at = || self.settled_at.map(Instant::from_micros).ok_or_else(|| corrupt("payments.settled_at"));
        match self.state.as_str() {
            "pending" => Ok(PaymentState::Pending),
            "completed" => Ok(PaymentState::Completed { at: at()? }),
            "failed" => {
                let why = self.failure.as_deref().ok_or_else(|| corrupt("payments.failure"))?;
                Ok(PaymentState::Failed { at: at()?, why: Text::clean(why) })
            }
            _ => Err(corrupt("payments.state")),
        }
    }
}

/// The state as its columns.
fn entered(state: &PaymentState) -> (&'static str, Option<Instant>, Option<&str>) {
    match state {
        PaymentState::Pending => ("pending", None, None),
        PaymentState::Completed { at } => ("completed", Some(*at), None),
        PaymentState::Failed { at, why } => ("failed", Some(*at), Some(why.as_str())),
    }
}

/// What a change can touch, from `$3` on; the id is `$2`, the hostel `$1`.
fn changing(hostel: HostelId, payment: &Payment, cipher: &dyn FieldCipher) -> Vec<Value> {
    let is = payment.record();
    let (state, at, failure) = entered(&is.state);
    vec![
        hostel.uuid().into(),
        is.id.uuid().into(),
        is.refunded.into(),
        is.refund_pending.into(),
        is.fees.into(),
        is.gateway_id.clone().into(),
        place(hostel.uuid(), is.id.uuid()).seal(cipher, is.authorization_url.as_deref()).into(),
        is.asking_until.map(Instant::micros).into(),
        is.expires_at.micros().into(),
        state.into(),
        at.map(Instant::micros).into(),
        failure.into(),
        is.version.into(),
        is.updated_at.micros().into(),
    ]
}

/// The payment of a hostel that a condition on `$2` finds.
pub(super) async fn find(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    hostel: HostelId,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<Payment>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM payments p WHERE p.hostel_id = $1 AND {condition}");
    let values = std::iter::once(hostel.uuid().into()).chain(values);
    tx.one::<PaymentRow>(&sql, values).await.store()?.map(|row| row.payment(cipher)).transpose()
}

#[async_trait]
impl PaymentRepository for SqlUow {
    async fn find(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        find(self.tx()?, self.cipher(), self.hostel()?, "p.id = $2", [id.uuid().into()]).await
    }

    async fn lock(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        let condition = format!("p.id = $2{}", for_change(self.tx()?.is_postgres()));
        find(self.tx()?, self.cipher(), self.hostel()?, &condition, [id.uuid().into()]).await
    }

    async fn find_by_reference(&mut self, provider: &str, reference: &str) -> Result<Option<Payment>, StoreError> {
        let values = [provider.into(), reference.into()];
        find(self.tx()?, self.cipher(), self.hostel()?, "p.provider = $2 AND p.reference = $3", values).await
    }

    async fn insert(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError> {
        let sql = "INSERT INTO payments (hostel_id, id, refunded, refund_pending, fees, gateway_id, authorization_url, \
                   asking_until, expires_at, state, settled_at, failure, version, updated_at, user_id, booking_id, \
                   invoice_id, purpose, provider, reference, amount, currency, created_at) VALUES ($1, $2, $3, $4, $5, $6, \
                   $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) ON CONFLICT DO NOTHING";
        let is = payment.record();
        let mut values = changing(self.hostel()?, payment, self.cipher());
        values.extend([
            is.user_id.uuid().into(),
            is.booking_id.map(BookingId::uuid).into(),
            is.invoice_id.map(InvoiceId::uuid).into(),
            is.purpose.as_str().into(),
            is.provider.as_str().into(),
            is.reference.as_str().into(),
            payment.amount().into(),
            is.amount.currency().code().into(),
            is.created_at.micros().into(),
        ]);
        Ok(match self.tx()?.run(sql, values).await.store()? {
            1 => PaymentWritten::Written,
            _ => PaymentWritten::ReferenceTaken,
        })
    }

    async fn update(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError> {
        let sql = "UPDATE payments SET refunded = $3, refund_pending = $4, fees = $5, gateway_id = $6, \
                   authorization_url = $7, asking_until = $8, expires_at = $9, state = $10, settled_at = $11, failure = $12, \
                   version = $13, updated_at = $14 WHERE hostel_id = $1 AND id = $2 AND version = $13 - 1";
        let values = changing(self.hostel()?, payment, self.cipher());
        Ok(match self.tx()?.run(sql, values).await.store()? {
            1 => PaymentWritten::Written,
            _ => PaymentWritten::Stale,
        })
    }
}
