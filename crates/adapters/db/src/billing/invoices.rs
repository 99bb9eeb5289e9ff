//! Invoices with their lines. Lines are only ever added; the total beside them is for lists and filters, and the database
//! checks at the commit that it is their sum.

use async_trait::async_trait;
use domicile_billing::{
    model::{BookingId, Invoice, InvoiceId, InvoiceKind, InvoiceRecord, Line, LineKind, Period},
    ports::{InvoiceRepository, Written},
};
use domicile_kernel::{AccountId, HostelId, Instant, StoreError, Text};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::{Rows, currency, day, whole};
use crate::{
    dialect::{IntoStore, corrupt, for_change, json_rows},
    read::from_date,
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
pub(super) struct InvoiceRow {
    hostel_id: Uuid,
    pub(super) id: Uuid,
    booking_id: Uuid,
    user_id: Uuid,
    kind: String,
    sequence: i64,
    period_from: time::Date,
    period_to: time::Date,
    pub(super) due_date: time::Date,
    currency: String,
    paid: i64,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
    lines: Option<String>,
}

/// The columns of an invoice `i`. The lines come in the same statement: in the next they could be another version's.
pub(super) fn columns(postgres: bool) -> String {
    let lines = json_rows(postgres, "l.number, l.kind, l.text, l.amount, l.at");
    format!(
        "i.hostel_id, i.id, i.booking_id, i.user_id, i.kind, i.sequence, i.period_from, i.period_to, i.due_date, \
         i.currency, i.paid, i.version, i.created_at, i.updated_at, (SELECT {lines} FROM invoice_lines l \
         WHERE l.hostel_id = i.hostel_id AND l.invoice_id = i.id) AS lines"
    )
}

pub(super) fn kind(name: &str) -> Result<InvoiceKind, StoreError> {
    InvoiceKind::parse(name).ok_or_else(|| corrupt("invoices.kind"))
}

pub(super) fn period(from: time::Date, to: time::Date) -> Result<Period, StoreError> {
    Ok(Period { from: from_date(from)?, to: from_date(to)? })
}

fn lines(json: Option<&str>) -> Result<Vec<Line>, StoreError> {
    let rows: Vec<(u32, String, String, i64, i64)> =
        serde_json::from_str(json.unwrap_or("[]")).map_err(|_other_shape| corrupt("invoice_lines"))?;
    let line = |(number, kind, text, amount, at): (u32, String, String, i64, i64)| {
        let kind = LineKind::parse(&kind).ok_or_else(|| corrupt("invoice_lines.kind"))?;
        Ok(Line { number, kind, text: Text::clean(&text), amount, at: Instant::from_micros(at) })
    };
    let mut lines = rows.into_iter().map(line).collect::<Result<Vec<_>, StoreError>>()?;
    lines.sort_by_key(|line| line.number);
    Ok(lines)
}

impl InvoiceRow {
    pub(super) fn invoice(self) -> Result<Invoice, StoreError> {
        Invoice::from_record(InvoiceRecord {
            id: InvoiceId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            booking_id: BookingId::new(self.booking_id),
            user_id: AccountId::new(self.user_id),
            kind: kind(&self.kind)?,
            sequence: whole(self.sequence, "invoices.sequence")?,
            period: period(self.period_from, self.period_to)?,
            due_date: from_date(self.due_date)?,
            currency: currency(&self.currency, "invoices.currency")?,
            lines: lines(self.lines.as_deref())?,
            paid: self.paid,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        })
        .map_err(|error| StoreError::Corrupt(error.into()))
    }
}

pub(super) async fn find(tx: &Tx, hostel: HostelId, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
    let columns = columns(tx.is_postgres());
    let sql = format!("SELECT {columns} FROM invoices i WHERE i.hostel_id = $1 AND i.id = $2");
    let row = tx.one::<InvoiceRow>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    row.map(InvoiceRow::invoice).transpose()
}

#[derive(FromQueryResult)]
struct Known {
    lines: i64,
}

/// Locks the invoices that a condition finds, by their ids: any other order could change between two of those who lock. What
/// they are is read by the statement after: one that waited for a lock would still see the lines as they were before.
async fn lock(tx: &Tx, hostel: HostelId, condition: &str, value: Uuid) -> Result<(), StoreError> {
    let lock = for_change(tx.is_postgres());
    if !lock.is_empty() {
        let sql = format!("SELECT id FROM invoices WHERE hostel_id = $1 AND {condition} ORDER BY id{lock}");
        tx.run(&sql, [hostel.uuid().into(), value.into()]).await.store()?;
    }
    Ok(())
}

/// Adds the lines of an invoice behind the first `known`.
fn add(rows: &mut Rows, invoice: &Invoice, known: i64) {
    for line in invoice.record().lines.iter().filter(|line| i64::from(line.number) > known) {
        rows.add([
            invoice.id().uuid().into(),
            i64::from(line.number).into(),
            line.kind.as_str().into(),
            line.text.as_str().into(),
            line.amount.into(),
            line.at.micros().into(),
        ]);
    }
}

async fn write_lines(tx: &Tx, rows: Rows) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO invoice_lines (hostel_id, invoice_id, number, kind, text, amount, at) VALUES {}",
        rows.text()
    );
    tx.run(&sql, rows.values).await.store()?;
    Ok(())
}

