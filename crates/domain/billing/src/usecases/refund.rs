//! Giving back what was paid, whole or in part (J31): reserved first, then asked of the gateway at once; when it does not
//! answer, by a job.

use std::time::Duration;

use domicile_kernel::{
    Call, Checks, Detail, FieldErrors, Money, NewJob, Outcome, Permission, Refusal, StoreError, Text, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    finish::{BillingJob, JobDone, JobError},
    give_back::NotReserved,
    initialize::positive,
    look::ASKING,
};
use crate::{
    Bursar,
    books::Books,
    model::{IllegalRefundMove, Payment, PaymentError, PaymentId, Refund, RefundId, RefundOrigin, RefundState, Target},
    ports::{BillingUow, GatewayError, RefundReport, RefundStatus},
    queries::{RefundView, Work},
    stays::written,
};

/// What is to be given back, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RefundPayment {
    /// How much; all that can still be given back when absent.
    pub amount: Option<Money>,
    /// Why, for the payer to read, 1 to 500 characters. Required.
    pub reason: Option<String>,
}

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such payment.
    #[error("Payment not found")]
    PaymentNotFound,
    /// No such refund.
    #[error("Refund not found")]
    RefundNotFound,
    /// The payment's status does not allow it, or it is more than is left.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// The refund's state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalRefundMove),
    /// The gateway that took the money is not set up any more, so nobody could be asked to give it back.
    #[error(
        "This payment was taken by {provider}, which is not configured here. Give it back by {provider} itself, or ask \
         who runs the installation to set it up again."
    )]
    NotConfigured {
        /// The gateway.
        provider: String,
    },
    /// Somebody else asks the gateway about the refund just now.
    #[error("The payment gateway is being asked about this refund right now. Look at it again in a moment.")]
    BeingAsked,
    /// Somebody else took the money out of the wallet or the deposit in between.
    #[error("The money is not there any more. Look at the payment again.")]
    Gone,
    /// The gateway will not.
    #[error("The payment gateway refused: {0}")]
    GatewayRefused(String),
    /// The gateway does not answer.
    #[error("The payment gateway does not answer. Try again in a moment.")]
    GatewaySilent,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(RefundError: through Refused, Invalid, Payment, Illegal, Store;
    Self::PaymentNotFound => NotFound,
    Self::RefundNotFound => NotFound,
    Self::NotConfigured { .. } => ResourceConflict,
    Self::BeingAsked => ResourceConflict with Detail::RetryAfter(LOOK_IN),
    Self::Gone => ResourceConflict,
    Self::GatewayRefused(_) => ResourceConflict,
    Self::GatewaySilent => ServiceUnavailable);

impl From<NotReserved> for RefundError {
    fn from(error: NotReserved) -> Self {
        match error {
            NotReserved::Payment(error) => Self::Payment(error),
            NotReserved::Store(error) => Self::Store(error),
        }
    }
}

/// How long after it was reserved a refund is looked at again by a job.
pub(super) const LOOK_AGAIN: Duration = Duration::from_mins(2);
/// How long a refund that is on its way at the provider is left alone.
const ON_ITS_WAY: Duration = Duration::from_mins(30);
/// How long a refund that needs attention is left alone at first. Later as long as it has waited already, up to a day.
const NEEDS_ATTENTION: Duration = Duration::from_hours(1);
const NEEDS_ATTENTION_LATE: Duration = Duration::from_hours(24);
/// How long a gateway may answer what nobody understands, from when a refund was reserved, until somebody is told.
const UNCLEAR_FOR: Duration = Duration::from_hours(72);
/// How long until a refund is looked at again whose gateway is not set up.
const NOT_CONFIGURED: Duration = Duration::from_hours(1);
/// After how many seconds whoever met somebody else at the gateway looks again: most answers have come by then.
const LOOK_IN: u32 = 5;

impl Bursar {
    /// Gives back a part of a payment, or all that is left of it. The amount is reserved before anybody is asked, so that what
    /// is refunded and reserved never exceeds what was paid. Not gated by the feature.
    pub async fn refund_payment(
        &self,
        call: &Call,
        id: PaymentId,
        command: RefundPayment,
    ) -> Result<RefundView, RefundError> {
        call.require(Permission::PaymentsRefund)?;
        let hostel = Self::house(call)?;
        let (asked, reason) = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let payment = uow.payments().lock(id).await?.ok_or(RefundError::PaymentNotFound)?;
        let amount = in_currency(asked, &payment)?;
        if payment.is_paid() && !self.can_ask(&payment) {
            return Err(RefundError::NotConfigured { provider: payment.record().provider.clone() });
        }
        let mut books = Books::open(&self.ambient, hostel);
        let decided = (RefundOrigin::Decided, reason);
        let (payment, refund) = self.reserve(&mut *uow, &mut books, payment, amount, |_| true, decided).await?;
        if refund.record().state == RefundState::Completed {
            return self.keep(uow, books, refund).await;
        }
        let refund = self.take(&mut *uow, refund).await?;
        let job = self.refund_job(&refund, LOOK_AGAIN);
        uow.enqueue(job);
        if let Err(_drained) = books.close(&mut *uow).await? {
            return Err(RefundError::Gone);
        }
        uow.commit(Outcome::of(&RefundView::of(&refund))).await?;
        // From here on the refund is there, and nothing can fail the command: what the store does not take now, the job
        // writes down later.
        let reserved = RefundView::of(&refund);
        let asked = self.ask_refund(&Self::finishing(call), payment, refund).await;
        Ok(asked.map_or(reserved, |(_payment, refund)| RefundView::of(&refund)))
    }

