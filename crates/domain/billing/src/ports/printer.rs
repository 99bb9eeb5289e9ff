//! The port to what prints: a sheet is plain data, every word and sum of it decided here; an implementation lays it out.

use domicile_kernel::{HostelDay, Instant, Money, Zone};

/// Prints sheets. Pure computing: an answer may take a few hundred milliseconds of one processor.
pub trait Printer: Send + Sync {
    /// A receipt, as a PDF.
    fn receipt(&self, sheet: &ReceiptSheet) -> Result<Vec<u8>, PrintError>;

    /// A statement, as a PDF of as many pages as it needs.
    fn statement(&self, sheet: &StatementSheet) -> Result<Vec<u8>, PrintError>;
}

/// Why a sheet could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("the sheet could not be printed")]
pub struct PrintError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What one payment was, for the payer to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSheet {
    /// The hostel that was paid.
    pub hostel: String,
    /// In whose time the instants are printed.
    pub zone: Zone,
    /// The payment's reference.
    pub number: String,
    /// When it was paid.
    pub paid_at: Instant,
    /// Who paid: their name, or their address when they gave none.
    pub payer: String,
    /// By which provider, and whether that moved no real money.
    pub provider: String,
    /// What it was used for, in order; adds up to the amount.
    pub lines: Vec<ReceiptLine>,
    /// What was paid.
    pub amount: Money,
    /// What was given back since.
    pub refunded: Money,
    /// When the sheet was made.
    pub made_at: Instant,
}

/// What a part of a payment was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    /// In words, such as `Rent 2026-02-01 to 2026-03-01`.
    pub text: String,
    /// How much of the payment.
    pub amount: Money,
}

/// What happened between a person and a hostel in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSheet {
    /// The hostel.
    pub hostel: String,
    /// In whose time the instants are printed.
    pub zone: Zone,
    /// Whose statement: their name, or their address when they gave none.
    pub person: String,
    /// The first day told.
    pub from: HostelDay,
    /// The last day told.
    pub to: HostelDay,
    /// What was owed before; negative for credit.
    pub opening: Money,
    /// What happened, in order.
    pub lines: Vec<StatementLine>,
    /// What is owed after; negative for credit.
    pub closing: Money,
    /// When the sheet was made.
    pub made_at: Instant,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// When.
    pub at: Instant,
    /// In words.
    pub text: String,
    /// By how much the debt changed: positive for a charge, negative for a payment or credit.
    pub amount: Money,
    /// What was owed then; negative for credit.
    pub balance: Money,
}
