//! Reading: the read port, what it answers, and the use cases that ask it.

mod lists;
mod read;
mod views;

use std::time::Duration;

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, HostelDay, HostelId, Instant, Money, Page, PageOf, StoreError};

pub use lists::{
    AskWallet, DepositFilter, InvoiceFilter, JournalFilter, ListDeposits, ListInvoices, ListJournals, ListPayments,
    PaymentFilter,
};
pub use read::ReadError;
pub use views::{
    AnswerView, BalanceView, DeductionView, DepositView, DraftView, EntryView, InitializedPayment, InvoiceView,
    JournalView, LineView, PaymentView, PutAsideView, QuarantineView, QuoteView, RefundView, TermsView, WalletView,
};

use crate::model::{
    Account, BillingTerms, BookingId, DepositId, House, InboxEntryId, InvoiceId, InvoiceKind, PaymentId, Period,
    Refund, RefundId, RoomId, StayFacts, Target,
};

/// The fields a list of invoices can be sorted by; the first is the usual one. What is equal goes by id, in the same
/// direction.
pub const INVOICE_SORTS: &[&str] = &["due_date", "created_at"];
/// The fields a list of payments can be sorted by; the first is the usual one, latest first.
pub const PAYMENT_SORTS: &[&str] = &["created_at", "amount"];
/// The fields a list of deposits can be sorted by, latest first.
pub const DEPOSIT_SORTS: &[&str] = &["created_at"];
/// The fields a list of journals can be sorted by, latest first.
pub const JOURNAL_SORTS: &[&str] = &["created_at"];
/// The fields a list of what is in quarantine can be sorted by, latest first.
pub const QUARANTINE_SORTS: &[&str] = &["created_at"];
/// The fields a list of what was put aside can be sorted by, latest first.
pub const PUT_ASIDE_SORTS: &[&str] = &["received_at"];

/// Reads what was committed, for the hostel of the call; asks nobody's permission.
#[async_trait]
pub trait BillingQueries: Send + Sync {
    /// What of the hostel's settings billing reads.
    async fn house(&self, call: &Call) -> Result<House, StoreError>;

    /// The terms, if the hostel ever decided.
    async fn terms(&self, call: &Call) -> Result<Option<BillingTerms>, StoreError>;

    /// The invoices that match, page by page. A cursor's key is `YYYY-MM-DD` or microseconds.
    async fn invoices(
        &self,
        call: &Call,
        filter: &InvoiceFilter,
        page: &Page,
    ) -> Result<PageOf<InvoiceView>, StoreError>;

    /// One invoice.
    async fn invoice(&self, call: &Call, id: InvoiceId) -> Result<Option<InvoiceView>, StoreError>;

