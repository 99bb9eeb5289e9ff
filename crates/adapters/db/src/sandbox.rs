//! The rows of the sandbox gateway. It is somebody outside like any other gateway and nobody's tenant, so the rows know
//! references only; what they mean is the gateway's business, which reads and writes them through whoever joins the two.
//! Each method is a transaction of its own: all of it is done, or nothing.

use domicile_kernel::{Purpose, Scope, StoreError};
use sea_orm::FromQueryResult;

use crate::{
    database::Database,
    dialect::{IntoStore, for_change},
    tx::Tx,
};

/// Nobody's tenant: the installation keeps them.
const SCOPE: Scope = Scope::System(Purpose::Payments);

/// A row of `sandbox_charges`. Amounts are minor units, instants microseconds.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct ChargeRow {
    /// There is one charge to a reference, ever.
    pub reference: String,
    /// What it is for.
    pub description: String,
    /// What is asked for.
    pub amount: i64,
    /// The currency's code.
    pub currency: String,
    /// How much of it was given back, or is on its way.
    pub refunded: i64,
    /// `open`, `hanging`, `paid` or `declined`.
    pub state: String,
    /// Where the page leads back to.
    pub return_url: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// Until when it can be paid.
    pub expires_at: i64,
    /// When it was paid or declined.
    pub decided_at: Option<i64>,
    /// How many times the outcome is to be told.
    pub notices_due: i64,
    /// How many times it was told.
    pub notices_sent: i64,
    /// Grows by one with each change of the rest.
    pub version: i64,
}

/// A row of `sandbox_refunds`. Amounts are minor units, instants microseconds.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct RefundRow {
    /// There is one refund to a reference, ever.
    pub reference: String,
    /// The charge that is refunded.
    pub charge_reference: String,
    /// How much goes back.
    pub amount: i64,
    /// The currency's code.
    pub currency: String,
    /// `pending`, `processed`, `failed` or `needs-attention`.
    pub state: String,
    /// When it was asked for.
    pub created_at: i64,
    /// How many times its state is to be told.
    pub notices_due: i64,
    /// How many times it was told.
    pub notices_sent: i64,
    /// Grows by one with each change of the rest.
    pub version: i64,
}

/// What became of writing a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RefundWritten {
    /// It is written, and the charge's `refunded` is raised by its amount if it counts.
    Written,
    /// There is a refund with this reference. Nothing was changed.
    Exists,
    /// There is no charge with the reference, or it is not paid. Nothing was changed.
    NotPaid,
    /// The charge does not hold so much any more, or is of another currency. Nothing was changed.
    TooMuch,
}

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `sandbox_charges`.
    Charges,
    /// `sandbox_refunds`.
    Refunds,
}

/// A row whose outcome is still to be told: `notices_sent < notices_due`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// A charge that was paid or declined.
    Charge(ChargeRow),
    /// A refund.
    Refund(RefundRow),
}

impl Untold {
    /// Since when it waits.
    fn since(&self) -> i64 {
        match self {
            Self::Charge(row) => row.decided_at.unwrap_or(row.created_at),
            Self::Refund(row) => row.created_at,
        }
    }
}

const CHARGE: &str = "SELECT reference, description, amount, currency, refunded, state, return_url, created_at, expires_at, \
    decided_at, notices_due, notices_sent, version FROM sandbox_charges";
const REFUND: &str = "SELECT reference, charge_reference, amount, currency, state, created_at, notices_due, notices_sent, \
    version FROM sandbox_refunds";

async fn charge(tx: &Tx, reference: &str, lock: bool) -> Result<Option<ChargeRow>, StoreError> {
    let held = if lock { for_change(tx.is_postgres()) } else { "" };
    tx.one(&format!("{CHARGE} WHERE reference = $1{held}"), [reference.into()]).await.store()
}

async fn refund(tx: &Tx, reference: &str) -> Result<Option<RefundRow>, StoreError> {
    tx.one(&format!("{REFUND} WHERE reference = $1"), [reference.into()]).await.store()
}

/// Writes a refund of a locked charge, if the charge holds it.
async fn write_refund(tx: &Tx, row: &RefundRow, counts: bool) -> Result<RefundWritten, StoreError> {
    let charge = charge(tx, &row.charge_reference, true).await?;
    if refund(tx, &row.reference).await?.is_some() {
        return Ok(RefundWritten::Exists);
    }
    let Some(charge) = charge.filter(|charge| charge.state == "paid") else { return Ok(RefundWritten::NotPaid) };
    let refunded = charge.refunded.checked_add(row.amount).filter(|refunded| *refunded <= charge.amount);
    let Some(refunded) = refunded.filter(|_| charge.currency == row.currency) else {
        return Ok(RefundWritten::TooMuch);
    };
    let sql = "INSERT INTO sandbox_refunds (reference, charge_reference, amount, currency, state, created_at, notices_due, \
               notices_sent, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let values = [
        row.reference.as_str().into(),
        row.charge_reference.as_str().into(),
        row.amount.into(),
        row.currency.as_str().into(),
        row.state.as_str().into(),
        row.created_at.into(),
        row.notices_due.into(),
        row.notices_sent.into(),
        row.version.into(),
    ];
    if tx.run(sql, values).await.store()? != 1 {
        return Ok(RefundWritten::Exists);
    }
    if counts {
        let sql = "UPDATE sandbox_charges SET refunded = $2 WHERE reference = $1";
        tx.run(sql, [row.charge_reference.as_str().into(), refunded.into()]).await.store()?;
    }
    Ok(RefundWritten::Written)
}

