//! Asking a gateway what became of a payment, and going on with one that was begun: the step outside the database, between
//! two units of work. Nobody calls a gateway a second time before it was asked what the first call did, and no two of us ask
//! about opening the same payment at once.

use std::time::Duration;

use domicile_kernel::{Call, Outcome, StoreError, Text};

use super::settle::store;
use crate::{
    Bursar, Payer,
    books::{Books, broken},
    events::{Change, tell_payment},
    model::{House, Payment, PaymentId, PaymentState},
    ports::{BillingUow, ChargeStatus, Checkout, GatewayError, NewCharge, PaymentWritten},
    queries::InitializedPayment,
};

/// How long one of us may be asking a gateway; longer than any gateway takes to answer or to be given up.
pub(crate) const ASKING: Duration = Duration::from_secs(45);

/// What is known of a payment after asking.
#[derive(Debug)]
pub(crate) enum Looked {
    /// There is none.
    Unknown,
    /// This is how it stands.
    Known(Payment),
    /// Somebody else of us is asking just now.
    BeingAsked(Payment),
    /// The gateway did not say.
    Unanswered(Payment),
}

impl Bursar {
    /// Asks about a payment and writes down what was said, in a unit of work of the call `finish`, which may be completing
    /// what an idempotency key began. What is decided is not asked about.
    pub(crate) async fn look(&self, call: &Call, finish: &Call, id: PaymentId) -> Result<Looked, StoreError> {
        let call = &Self::bare(call);
        let payment = match self.claim(call, id).await? {
            Ok(payment) => payment,
            Err(looked) => return Ok(looked),
        };
        let is = payment.record();
        let Some(gateway) = self.gateways.find(&is.provider) else { return Ok(Looked::Unanswered(payment)) };
        let pending = matches!(is.state, PaymentState::Pending);
        let unopened = pending && is.authorization_url.is_none();
        // An answer given before the end of a session is not the last word, however late it is written down.
        let asked = self.ambient.now();
        match gateway.verify(&is.reference).await {
            Ok(report) => {
                let mut uow = self.uows.begin(finish).await?;
                let mut books = Books::dated(&self.ambient, is.hostel_id, asked);
                let locked = uow.payments().lock(id).await?.ok_or(StoreError::Stale)?;
                let (mut payment, _settled) =
                    self.settle(&mut *uow, &mut books, locked, &report, gateway.domain()).await?;
                let over = report.status != ChargeStatus::Pending;
                let late = payment.clone().failed_for_good(books.now);
                if over && late != payment {
                    payment = late;
                    store(&mut *uow, &payment).await?;
                } else if unopened && matches!(payment.record().state, PaymentState::Pending) {
                    let now = books.now;
                    payment = match gateway.checkout_of(&is.reference) {
                        Some(checkout) => payment.opened(checkout.authorization_url, now),
                        None => payment.not_asking(now),
                    };
                    store(&mut *uow, &payment).await?;
                }
                books.close_sound(&mut *uow).await?;
                uow.commit(Outcome::of(&InitializedPayment::of(&payment))).await?;
                Ok(Looked::Known(payment))
            }
            Err(GatewayError::Unknown) if unopened && asked < is.expires_at => {
                let charge = self.charge_of(&payment, self.queries.parties(call, is.user_id).await?);
                let answer = gateway.initialize(&charge).await;
                self.note_opening(finish, payment, answer).await
            }
            Err(GatewayError::Unknown) if asked >= is.expires_at => {
                self.give_up(finish, id, "The payment was not completed in time").await
            }
            // A refusal to tell is no word about the charge.
            Err(_unanswered) if unopened => self.note_opening(finish, payment, Err(GatewayError::Timeout)).await,
            Err(_unanswered) => Ok(Looked::Unanswered(payment)),
        }
    }

    /// The payment to be asked about, if it is undecided; taken from others when its checkout is still to be opened.
    async fn claim(&self, call: &Call, id: PaymentId) -> Result<Result<Payment, Looked>, StoreError> {
        let mut uow = self.uows.begin(call).await?;
        let Some(payment) = uow.payments().lock(id).await? else {
            uow.rollback().await?;
            return Ok(Err(Looked::Unknown));
        };
        let is = payment.record();
        if !matches!(is.state, PaymentState::Pending) || is.authorization_url.is_some() {
            let undecided = payment.is_undecided();
            uow.rollback().await?;
            return Ok(if undecided { Ok(payment) } else { Err(Looked::Known(payment)) });
        }
        let now = self.ambient.now();
        match payment.clone().asking(now.plus(ASKING), now) {
            Some(asking) => {
                store(&mut *uow, &asking).await?;
                uow.commit(Outcome::done()).await?;
                Ok(Ok(asking))
            }
            None => {
                uow.rollback().await?;
                Ok(Err(Looked::BeingAsked(payment)))
            }
        }
    }

