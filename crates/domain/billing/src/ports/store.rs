//! The stores: units of work over the money of one hostel.

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, Currency, HostelId, StoreError, UnitOfWork};

use crate::{
    Payer,
    model::{
        Account, Allocation, BillingTerms, BookingId, Deposit, DepositId, House, InboxEntry, InboxEntryId, InboxState,
        Invoice, InvoiceId, Journal, NewInboxEntry, Payment, PaymentId, Quarantined, Refund, RefundId, StayFacts,
        Target,
    },
};

/// Opens units of work on the rows of the call's hostel; in the scope [`Purpose::Payments`](domicile_kernel::Purpose), on
/// the inbox only.
#[async_trait]
pub trait BillingUows: Send + Sync {
    /// Begins. Answers [`StoreError::Replayed`] when the call's idempotency key was used before, unless the call is
    /// [completing](Call::completing) what was begun with it.
    async fn begin(&self, call: &Call) -> Result<Box<dyn BillingUow>, StoreError>;
}

/// The money of one hostel, to be changed together or not at all.
///
/// Whoever takes several locks takes them in this order, so that no two units of work can wait for each other: a booking
/// (by the context it belongs to), an inbox entry, a payment, a refund, invoices by their stay and id, which never change, a
/// deposit, and last the accounts of the ledger, all journals of a unit of work in one [`Ledger::post`]. Whoever needs all
/// invoices of a stay locks them before any of them.
#[async_trait]
pub trait BillingUow: UnitOfWork {
    /// What of the hostel's settings billing reads.
    async fn house(&mut self) -> Result<House, StoreError>;
    /// The same, whose currency nobody changes until this unit of work has ended.
    async fn held_house(&mut self) -> Result<House, StoreError>;
    /// Whom money goes to and who pays it, as [`BillingQueries::parties`](crate::BillingQueries::parties) tells them.
    async fn parties(&mut self, payer: AccountId) -> Result<(House, Option<Payer>), StoreError>;
    /// The terms the hostel bills by.
    fn terms(&mut self) -> &mut dyn TermsRepository;
    /// Stays, to be read only.
    fn stays(&mut self) -> &mut dyn StayReader;
    /// Invoices with their lines.
    fn invoices(&mut self) -> &mut dyn InvoiceRepository;
    /// Payments.
    fn payments(&mut self) -> &mut dyn PaymentRepository;
    /// What payments were used for.
    fn allocations(&mut self) -> &mut dyn AllocationRepository;
    /// Refunds.
    fn refunds(&mut self) -> &mut dyn RefundRepository;
    /// Deposits with their deductions.
    fn deposits(&mut self) -> &mut dyn DepositRepository;
    /// The ledger.
    fn ledger(&mut self) -> &mut dyn Ledger;
    /// What gateways told.
    fn inbox(&mut self) -> &mut dyn InboxRepository;
    /// What did not fit.
    fn quarantine(&mut self) -> &mut dyn QuarantineRepository;
}

/// What became of writing a record. After anything but `Written` the unit of work is only good for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is written.
    Written,
    /// There is one in its place already.
    Exists,
    /// The record in the store is not the version before this one, or is not there.
    Stale,
}

/// Keeps the terms of a hostel.
#[async_trait]
pub trait TermsRepository: Send {
    /// The terms, if the hostel ever decided.
    async fn find(&mut self) -> Result<Option<BillingTerms>, StoreError>;

    /// Writes the terms over the version before them: the first have version 1. `Exists` when somebody else wrote the first.
    async fn put(&mut self, terms: &BillingTerms) -> Result<Written, StoreError>;
}

/// Reads stays as they are in the unit of work, its own changes included.
#[async_trait]
pub trait StayReader: Send {
    /// The stay, if it is there. A deleted one is not.
    async fn find(&mut self, id: BookingId) -> Result<Option<StayFacts>, StoreError>;
}