    /// Whether there is a gateway that can be asked to give a payment back; what the wallet paid needs none.
    pub(super) fn can_ask(&self, payment: &Payment) -> bool {
        payment.is_from_wallet() || self.gateways.find(&payment.record().provider).is_some()
    }

    async fn keep(
        &self,
        mut uow: Box<dyn BillingUow>,
        books: Books<'_>,
        refund: Refund,
    ) -> Result<RefundView, RefundError> {
        if let Err(_drained) = books.close(&mut *uow).await? {
            return Err(RefundError::Gone);
        }
        let view = RefundView::of(&refund);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// Takes a refund that was written just now from others.
    pub(crate) async fn take(&self, uow: &mut dyn BillingUow, refund: Refund) -> Result<Refund, StoreError> {
        match self.ask_for(&refund) {
            Some(asking) => {
                written(uow.refunds().update(&asking).await?, "refunds")?;
                Ok(asking)
            }
            None => Ok(refund),
        }
    }

    /// The job that looks at a refund.
    pub(crate) fn refund_job(&self, refund: &Refund, after: Duration) -> NewJob {
        let hostel_id = refund.record().hostel_id;
        let work = Work::Refund(refund.id());
        BillingJob { hostel_id, work }.at(self.ambient.id(), self.ambient.now().plus(after))
    }

    /// Asks the gateway for a refund that was taken from others, and writes down how it went. When this is not the first
    /// attempt, it is asked what it did first; one that needs attention is only asked about.
    pub(crate) async fn ask_refund(
        &self,
        finish: &Call,
        payment: Payment,
        refund: Refund,
    ) -> Result<(Payment, Refund), StoreError> {
        let Some(gateway) = self.gateways.find(&payment.record().provider) else { return Ok((payment, refund)) };
        let order = Self::order_of(&payment, &refund);
        let pending = refund.record().state == RefundState::Pending;
        let is_first = pending && refund.record().attempts <= 1;
        let found = if is_first { Err(GatewayError::Unknown) } else { gateway.find_refund(&order).await };
        let answer = match found {
            // It was told an id once, so it must know; only one that never answered may be asked again.
            Err(GatewayError::Unknown) if pending && order.gateway_id.is_none() => {
                // Whoever was held up for too long leaves it to its job: somebody else may be asking by now.
                if refund.record().asking_until.is_none_or(|until| until <= self.ambient.now()) {
                    return Ok((payment, refund));
                }
                gateway.refund(&order).await
            }
            // A refusal to tell is no word about the refund.
            Err(GatewayError::Refused { .. }) => Err(GatewayError::Timeout),
            found => found,
        };
        let report = match answer {
            Ok(report) => report,
            Err(GatewayError::Refused { message, .. }) => RefundReport {
                status: RefundStatus::Failed,
                amount: order.amount,
                gateway_id: None,
                message: Some(message),
            },
            Err(GatewayError::Timeout | GatewayError::Unreachable(_)) => {
                return self.leave(finish, refund.id(), None).await;
            }
            Err(unclear) => return self.leave(finish, refund.id(), Some(unclear)).await,
        };
        self.write_report(finish, refund.id(), &report).await
    }

    /// Writes down how a refund went.
    pub(crate) async fn write_report(
        &self,
        finish: &Call,
        id: RefundId,
        report: &RefundReport,
    ) -> Result<(Payment, Refund), StoreError> {
        let mut uow = self.uows.begin(finish).await?;
        let known = uow.refunds().find(id).await?.ok_or(StoreError::Stale)?;
        let payment = uow.payments().lock(known.record().payment_id).await?.ok_or(StoreError::Stale)?;
        let refund = uow.refunds().lock(id).await?.ok_or(StoreError::Stale)?;
        let mut books = Books::open(&self.ambient, known.record().hostel_id);
        let done = self.conclude(&mut *uow, &mut books, (payment, refund), report).await?;
        books.close_sound(&mut *uow).await?;
        uow.commit(Outcome::of(&RefundView::of(&done.1))).await?;
        Ok(done)
    }

    /// Nobody asks about a refund any more; it stays as it is. Where the gateway says for days what nobody understands,
    /// somebody has to look.
    pub(super) async fn leave(
        &self,
        finish: &Call,
        id: RefundId,
        unclear: Option<GatewayError>,
    ) -> Result<(Payment, Refund), StoreError> {
        let mut uow = self.uows.begin(finish).await?;
        let known = uow.refunds().find(id).await?.ok_or(StoreError::Stale)?;
        let payment = uow.payments().lock(known.record().payment_id).await?.ok_or(StoreError::Stale)?;
        let refund = uow.refunds().lock(id).await?.ok_or(StoreError::Stale)?;
        let books = Books::open(&self.ambient, known.record().hostel_id);
        let state = match refund.record().state {
            RefundState::Pending if unclear.is_some() && books.now.since(refund.record().created_at) >= UNCLEAR_FOR => {
                RefundState::NeedsAttention
            }
            state => state,
        };
        let done = if state.is_open() {
            let message = unclear.map(|unclear| Text::clean(&unclear.to_string()));
            self.heard(&mut *uow, &books, (payment, refund), state, (None, message)).await?
        } else {
            // It came to its end in between.
            (payment, refund)
        };
        uow.commit(Outcome::of(&RefundView::of(&done.1))).await?;
        Ok(done)
    }

    /// Goes on with a refund: the job that every one leaves behind.
    pub(crate) async fn carry_out_refund(&self, call: &Call, id: RefundId) -> Result<JobDone, JobError> {
        let now = self.ambient.now();
        let mut uow = self.uows.begin(call).await?;
        let Some(known) = uow.refunds().find(id).await? else { return Ok(JobDone::Done) };
        let payment = uow.payments().lock(known.record().payment_id).await?.ok_or(StoreError::Stale)?;
        let Some(refund) = uow.refunds().lock(id).await? else { return Ok(JobDone::Done) };
        if !refund.record().state.is_open() {
            return Ok(JobDone::Done);
        }
        if !self.can_ask(&payment) {
            return Ok(JobDone::Again(now.plus(NOT_CONFIGURED), "the gateway is not set up"));
        }
        let Some(asking) = self.ask_for(&refund) else {
            return Ok(JobDone::Again(now.plus(ASKING), "somebody else asks the gateway"));
        };
        written(uow.refunds().update(&asking).await?, "refunds")?;
        uow.commit(Outcome::done()).await?;
        let (_payment, refund) = self.ask_refund(call, payment, asking).await?;
        let now = self.ambient.now();
        Ok(match refund.record().state {
            RefundState::Completed | RefundState::Failed => JobDone::Done,
            // It waits for somebody who names an account; but what came of that may have been lost, or it went another way.
            RefundState::NeedsAttention => {
                let waited = now.since(refund.record().created_at);
                let pause = waited.clamp(NEEDS_ATTENTION, NEEDS_ATTENTION_LATE);
                JobDone::Again(now.plus(pause), "the refund needs attention")
            }
            RefundState::Pending => {
                let known = refund.record().gateway_id.is_some();
                let pause = if known { ON_ITS_WAY } else { LOOK_AGAIN };
                JobDone::Again(now.plus(pause), "the refund is on its way")
            }
        })
    }

    /// Gives back what of a payment is in suspense, all of it: nothing was owed that it could have paid.
    pub(crate) async fn refund_suspense(&self, call: &Call, id: PaymentId) -> Result<JobDone, JobError> {
        let hostel = Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let Some(payment) = uow.payments().lock(id).await? else { return Ok(JobDone::Done) };
        if !self.can_ask(&payment) {
            // Until then somebody of the house can use it for another invoice.
            return Ok(JobDone::Again(self.ambient.now().plus(NOT_CONFIGURED), "the gateway is not set up"));
        }
        let mut books = Books::open(&self.ambient, hostel);
        let reason = Text::clean("Nothing was owed that this payment could have paid");
        let suspense = |target| target == Target::Suspense;
        let origin = (RefundOrigin::Suspense, reason);
        let (payment, refund) = match self.reserve(&mut *uow, &mut books, payment, None, suspense, origin).await {
            Ok(reserved) => reserved,
            // It was used or given back in between.
            Err(NotReserved::Payment(_)) => return Ok(JobDone::Done),
            Err(NotReserved::Store(error)) => return Err(error.into()),
        };
        let refund = self.take(&mut *uow, refund).await?;
        let job = self.refund_job(&refund, LOOK_AGAIN);
        uow.enqueue(job);
        books.close_sound(&mut *uow).await?;
        uow.commit(Outcome::done()).await?;
        self.ask_refund(call, payment, refund).await?;
        Ok(JobDone::Done)
    }
}

fn in_currency(asked: Option<Money>, payment: &Payment) -> Result<Option<i64>, FieldErrors> {
    let currency = payment.record().amount.currency();
    match asked {
        Some(amount) if amount.currency() != currency => {
            let message = format!("amount.currency must be {currency}");
            let mut checks = Checks::new();
            checks.fail("amount.currency", "currency", json!({ "currency": currency }), message);
            checks.finish()?;
            Ok(None)
        }
        asked => Ok(asked.map(Money::amount_minor)),
    }
}

impl RefundPayment {
    fn check(self) -> Result<(Option<Money>, Text), FieldErrors> {
        let mut checks = Checks::new();
        let amount = positive(&mut checks, "amount", self.amount);
        let reason = checks.require("reason", self.reason);
        let reason = checks.text("reason", reason.as_deref(), 1, 500, "reason is required");
        checks.conclude(reason.map(|reason| (amount, reason)))
    }
}
