//! What payments were used for: rows that are only added, and what stands of them, their sums.

use async_trait::async_trait;
use domicile_billing::{
    PaymentUse,
    model::{Allocation, InvoiceId, PaymentId, Target},
    ports::AllocationRepository,
};
use domicile_kernel::{HostelId, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{Rows, invoices};
use crate::{
    dialect::{IntoStore, corrupt},
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct UseRow {
    target: String,
    invoice_id: Option<Uuid>,
    kind: Option<String>,
    period_from: Option<time::Date>,
    period_to: Option<time::Date>,
    amount: i64,
}

/// A target as its two columns.
pub(super) const fn columns(target: Target) -> (&'static str, Option<InvoiceId>) {
    match target {
        Target::Invoice(id) => ("invoice", Some(id)),
        Target::Wallet => ("wallet", None),
        Target::Suspense => ("suspense", None),
    }
}

/// Reads what [`columns`] gave.
pub(super) fn target(name: &str, invoice: Option<Uuid>) -> Result<Target, StoreError> {
    match (name, invoice) {
        ("invoice", Some(id)) => Ok(Target::Invoice(InvoiceId::new(id))),
        ("wallet", None) => Ok(Target::Wallet),
        ("suspense", None) => Ok(Target::Suspense),
        _ => Err(corrupt("payment_allocations.target")),
    }
}

/// Everything that a payment is or was used for, and how much of it is now, in the order of the targets.
pub(super) async fn uses(tx: &Tx, hostel: HostelId, id: PaymentId) -> Result<Vec<PaymentUse>, StoreError> {
    let sql = "SELECT a.target, a.invoice_id, i.kind, i.period_from, i.period_to, CAST(sum(a.amount) AS BIGINT) AS amount \
               FROM payment_allocations a LEFT JOIN invoices i ON i.hostel_id = a.hostel_id AND i.id = a.invoice_id \
               WHERE a.hostel_id = $1 AND a.payment_id = $2 \
               GROUP BY a.target, a.invoice_id, i.kind, i.period_from, i.period_to";
    let rows = tx.all::<UseRow>(sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    let part = |row: UseRow| {
        let invoice = match (row.kind, row.period_from, row.period_to) {
            (Some(kind), Some(from), Some(to)) => Some((invoices::kind(&kind)?, invoices::period(from, to)?)),
            _ => None,
        };
        Ok(PaymentUse { target: target(&row.target, row.invoice_id)?, invoice, amount: row.amount })
    };
    let mut uses = rows.into_iter().map(part).collect::<Result<Vec<_>, StoreError>>()?;
    uses.sort_by_key(|part| part.target);
    Ok(uses)
}

#[derive(FromQueryResult)]
struct PayerRow {
    payment_id: Uuid,
    amount: i64,
}

#[async_trait]
impl AllocationRepository for SqlUow {
    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<(Target, i64)>, StoreError> {
        let uses = uses(self.tx()?, self.hostel()?, id).await?;
        Ok(uses.into_iter().map(|part| (part.target, part.amount)).filter(|(_, amount)| *amount != 0).collect())
    }

    async fn of_invoice(&mut self, id: InvoiceId) -> Result<Vec<(PaymentId, i64)>, StoreError> {
        let sql = "SELECT a.payment_id, CAST(sum(a.amount) AS BIGINT) AS amount FROM payment_allocations a \
                   JOIN payments p ON p.hostel_id = a.hostel_id AND p.id = a.payment_id \
                   WHERE a.hostel_id = $1 AND a.invoice_id = $2 GROUP BY a.payment_id, p.created_at \
                   HAVING sum(a.amount) <> 0 ORDER BY p.created_at DESC, a.payment_id DESC";
        let rows = self.tx()?.all::<PayerRow>(sql, [self.hostel()?.uuid().into(), id.uuid().into()]).await.store()?;
        Ok(rows.into_iter().map(|row| (PaymentId::new(row.payment_id), row.amount)).collect())
    }

    async fn ever_of_invoice(&mut self, id: InvoiceId) -> Result<Vec<PaymentId>, StoreError> {
        let sql = "SELECT payment_id, CAST(sum(amount) AS BIGINT) AS amount FROM payment_allocations \
                   WHERE hostel_id = $1 AND invoice_id = $2 GROUP BY payment_id ORDER BY payment_id";
        let rows = self.tx()?.all::<PayerRow>(sql, [self.hostel()?.uuid().into(), id.uuid().into()]).await.store()?;
        Ok(rows.into_iter().map(|row| PaymentId::new(row.payment_id)).collect())
    }

    async fn add(&mut self, allocations: &[Allocation]) -> Result<(), StoreError> {
        let mut rows = Rows::of(self.hostel()?);
        for row in allocations {
            let (target, invoice) = columns(row.target);
            rows.add([
                row.payment_id.uuid().into(),
                target.into(),
                invoice.map(InvoiceId::uuid).into(),
                row.amount.into(),
            ]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO payment_allocations (hostel_id, payment_id, target, invoice_id, amount) VALUES {}",
            rows.text()
        );
        self.tx()?.run(&sql, rows.values).await.store()?;
        Ok(())
    }
}
