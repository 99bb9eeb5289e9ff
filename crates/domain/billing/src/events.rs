//! What happened, told to the outside: one table of changes, with the event's type, the word in `data.change`, the audit
//! action and the audience of each. Everything is told to the person whose money it is and to those who may see every
//! payment.

use domicile_kernel::{AccountId, Audience, AuditEntry, NewEvent, Permission, event::MAX_DATA_BYTES, ports::Ambient};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    model::{BillingTerms, Deposit, Invoice, Payment, Quarantined, Refund},
    ports::BillingUow,
    queries::{DepositView, InvoiceView, PaymentView, QuarantineView, RefundView, TermsView},
};

/// The version of the shape of `data` in every event here.
const SHAPE: u16 = 1;

/// What can happen to money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody wants to pay.
    PaymentInitialized,
    /// The money was taken.
    PaymentCompleted,
    /// The money was taken and nothing was owed: it waits in suspense.
    PaymentSuspended,
    /// The money was not taken.
    PaymentFailed,
    /// Money in suspense pays an invoice.
    PaymentApplied,
    /// Money was reserved to be given back.
    RefundRequested,
    /// The payer has their money back.
    RefundCompleted,
    /// It did not go through.
    RefundFailed,
    /// The provider needs an account to send it to.
    RefundNeedsAttention,
    /// An invoice was made.
    InvoiceIssued,
    /// Nothing is owed on an invoice any more.
    InvoicePaid,
    /// A part of an invoice was paid.
    InvoicePartlyPaid,
    /// A line was added to an invoice, or its dates changed.
    InvoiceAdjusted,
    /// Something was paid into a deposit.
    DepositHeld,
    /// Something was given back out of a deposit, before it was settled.
    DepositReduced,
    /// Deductions were proposed.
    DepositAssessed,
    /// The resident answered.
    DepositAnswered,
    /// It is over.
    DepositSettled,
    /// There is nothing to hold any more.
    DepositReleased,
}

impl Change {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::PaymentInitialized,
        Self::PaymentCompleted,
        Self::PaymentSuspended,
        Self::PaymentFailed,
        Self::PaymentApplied,
        Self::RefundRequested,
        Self::RefundCompleted,
        Self::RefundFailed,
        Self::RefundNeedsAttention,
        Self::InvoiceIssued,
        Self::InvoicePaid,
        Self::InvoicePartlyPaid,
        Self::InvoiceAdjusted,
        Self::DepositHeld,
        Self::DepositReduced,
        Self::DepositAssessed,
        Self::DepositAnswered,
        Self::DepositSettled,
        Self::DepositReleased,
    ];

    /// The event's type on the wire; none for what is only audited.
    #[must_use]
    pub const fn kind(self) -> Option<&'static str> {
        self.row().0
    }

    /// The event's type, the word in `data.change` where the type does not say it, and the audit action.
    const fn row(self) -> (Option<&'static str>, Option<&'static str>, &'static str) {
        match self {
            Self::PaymentInitialized => (None, None, "payment.initialize"),
            Self::PaymentCompleted => (Some("payment.completed"), None, "payment.complete"),
            Self::PaymentSuspended => (Some("payment.completed"), Some("suspended"), "payment.suspend"),
            Self::PaymentFailed => (Some("payment.failed"), None, "payment.fail"),
            Self::PaymentApplied => (Some("payment.updated"), Some("applied"), "payment.apply"),
            Self::RefundRequested => (Some("payment.updated"), Some("refund_requested"), "payment.refund"),
            Self::RefundCompleted => (Some("payment.refunded"), None, "refund.complete"),
            Self::RefundFailed => (Some("payment.updated"), Some("refund_failed"), "refund.fail"),
            Self::RefundNeedsAttention => {
                (Some("payment.updated"), Some("refund_needs_attention"), "refund.needs_attention")
            }
            Self::InvoiceIssued => (Some("invoice.issued"), None, "invoice.issue"),
            Self::InvoicePaid => (Some("invoice.paid"), None, "invoice.pay"),
            Self::InvoicePartlyPaid => (Some("invoice.paid"), Some("partially"), "invoice.pay"),
            Self::InvoiceAdjusted => (Some("invoice.adjusted"), None, "invoice.adjust"),
            Self::DepositHeld => (Some("deposit.held"), None, "deposit.hold"),
            Self::DepositReduced => (Some("deposit.reduced"), None, "deposit.reduce"),
            Self::DepositAssessed => (Some("deposit.assessed"), None, "deposit.assess"),
            Self::DepositAnswered => (Some("deposit.answered"), None, "deposit.answer"),
            Self::DepositSettled => (Some("deposit.settled"), None, "deposit.settle"),
            Self::DepositReleased => (Some("deposit.released"), None, "deposit.release"),
        }
    }
}

/// What an event and its audit row are about.
struct Subject {
    aggregate: &'static str,
    id: Uuid,
    version: i64,
    person: AccountId,
    before: Option<Value>,
    after: Value,
    /// What the event says, where that is less than the audit row.
    told: Option<Value>,
}

