//! Beginning to pay (J30, W9): the first step writes the payment down and commits, the second opens a checkout at the
//! gateway, the third writes down where the payer goes on. A repeat with the same idempotency key goes on wherever the first
//! was interrupted.

use domicile_kernel::{
    Call, Checks, Detail, Feature, FieldErrors, Instant, Money, NewJob, Outcome, Permission, Refusal, StoreError,
    faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    finish::BillingJob,
    look::{ASKING, Looked},
};
use crate::{
    Bursar,
    events::{Change, tell_payment},
    model::{
        BookingId, Invoice, InvoiceId, Payment, PaymentError, PaymentId, PaymentRecord, PaymentState, PaymentStatus,
        Purpose,
    },
    policy,
    ports::{BillingUow, NewCharge, PaymentGateway, PaymentWritten},
    queries::{InitializedPayment, PaymentView, Work},
};

/// What somebody wants to pay, as it was sent (J30).
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct InitializePayment {
    /// Which invoice. Either this or `booking_id` is required.
    pub invoice_id: Option<String>,
    /// The open invoices of which stay, the oldest first.
    pub booking_id: Option<String>,
    /// How much; all that is open when absent. At most that.
    pub amount: Option<Money>,
    /// By which gateway; the usual one when absent.
    pub provider: Option<String>,
}

/// Why somebody could not begin to pay.
#[derive(Debug, thiserror::Error)]
pub enum InitializeError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such invoice.
    #[error("Invoice not found")]
    InvoiceNotFound,
    /// No such stay, or it was not billed yet.
    #[error("There are no invoices for this booking")]
    BookingNotFound,
    /// Nothing is owed, or nothing may be paid yet.
    #[error("There is nothing to pay here")]
    NothingToPay,
    /// The house takes no advance payments, and an older invoice is open.
    #[error("An older invoice has to be paid first")]
    NotDueYet {
        /// The oldest open invoice.
        first: InvoiceId,
    },
    /// No gateway takes this.
    #[error("Online payments in this currency cannot be taken here. Ask the hostel's manager.")]
    NoGateway,
    /// The gateway declined.
    #[error("The payment was declined: {why}")]
    Declined {
        /// Why, in the gateway's words.
        why: String,
        /// The payment as it is now.
        payment: Box<PaymentView>,
    },
    /// The numbers are those of no payment.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(InitializeError: through Refused, Invalid, Payment, Store;
    Self::InvoiceNotFound => NotFound,
    Self::BookingNotFound => NotFound,
    Self::NothingToPay => ResourceConflict,
    Self::NotDueYet { first } => ResourceConflict with Detail::Data(json!({ "invoice_id": first })),
    Self::NoGateway => ResourceConflict,
    Self::Declined { payment, .. } => PaymentFailed with Detail::Data(json!({ "payment": payment })));

/// What is to be begun, checked.
pub(crate) struct Beginning {
    pub(crate) purpose: Purpose,
    pub(crate) payer: domicile_kernel::AccountId,
    pub(crate) booking_id: Option<BookingId>,
    pub(crate) invoice_id: Option<InvoiceId>,
    pub(crate) amount: Money,
}

impl Bursar {
    /// Begins to pay an invoice, or the open invoices of a stay: one's own, or for somebody else with `payments:read:all`.
    /// Answers where the payer goes on, or nothing there while the gateway does not answer: the payment is then open, and a
    /// repeat or [`verify_payment`](Self::verify_payment) goes on with it.
    pub async fn initialize_payment(
        &self,
        call: &Call,
        command: InitializePayment,
    ) -> Result<InitializedPayment, InitializeError> {
        call.require(Permission::PaymentsCreate)?;
        call.require_feature(Feature::Payments)?;
        Self::house(call)?;
        let wish = command.check()?;
        let gateway = self.gateway(wish.provider.as_deref())?;
        let mut uow = match self.uows.begin(call).await {
            Ok(uow) => uow,
            Err(StoreError::Replayed(outcome)) => return self.go_on(call, outcome).await,
            Err(error) => return Err(error.into()),
        };
        let beginning = wish.measure(&mut *uow, self, call).await?;
        let (payment, charge) = self.begin_payment(&mut *uow, call, &*gateway, beginning).await?;
        uow.commit(Outcome::of(&InitializedPayment::of(&payment))).await?;
        self.open_checkout(call, &*gateway, payment, &charge).await
    }

