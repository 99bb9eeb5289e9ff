//! Reading money: each method one view of what was committed.

use async_trait::async_trait;
use domicile_billing::{
    BillingQueries, DepositFilter, DepositView, InvoiceFilter, InvoiceView, JournalFilter, JournalView, Movement,
    Offer, Payer, PaymentFilter, PaymentUse, PaymentView, PutAsideView, QuarantineView, RefundView, Unfinished, Work,
    model::{
        Account, BillingTerms, BookingId, DepositId, House, InboxEntryId, InvoiceId, PaymentId, Refund, RefundId,
        RoomId, StayFacts,
    },
    queries::STUCK_FOR,
};
use domicile_booking::{model::StayDates, policy};
use domicile_kernel::{AccountId, Call, HostelDay, HostelId, Instant, Money, Page, PageOf, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{
    allocations, currency, deposits, invoices, is_installation, lists, out_of_scope, payments, refunds, stays, terms,
};
use crate::{
    booking::price_rule,
    database::Database,
    dialect::{IntoStore, corrupt, id_text},
    read::SqlRead,
};

#[derive(FromQueryResult)]
struct AccountRow {
    kind: String,
    owner: String,
    currency: String,
    balance: i64,
}

/// A sum beside the currency of the house.
#[derive(FromQueryResult)]
struct SumRow {
    currency: String,
    sum: i64,
}

impl SumRow {
    fn money(row: Option<Self>) -> Result<Money, StoreError> {
        let row = row.ok_or_else(|| corrupt("the settings of a hostel"))?;
        Ok(Money::new(row.sum, currency(&row.currency, "hostel_settings.currency")?))
    }
}

#[derive(FromQueryResult)]
struct MovementRow {
    at: i64,
    text: String,
    amount: i64,
}

#[derive(FromQueryResult)]
struct PriceRow {
    price_minor: i64,
    price_currency: String,
    proration: String,
}

#[derive(FromQueryResult)]
struct WorkRow {
    hostel_id: Uuid,
    work: i64,
    id: Uuid,
    at: i64,
}

/// What was left unfinished, by kind: `work` is the place of the kind in [`Work`]. `$1` is the instant, `$2` that for refunds
/// which need attention.
const UNFINISHED: &str = "SELECT hostel_id, CAST(0 AS BIGINT) AS work, id, updated_at AS at FROM payments \
    WHERE (state = 'pending' OR (state = 'failed' AND settled_at < expires_at)) AND updated_at < $1 \
    UNION ALL SELECT hostel_id, CAST(1 AS BIGINT) AS work, id, received_at AS at FROM payment_inbox \
    WHERE state = 'waiting' AND hostel_id IS NOT NULL AND received_at < $1 \
    UNION ALL SELECT hostel_id, CAST(2 AS BIGINT) AS work, id, updated_at AS at FROM refunds \
    WHERE state = 'pending' AND updated_at < $1 \
    UNION ALL SELECT hostel_id, CAST(2 AS BIGINT) AS work, id, updated_at AS at FROM refunds \
    WHERE state = 'needs_attention' AND updated_at < $2 \
    UNION ALL SELECT p.hostel_id, CAST(3 AS BIGINT) AS work, p.id, p.updated_at AS at FROM payments p \
    JOIN (SELECT hostel_id, payment_id FROM payment_allocations WHERE target = 'suspense' \
    GROUP BY hostel_id, payment_id HAVING sum(amount) > 0) s ON s.hostel_id = p.hostel_id AND s.payment_id = p.id \
    WHERE p.state = 'completed' AND p.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM refunds r \
    WHERE r.hostel_id = p.hostel_id AND r.payment_id = p.id AND r.origin = 'suspense')";

/// The entries on the accounts that say what somebody (`$2` as text, `$3` as an id) owes a hostel (`$1`): their own, and
/// those of their payments.
fn theirs(postgres: bool) -> String {
    let payment = id_text(postgres, "p.id");
    format!(
        "SELECT journal_id, currency, amount FROM journal_entries \
         WHERE hostel_id = $1 AND account_kind IN ('receivable', 'wallet') AND account_owner = $2 \
         UNION ALL SELECT o.journal_id, o.currency, o.amount FROM payments p JOIN journal_entries o \
         ON o.hostel_id = p.hostel_id AND o.account_kind IN ('suspense', 'refund_payable') \
         AND o.account_owner = {payment} WHERE p.hostel_id = $1 AND p.user_id = $3"
    )
}

#[async_trait]
impl BillingQueries for Database {
    async fn house(&self, call: &Call) -> Result<House, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        terms::house(&read.tx, read.hostel()?, "").await
    }

    async fn terms(&self, call: &Call) -> Result<Option<BillingTerms>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        terms::find(&read.tx, read.hostel()?).await
    }

    async fn invoices(
        &self,
        call: &Call,
        filter: &InvoiceFilter,
        page: &Page,
    ) -> Result<PageOf<InvoiceView>, StoreError> {
        lists::invoices(&SqlRead::begin(self, call).await?, filter, page).await
    }

    async fn invoice(&self, call: &Call, id: InvoiceId) -> Result<Option<InvoiceView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        Ok(invoices::find(&read.tx, read.hostel()?, id).await?.as_ref().map(InvoiceView::of))
    }

    async fn payments(
        &self,
        call: &Call,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<PageOf<PaymentView>, StoreError> {
        lists::payments(&SqlRead::begin(self, call).await?, self.cipher(), filter, page).await
    }

    async fn payment(&self, call: &Call, id: PaymentId) -> Result<Option<PaymentView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let found = payments::find(&read.tx, self.cipher(), read.hostel()?, "p.id = $2", [id.uuid().into()]).await?;
        Ok(found.as_ref().map(PaymentView::of))
    }

    async fn payment_by_reference(&self, call: &Call, reference: &str) -> Result<Option<PaymentView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let by_reference = "p.reference = $2 ORDER BY p.created_at, p.id";
        let found = payments::find(&read.tx, self.cipher(), read.hostel()?, by_reference, [reference.into()]).await?;
        Ok(found.as_ref().map(PaymentView::of))
    }

    async fn uses(&self, call: &Call, id: PaymentId) -> Result<Vec<PaymentUse>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        allocations::uses(&read.tx, read.hostel()?, id).await
    }

    async fn refunds(&self, call: &Call, id: PaymentId) -> Result<Vec<Refund>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        refunds::of_payment(&read.tx, read.hostel()?, id).await
    }

    async fn refund(&self, call: &Call, id: RefundId) -> Result<Option<RefundView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        Ok(refunds::find(&read.tx, read.hostel()?, id, false).await?.as_ref().map(RefundView::of))
    }

    async fn deposits(
        &self,
        call: &Call,
        filter: &DepositFilter,
        page: &Page,
    ) -> Result<PageOf<DepositView>, StoreError> {
        lists::deposits(&SqlRead::begin(self, call).await?, self.cipher(), filter, page).await
    }

    async fn deposit(&self, call: &Call, id: DepositId) -> Result<Option<DepositView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let found = deposits::find(&read.tx, self.cipher(), read.hostel()?, "id", id.uuid()).await?;
        Ok(found.as_ref().map(DepositView::of))
    }

    async fn journals(
        &self,
        call: &Call,
        filter: &JournalFilter,
        page: &Page,
    ) -> Result<PageOf<JournalView>, StoreError> {
        lists::journals(&SqlRead::begin(self, call).await?, filter, page).await
    }

    async fn balances(&self, call: &Call) -> Result<Vec<(Account, Money)>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = "SELECT kind, owner, currency, balance FROM ledger_accounts WHERE hostel_id = $1 AND balance <> 0";
        let rows = read.tx.all::<AccountRow>(sql, [read.hostel()?.uuid().into()]).await.store()?;
        let balance = |row: AccountRow| {
            let currency = currency(&row.currency, "ledger_accounts.currency")?;
            Ok((lists::account(&row.kind, &row.owner)?, Money::new(row.balance, currency)))
        };
        let mut balances = rows.into_iter().map(balance).collect::<Result<Vec<_>, StoreError>>()?;
        balances.sort_by(|(one, some), (other, more)| (one, some.currency()).cmp(&(other, more.currency())));
        Ok(balances)
    }

    async fn quarantined(&self, call: &Call, page: &Page) -> Result<PageOf<QuarantineView>, StoreError> {
        lists::quarantined(&SqlRead::begin(self, call).await?, page).await
    }

    async fn put_aside(&self, call: &Call, page: &Page) -> Result<PageOf<PutAsideView>, StoreError> {
        lists::put_aside(&SqlRead::begin(self, call).await?, page).await
    }

    async fn balance(&self, call: &Call, account: &Account) -> Result<Money, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = "SELECT s.currency, coalesce(a.balance, 0) AS sum FROM hostel_settings s LEFT JOIN ledger_accounts a \
                   ON a.hostel_id = s.hostel_id AND a.kind = $2 AND a.owner = $3 AND a.currency = s.currency \
                   WHERE s.hostel_id = $1";
        let values = [read.hostel()?.uuid().into(), account.kind().into(), account.owner().into()];
        SumRow::money(read.tx.one(sql, values).await.store()?)
    }

    async fn owed_before(&self, call: &Call, person: AccountId, before: Instant) -> Result<Money, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let theirs = theirs(read.tx.is_postgres());
        let sql = format!(
            "SELECT s.currency, coalesce((SELECT CAST(sum(e.amount) AS BIGINT) FROM ({theirs}) e \
             JOIN journals j ON j.hostel_id = $1 AND j.id = e.journal_id \
             WHERE e.currency = s.currency AND j.at < $4), 0) AS sum FROM hostel_settings s WHERE s.hostel_id = $1"
        );
        let values =
            [read.hostel()?.uuid().into(), person.to_string().into(), person.uuid().into(), before.micros().into()];
        SumRow::money(read.tx.one(&sql, values).await.store()?)
    }

    async fn movements(
        &self,
        call: &Call,
        person: AccountId,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<Movement>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let theirs = theirs(read.tx.is_postgres());
        let sql = format!(
            "SELECT j.at, j.text, CAST(sum(e.amount) AS BIGINT) AS amount FROM ({theirs}) e \
             JOIN journals j ON j.hostel_id = $1 AND j.id = e.journal_id \
             JOIN hostel_settings s ON s.hostel_id = $1 AND s.currency = e.currency \
             WHERE j.at >= $4 AND j.at < $5 GROUP BY j.id, j.at, j.text HAVING sum(e.amount) <> 0 ORDER BY j.at, j.id"
        );
        let values = [
            read.hostel()?.uuid().into(),
            person.to_string().into(),
            person.uuid().into(),
            from.micros().into(),
            until.micros().into(),
        ];
        let rows = read.tx.all::<MovementRow>(&sql, values).await.store()?;
        let movement =
            |row: MovementRow| Movement { at: Instant::from_micros(row.at), text: row.text, amount: row.amount };
        Ok(rows.into_iter().map(movement).collect())
    }

    async fn stay(&self, call: &Call, id: BookingId) -> Result<Option<StayFacts>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        stays::find(&read.tx, read.hostel()?, id).await
    }

    async fn offer(
        &self,
        call: &Call,
        room: RoomId,
        check_in: HostelDay,
        check_out: HostelDay,
    ) -> Result<Option<Offer>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = "SELECT r.price_minor, r.price_currency, s.proration FROM rooms r \
                   JOIN hostel_settings s ON s.hostel_id = r.hostel_id \
                   WHERE r.hostel_id = $1 AND r.id = $2 AND r.deleted_at IS NULL";
        let row = read.tx.one::<PriceRow>(sql, [read.hostel()?.uuid().into(), room.uuid().into()]).await.store()?;
        let Some(row) = row else { return Ok(None) };
        let monthly_price = Money::new(row.price_minor, currency(&row.price_currency, "rooms.price_currency")?);
        let dates = StayDates::new(check_in, check_out).map_err(|error| StoreError::Other(error.into()))?;
        let rule = price_rule(&row.proration)?;
        let quote = policy::quote(rule, monthly_price, dates).map_err(|error| StoreError::Other(error.into()))?;
        Ok(Some(Offer { monthly_price, total_price: quote.total }))
    }

    async fn parties(&self, call: &Call, payer: AccountId) -> Result<(House, Option<Payer>), StoreError> {
        let read = SqlRead::begin(self, call).await?;
        terms::parties(&read.tx, read.hostel()?, payer).await
    }

    async fn unfinished(
        &self,
        call: &Call,
        before: Instant,
        after: Option<&Unfinished>,
        most: u32,
    ) -> Result<Vec<Unfinished>, StoreError> {
        if !is_installation(&call.scope) {
            return Err(out_of_scope(&call.scope));
        }
        let read = SqlRead::begin(self, call).await?;
        let sql = format!(
            "SELECT hostel_id, work, id, at FROM ({UNFINISHED}) AS found WHERE (at, work, id) > ($3, $4, $5) \
             ORDER BY at, work, id LIMIT {most}"
        );
        let (at, work, id) = after.map_or((i64::MIN, -1, Uuid::nil()), |after| {
            let (work, id) = place(after.work);
            (after.since.micros(), work, id)
        });
        let values =
            [before.micros().into(), before.minus(STUCK_FOR).micros().into(), at.into(), work.into(), id.into()];
        let rows = read.tx.all::<WorkRow>(&sql, values).await.store()?;
        let unfinished = |row: WorkRow| {
            let work = match row.work {
                0 => Work::Verify(PaymentId::new(row.id)),
                1 => Work::Inbox(InboxEntryId::new(row.id)),
                2 => Work::Refund(RefundId::new(row.id)),
                _ => Work::Suspense(PaymentId::new(row.id)),
            };
            Unfinished { hostel_id: HostelId::new(row.hostel_id), work, since: Instant::from_micros(row.at) }
        };
        Ok(rows.into_iter().map(unfinished).collect())
    }
}

/// A work by its columns.
const fn place(work: Work) -> (i64, Uuid) {
    match work {
        Work::Verify(id) => (0, id.uuid()),
        Work::Inbox(id) => (1, id.uuid()),
        Work::Refund(id) => (2, id.uuid()),
        Work::Suspense(id) => (3, id.uuid()),
    }
}