fn tell(uow: &mut dyn BillingUow, ambient: &Ambient, change: Change, subject: Subject, more: Option<(&str, Value)>) {
    let (kind, word, action) = change.row();
    if let Some(kind) = kind {
        let mut data = subject.told.unwrap_or_else(|| subject.after.clone());
        if let Some(fields) = data.as_object_mut() {
            if let Some(word) = word {
                fields.insert("change".to_owned(), json!(word));
            }
            if let Some((name, value)) = more {
                fields.insert(name.to_owned(), value);
            }
        }
        uow.record(NewEvent {
            id: ambient.id(),
            kind,
            version: SHAPE,
            audience: Audience::Person(subject.person, Permission::PaymentsReadAll),
            aggregate: subject.aggregate,
            aggregate_id: subject.id,
            aggregate_version: subject.version,
            at: ambient.now(),
            data,
        });
    }
    uow.audit(AuditEntry {
        id: ambient.id(),
        action,
        target: subject.aggregate,
        target_id: Some(subject.id),
        before: subject.before,
        after: Some(subject.after),
    });
}

fn value(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap_or(Value::Null)
}

/// Tells of a payment.
pub(crate) fn tell_payment(
    uow: &mut dyn BillingUow,
    ambient: &Ambient,
    change: Change,
    before: Option<&Payment>,
    after: &Payment,
) {
    tell(uow, ambient, change, payment_subject(before, after), None);
}

/// Tells of a refund: as a change of its payment, with the refund beside it.
pub(crate) fn tell_refund(
    uow: &mut dyn BillingUow,
    ambient: &Ambient,
    change: Change,
    before: Option<&Payment>,
    after: &Payment,
    refund: &RefundView,
) {
    tell(uow, ambient, change, payment_subject(before, after), Some(("refund", value(refund))));
}

fn payment_subject(before: Option<&Payment>, after: &Payment) -> Subject {
    Subject {
        aggregate: "payment",
        id: after.id().uuid(),
        version: after.version(),
        person: after.payer(),
        before: before.map(|payment| value(&PaymentView::of(payment))),
        after: value(&PaymentView::of(after)),
        told: None,
    }
}

/// Tells of an invoice.
pub(crate) fn tell_invoice(
    uow: &mut dyn BillingUow,
    ambient: &Ambient,
    change: Change,
    before: Option<&Invoice>,
    after: &Invoice,
) {
    let subject = Subject {
        aggregate: "invoice",
        id: after.id().uuid(),
        version: after.version(),
        person: after.record().user_id,
        before: before.map(|invoice| value(&brief(invoice))),
        after: value(&brief(after)),
        told: None,
    };
    tell(uow, ambient, change, subject, None);
}

/// An invoice with its last lines only: an event has its bounds, and whoever needs all of them reads the invoice.
fn brief(invoice: &Invoice) -> InvoiceView {
    const LINES: usize = 20;
    let mut view = InvoiceView::of(invoice);
    let beyond = view.lines.len().saturating_sub(LINES);
    view.lines.drain(..beyond);
    view
}

/// Tells of a deposit, without what the resident wrote.
pub(crate) fn tell_deposit(
    uow: &mut dyn BillingUow,
    ambient: &Ambient,
    change: Change,
    before: Option<&Deposit>,
    after: &Deposit,
) {
    let public = |deposit: &Deposit| {
        let mut view = DepositView::of(deposit);
        if let Some(answer) = &mut view.answer {
            answer.note = None;
        }
        view
    };
    let subject = Subject {
        aggregate: "deposit",
        id: after.id().uuid(),
        version: after.version(),
        person: after.record().user_id,
        before: before.map(|before| value(&public(before))),
        after: value(&public(after)),
        told: Some(fitting(public(after))),
    };
    tell(uow, ambient, change, subject, None);
}

/// A deposit with as many of its deductions as an event has room for: whoever needs all of them reads the deposit.
fn fitting(mut view: DepositView) -> Value {
    /// What the rest of the event may take.
    const REST: usize = 64;
    loop {
        let data = value(&view);
        let fits = serde_json::to_vec(&data).is_ok_and(|bytes| bytes.len() + REST <= MAX_DATA_BYTES);
        if fits || view.deductions.pop().is_none() {
            return data;
        }
    }
}

/// Notes what did not fit. Nobody outside is told: the money is not theirs until somebody has looked.
pub(crate) fn note_quarantine(uow: &mut dyn BillingUow, ambient: &Ambient, found: &Quarantined) {
    uow.audit(AuditEntry {
        id: ambient.id(),
        action: "payment.quarantine",
        target: "payment",
        target_id: Some(found.payment_id.uuid()),
        before: None,
        after: Some(value(&QuarantineView::of(found))),
    });
}

/// Notes that somebody named an account for a refund. The account itself is kept nowhere.
pub(crate) fn note_retry(uow: &mut dyn BillingUow, ambient: &Ambient, refund: &Refund) {
    uow.audit(AuditEntry {
        id: ambient.id(),
        action: "refund.retry",
        target: "payment",
        target_id: Some(refund.record().payment_id.uuid()),
        before: None,
        after: Some(value(&RefundView::of(refund))),
    });
}

/// Notes that the terms were changed.
pub(crate) fn note_terms(
    uow: &mut dyn BillingUow,
    ambient: &Ambient,
    hostel: Uuid,
    before: &BillingTerms,
    after: &BillingTerms,
) {
    uow.audit(AuditEntry {
        id: ambient.id(),
        action: "billing.update_terms",
        target: "billing_terms",
        target_id: Some(hostel),
        before: Some(value(&TermsView::of(before))),
        after: Some(value(&TermsView::of(after))),
    });
}
