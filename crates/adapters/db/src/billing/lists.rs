//! The lists of money: how each is filtered, sorted and paged.

use domicile_billing::{
    DepositFilter, DepositView, InvoiceFilter, InvoiceView, JournalFilter, JournalView, PaymentFilter, PaymentView,
    PutAsideView, QuarantineView,
    model::{Account, InboxEntryId, InvoiceStatus, JournalId, PaymentId, PaymentStatus, QuarantineId, Suspicion},
    queries::EntryView,
};
use domicile_kernel::{Cursor, HostelId, Instant, Money, Page, PageOf, StoreError, Text};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{
    currency, day,
    deposits::{self, DepositRow},
    invoices::{self, InvoiceRow},
    payments::{self, PaymentRow},
};
use crate::{
    dialect::{corrupt, json_rows},
    read::{ListQuery, SortColumn, SortKind, SqlRead, from_date},
    sealed::FieldCipher,
};

const INVOICE_SORTS: &[SortColumn] = &[
    SortColumn { name: "due_date", column: "i.due_date", kind: SortKind::Day },
    SortColumn { name: "created_at", column: "i.created_at", kind: SortKind::Number },
];
const PAYMENT_SORTS: &[SortColumn] = &[
    SortColumn { name: "created_at", column: "p.created_at", kind: SortKind::Number },
    SortColumn { name: "amount", column: "p.amount", kind: SortKind::Number },
];
const DEPOSIT_SORTS: &[SortColumn] =
    &[SortColumn { name: "created_at", column: "d.created_at", kind: SortKind::Number }];
const JOURNAL_SORTS: &[SortColumn] = &[SortColumn { name: "created_at", column: "j.at", kind: SortKind::Number }];
const QUARANTINE_SORTS: &[SortColumn] = &[SortColumn { name: "created_at", column: "q.at", kind: SortKind::Number }];
const PUT_ASIDE_SORTS: &[SortColumn] =
    &[SortColumn { name: "received_at", column: "b.received_at", kind: SortKind::Number }];

/// The rows of a page as they are told.
fn told<R, V>(found: PageOf<R>, view: impl Fn(R) -> Result<V, StoreError>) -> Result<PageOf<V>, StoreError> {
    let rows = found.rows.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(PageOf { rows, total: found.total, next: found.next })
}

pub(super) async fn invoices(
    read: &SqlRead,
    filter: &InvoiceFilter,
    page: &Page,
) -> Result<PageOf<InvoiceView>, StoreError> {
    let columns = invoices::columns(read.tx.is_postgres());
    let mut query = ListQuery {
        columns: &columns,
        from: "FROM invoices i WHERE i.hostel_id = $1".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "i.id",
        sorts: INVOICE_SORTS,
    };
    if let Some(booking) = filter.booking_id {
        query.and("i.booking_id = $?", booking.uuid());
    }
    if let Some(person) = filter.user_id {
        query.and("i.user_id = $?", person.uuid());
    }
    if let Some(until) = filter.due_until {
        query.and("i.due_date <= $?", day(until)?);
    }
    // A status follows from the numbers.
    query.from.push_str(match filter.status {
        None => "",
        Some(InvoiceStatus::Void) => " AND i.total = 0",
        Some(InvoiceStatus::Paid) => " AND i.total > 0 AND i.paid = i.total",
        Some(InvoiceStatus::Open) => " AND i.total > 0 AND i.paid = 0",
        Some(InvoiceStatus::PartiallyPaid) => " AND i.paid > 0 AND i.paid < i.total",
    });
    let key = |row: &InvoiceRow| match page.sort {
        "created_at" => row.created_at.to_string(),
        _ => from_date(row.due_date).map(|day| day.to_string()).unwrap_or_default(),
    };
    let found = query.page(&read.tx, page, |row: &InvoiceRow| Cursor { key: key(row), id: row.id }).await?;
    told(found, |row| row.invoice().map(|invoice| InvoiceView::of(&invoice)))
}

