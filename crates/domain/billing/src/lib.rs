//! Money that always adds up: invoices that follow stays, payments, refunds, deposits, wallets, and the ledger under them.
//!
//! | noun | meaning |
//! | --- | --- |
//! | [`Invoice`](model::Invoice) | what somebody owes for a month of a stay, or as its deposit, in lines that never change |
//! | [`Payment`](model::Payment) | money that somebody pays, by a gateway or from their wallet |
//! | [`Allocation`](model::Allocation) | what a payment was used for: invoices, the wallet, or nothing yet |
//! | [`Refund`](model::Refund) | a part of a payment on its way back |
//! | [`Deposit`](model::Deposit) | money held for a stay, of which the house may keep what the resident could answer |
//! | [`Journal`](model::Journal) | what was moved between accounts of the ledger; sums to zero |
//! | [`InboxEntry`](model::InboxEntry) | what a gateway told, kept before it was acknowledged |
//!
//! What always holds (J30 to J33), whoever races or dies in between; the domain looks first, the store refuses what was
//! forgotten:
//!
//! - every journal sums to zero, and the balance of each account is the sum of its entries;
//! - no account has a balance of the wrong sign: nobody spends more than is in their wallet or was paid;
//! - an invoice is never for less than nothing, and never paid beyond its total;
//! - of a payment, what was given back and what is reserved to be is never more than was paid;
//! - what a gateway tells has its effect once, however often and in whatever order it is told, and never when it does not
//!   fit what was asked for.
//!
//! [`Bursar`] is the whole of it: every command and every reading is a method there. Invoices are made by
//! [`stays::follow`], in the transaction in which a stay changes. To add a command, make a file in `usecases`, named by its
//! verb; what it needs from outside goes into [`ports`], with a promise in `contract`, and what it tells the outside into
//! the table in [`events`].
//!
//! # Pay an invoice with no database and no gateway
//!
//! The feature `memory` has every port in memory, a gateway included:
//!
//! ```
//! use std::sync::Arc;
//! use domicile_billing::{
//!     BillingJob, Bursar, InitializePayment, ListInvoices, Work,
//!     memory::{MemoryBilling, MemoryGateway, PlainPrinter},
//!     model::{StayFacts, StayState}, ports::{BillingUows, Gateways}, stays,
//! };
//! use domicile_kernel::{
//!     AccountId, Actor, Call, Currency, HostelId, Money, Outcome, Page, Purpose, RequestId, Role, Scope, SessionId,
//!     Who, ports::fixed,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! let (ambient, _clock) = fixed::ambient("2026-01-20T10:00:00Z");
//! let (hostel, kofi): (HostelId, AccountId) = (ambient.id(), ambient.id());
//! let memory = MemoryBilling::new();
//! memory.open_hostel(hostel, "Attic Hostel", Currency::GHS);
//! memory.enrol(kofi, "kofi@example.com");
//! let gateway = Arc::new(MemoryGateway::new("sandbox"));
//! let bursar = Bursar::new(
//!     Arc::new(memory.clone()), Arc::new(memory.clone()),
//!     Gateways::new().with(gateway.clone()), Arc::new(PlainPrinter), ambient.clone(),
//! );
//!
//! // A test vouches for its own actors; elsewhere they come from signing in.
//! let call = |who| {
//!     Call::new(Actor::vouched_for(who), Scope::Hostel(hostel), RequestId::from_uuid(ambient.ids.uuid()))
//! };
//! let student = call(Who::Account { id: kofi, session: SessionId::new(ambient.ids.uuid()), role: Some(Role::Student) });
//! let system = call(Who::System(Purpose::Jobs));
//!
//! // Somebody agreed to a stay of two months: in the transaction of that, the invoices are made.
//! let stay = StayFacts {
//!     booking_id: ambient.id(),
//!     guest: kofi,
//!     check_in: "2026-02-01".parse()?,
//!     check_out: "2026-04-01".parse()?,
//!     monthly_price: Money::new(45_000, Currency::GHS),
//!     first_months: Vec::new(),
//!     total_price: Money::new(90_000, Currency::GHS),
//!     state: StayState::Holding,
//! };
//! memory.put_stay(hostel, stay.clone());
//! let mut uow = BillingUows::begin(&memory, &system).await?;
//! stays::follow(&mut *uow, &ambient, &stay).await?;
//! uow.commit(Outcome::done()).await?;
//!
//! let invoices = bursar.list_invoices(&student, ListInvoices::default(), &Page::first("due_date", false)).await?.rows;
//! assert_eq!(invoices.len(), 2);
//!
//! let begun = bursar.initialize_payment(&student, InitializePayment {
//!     invoice_id: Some(invoices[0].id.to_string()),
//!     ..InitializePayment::default()
//! }).await?;
//! gateway.pay(&begun.payment.reference);
//! let paid = bursar.verify_payment(&student, &begun.payment.reference).await?;
//! assert_eq!(paid.status.as_str(), "completed");
//! assert_eq!(bursar.invoice(&student, invoices[0].id).await?.status.as_str(), "paid");
//! # Ok(())
//! # })
//! # }
//! ```
#![warn(missing_docs)]