    /// The gateway that was asked for, or the usual one.
    pub(crate) fn gateway(
        &self,
        provider: Option<&str>,
    ) -> Result<std::sync::Arc<dyn PaymentGateway>, InitializeError> {
        match provider {
            None => self.gateways.usual().cloned().ok_or(InitializeError::NoGateway),
            Some(name) => self.gateways.find(name).cloned().ok_or_else(|| {
                let names = self.gateways.names();
                let message = format!("provider must be one of: {}", names.join(", "));
                let mut checks = Checks::new();
                checks.fail("provider", "one_of", json!({ "values": names }), message);
                checks.finish().err().map_or(InitializeError::NoGateway, Into::into)
            }),
        }
    }

    /// Writes a payment down, with the job that asks about it later. Answers as well what the gateway is to be told of it.
    pub(crate) async fn begin_payment(
        &self,
        uow: &mut dyn BillingUow,
        call: &Call,
        gateway: &dyn PaymentGateway,
        beginning: Beginning,
    ) -> Result<(Payment, NewCharge), InitializeError> {
        if !gateway.takes(beginning.amount.currency()) {
            return Err(InitializeError::NoGateway);
        }
        let (now, hostel_id) = (self.ambient.now(), Self::house(call)?);
        let id: PaymentId = self.ambient.id();
        let payment = Payment::from_record(PaymentRecord {
            id,
            hostel_id,
            user_id: beginning.payer,
            booking_id: beginning.booking_id,
            invoice_id: beginning.invoice_id,
            purpose: beginning.purpose,
            provider: gateway.provider().to_owned(),
            reference: Payment::reference_of(id),
            amount: beginning.amount,
            refunded: 0,
            refund_pending: 0,
            fees: None,
            gateway_id: None,
            authorization_url: None,
            asking_until: Some(now.plus(ASKING)),
            expires_at: now.plus(gateway.session_length()),
            state: PaymentState::Pending,
            version: 1,
            created_at: now,
            updated_at: now,
        })?;
        match uow.payments().insert(&payment).await? {
            PaymentWritten::Written => {}
            PaymentWritten::ReferenceTaken | PaymentWritten::Stale => {
                return Err(StoreError::Conflict("payments: reference".to_owned()).into());
            }
        }
        let job: NewJob = BillingJob { hostel_id, work: Work::Verify(id) }.at(self.ambient.id(), now.plus(ASKING * 2));
        uow.enqueue(job);
        tell_payment(uow, &self.ambient, Change::PaymentInitialized, None, &payment);
        let charge = self.charge_of(&payment, uow.parties(beginning.payer).await?);
        Ok((payment, charge))
    }

    /// The second and third step of a payment that was written down just now: nobody else asks the gateway meanwhile.
    pub(crate) async fn open_checkout(
        &self,
        call: &Call,
        gateway: &dyn PaymentGateway,
        payment: Payment,
        charge: &NewCharge,
    ) -> Result<InitializedPayment, InitializeError> {
        let pending = InitializedPayment::of(&payment);
        let answer = gateway.initialize(charge).await;
        let opened = answer.as_ref().ok().map(|checkout| checkout.authorization_url.clone());
        // The payment is written down: what fails from here on is left to its job, and to whoever repeats.
        match self.note_opening(&Self::finishing(call), payment, answer).await {
            Ok(looked) => begun(looked, pending),
            Err(_not_noted) => Ok(InitializedPayment { authorization_url: opened, ..pending }),
        }
    }