impl Database {
    /// Writes a new charge. False, and nothing is changed, when there is one with the reference.
    pub async fn insert_sandbox_charge(&self, row: &ChargeRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO sandbox_charges (reference, description, amount, currency, refunded, state, return_url, \
                   created_at, expires_at, decided_at, notices_due, notices_sent, version) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
        let values = [
            row.reference.as_str().into(),
            row.description.as_str().into(),
            row.amount.into(),
            row.currency.as_str().into(),
            row.refunded.into(),
            row.state.as_str().into(),
            row.return_url.clone().into(),
            row.created_at.into(),
            row.expires_at.into(),
            row.decided_at.into(),
            row.notices_due.into(),
            row.notices_sent.into(),
            row.version.into(),
        ];
        let tx = self.write_tx(&SCOPE).await?;
        let written = tx.run(sql, values).await.store()?;
        tx.commit().await.store()?;
        Ok(written == 1)
    }

    /// The charge of a reference.
    pub async fn sandbox_charge(&self, reference: &str) -> Result<Option<ChargeRow>, StoreError> {
        charge(&self.read_tx(&SCOPE).await?, reference, false).await
    }

    /// Writes `state`, `decided_at`, `notices_due` and `version` over the version before. False, and nothing is changed, when
    /// the stored charge is not of that version.
    pub async fn move_sandbox_charge(&self, row: &ChargeRow) -> Result<bool, StoreError> {
        let sql = "UPDATE sandbox_charges SET state = $2, decided_at = $3, notices_due = $4, version = $5 \
                   WHERE reference = $1 AND version = $5 - 1";
        let values = [
            row.reference.as_str().into(),
            row.state.as_str().into(),
            row.decided_at.into(),
            row.notices_due.into(),
            row.version.into(),
        ];
        let tx = self.write_tx(&SCOPE).await?;
        let moved = tx.run(sql, values).await.store()?;
        tx.commit().await.store()?;
        Ok(moved == 1)
    }

    /// Writes a new refund, and raises `refunded` of its charge by its amount if it counts; of any number that are written at
    /// once, no more go through than the charge's amount covers.
    pub async fn insert_sandbox_refund(&self, row: &RefundRow, counts: bool) -> Result<RefundWritten, StoreError> {
        let tx = self.write_tx(&SCOPE).await?;
        let written = write_refund(&tx, row, counts).await?;
        if written == RefundWritten::Written {
            tx.commit().await.store()?;
        } else {
            tx.rollback().await.store()?;
        }
        Ok(written)
    }

    /// The refund of a reference.
    pub async fn sandbox_refund(&self, reference: &str) -> Result<Option<RefundRow>, StoreError> {
        refund(&self.read_tx(&SCOPE).await?, reference).await
    }

    /// Writes `state`, `notices_due` and `version` over the version before. False, and nothing is changed, when the stored
    /// refund is not of that version.
    pub async fn move_sandbox_refund(&self, row: &RefundRow) -> Result<bool, StoreError> {
        let sql = "UPDATE sandbox_refunds SET state = $2, notices_due = $3, version = $4 \
                   WHERE reference = $1 AND version = $4 - 1";
        let values =
            [row.reference.as_str().into(), row.state.as_str().into(), row.notices_due.into(), row.version.into()];
        let tx = self.write_tx(&SCOPE).await?;
        let moved = tx.run(sql, values).await.store()?;
        tx.commit().await.store()?;
        Ok(moved == 1)
    }

    /// At most so many rows whose outcome is still to be told, those that wait longest first.
    pub async fn untold_by_sandbox(&self, at_most: u32) -> Result<Vec<Untold>, StoreError> {
        let tx = self.read_tx(&SCOPE).await?;
        let charges = format!(
            "{CHARGE} WHERE notices_sent < notices_due ORDER BY coalesce(decided_at, created_at), reference LIMIT {at_most}"
        );
        let refunds =
            format!("{REFUND} WHERE notices_sent < notices_due ORDER BY created_at, reference LIMIT {at_most}");
        let charges = tx.all(&charges, []).await.store()?.into_iter().map(Untold::Charge);
        let mut untold: Vec<Untold> = charges.collect();
        untold.extend(tx.all(&refunds, []).await.store()?.into_iter().map(Untold::Refund));
        untold.sort_by_key(Untold::since);
        untold.truncate(at_most as usize);
        Ok(untold)
    }

    /// Raises `notices_sent` of a row from `number - 1` to `number`. False, and nothing is changed, when it stands elsewhere.
    pub async fn told_by_sandbox(&self, table: Table, reference: &str, number: u32) -> Result<bool, StoreError> {
        let table = match table {
            Table::Charges => "sandbox_charges",
            Table::Refunds => "sandbox_refunds",
        };
        let sql = format!(
            "UPDATE {table} SET notices_sent = $2 WHERE reference = $1 AND notices_sent = $2 - 1 AND notices_due >= $2"
        );
        let tx = self.write_tx(&SCOPE).await?;
        let told = tx.run(&sql, [reference.into(), i64::from(number).into()]).await.store()?;
        tx.commit().await.store()?;
        Ok(told == 1)
    }
}