/// Keeps invoices. Lines are only ever added: the store refuses to change or take away one that is written.
#[async_trait]
pub trait InvoiceRepository: Send {
    /// The invoice, if it is there.
    async fn find(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError>;

    /// Locks the invoice and reads it as it is then.
    async fn lock(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError>;

    /// Locks all invoices of a stay by their ids, and reads them, in the order of [`Invoice::age`].
    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Vec<Invoice>, StoreError>;

    /// Writes new invoices, with one answer for all. `Exists` when the stay has one of a kind and sequence already.
    async fn insert(&mut self, invoices: &[Invoice]) -> Result<Written, StoreError>;

    /// Writes the invoice over the version before it, with the lines that are new.
    async fn update(&mut self, invoice: &Invoice) -> Result<Written, StoreError>;
}

/// What became of writing a payment. After anything but `Written` the unit of work is only good for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PaymentWritten {
    /// It is written.
    Written,
    /// Another payment of the provider has the reference, in whatever hostel.
    ReferenceTaken,
    /// The payment in the store is not the version before this one, or is not there.
    Stale,
}

/// Keeps payments, and keeps refunds within what was paid whatever the caller forgot: `refunded + refund_pending <= amount`
/// is a promise of the store itself (J31).
#[async_trait]
pub trait PaymentRepository: Send {
    /// The payment, if it is there.
    async fn find(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError>;

    /// Locks the payment and reads it as it is then.
    async fn lock(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError>;

    /// The payment of the hostel with this reference at the provider. Not locked.
    async fn find_by_reference(&mut self, provider: &str, reference: &str) -> Result<Option<Payment>, StoreError>;

    /// Writes a new payment. Never answers `Stale`.
    async fn insert(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError>;

    /// Writes the payment over the version before it.
    async fn update(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError>;
}

/// Keeps what payments were used for: rows are only added. Those of an invoice only change under its lock, those of the
/// wallet and of suspense under the lock of their payment or of the invoice they come from.
#[async_trait]
pub trait AllocationRepository: Send {
    /// Where a payment is: positive sums by target, in the order of the targets.
    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<(Target, i64)>, StoreError>;

    /// By which payments an invoice is paid: positive sums, the payment that was made last first (by creation, then id).
    async fn of_invoice(&mut self, id: InvoiceId) -> Result<Vec<(PaymentId, i64)>, StoreError>;

    /// Every payment that ever paid an invoice, those of which nothing is left there too, by id.
    async fn ever_of_invoice(&mut self, id: InvoiceId) -> Result<Vec<PaymentId>, StoreError>;

    /// Adds rows.
    async fn add(&mut self, rows: &[Allocation]) -> Result<(), StoreError>;
}

/// Keeps refunds.
#[async_trait]
pub trait RefundRepository: Send {
    /// The refund, if it is there.
    async fn find(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError>;

    /// Locks the refund and reads it as it is then.
    async fn lock(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError>;

    /// The refunds of a payment, oldest first. Not locked.
    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<Refund>, StoreError>;

    /// Writes a new refund. Never answers `Stale`; `Exists` when its reference is taken.
    async fn insert(&mut self, refund: &Refund) -> Result<Written, StoreError>;

    /// Writes the refund over the version before it.
    async fn update(&mut self, refund: &Refund) -> Result<Written, StoreError>;
}

/// Keeps deposits.
#[async_trait]
pub trait DepositRepository: Send {
    /// The deposit, if it is there.
    async fn find(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError>;

    /// Locks the deposit and reads it as it is then.
    async fn lock(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError>;

    /// Locks the deposit of a stay, if it has one.
    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Option<Deposit>, StoreError>;

    /// Writes a new deposit. `Exists` when the stay has one.
    async fn insert(&mut self, deposit: &Deposit) -> Result<Written, StoreError>;

    /// Writes the deposit over the version before it, with its deductions in the place of those before.
    async fn update(&mut self, deposit: &Deposit) -> Result<Written, StoreError>;
}

/// What became of posting. After anything but `Posted` the unit of work is only good for a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Posted {
    /// It is in the books.
    Posted,
    /// A journal with this key is in the books already.
    Repeated(String),
    /// The account would have a balance of the wrong sign.
    Overdrawn(Account),
}

/// Keeps journals, which are only ever added, and with them the balance of each account. The store itself refuses a journal
/// that does not sum to zero, a second one with a key, and a balance of the wrong sign; and it lets nobody change or take
/// away what is written (J32).
#[async_trait]
pub trait Ledger: Send {
    /// Posts journals: locks their accounts, all together in the order of [`Account`]s, and changes the balances. The sign
    /// of a balance is judged after all of them.
    async fn post(&mut self, journals: &[Journal]) -> Result<Posted, StoreError>;

    /// The balance of an account in a currency: the sum of its entries. Not locked.
    async fn balance(&mut self, account: &Account, currency: Currency) -> Result<i64, StoreError>;
}

/// What became of keeping a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// It is the first delivery.
    New,
    /// It came before; one more delivery was counted.
    Again {
        /// As which entry.
        id: InboxEntryId,
        /// The hostel of the payment it named then.
        hostel_id: Option<HostelId>,
        /// Whether its effect is still to come.
        waiting: bool,
        /// Whether it was put aside.
        aside: bool,
    },
}

/// Keeps what gateways tell. An entry without a hostel belongs to the installation.
#[async_trait]
pub trait InboxRepository: Send {
    /// The hostel and payment with this reference at the provider, in whatever hostel; in the scope of the installation only.
    async fn whose(&mut self, provider: &str, reference: &str) -> Result<Option<(HostelId, PaymentId)>, StoreError>;

    /// Keeps a webhook, once by provider and dedupe key; in the scope of the installation only.
    async fn receive(&mut self, entry: &NewInboxEntry) -> Result<Received, StoreError>;

    /// The entry of the scope's hostel, if it is there. Not locked.
    async fn find(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError>;

    /// Locks an entry of the scope's hostel and reads it as it is then.
    async fn lock(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError>;

    /// Says where a locked entry stands now.
    async fn mark(&mut self, id: InboxEntryId, state: &InboxState) -> Result<(), StoreError>;
}

/// Keeps what did not fit.
#[async_trait]
pub trait QuarantineRepository: Send {
    /// Adds one, unless the same suspicion of the same payment with the same reported money stands there already. Tells
    /// whether it was added.
    async fn add(&mut self, found: &Quarantined) -> Result<bool, StoreError>;
}