    /// What a repeat with the same key does: it answers with the same payment, and goes on with it when the checkout was not
    /// opened yet.
    pub(crate) async fn go_on(&self, call: &Call, outcome: Outcome) -> Result<InitializedPayment, InitializeError> {
        let kept: InitializedPayment = outcome.view()?;
        if kept.payment.status == PaymentStatus::Failed {
            return Err(declined(kept.payment));
        }
        if kept.payment.status != PaymentStatus::Pending {
            return Err(StoreError::Replayed(outcome).into());
        }
        if kept.authorization_url.is_some() {
            // Nobody is sent to a checkout that is over.
            return match self.queries.payment(call, kept.payment.id).await? {
                Some(now) if now.status == PaymentStatus::Failed => Err(declined(now)),
                _ => Err(StoreError::Replayed(outcome).into()),
            };
        }
        match self.look(call, &Self::finishing(call), kept.payment.id).await? {
            Looked::Unknown => Ok(kept),
            Looked::Known(payment) | Looked::BeingAsked(payment) | Looked::Unanswered(payment) => {
                let view = InitializedPayment::of(&payment);
                if view.payment.status == PaymentStatus::Failed { Err(declined(view.payment)) } else { Ok(view) }
            }
        }
    }

    /// The call for the last step of a command in steps: it puts the whole answer in the place of the one that was kept first.
    pub(crate) fn finishing(call: &Call) -> Call {
        Call { job: None, ..call.completes() }
    }
}

fn begun(looked: Looked, pending: InitializedPayment) -> Result<InitializedPayment, InitializeError> {
    match looked {
        Looked::Unknown => Ok(pending),
        Looked::Known(payment) | Looked::BeingAsked(payment) | Looked::Unanswered(payment) => {
            let view = InitializedPayment::of(&payment);
            if view.payment.status == PaymentStatus::Failed { Err(declined(view.payment)) } else { Ok(view) }
        }
    }
}

fn declined(payment: PaymentView) -> InitializeError {
    let why = payment.failure.as_ref().map(|why| why.as_str().to_owned()).unwrap_or_default();
    InitializeError::Declined { why, payment: Box::new(payment) }
}

/// What is to be paid.
pub(crate) enum Bill {
    Invoice(InvoiceId),
    Booking(BookingId),
}

/// What was sent, checked.
struct Wish {
    bill: Bill,
    amount: Option<Money>,
    provider: Option<String>,
}

impl InitializePayment {
    fn check(self) -> Result<Wish, FieldErrors> {
        let mut checks = Checks::new();
        let invoice = checks.id("invoice_id", self.invoice_id.as_deref(), "Invalid invoice ID");
        let booking = checks.id("booking_id", self.booking_id.as_deref(), "Invalid booking ID");
        let one = self.invoice_id.is_some() != self.booking_id.is_some();
        checks.ensure(one, "invoice_id", "one_of", "Send either invoice_id or booking_id");
        let amount = positive(&mut checks, "amount", self.amount);
        let bill = invoice.map(Bill::Invoice).or(booking.map(Bill::Booking));
        checks.conclude(bill.map(|bill| Wish { bill, amount, provider: self.provider }))
    }
}

/// An amount of at least one minor unit, if one was sent.
pub(crate) fn positive(checks: &mut Checks, field: &str, value: Option<Money>) -> Option<Money> {
    if value.is_some_and(|amount| amount.amount_minor() <= 0) {
        let field = format!("{field}.amount_minor");
        checks.fail(&field, "range", json!({ "min": 1 }), format!("{field} must be at least 1"));
        return None;
    }
    checks.price(field, value)
}

/// Invoices, and which of them may be paid today.
pub(crate) struct Payable {
    pub(crate) all: Vec<Invoice>,
    may: Vec<InvoiceId>,
}

impl Payable {
    fn payable(&self) -> impl Iterator<Item = &Invoice> {
        self.all.iter().filter(|invoice| self.may.contains(&invoice.id()))
    }

    /// The invoice that has to be paid before this one, if this one is open and may not be paid yet.
    pub(crate) fn before(&self, id: InvoiceId) -> Option<InvoiceId> {
        let open = self.all.iter().any(|invoice| invoice.id() == id && invoice.open() > 0);
        if open && !self.may.contains(&id) { self.may.first().copied() } else { None }
    }
}