pub(super) async fn payments(
    read: &SqlRead,
    cipher: &dyn FieldCipher,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<PageOf<PaymentView>, StoreError> {
    let mut query = ListQuery {
        columns: payments::COLUMNS,
        from: "FROM payments p WHERE p.hostel_id = $1".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "p.id",
        sorts: PAYMENT_SORTS,
    };
    if let Some(person) = filter.user_id {
        query.and("p.user_id = $?", person.uuid());
    }
    if let Some(booking) = filter.booking_id {
        query.and("p.booking_id = $?", booking.uuid());
    }
    if let Some(invoice) = filter.invoice_id {
        query.and("p.invoice_id = $?", invoice.uuid());
    }
    if let Some(purpose) = filter.purpose {
        query.and("p.purpose = $?", purpose.as_str());
    }
    // A status follows from the state and what was given back.
    query.from.push_str(match filter.status {
        None => "",
        Some(PaymentStatus::Pending) => " AND p.state = 'pending'",
        Some(PaymentStatus::Failed) => " AND p.state = 'failed'",
        Some(PaymentStatus::Completed) => " AND p.state = 'completed' AND p.refunded = 0",
        Some(PaymentStatus::PartiallyRefunded) => " AND p.refunded > 0 AND p.refunded < p.amount",
        Some(PaymentStatus::Refunded) => " AND p.refunded = p.amount",
    });
    let key = |row: &PaymentRow| match page.sort {
        "amount" => row.amount.to_string(),
        _ => row.created_at.to_string(),
    };
    let found = query.page(&read.tx, page, |row: &PaymentRow| Cursor { key: key(row), id: row.id }).await?;
    told(found, |row| row.payment(cipher).map(|payment| PaymentView::of(&payment)))
}

pub(super) async fn deposits(
    read: &SqlRead,
    cipher: &dyn FieldCipher,
    filter: &DepositFilter,
    page: &Page,
) -> Result<PageOf<DepositView>, StoreError> {
    let columns = deposits::columns(read.tx.is_postgres());
    let mut query = ListQuery {
        columns: &columns,
        from: "FROM deposits d WHERE d.hostel_id = $1".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "d.id",
        sorts: DEPOSIT_SORTS,
    };
    if let Some(status) = filter.status {
        query.and("d.status = $?", status.as_str());
    }
    if let Some(person) = filter.user_id {
        query.and("d.user_id = $?", person.uuid());
    }
    if let Some(booking) = filter.booking_id {
        query.and("d.booking_id = $?", booking.uuid());
    }
    let cursor = |row: &DepositRow| Cursor { key: row.created_at.to_string(), id: row.id };
    let found = query.page(&read.tx, page, cursor).await?;
    told(found, |row| row.deposit(cipher).map(|deposit| DepositView::of(&deposit)))
}

#[derive(FromQueryResult)]
struct JournalRow {
    hostel_id: Uuid,
    id: Uuid,
    key: String,
    text: String,
    currency: String,
    at: i64,
    entries: Option<String>,
}

impl JournalRow {
    fn view(self) -> Result<JournalView, StoreError> {
        let currency = currency(&self.currency, "journals.currency")?;
        let mut rows: Vec<(i64, String, String, i64)> = serde_json::from_str(self.entries.as_deref().unwrap_or("[]"))
            .map_err(|_other_shape| corrupt("journal_entries"))?;
        rows.sort_by_key(|(number, ..)| *number);
        let entry = |(_, kind, owner, amount): (i64, String, String, i64)| {
            let account = account(&kind, &owner)?.to_string();
            Ok(EntryView { account, amount: Money::new(amount, currency) })
        };
        Ok(JournalView {
            id: JournalId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            key: self.key,
            description: self.text,
            entries: rows.into_iter().map(entry).collect::<Result<_, StoreError>>()?,
            created_at: Instant::from_micros(self.at),
        })
    }
}

/// A stored account.
pub(super) fn account(kind: &str, owner: &str) -> Result<Account, StoreError> {
    Account::parse(kind, owner).map_err(|_none| corrupt("an account of the ledger"))
}

pub(super) async fn journals(
    read: &SqlRead,
    filter: &JournalFilter,
    page: &Page,
) -> Result<PageOf<JournalView>, StoreError> {
    let entries = json_rows(read.tx.is_postgres(), "e.number, e.account_kind, e.account_owner, e.amount");
    let columns = format!(
        "j.hostel_id, j.id, j.key, j.text, j.currency, j.at, (SELECT {entries} FROM journal_entries e \
         WHERE e.hostel_id = j.hostel_id AND e.journal_id = j.id) AS entries"
    );
    let mut query = ListQuery {
        columns: &columns,
        from: "FROM journals j WHERE j.hostel_id = $1".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "j.id",
        sorts: JOURNAL_SORTS,
    };
    if let Some(key) = &filter.key {
        query.and("j.key = $?", key.as_str());
    }
    if let Some(account) = &filter.account {
        query.values.push(account.kind().into());
        let kind = query.values.len();
        let condition = format!(
            "j.id IN (SELECT e.journal_id FROM journal_entries e WHERE e.hostel_id = $1 AND e.account_kind = ${kind} \
             AND e.account_owner = $?)"
        );
        query.and(&condition, account.owner());
    }
    let cursor = |row: &JournalRow| Cursor { key: row.at.to_string(), id: row.id };
    told(query.page(&read.tx, page, cursor).await?, JournalRow::view)
}

#[derive(FromQueryResult)]
struct QuarantineRow {
    id: Uuid,
    payment_id: Uuid,
    provider: String,
    suspicion: String,
    expected: i64,
    expected_currency: String,
    reported: i64,
    reported_currency: String,
    note: String,
    at: i64,
}

impl QuarantineRow {
    fn view(self) -> Result<QuarantineView, StoreError> {
        let money = |amount, code: &str| Ok(Money::new(amount, currency(code, "payment_quarantine.currency")?));
        Ok(QuarantineView {
            id: QuarantineId::new(self.id),
            payment_id: PaymentId::new(self.payment_id),
            provider: self.provider,
            suspicion: Suspicion::parse(&self.suspicion).ok_or_else(|| corrupt("payment_quarantine.suspicion"))?,
            expected: money(self.expected, &self.expected_currency)?,
            reported: money(self.reported, &self.reported_currency)?,
            note: Text::clean(&self.note),
            created_at: Instant::from_micros(self.at),
        })
    }
}

pub(super) async fn quarantined(read: &SqlRead, page: &Page) -> Result<PageOf<QuarantineView>, StoreError> {
    let query = ListQuery {
        columns: "q.id, q.payment_id, q.provider, q.suspicion, q.expected, q.expected_currency, q.reported, \
                  q.reported_currency, q.note, q.at",
        from: "FROM payment_quarantine q WHERE q.hostel_id = $1".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "q.id",
        sorts: QUARANTINE_SORTS,
    };
    let cursor = |row: &QuarantineRow| Cursor { key: row.at.to_string(), id: row.id };
    told(query.page(&read.tx, page, cursor).await?, QuarantineRow::view)
}

#[derive(FromQueryResult)]
struct AsideRow {
    id: Uuid,
    provider: String,
    reference: Option<String>,
    why: String,
    received_at: i64,
    deliveries: i64,
}

pub(super) async fn put_aside(read: &SqlRead, page: &Page) -> Result<PageOf<PutAsideView>, StoreError> {
    let query = ListQuery {
        columns: "b.id, b.provider, b.reference, b.why, b.received_at, b.deliveries",
        from: "FROM payment_inbox b WHERE b.hostel_id = $1 AND b.state = 'put_aside'".to_owned(),
        values: vec![read.hostel()?.uuid().into()],
        id: "b.id",
        sorts: PUT_ASIDE_SORTS,
    };
    let cursor = |row: &AsideRow| Cursor { key: row.received_at.to_string(), id: row.id };
    let view = |row: AsideRow| {
        Ok(PutAsideView {
            id: InboxEntryId::new(row.id),
            provider: row.provider,
            reference: row.reference,
            why: Text::clean(&row.why),
            received_at: Instant::from_micros(row.received_at),
            deliveries: row.deliveries,
        })
    };
    told(query.page(&read.tx, page, cursor).await?, view)
}