    /// The payments that match, page by page. A cursor's key is microseconds or minor units.
    async fn payments(
        &self,
        call: &Call,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<PageOf<PaymentView>, StoreError>;

    /// One payment.
    async fn payment(&self, call: &Call, id: PaymentId) -> Result<Option<PaymentView>, StoreError>;

    /// The payment of the hostel with this reference, whoever took it.
    async fn payment_by_reference(&self, call: &Call, reference: &str) -> Result<Option<PaymentView>, StoreError>;

    /// Everything that a payment is or was used for, with how much of it is now, in minor units and down to nothing, in the
    /// order of the targets.
    async fn uses(&self, call: &Call, id: PaymentId) -> Result<Vec<PaymentUse>, StoreError>;

    /// The refunds of a payment as they are kept, oldest first.
    async fn refunds(&self, call: &Call, id: PaymentId) -> Result<Vec<Refund>, StoreError>;

    /// One refund.
    async fn refund(&self, call: &Call, id: RefundId) -> Result<Option<RefundView>, StoreError>;

    /// The deposits that match, page by page. A cursor's key is microseconds.
    async fn deposits(
        &self,
        call: &Call,
        filter: &DepositFilter,
        page: &Page,
    ) -> Result<PageOf<DepositView>, StoreError>;

    /// One deposit.
    async fn deposit(&self, call: &Call, id: DepositId) -> Result<Option<DepositView>, StoreError>;

    /// The journals that match, page by page, each with its entries. A cursor's key is microseconds.
    async fn journals(
        &self,
        call: &Call,
        filter: &JournalFilter,
        page: &Page,
    ) -> Result<PageOf<JournalView>, StoreError>;

    /// The balances of the ledger that are not zero, in the order of the accounts.
    async fn balances(&self, call: &Call) -> Result<Vec<(Account, Money)>, StoreError>;

    /// What is in quarantine, page by page. A cursor's key is microseconds.
    async fn quarantined(&self, call: &Call, page: &Page) -> Result<PageOf<QuarantineView>, StoreError>;

    /// What gateways told of the hostel's payments and was put aside, page by page. A cursor's key is microseconds.
    async fn put_aside(&self, call: &Call, page: &Page) -> Result<PageOf<PutAsideView>, StoreError>;

    /// The balance of an account in the currency of the house: the sum of its entries, zero when it has none.
    async fn balance(&self, call: &Call, account: &Account) -> Result<Money, StoreError>;

    /// What a person owed the house before an instant, in the currency of the house, taken off what the house owed them: the
    /// sum of the entries on their `receivable` and `wallet`, and on the `suspense` and `refund_payable` of their payments, in
    /// journals made before it.
    async fn owed_before(&self, call: &Call, person: AccountId, before: Instant) -> Result<Money, StoreError>;

    /// The journals in `[from, until)` that changed what a person owes, each with its sum on those accounts, which is not
    /// zero; oldest first, by instant and then id.
    async fn movements(
        &self,
        call: &Call,
        person: AccountId,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<Movement>, StoreError>;

    /// A stay, as the context that makes it has it.
    async fn stay(&self, call: &Call, id: BookingId) -> Result<Option<StayFacts>, StoreError>;

    /// What a stay in a room would cost now, by the rule that bookings are priced by. None when there is no such room.
    async fn offer(
        &self,
        call: &Call,
        room: RoomId,
        check_in: HostelDay,
        check_out: HostelDay,
    ) -> Result<Option<Offer>, StoreError>;

    /// Whom money goes to and who pays it, for receipts and checkout pages: the house as [`house`](Self::house) tells it,
    /// and a person if they are a member of it, or a former one.
    async fn parties(&self, call: &Call, payer: AccountId) -> Result<(House, Option<Payer>), StoreError>;

    /// What was left unfinished and has not changed since an instant, in every hostel, oldest first, then by the work, and
    /// only what comes `after` some of it: payments that are [undecided](crate::model::Payment::is_undecided), refunds that
    /// are pending, refunds that need attention and have not changed for [`STUCK_FOR`] before that, entries of the inbox that
    /// wait, money of payments in suspense. In the scope
    /// [`Purpose::Payments`](domicile_kernel::Purpose) only.
    async fn unfinished(
        &self,
        call: &Call,
        before: Instant,
        after: Option<&Unfinished>,
        most: u32,
    ) -> Result<Vec<Unfinished>, StoreError>;
}

/// What a part of a payment is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentUse {
    /// Where it is.
    pub target: Target,
    /// The invoice's kind and nights, if it pays one.
    pub invoice: Option<(InvoiceKind, Period)>,
    /// How much, in minor units.
    pub amount: i64,
}

/// A change of what somebody owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// When.
    pub at: Instant,
    /// The words of the journal.
    pub text: String,
    /// By how much, in minor units of the house's currency.
    pub amount: i64,
}

/// What a stay would cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// For one bed and one month.
    pub monthly_price: Money,
    /// For the whole stay.
    pub total_price: Money,
}

/// Who pays.
#[derive(Clone, PartialEq, Eq)]
pub struct Payer {
    /// Their name, if they gave one.
    pub name: Option<String>,
    /// Their address.
    pub email: String,
}

impl std::fmt::Debug for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payer")
    }
}

/// How long a refund that needs attention does not change while it has a job: the job waits for a day at most.
pub const STUCK_FOR: Duration = Duration::from_hours(25);

/// Something left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// In which hostel.
    pub hostel_id: HostelId,
    /// What.
    pub work: Work,
    /// Since when.
    pub since: Instant,
}

/// What there is to finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// To ask what became of a payment.
    Verify(PaymentId),
    /// To process something that a gateway told.
    Inbox(InboxEntryId),
    /// To give money back.
    Refund(RefundId),
    /// To give money in suspense back.
    Suspense(PaymentId),
}
