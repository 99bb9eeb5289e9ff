//! An invoice: what somebody owes for a month of a stay, or as its deposit, in lines that never change once issued. What
//! turns out different is another line, so that everybody can see what was billed, what was undone and why.

use domicile_kernel::{AccountId, Currency, HostelDay, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use super::{BookingId, InvoiceId, Period};

/// What an invoice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InvoiceKind {
    /// The deposit of a stay.
    Deposit,
    /// A period of a stay.
    Rent,
}

impl InvoiceKind {
    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Rent => "rent",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Deposit, Self::Rent].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Rent as it was first billed.
    Rent,
    /// The deposit as it was first billed.
    Deposit,
    /// What a changed stay costs more (positive) or less (negative).
    Adjustment,
    /// What was given back, and is not owed any more (negative); or was to be and could not (positive).
    Refund,
}

impl LineKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Rent, Self::Deposit, Self::Adjustment, Self::Refund];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rent => "rent",
            Self::Deposit => "deposit",
            Self::Adjustment => "adjustment",
            Self::Refund => "refund",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place, from 1.
    pub number: u32,
    /// What it is.
    pub kind: LineKind,
    /// In words, at most 200 characters.
    pub text: Text,
    /// In minor units of the invoice's currency; negative for credit. Never 0.
    pub amount: i64,
    /// When it was added.
    pub at: Instant,
}

/// Where an invoice stands; follows from its lines and what was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Nothing was paid yet.
    Open,
    /// A part was paid.
    PartiallyPaid,
    /// Nothing is owed any more.
    Paid,
    /// Everything on it was undone.
    Void,
}

impl InvoiceStatus {
    /// Every status.
    pub const ALL: &'static [Self] = &[Self::Open, Self::PartiallyPaid, Self::Paid, Self::Void];
    /// Their names, in the same order.
    pub const WORDS: &'static [&'static str] = &["open", "partially_paid", "paid", "void"];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::Void => "void",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}

/// Everything that is kept of an invoice. `0 <= paid <= total`, and `total` is the sum of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRecord {
    /// Which.
    pub id: InvoiceId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// For which stay.
    pub booking_id: BookingId,
    /// Who owes it.
    pub user_id: AccountId,
    /// What it is for.
    pub kind: InvoiceKind,
    /// Its place among the invoices of its kind and stay, from 1.
    pub sequence: u32,
    /// Which nights it is for.
    pub period: Period,
    /// Until when it is to be paid.
    pub due_date: HostelDay,
    /// Its currency.
    pub currency: Currency,
    /// What is billed, in order; never empty.
    pub lines: Vec<Line>,
    /// What was paid of it, in minor units.
    pub paid: i64,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice(InvoiceRecord);

/// What no invoice can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// The lines add up to less than nothing, or to more than all numbers.
    #[error("an invoice is never for less than nothing")]
    Total,
    /// More was paid than it is for, or less than nothing.
    #[error("an invoice is never paid beyond its total")]
    Paid,
    /// A line that bills nothing, or no line at all.
    #[error("every line of an invoice bills something")]
    Lines,
}

impl Invoice {
    /// An invoice as it was kept, or as it is made; refused when it could not be one.
    pub fn from_record(record: InvoiceRecord) -> Result<Self, InvoiceError> {
        if record.lines.is_empty() || record.lines.iter().any(|line| line.amount == 0) {
            return Err(InvoiceError::Lines);
        }
        let total = record.lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount));
        let total = total.filter(|total| *total >= 0).ok_or(InvoiceError::Total)?;
        if !(0..=total).contains(&record.paid) {
            return Err(InvoiceError::Paid);
        }
        Ok(Self(record))
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &InvoiceRecord {
        &self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> InvoiceId {
        self.0.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// What it is for, in minor units.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.lines.iter().map(|line| line.amount).sum()
    }

    /// What was paid of it, in minor units.
    #[must_use]
    pub const fn paid(&self) -> i64 {
        self.0.paid
    }

    /// What is still to be paid, in minor units.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.total() - self.0.paid
    }

    /// What the stay itself costs by this invoice: rent, deposit and adjustments, without what was given back.
    #[must_use]
    pub fn billed(&self) -> i64 {
        self.0.lines.iter().filter(|line| line.kind != LineKind::Refund).map(|line| line.amount).sum()
    }

    /// An amount in its currency.
    #[must_use]
    pub const fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.0.currency)
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> InvoiceStatus {
        match (self.total(), self.0.paid) {
            (0, _) => InvoiceStatus::Void,
            (total, paid) if paid == total => InvoiceStatus::Paid,
            (_, 0) => InvoiceStatus::Open,
            _ => InvoiceStatus::PartiallyPaid,
        }
    }

    /// What comes first when somebody pays the oldest: by due date, then the deposit, then by place.
    #[must_use]
    pub fn age(&self) -> (HostelDay, InvoiceKind, u32, InvoiceId) {
        (self.0.due_date, self.0.kind, self.0.sequence, self.0.id)
    }

    /// With one more line, and what is paid beyond the new total taken off. Answers the invoice, the line's number and what
    /// was taken off.
    pub fn with_line(
        self,
        kind: LineKind,
        text: Text,
        amount: i64,
        at: Instant,
    ) -> Result<(Self, u32, i64), InvoiceError> {
        let mut record = self.0;
        let number = record.lines.last().map_or(0, |line| line.number) + 1;
        record.lines.push(Line { number, kind, text, amount, at });
        let total = record.lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount));
        let freed = total.map_or(0, |total| (record.paid - total.max(0)).max(0));
        record.paid -= freed;
        record.version += 1;
        record.updated_at = at;
        Ok((Self::from_record(record)?, number, freed))
    }

    /// With a line for what was given back: it is neither paid nor owed any more. A negative amount brings both back. Answers
    /// the invoice and the line's number.
    pub fn given_back(self, text: Text, amount: i64, at: Instant) -> Result<(Self, u32), InvoiceError> {
        let mut record = self.0;
        let number = record.lines.last().map_or(0, |line| line.number) + 1;
        record.lines.push(Line { number, kind: LineKind::Refund, text, amount: -amount, at });
        record.paid = record.paid.checked_sub(amount).ok_or(InvoiceError::Paid)?;
        record.version += 1;
        record.updated_at = at;
        Ok((Self::from_record(record)?, number))
    }

    /// With `amount` more paid (less, when negative).
    pub fn paid_by(self, amount: i64, at: Instant) -> Result<Self, InvoiceError> {
        let mut record = self.0;
        record.paid = record.paid.checked_add(amount).ok_or(InvoiceError::Paid)?;
        record.version += 1;
        record.updated_at = at;
        Self::from_record(record)
    }

    /// For other nights, due on another day.
    #[must_use]
    pub fn redated(self, period: Period, due_date: HostelDay, at: Instant) -> Self {
        let version = self.0.version + 1;
        Self(InvoiceRecord { period, due_date, version, updated_at: at, ..self.0 })
    }
}