fn row(invoice: &Invoice) -> Result<[Value; 14], StoreError> {
    let is = invoice.record();
    Ok([
        is.id.uuid().into(),
        is.booking_id.uuid().into(),
        is.user_id.uuid().into(),
        is.kind.as_str().into(),
        i64::from(is.sequence).into(),
        day(is.period.from)?,
        day(is.period.to)?,
        day(is.due_date)?,
        is.currency.code().into(),
        invoice.total().into(),
        is.paid.into(),
        is.version.into(),
        is.created_at.micros().into(),
        is.updated_at.micros().into(),
    ])
}

#[async_trait]
impl InvoiceRepository for SqlUow {
    async fn find(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
        find(self.tx()?, self.hostel()?, id).await
    }

    async fn lock(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        lock(tx, hostel, "id = $2", id.uuid()).await?;
        find(tx, hostel, id).await
    }

    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Vec<Invoice>, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        lock(tx, hostel, "booking_id = $2", id.uuid()).await?;
        let columns = columns(tx.is_postgres());
        let sql = format!("SELECT {columns} FROM invoices i WHERE i.hostel_id = $1 AND i.booking_id = $2");
        let rows = tx.all::<InvoiceRow>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
        let mut invoices = rows.into_iter().map(InvoiceRow::invoice).collect::<Result<Vec<_>, _>>()?;
        invoices.sort_by_key(Invoice::age);
        Ok(invoices)
    }

    async fn insert(&mut self, invoices: &[Invoice]) -> Result<Written, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        let mut rows = Rows::of(hostel);
        for invoice in invoices {
            rows.add(row(invoice)?);
        }
        if rows.is_empty() {
            return Ok(Written::Written);
        }
        let sql = format!(
            "INSERT INTO invoices (hostel_id, id, booking_id, user_id, kind, sequence, period_from, period_to, due_date, \
             currency, total, paid, version, created_at, updated_at) VALUES {} ON CONFLICT DO NOTHING",
            rows.text()
        );
        if tx.run(&sql, rows.values).await.store()? != invoices.len() as u64 {
            return Ok(Written::Exists);
        }
        let mut lines = Rows::of(hostel);
        for invoice in invoices {
            add(&mut lines, invoice, 0);
        }
        write_lines(tx, lines).await?;
        Ok(Written::Written)
    }

    async fn update(&mut self, invoice: &Invoice) -> Result<Written, StoreError> {
        let (tx, hostel, is) = (self.tx()?, self.hostel()?, invoice.record());
        let sql = "UPDATE invoices SET period_from = $3, period_to = $4, due_date = $5, total = $6, paid = $7, version = $8, \
                   updated_at = $9 WHERE hostel_id = $1 AND id = $2 AND version = $8 - 1 RETURNING (SELECT count(*) \
                   FROM invoice_lines l WHERE l.hostel_id = $1 AND l.invoice_id = $2) AS lines";
        let values = [
            hostel.uuid().into(),
            is.id.uuid().into(),
            day(is.period.from)?,
            day(is.period.to)?,
            day(is.due_date)?,
            invoice.total().into(),
            is.paid.into(),
            is.version.into(),
            is.updated_at.micros().into(),
        ];
        let Some(known) = tx.one::<Known>(sql, values).await.store()? else { return Ok(Written::Stale) };
        let mut lines = Rows::of(hostel);
        add(&mut lines, invoice, known.lines);
        write_lines(tx, lines).await?;
        Ok(Written::Written)
    }
}
