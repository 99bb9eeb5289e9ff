//! Processing what a gateway told: its effect and the mark that it had it are one transaction, so that it happens once, and
//! what could not be done is still there to be done. A webhook is only a hint: what it says of a charge, or of the end of a
//! refund, is confirmed by asking the gateway before it takes effect. What the gateway does not confirm is asked about for a
//! day, and then put aside for somebody to look.

use std::time::Duration;

use domicile_kernel::{Call, Instant, Money, Outcome, StoreError};

use super::{
    finish::{JobDone, JobError},
    receive::{concerns_no_payment, put_aside},
    settle::Settled,
};
use crate::{
    Bursar,
    books::Books,
    model::{InboxEntry, InboxEntryId, InboxState, Payment, Refund, Suspicion, Unfit},
    policy::{self, Verdict},
    ports::{
        ChargeReport, ChargeStatus, Domain, GatewayError, PaymentGateway, RefundReport, RefundStatus, WebhookKind,
    },
};

/// How long until a gateway that did not answer is asked again.
const NOT_ANSWERED: Duration = Duration::from_secs(30);
/// How long a gateway may take to confirm what it told, from when it was received.
const CONFIRMED_WITHIN: Duration = Duration::from_hours(24);
/// At most so long until it is asked again whether it does.
const NOT_CONFIRMED: Duration = Duration::from_mins(30);

/// Something that is told and not confirmed by whom it comes from.
struct Doubt<'a> {
    entry: &'a InboxEntry,
    payment: &'a Payment,
    /// What was told.
    told: &'a ChargeReport,
    /// What it is in quarantine for when it is never confirmed; nothing where believing it would have moved no money.
    suspicion: Option<Suspicion>,
    /// What the gateway says to it.
    why: &'static str,
}

impl Bursar {
    /// Processes an entry of the inbox.
    pub(crate) async fn process_entry(&self, call: &Call, id: InboxEntryId) -> Result<JobDone, JobError> {
        let Some((entry, payment)) = self.waiting(call, id).await? else { return Ok(JobDone::Done) };
        let Some(payment) = payment else {
            let why = "no payment of this hostel has this reference";
            return self.set_aside(call, &entry, Unfit::Nobodys, why).await;
        };
        let Some(gateway) = self.gateways.find(&entry.entry.provider).cloned() else {
            return Ok(self.later("the gateway is not set up"));
        };
        let event = match gateway.read(&entry.entry.body) {
            Ok(event) => event,
            Err(unreadable) => return self.set_aside(call, &entry, Unfit::Unreadable, &unreadable.what).await,
        };
        match event.kind {
            WebhookKind::Other(name) => {
                self.set_aside(call, &entry, Unfit::Unconcerned, &concerns_no_payment(&name)).await
            }
            WebhookKind::Charge(told) => self.process_charge(call, &entry, &*gateway, payment, told).await,
            WebhookKind::Refund { refund_reference, report } => {
                self.process_refund(call, &entry, &*gateway, &payment, (refund_reference.as_deref(), &report)).await
            }
            WebhookKind::Dispute { step, amount } => {
                // The house has to answer it at the gateway, and in time: nothing is waited for, and nothing moves.
                let told = Self::reversed(&payment, gateway.domain(), amount);
                let why = format!("the payer disputes it: {step}");
                self.suspect(call, entry.entry.id, &payment, &told, (Suspicion::Reversed, &why)).await
            }
        }
    }

    /// The entry if its effect is still to come, with the payment it names.
    async fn waiting(
        &self,
        call: &Call,
        id: InboxEntryId,
    ) -> Result<Option<(InboxEntry, Option<Payment>)>, StoreError> {
        let mut uow = self.uows.begin(call).await?;
        let entry = uow.inbox().find(id).await?.filter(InboxEntry::is_waiting);
        let payment = match entry.as_ref().and_then(|entry| Some((entry, entry.entry.reference.as_deref()?))) {
            Some((entry, reference)) => uow.payments().find_by_reference(&entry.entry.provider, reference).await?,
            None => None,
        };
        uow.rollback().await?;
        Ok(entry.map(|entry| (entry, payment)))
    }