use std::sync::Arc;

use domicile_kernel::{Call, HostelId, Refusal, ports::Ambient};

mod books;
#[cfg(feature = "contract")]
pub mod contract;
pub mod events;
#[cfg(feature = "memory")]
pub mod memory;
pub mod model;
pub mod policy;
pub mod ports;
pub mod queries;
pub mod stays;
pub mod usecases;

pub use queries::{
    AnswerView, AskWallet, BalanceView, BillingQueries, DEPOSIT_SORTS, DeductionView, DepositFilter, DepositView,
    DraftView, EntryView, INVOICE_SORTS, InitializedPayment, InvoiceFilter, InvoiceView, JOURNAL_SORTS, JournalFilter,
    JournalView, LineView, ListDeposits, ListInvoices, ListJournals, ListPayments, Movement, Offer, PAYMENT_SORTS,
    PUT_ASIDE_SORTS, Payer, PaymentFilter, PaymentUse, PaymentView, PutAsideView, QUARANTINE_SORTS, QuarantineView,
    QuoteView, ReadError, RefundView, TermsView, Unfinished, WalletView, Work,
};
pub use usecases::{
    Acknowledged, AnswerDeposit, ApplyError, ApplyPayment, AskQuote, AskStatement, AssessDeposit, BillingJob,
    DepositError, InitializeError, InitializePayment, JobDone, JobError, NewDeduction, PayFromWallet,
    PayFromWalletError, QuoteError, ReceiveError, RefundError, RefundPayment, RetryRefund, SettleDeposit, SheetError,
    TermsError, TopUpWallet, UpdateTerms, VerifyError, Webhook,
};

use ports::{BillingUows, Gateways, Lookout, Printer};

/// The bursar of a house: makes out bills, takes money, keeps the books, gives money back. Cheap to clone.
#[derive(Clone)]
pub struct Bursar {
    uows: Arc<dyn BillingUows>,
    queries: Arc<dyn BillingQueries>,
    gateways: Gateways,
    printer: Arc<dyn Printer>,
    ambient: Ambient,
    callback_url: Option<String>,
    lookout: Arc<dyn Lookout>,
}

/// Nobody looks out.
struct Nobody;

impl Lookout for Nobody {
    fn put_aside(&self, _aside: &ports::PutAside<'_>) {}
}

impl Bursar {
    /// A bursar over the ports.
    #[must_use]
    pub fn new(
        uows: Arc<dyn BillingUows>,
        queries: Arc<dyn BillingQueries>,
        gateways: Gateways,
        printer: Arc<dyn Printer>,
        ambient: Ambient,
    ) -> Self {
        Self { uows, queries, gateways, printer, ambient, callback_url: None, lookout: Arc::new(Nobody) }
    }

    /// With an address that payers come back to from a gateway's checkout page.
    #[must_use]
    pub fn returning_to(self, callback_url: Option<String>) -> Self {
        Self { callback_url, ..self }
    }

    /// With somebody who hears of what needs a person to look.
    #[must_use]
    pub fn watched_by(self, lookout: Arc<dyn Lookout>) -> Self {
        Self { lookout, ..self }
    }

    /// The gateways people can pay by.
    #[must_use]
    pub const fn gateways(&self) -> &Gateways {
        &self.gateways
    }

    /// The hostel whose rows the call may touch. A call in another scope has none, wherever its caller stands.
    fn house(call: &Call) -> Result<HostelId, Refusal> {
        call.scope.hostel().ok_or(Refusal::NoHostel)
    }
}
