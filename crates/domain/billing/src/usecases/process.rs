//! Processing what a gateway told: its effect and the mark that it had it are one transaction, so that it happens once, and
//! what could not be done is still there to be done. A webhook is only a hint: what it says of a charge is confirmed by
//! asking the gateway before anything is credited.

use std::time::Duration;

use domicile_kernel::{Call, Outcome, StoreError};

use super::{
    finish::{JobDone, JobError},
    receive::put_aside,
};
use crate::{
    Bursar,
    books::Books,
    model::{InboxEntry, InboxEntryId, InboxState, Payment, Refund, Suspicion},
    policy::{self, Verdict},
    ports::{
        ChargeReport, ChargeStatus, Domain, GatewayError, PaymentGateway, RefundReport, RefundStatus, WebhookKind,
    },
};

/// How long until a gateway that did not answer is asked again.
const NOT_ANSWERED: Duration = Duration::from_secs(30);

impl Bursar {
    /// Processes an entry of the inbox.
    pub(crate) async fn process_entry(&self, call: &Call, id: InboxEntryId) -> Result<JobDone, JobError> {
        let Some((entry, payment)) = self.waiting(call, id).await? else { return Ok(JobDone::Done) };
        let Some(payment) = payment else {
            self.set_aside(call, id, "no payment of this hostel has this reference").await?;
            return Ok(JobDone::Done);
        };
        let Some(gateway) = self.gateways.find(&entry.entry.provider).cloned() else {
            return Ok(self.later("the gateway is not set up"));
        };
        let event = match gateway.read(&entry.entry.body) {
            Ok(event) => event,
            Err(unreadable) => {
                self.set_aside(call, id, &unreadable.what).await?;
                return Ok(JobDone::Done);
            }
        };
        match event.kind {
            WebhookKind::Other(name) => {
                self.set_aside(call, id, &format!("{name} concerns no payment")).await?;
                Ok(JobDone::Done)
            }
            WebhookKind::Charge(told) => self.process_charge(call, id, &*gateway, payment, told).await,
            WebhookKind::Refund { refund_reference, report } => {
                self.process_refund(call, id, &payment, refund_reference.as_deref(), &report).await
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
        id: InboxEntryId,
        gateway: &dyn PaymentGateway,
        payment: Payment,
        told: ChargeReport,
    ) -> Result<JobDone, JobError> {
        let now = self.ambient.now();
        // What already contradicts what was asked for is not worth a question.
        let fits = !matches!(policy::judge(&payment, &told, gateway.domain(), now), Verdict::Suspicious(_));
        if !fits || (payment.is_paid() && told.status != ChargeStatus::Reversed) {
            return self.finish_charge(call, id, gateway.domain(), &payment, &told).await;
        }
        let report = match gateway.verify(&payment.record().reference).await {
            Ok(found) => {
                let undecided = matches!(found.status, ChargeStatus::Pending | ChargeStatus::Abandoned);
                match told.status {
                    ChargeStatus::Success if undecided => return Ok(self.later("the gateway does not confirm it yet")),
                    // Nobody loses anything when a failure is believed, and a success afterwards still counts.
                    ChargeStatus::Failed if undecided => told,
                    _ => found,
                }
            }
            Err(GatewayError::Unknown) => return Ok(self.later("the gateway does not know the charge")),
            Err(_unanswered) => return Ok(self.later("the gateway did not answer")),
        };
        self.finish_charge(call, id, gateway.domain(), &payment, &report).await
    }

    async fn finish_charge(
        &self,
        call: &Call,
        id: InboxEntryId,
        domain: Domain,
        payment: &Payment,
        report: &ChargeReport,
    ) -> Result<JobDone, JobError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        let payment = uow.payments().lock(payment.id()).await?.ok_or(StoreError::Stale)?;
        let mut books = Books::open(&self.ambient, payment.record().hostel_id);
        let at = books.now;
        let (_payment, settled) = self.settle(&mut *uow, &mut books, payment, report, domain).await?;
        let state = match settled {
            super::settle::Settled::Quarantined => put_aside("it does not fit what was asked for", at),
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
        id: InboxEntryId,
        payment: &Payment,
        reference: Option<&str>,
        report: &RefundReport,
    ) -> Result<JobDone, JobError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return Ok(JobDone::Done);
        }
        let payment = uow.payments().lock(payment.id()).await?.ok_or(StoreError::Stale)?;
        let refunds = uow.refunds().of_payment(payment.id()).await?;
        let meant = meant(&refunds, reference, report).map(Refund::id);
        let mut books = Books::open(&self.ambient, payment.record().hostel_id);
        let at = books.now;
        let state = match meant {
            Some(refund) => {
                let refund = uow.refunds().lock(refund).await?.ok_or(StoreError::Stale)?;
                self.conclude(&mut *uow, &mut books, (payment, refund), report).await?;
                InboxState::Processed { at }
            }
            None if report.status == RefundStatus::Processed => {
                let told = unasked(&payment, report);
                self.quarantine(&mut *uow, &books, &payment, &told, Suspicion::Refund).await?;
                put_aside("a refund of which we know nothing", at)
            }
            None => put_aside("a refund of which we know nothing", at),
        };
        uow.inbox().mark(id, &state).await?;
        books.close_sound(&mut *uow).await?;
        uow.commit(Outcome::done()).await?;
        Ok(JobDone::Done)
    }

    async fn set_aside(&self, call: &Call, id: InboxEntryId, why: &str) -> Result<(), StoreError> {
        let mut uow = self.uows.begin(call).await?;
        if !uow.inbox().lock(id).await?.is_some_and(|entry| entry.is_waiting()) {
            return uow.rollback().await;
        }
        uow.inbox().mark(id, &put_aside(why, self.ambient.now())).await?;
        uow.commit(Outcome::done()).await
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

fn unasked(payment: &Payment, report: &RefundReport) -> ChargeReport {
    ChargeReport {
        reference: payment.record().reference.clone(),
        status: ChargeStatus::Reversed,
        amount: report.amount,
        requested: None,
        domain: Domain::Live,
        gateway_id: report.gateway_id.clone(),
        fees: None,
        paid_at: None,
        message: None,
    }
}
