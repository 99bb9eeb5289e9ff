//! The nouns of money: terms and stays, invoices and their lines, payments and what they were used for, refunds, deposits,
//! the ledger, and what gateways tell.

mod allocation;
mod deposit;
mod inbox;
mod invoice;
mod ledger;
mod payment;
mod refund;
mod stay;
mod terms;

pub use allocation::{Allocation, Target};
pub use deposit::{Answer, Deduction, Deposit, DepositRecord, DepositStatus, IllegalDepositMove};
pub use inbox::{InboxEntry, InboxState, NewInboxEntry, Quarantined, Suspicion, Unfit};
pub use invoice::{Invoice, InvoiceError, InvoiceKind, InvoiceRecord, InvoiceStatus, Line, LineKind};
pub use ledger::{Account, AccountError, Entry, Journal, JournalError, Side};
pub use payment::{Payment, PaymentError, PaymentRecord, PaymentState, PaymentStatus, Purpose};
pub use refund::{IllegalRefundMove, Refund, RefundOrigin, RefundRecord, RefundState};
pub use stay::{Period, StayFacts, StayState};
pub use terms::{BillingTerms, House};

domicile_kernel::id_type!(
    /// A stay: the booking that invoices follow. Another context makes it.
    BookingId
);
domicile_kernel::id_type!(
    /// A room that a price is asked for. Another context makes it.
    RoomId
);
domicile_kernel::id_type!(
    /// An invoice.
    InvoiceId
);
domicile_kernel::id_type!(
    /// A payment.
    PaymentId
);
domicile_kernel::id_type!(
    /// A refund of a payment.
    RefundId
);
domicile_kernel::id_type!(
    /// A deposit of a stay.
    DepositId
);
domicile_kernel::id_type!(
    /// A journal of the ledger.
    JournalId
);
domicile_kernel::id_type!(
    /// Something a gateway told.
    InboxEntryId
);
domicile_kernel::id_type!(
    /// A report that did not fit what was asked for.
    QuarantineId
);