    async fn process_charge(
        &self,
        call: &Call,
        entry: &InboxEntry,
        gateway: &dyn PaymentGateway,
        payment: Payment,
        told: ChargeReport,
    ) -> Result<JobDone, JobError> {
        let id = entry.entry.id;
        let now = self.ambient.now();
        // What already contradicts what was asked for is not worth a question.
        let fits = !matches!(policy::judge(&payment, &told, gateway.domain(), now), Verdict::Suspicious(_));
        if !fits || (payment.is_paid() && told.status != ChargeStatus::Reversed) {
            return self.finish_charge(call, id, gateway.domain(), &payment, (&told, now)).await;
        }
        let why = match gateway.verify(&payment.record().reference).await {
            Ok(found) => match (told.status, found.status) {
                (ChargeStatus::Success, ChargeStatus::Pending | ChargeStatus::Abandoned) => {
                    "the gateway does not confirm it yet"
                }
                // What is still answered may be an earlier attempt.
                (ChargeStatus::Success, ChargeStatus::Failed) => "the gateway says that it failed",
                // Nobody loses anything when a failure is believed, and a success afterwards still counts.
                (ChargeStatus::Failed, ChargeStatus::Pending | ChargeStatus::Abandoned) => {
                    return self.finish_charge(call, id, gateway.domain(), &payment, (&told, now)).await;
                }
                _ => return self.finish_charge(call, id, gateway.domain(), &payment, (&found, now)).await,
            },
            Err(GatewayError::Unknown) => "the gateway does not know the charge",
            Err(_unanswered) => return Ok(self.later("the gateway did not answer")),
        };
        let suspicion = (told.status == ChargeStatus::Success).then_some(Suspicion::Reversed);
        self.doubt(call, Doubt { entry, payment: &payment, told: &told, suspicion, why }).await
    }

