//! What can be done, one file a command.

pub mod apply;
pub mod deposits;
pub mod finish;
pub(crate) mod give_back;
pub mod initialize;
pub(crate) mod look;
pub mod pay_from_wallet;
pub mod process;
pub mod quote;
pub mod receive;
pub mod refund;
mod restore;
pub mod retry_refund;
pub(crate) mod settle;
pub mod sheets;
pub mod terms;
pub mod top_up;
pub mod verify;

pub use apply::{ApplyError, ApplyPayment};
pub use deposits::{AnswerDeposit, AssessDeposit, DepositError, NewDeduction, SettleDeposit};
pub use finish::{BillingJob, JobDone, JobError};
pub use initialize::{InitializeError, InitializePayment};
pub use pay_from_wallet::{PayFromWallet, PayFromWalletError};
pub use quote::{AskQuote, QuoteError};
pub use receive::{Acknowledged, ReceiveError, Webhook};
pub use refund::{RefundError, RefundPayment};
pub use retry_refund::RetryRefund;
pub use sheets::{AskStatement, SheetError};
pub use terms::{TermsError, UpdateTerms};
pub use top_up::TopUpWallet;
pub use verify::VerifyError;
