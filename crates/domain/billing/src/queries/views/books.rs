//! What is told of deposits, wallets and the ledger.

use domicile_kernel::{AccountId, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use crate::model::{BookingId, Deposit, DepositId, DepositStatus, InvoiceId, Journal, JournalId};

/// A deduction as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeductionView {
    /// What for.
    pub description: Text,
    /// How much.
    pub amount: Money,
}

/// An answer to deductions as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AnswerView {
    /// Whether the resident agrees.
    pub accepted: bool,
    /// What else they said.
    pub note: Option<Text>,
    /// When.
    pub at: Instant,
}

/// A deposit as it is told (J32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DepositView {
    /// Which.
    pub id: DepositId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// For which stay.
    pub booking_id: BookingId,
    /// Whose money.
    pub user_id: AccountId,
    /// The invoice it was billed by.
    pub invoice_id: InvoiceId,
    /// Where it stands.
    pub status: DepositStatus,
    /// What is held.
    pub held: Money,
    /// What the house wants to keep, or kept.
    pub deductions: Vec<DeductionView>,
    /// Their sum.
    pub deducted: Money,
    /// Until when the resident may answer.
    pub answer_until: Option<Instant>,
    /// What they said.
    pub answer: Option<AnswerView>,
    /// What went back when it was settled.
    pub returned: Money,
    /// When it was billed.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// From 1, one more with each change.
    pub version: i64,
}

impl DepositView {
    /// What is told of a deposit.
    #[must_use]
    pub fn of(deposit: &Deposit) -> Self {
        let is = deposit.record();
        let money = |amount| Money::new(amount, is.currency);
        let deductions = is
            .deductions
            .iter()
            .map(|deduction| DeductionView { description: deduction.text.clone(), amount: money(deduction.amount) });
        let answer =
            is.answer.clone().map(|answer| AnswerView { accepted: answer.accepted, note: answer.note, at: answer.at });
        Self {
            id: is.id,
            hostel_id: is.hostel_id,
            booking_id: is.booking_id,
            user_id: is.user_id,
            invoice_id: is.invoice_id,
            status: is.status,
            held: money(is.held),
            deductions: deductions.collect(),
            deducted: money(deposit.deducted()),
            answer_until: is.answer_until,
            answer,
            returned: money(is.returned),
            created_at: is.created_at,
            updated_at: is.updated_at,
            version: is.version,
        }
    }
}

/// An entry of a journal as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EntryView {
    /// On which account: its kind, with `:` and whose it is, such as `rent_income` or `wallet:<user id>`.
    pub account: String,
    /// Positive for a debit, negative for a credit.
    pub amount: Money,
}

/// A journal as it is told (J32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JournalView {
    /// Which.
    pub id: JournalId,
    /// Whose ledger.
    pub hostel_id: HostelId,
    /// What it is the effect of, such as `charge:<payment id>`; unique in the hostel.
    pub key: String,
    /// In words.
    pub description: String,
    /// What was moved; sums to zero.
    pub entries: Vec<EntryView>,
    /// When.
    pub created_at: Instant,
}

impl JournalView {
    /// What is told of a journal.
    #[must_use]
    pub fn of(journal: &Journal) -> Self {
        let entry = |entry: &crate::model::Entry| EntryView {
            account: entry.account.to_string(),
            amount: Money::new(entry.amount, journal.currency()),
        };
        Self {
            id: journal.id(),
            hostel_id: journal.hostel_id(),
            key: journal.key().to_owned(),
            description: journal.text().to_owned(),
            entries: journal.entries().iter().map(entry).collect(),
            created_at: journal.at(),
        }
    }
}

/// The balance of all accounts of one kind, as it is told (J32): a line of the trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BalanceView {
    /// Which kind: `gateway`, `receivable`, `rent_income`, `other_income`, `deposit_billed`, `deposit_liability`, `wallet`,
    /// `suspense` or `refund_payable`.
    pub account: String,
    /// Their sum, positive when debits prevail. The lines of one currency sum to zero.
    pub balance: Money,
    /// How many accounts of the kind are not at zero.
    pub accounts: u64,
}

/// A wallet as it is told (J32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WalletView {
    /// In which house it can be spent.
    pub hostel_id: HostelId,
    /// Whose.
    pub user_id: AccountId,
    /// What is in it.
    pub balance: Money,
}