    /// What the gateway is told of a payment.
    pub(crate) fn charge_of(&self, payment: &Payment, (house, payer): (House, Option<Payer>)) -> NewCharge {
        let is = payment.record();
        NewCharge {
            reference: is.reference.clone(),
            amount: is.amount,
            email: payer.as_ref().map(|payer| payer.email.clone()).unwrap_or_default(),
            name: payer.and_then(|payer| payer.name),
            description: house.name.as_str().to_owned(),
            callback_url: self.callback_url.clone(),
            expires_at: is.expires_at,
        }
    }

    /// Writes down what a gateway answered to opening a checkout. A refusal fails the payment; when nobody knows what the
    /// call did, the payment stays open, and whoever asks next asks the gateway first.
    pub(crate) async fn note_opening(
        &self,
        finish: &Call,
        asked: Payment,
        answer: Result<Checkout, GatewayError>,
    ) -> Result<Looked, StoreError> {
        let now = self.ambient.now();
        let id = asked.id();
        let mut uow = self.uows.begin(finish).await?;
        if let Ok(checkout) = &answer {
            // Hardly ever did anybody touch it meanwhile, and then nothing has to be read again.
            let after = asked.opened(checkout.authorization_url.clone(), now);
            if uow.payments().update(&after).await? == PaymentWritten::Written {
                uow.commit(Outcome::of(&InitializedPayment::of(&after))).await?;
                return Ok(Looked::Known(after));
            }
            uow.rollback().await?;
            uow = self.uows.begin(finish).await?;
        }
        let payment = uow.payments().lock(id).await?.ok_or(StoreError::Stale)?;
        let is = payment.record();
        if !matches!(is.state, PaymentState::Pending) || is.authorization_url.is_some() {
            uow.commit(Outcome::of(&InitializedPayment::of(&payment))).await?;
            return Ok(Looked::Known(payment));
        }
        let (after, known) = match answer {
            Ok(checkout) => (payment.opened(checkout.authorization_url, now), true),
            Err(GatewayError::Refused { message, .. }) => (refused(&mut *uow, self, &payment, &message)?, true),
            Err(GatewayError::DuplicateReference) => {
                let checkout = self.gateways.find(&is.provider).and_then(|gateway| gateway.checkout_of(&is.reference));
                match checkout {
                    Some(checkout) => (payment.opened(checkout.authorization_url, now), true),
                    None => (payment.not_asking(now), false),
                }
            }
            Err(_nobody_knows) => (payment.not_asking(now), false),
        };
        store(&mut *uow, &after).await?;
        uow.commit(Outcome::of(&InitializedPayment::of(&after))).await?;
        Ok(if known { Looked::Known(after) } else { Looked::Unanswered(after) })
    }

    /// Fails a payment of which the gateway knows nothing after its time.
    async fn give_up(&self, finish: &Call, id: PaymentId, why: &str) -> Result<Looked, StoreError> {
        let mut uow = self.uows.begin(finish).await?;
        let payment = uow.payments().lock(id).await?.ok_or(StoreError::Stale)?;
        let after = if matches!(payment.record().state, PaymentState::Pending) {
            refused(&mut *uow, self, &payment, why)?
        } else {
            payment.clone().failed_for_good(self.ambient.now())
        };
        if after != payment {
            store(&mut *uow, &after).await?;
        }
        uow.commit(Outcome::of(&InitializedPayment::of(&after))).await?;
        Ok(Looked::Known(after))
    }
}

fn refused(uow: &mut dyn BillingUow, bursar: &Bursar, before: &Payment, why: &str) -> Result<Payment, StoreError> {
    let after = before.clone().fail(Text::clean(why), bursar.ambient.now()).map_err(broken)?;
    tell_payment(uow, &bursar.ambient, Change::PaymentFailed, Some(before), &after);
    Ok(after)
}
