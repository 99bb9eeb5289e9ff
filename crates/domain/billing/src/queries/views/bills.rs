//! What is told of bills and the terms they are made by.

use domicile_kernel::{AccountId, Currency, HostelDay, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use crate::{
    model::{BillingTerms, BookingId, Invoice, InvoiceId, InvoiceKind, InvoiceStatus, LineKind},
    policy::Draft,
};

/// A line of an invoice as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineView {
    /// Its place, from 1.
    pub number: u32,
    /// What it is.
    pub kind: LineKind,
    /// In words.
    pub description: Text,
    /// How much; negative for credit.
    pub amount: Money,
    /// When it was added.
    pub created_at: Instant,
}

/// An invoice as it is told (J32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InvoiceView {
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
    /// Its place among those of its kind and stay, from 1.
    pub sequence: u32,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// The first day it is for.
    pub period_from: HostelDay,
    /// The day after the last night it is for.
    pub period_to: HostelDay,
    /// Until when it is to be paid.
    pub due_date: HostelDay,
    /// What is billed: the sum of the lines.
    pub total: Money,
    /// What was paid of it.
    pub paid: Money,
    /// What is still to be paid.
    pub open: Money,
    /// What is billed, in order.
    pub lines: Vec<LineView>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// From 1, one more with each change.
    pub version: i64,
}

impl InvoiceView {
    /// What is told of an invoice.
    #[must_use]
    pub fn of(invoice: &Invoice) -> Self {
        let is = invoice.record();
        let line = |line: &crate::model::Line| LineView {
            number: line.number,
            kind: line.kind,
            description: line.text.clone(),
            amount: invoice.money(line.amount),
            created_at: line.at,
        };
        Self {
            id: is.id,
            hostel_id: is.hostel_id,
            booking_id: is.booking_id,
            user_id: is.user_id,
            kind: is.kind,
            sequence: is.sequence,
            status: invoice.status(),
            period_from: is.period.from,
            period_to: is.period.to,
            due_date: is.due_date,
            total: invoice.money(invoice.total()),
            paid: invoice.money(invoice.paid()),
            open: invoice.money(invoice.open()),
            lines: is.lines.iter().map(line).collect(),
            created_at: is.created_at,
            updated_at: is.updated_at,
            version: is.version,
        }
    }
}

/// The terms a house bills by, as they are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TermsView {
    /// The deposit, in hundredths of a month's rent: 100 is one month, 0 none.
    pub deposit_percent: u32,
    /// How many days after the bills are made the first one is due, if that is after the first day of its period.
    pub first_due_days: u32,
    /// Whether bills can be paid before the one that is due next.
    pub advance_allowed: bool,
    /// How many days a resident has to answer proposed deductions.
    pub answer_days: u32,
    /// How many hours money for a stay that lost its bed waits to be used for another, before it is refunded by itself.
    pub rehousing_hours: u32,
    /// When they were last changed; none when the hostel never decided.
    pub updated_at: Option<Instant>,
    /// From 1, one more with each change; 0 when the hostel never decided.
    pub version: i64,
}

impl TermsView {
    /// What is told of terms.
    #[must_use]
    pub const fn of(terms: &BillingTerms) -> Self {
        Self {
            deposit_percent: terms.deposit_percent,
            first_due_days: terms.first_due_days,
            advance_allowed: terms.advance_allowed,
            answer_days: terms.answer_days,
            rehousing_hours: terms.rehousing_hours,
            updated_at: terms.updated_at,
            version: terms.version,
        }
    }
}

/// A bill as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DraftView {
    /// What for.
    pub kind: InvoiceKind,
    /// Its place among those of its kind, from 1.
    pub sequence: u32,
    /// The first day it is for.
    pub period_from: HostelDay,
    /// The day after the last night it is for.
    pub period_to: HostelDay,
    /// Until when it is to be paid.
    pub due_date: HostelDay,
    /// How much.
    pub total: Money,
}

/// What a stay costs and how it is billed, before it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuoteView {
    /// The first day.
    pub check_in_date: HostelDay,
    /// The day of leaving.
    pub check_out_date: HostelDay,
    /// For one bed and one month.
    pub monthly_price: Money,
    /// The rent of the whole stay.
    pub rent: Money,
    /// The deposit, which comes back.
    pub deposit: Money,
    /// Both together.
    pub total: Money,
    /// The bills, in order.
    pub invoices: Vec<DraftView>,
}

impl DraftView {
    /// What is told of a bill that is to be made.
    #[must_use]
    pub const fn of(draft: &Draft, currency: Currency) -> Self {
        Self {
            kind: draft.kind,
            sequence: draft.sequence,
            period_from: draft.period.from,
            period_to: draft.period.to,
            due_date: draft.due_date,
            total: Money::new(draft.amount, currency),
        }
    }
}
