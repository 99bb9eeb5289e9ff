//! Deposits with their deductions. What the resident said to those is ciphertext.

use async_trait::async_trait;
use domicile_billing::{
    model::{Answer, BookingId, Deduction, Deposit, DepositId, DepositRecord, DepositStatus, InvoiceId},
    ports::{DepositRepository, Written},
};
use domicile_kernel::{AccountId, HostelId, Instant, StoreError, Text};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::{Rows, currency};
use crate::{
    dialect::{IntoStore, corrupt, for_change, json_rows},
    sealed::{FieldCipher, Place},
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
pub(super) struct DepositRow {
    hostel_id: Uuid,
    pub(super) id: Uuid,
    booking_id: Uuid,
    user_id: Uuid,
    invoice_id: Uuid,
    currency: String,
    held: i64,
    answer_until: Option<i64>,
    answer_accepted: Option<bool>,
    answer_note: Option<Vec<u8>>,
    answer_at: Option<i64>,
    returned: i64,
    status: String,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
    deductions: Option<String>,
}

/// The columns of a deposit `d`. The deductions come in the same statement: in the next they could be another version's.
pub(super) fn columns(postgres: bool) -> String {
    let deductions = json_rows(postgres, "x.number, x.text, x.amount");
    format!(
        "d.hostel_id, d.id, d.booking_id, d.user_id, d.invoice_id, d.currency, d.held, d.answer_until, d.answer_accepted, \
         d.answer_note, d.answer_at, d.returned, d.status, d.version, d.created_at, d.updated_at, (SELECT {deductions} \
         FROM deposit_deductions x WHERE x.hostel_id = d.hostel_id AND x.deposit_id = d.id) AS deductions"
    )
}

/// Where a deposit's sealed column lives.
fn place(hostel: Uuid, id: Uuid) -> Place {
    Place { hostel: Some(hostel), table: "deposits", column: "answer_note", row: id }
}

fn deductions(json: Option<&str>) -> Result<Vec<Deduction>, StoreError> {
    let mut rows: Vec<(i64, String, i64)> =
        serde_json::from_str(json.unwrap_or("[]")).map_err(|_other_shape| corrupt("deposit_deductions"))?;
    rows.sort_by_key(|(number, ..)| *number);
    Ok(rows.into_iter().map(|(_, text, amount)| Deduction { text: Text::clean(&text), amount }).collect())
}

impl DepositRow {
    pub(super) fn deposit(self, cipher: &dyn FieldCipher) -> Result<Deposit, StoreError> {
        let note = place(self.hostel_id, self.id).open(cipher, self.answer_note.as_deref())?;
        let answer = match (self.answer_accepted, self.answer_at) {
            (Some(accepted), Some(at)) => {
                Some(Answer { accepted, note: note.as_deref().map(Text::clean), at: Instant::from_micros(at) })
            }
            (None, None) => None,
            _ => return Err(corrupt("the answer to a deposit's deductions")),
        };
        Ok(Deposit::from_record(DepositRecord {
            id: DepositId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            booking_id: BookingId::new(self.booking_id),
            user_id: AccountId::new(self.user_id),
            invoice_id: InvoiceId::new(self.invoice_id),
            currency: currency(&self.currency, "deposits.currency")?,
            held: self.held,
            deductions: deductions(self.deductions.as_deref())?,
            answer_until: self.answer_until.map(Instant::from_micros),
            answer,
            returned: self.returned,
            status: DepositStatus::parse(&self.status).ok_or_else(|| corrupt("deposits.status"))?,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        }))
    }
}

/// The deposit that a column of it names.
pub(super) async fn find(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    hostel: HostelId,
    column: &str,
    value: Uuid,
) -> Result<Option<Deposit>, StoreError> {
    let columns = columns(tx.is_postgres());
    let sql = format!("SELECT {columns} FROM deposits d WHERE d.hostel_id = $1 AND d.{column} = $2");
    let row = tx.one::<DepositRow>(&sql, [hostel.uuid().into(), value.into()]).await.store()?;
    row.map(|row| row.deposit(cipher)).transpose()
}

/// What a change can touch, from `$3` on; the id is `$2`, the hostel `$1`.
fn changing(hostel: HostelId, is: &DepositRecord, cipher: &dyn FieldCipher) -> Vec<Value> {
    let answer = is.answer.as_ref();
    let note = answer.and_then(|answer| answer.note.as_ref()).map(Text::as_str);
    vec![
        hostel.uuid().into(),
        is.id.uuid().into(),
        is.held.into(),
        is.answer_until.map(Instant::micros).into(),
        answer.map(|answer| answer.accepted).into(),
        place(hostel.uuid(), is.id.uuid()).seal(cipher, note).into(),
        answer.map(|answer| answer.at.micros()).into(),
        is.returned.into(),
        is.status.as_str().into(),
        is.version.into(),
        is.updated_at.micros().into(),
    ]
}

impl SqlUow {
    /// Locks a deposit. What it is is read by the statement after: one that waited for the lock would still see the deductions
    /// as they were before.
    async fn lock_deposit(&self, column: &str, value: Uuid) -> Result<Option<Deposit>, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        let lock = for_change(tx.is_postgres());
        if !lock.is_empty() {
            let sql = format!("SELECT id FROM deposits WHERE hostel_id = $1 AND {column} = $2{lock}");
            tx.run(&sql, [hostel.uuid().into(), value.into()]).await.store()?;
        }
        find(tx, self.cipher(), hostel, column, value).await
    }

    async fn add_deductions(&self, is: &DepositRecord) -> Result<(), StoreError> {
        let mut rows = Rows::of(self.hostel()?);
        for (number, deduction) in (1i64..).zip(&is.deductions) {
            rows.add([is.id.uuid().into(), number.into(), deduction.text.as_str().into(), deduction.amount.into()]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO deposit_deductions (hostel_id, deposit_id, number, text, amount) VALUES {}",
            rows.text()
        );
        self.tx()?.run(&sql, rows.values).await.store()?;
        Ok(())
    }
}

#[async_trait]
impl DepositRepository for SqlUow {
    async fn find(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        find(self.tx()?, self.cipher(), self.hostel()?, "id", id.uuid()).await
    }

    async fn lock(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        self.lock_deposit("id", id.uuid()).await
    }

    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Option<Deposit>, StoreError> {
        self.lock_deposit("booking_id", id.uuid()).await
    }

    async fn insert(&mut self, deposit: &Deposit) -> Result<Written, StoreError> {
        let sql = "INSERT INTO deposits (hostel_id, id, held, answer_until, answer_accepted, answer_note, answer_at, returned, \
                   status, version, updated_at, booking_id, user_id, invoice_id, currency, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING";
        let is = deposit.record();
        let mut values = changing(self.hostel()?, is, self.cipher());
        values.extend([
            is.booking_id.uuid().into(),
            is.user_id.uuid().into(),
            is.invoice_id.uuid().into(),
            is.currency.code().into(),
            is.created_at.micros().into(),
        ]);
        if self.tx()?.run(sql, values).await.store()? != 1 {
            return Ok(Written::Exists);
        }
        self.add_deductions(is).await?;
        Ok(Written::Written)
    }

    async fn update(&mut self, deposit: &Deposit) -> Result<Written, StoreError> {
        let sql = "UPDATE deposits SET held = $3, answer_until = $4, answer_accepted = $5, answer_note = $6, answer_at = $7, \
                   returned = $8, status = $9, version = $10, updated_at = $11 \
                   WHERE hostel_id = $1 AND id = $2 AND version = $10 - 1";
        let is = deposit.record();
        let values = changing(self.hostel()?, is, self.cipher());
        if self.tx()?.run(sql, values).await.store()? != 1 {
            return Ok(Written::Stale);
        }
        let sql = "DELETE FROM deposit_deductions WHERE hostel_id = $1 AND deposit_id = $2";
        self.tx()?.run(sql, [self.hostel()?.uuid().into(), is.id.uuid().into()]).await.store()?;
        self.add_deductions(is).await?;
        Ok(Written::Written)
    }
}