    /// Writes down what a report of the instant `at` changes.
    async fn finish_charge(
        &self,
        call: &Call,
        id: InboxEntryId,
        domain: Domain,
        payment: &Payment,
        (report, at): (&ChargeReport, Instant),
    ) -> Result<JobDone, JobError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        let payment = uow.payments().lock(payment.id()).await?.ok_or(StoreError::Stale)?;
        let mut books = Books::dated(&self.ambient, payment.record().hostel_id, at);
        let (_payment, settled) = self.settle(&mut *uow, &mut books, payment, report, domain).await?;
        let state = match settled {
            Settled::Quarantined => put_aside("it does not fit what was asked for", at),
            _ => InboxState::Processed { at },
        };
        uow.inbox().mark(id, &state).await?;
        books.close_sound(&mut *uow).await?;
        uow.commit(Outcome::done()).await?;
        Ok(JobDone::Done)
    }

    async fn process_refund(
        &self,
        call: &Call,
        entry: &InboxEntry,
        gateway: &dyn PaymentGateway,
        payment: &Payment,
        (reference, told): (Option<&str>, &RefundReport),
    ) -> Result<JobDone, JobError> {
        let Some(refund) = self.meant(call, payment, reference, told).await? else {
            return self.finish_refund(call, entry.entry.id, payment, None, told).await;
        };
        // What is no end, is known already, or says that other money was paid out is not worth a question.
        let is_end = matches!(told.status, RefundStatus::Processed | RefundStatus::Failed);
        let contradicts = told.status == RefundStatus::Processed && told.amount != refund.record().amount;
        if !is_end || !refund.record().state.is_open() || contradicts {
            return self.finish_refund(call, entry.entry.id, payment, Some(&refund), told).await;
        }
        let why = match gateway.find_refund(&Self::order_of(payment, &refund)).await {
            Ok(found) if matches!(found.status, RefundStatus::Processed | RefundStatus::Failed) => {
                return self.finish_refund(call, entry.entry.id, payment, Some(&refund), &found).await;
            }
            Ok(_under_way) => "the gateway does not confirm it yet",
            Err(GatewayError::Unknown) => "the gateway does not know the refund",
            Err(_unanswered) => return Ok(self.later("the gateway did not answer")),
        };
        let told = self.as_charge(payment, told);
        self.doubt(call, Doubt { entry, payment, told: &told, suspicion: Some(Suspicion::Refund), why }).await
    }

    /// The refund that is meant, as it is now.
    async fn meant(
        &self,
        call: &Call,
        payment: &Payment,
        reference: Option<&str>,
        report: &RefundReport,
    ) -> Result<Option<Refund>, StoreError> {
        let mut uow = self.uows.begin(call).await?;
        let refunds = uow.refunds().of_payment(payment.id()).await?;
        uow.rollback().await?;
        Ok(meant(&refunds, reference, report).cloned())
    }

    async fn finish_refund(
        &self,
        call: &Call,
        id: InboxEntryId,
        payment: &Payment,
        refund: Option<&Refund>,
        report: &RefundReport,
    ) -> Result<JobDone, JobError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        let payment = uow.payments().lock(payment.id()).await?.ok_or(StoreError::Stale)?;
        let mut books = Books::open(&self.ambient, payment.record().hostel_id);
        let at = books.now;
        let state = match refund {
            Some(refund) => {
                let refund = uow.refunds().lock(refund.id()).await?.ok_or(StoreError::Stale)?;
                self.conclude(&mut *uow, &mut books, (payment, refund), report).await?;
                InboxState::Processed { at }
            }
            None => {
                if report.status == RefundStatus::Processed {
                    let told = self.as_charge(&payment, report);
                    self.quarantine(&mut *uow, &books, &payment, &told, Suspicion::Refund).await?;
                }
                put_aside("a refund of which we know nothing", at)
            }
        };
        uow.inbox().mark(id, &state).await?;
        books.close_sound(&mut *uow).await?;
        uow.commit(Outcome::done()).await?;
        Ok(JobDone::Done)
    }

    /// Asks again later, less and less often, as long as it may still be confirmed; then it is put aside.
    async fn doubt(&self, call: &Call, doubt: Doubt<'_>) -> Result<JobDone, JobError> {
        let (now, received_at) = (self.ambient.now(), doubt.entry.entry.received_at);
        if now < received_at.plus(CONFIRMED_WITHIN) {
            let pause = (now.since(received_at) / 8).clamp(NOT_ANSWERED, NOT_CONFIRMED);
            return Ok(JobDone::Again(now.plus(pause), doubt.why));
        }
        match doubt.suspicion {
            Some(suspicion) => {
                let id = doubt.entry.entry.id;
                self.suspect(call, id, doubt.payment, doubt.told, (suspicion, doubt.why)).await
            }
            None => self.set_aside(call, doubt.entry, Unfit::Unconfirmed, doubt.why).await,
        }
    }

    /// Puts what was told into quarantine, and its entry aside.
    async fn suspect(
        &self,
        call: &Call,
        id: InboxEntryId,
        payment: &Payment,
        told: &ChargeReport,
        (suspicion, why): (Suspicion, &str),
    ) -> Result<JobDone, JobError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        let payment = uow.payments().lock(payment.id()).await?.ok_or(StoreError::Stale)?;
        let books = Books::open(&self.ambient, payment.record().hostel_id);
        self.quarantine(&mut *uow, &books, &payment, told, suspicion).await?;
        uow.inbox().mark(id, &put_aside(why, books.now)).await?;
        uow.commit(Outcome::done()).await?;
        Ok(JobDone::Done)
    }

    async fn set_aside(&self, call: &Call, entry: &InboxEntry, unfit: Unfit, why: &str) -> Result<JobDone, JobError> {
        let id = entry.entry.id;
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        uow.inbox().mark(id, &put_aside(why, self.ambient.now())).await?;
        uow.commit(Outcome::done()).await?;
        self.tell_lookout(&entry.entry, unfit, why);
        Ok(JobDone::Done)
    }

    /// A charge of which so much went back, or all of it.
    fn reversed(payment: &Payment, domain: Domain, amount: Option<Money>) -> ChargeReport {
        ChargeReport {
            reference: payment.record().reference.clone(),
            status: ChargeStatus::Reversed,
            amount: amount.unwrap_or(payment.record().amount),
            requested: None,
            domain,
            gateway_id: None,
            fees: None,
            paid_at: None,
            message: None,
        }
    }

    /// A refund's report in the form of a charge's, for the quarantine.
    pub(super) fn as_charge(&self, payment: &Payment, report: &RefundReport) -> ChargeReport {
        // Refunds are told by the gateway that took the money, or not at all.
        let gateway = self.gateways.find(&payment.record().provider);
        let domain = gateway.map_or(Domain::Test, |gateway| gateway.domain());
        Self::reversed(payment, domain, Some(report.amount))
    }

    fn later(&self, why: &'static str) -> JobDone {
        JobDone::Again(self.ambient.now().plus(NOT_ANSWERED), why)
    }
}

/// Which refund of a payment is meant: by our reference, by the provider's id, or the oldest open one of the same amount of
/// which the provider never told an id; at last one that is over, so that a late repeat finds it.
fn meant<'a>(refunds: &'a [Refund], reference: Option<&str>, report: &RefundReport) -> Option<&'a Refund> {
    let by = |is: &dyn Fn(&Refund) -> bool| refunds.iter().find(|refund| is(refund));
    let same_id = |refund: &Refund| report.gateway_id.is_some() && refund.record().gateway_id == report.gateway_id;
    let same_amount = |refund: &Refund| refund.record().amount == report.amount;
    let nameless = |refund: &Refund| refund.record().gateway_id.is_none() || report.gateway_id.is_none();
    by(&|refund| reference == Some(refund.record().reference.as_str()))
        .or_else(|| by(&same_id))
        .or_else(|| by(&|refund| refund.record().state.is_open() && nameless(refund) && same_amount(refund)))
        .or_else(|| by(&|refund| !refund.record().state.is_open() && nameless(refund) && same_amount(refund)))
}