impl Bill {
    /// The invoices of a bill, and which of them may be paid now. Empty when there are none. They are locked, except that
    /// one invoice of which only a payment is `begun`, which reserves nothing, is read as it is.
    pub(crate) async fn payable(
        &self,
        uow: &mut dyn BillingUow,
        now: Instant,
        begun: bool,
    ) -> Result<Payable, StoreError> {
        let terms = uow.terms().find().await?.unwrap_or_default();
        let today = if terms.advance_allowed { None } else { Some(uow.house().await?.today(now)) };
        let all = match (self, today) {
            // Where any invoice may be paid, the others do not matter.
            (Self::Invoice(id), None) if begun => uow.invoices().find(*id).await?.into_iter().collect(),
            (Self::Invoice(id), None) => uow.invoices().lock(*id).await?.into_iter().collect(),
            (Self::Invoice(id), Some(_)) => match uow.invoices().find(*id).await? {
                Some(named) => uow.invoices().lock_of_booking(named.record().booking_id).await?,
                None => Vec::new(),
            },
            (Self::Booking(id), _) => uow.invoices().lock_of_booking(*id).await?,
        };
        let may = match today {
            None => all.iter().filter(|invoice| invoice.open() > 0).map(Invoice::id).collect(),
            Some(today) => policy::payable(&terms, &all, today).into_iter().map(Invoice::id).collect(),
        };
        Ok(Payable { all, may })
    }

    /// Why there are no invoices of it.
    const fn missing(&self) -> InitializeError {
        match self {
            Self::Invoice(_) => InitializeError::InvoiceNotFound,
            Self::Booking(_) => InitializeError::BookingNotFound,
        }
    }
}

impl Wish {
    /// What can be paid of the bill.
    async fn measure(
        &self,
        uow: &mut dyn BillingUow,
        bursar: &Bursar,
        call: &Call,
    ) -> Result<Beginning, InitializeError> {
        let invoices = self.bill.payable(uow, bursar.ambient.now(), true).await?;
        let first = invoices.all.first().ok_or_else(|| self.bill.missing())?;
        let (payer, booking) = (first.record().user_id, first.record().booking_id);
        if call.actor.account() != Some(payer) && !call.may(Permission::PaymentsReadAll) {
            return Err(Refusal::NotYours("invoices").into());
        }
        let (purpose, invoice_id, open) = match self.bill {
            Bill::Booking(_) => {
                let of_one_currency =
                    invoices.payable().filter(|invoice| invoice.record().currency == first.record().currency);
                (Purpose::Booking, None, of_one_currency.map(Invoice::open).sum::<i64>())
            }
            Bill::Invoice(id) => {
                let named = invoices.all.iter().find(|invoice| invoice.id() == id);
                if let Some(first) = invoices.before(id) {
                    return Err(InitializeError::NotDueYet { first });
                }
                (Purpose::Invoice, Some(id), named.map_or(0, Invoice::open))
            }
        };
        if open == 0 {
            return Err(InitializeError::NothingToPay);
        }
        let amount = within(self.amount, first.money(open))?;
        Ok(Beginning { purpose, payer, booking_id: Some(booking), invoice_id, amount })
    }
}

/// The amount that was sent, or all that is open; refused when it is more, or other money.
pub(crate) fn within(asked: Option<Money>, open: Money) -> Result<Money, FieldErrors> {
    let Some(amount) = asked else { return Ok(open) };
    let mut checks = Checks::new();
    if amount.currency() != open.currency() {
        let message = format!("amount.currency must be {}", open.currency());
        checks.fail("amount.currency", "currency", json!({ "currency": open.currency() }), message);
    } else if amount.amount_minor() > open.amount_minor() {
        let message = format!("amount.amount_minor must be at most {}", open.amount_minor());
        checks.fail("amount.amount_minor", "range", json!({ "min": 1, "max": open.amount_minor() }), message);
    }
    checks.finish()?;
    Ok(amount)
}
