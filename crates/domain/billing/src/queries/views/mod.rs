//! What is told of money. A view is the shape on the wire, what is stored as the answer to an idempotency key, and the
//! latest record in a version conflict.

mod bills;
mod books;
mod payments;

pub use bills::{DraftView, InvoiceView, LineView, QuoteView, TermsView};
pub use books::{AnswerView, BalanceView, DeductionView, DepositView, EntryView, JournalView, WalletView};
pub use payments::{InitializedPayment, PaymentView, PutAsideView, QuarantineView, RefundView};
