//! The operations of a sequence.

use domicile_kernel::{Code, Fault, Money, Outcome, StoreError};

use super::{Dice, Game};
use crate::{
    AnswerDeposit, ApplyPayment, AssessDeposit, BillingJob, DepositFilter, InitializePayment, InvoiceFilter,
    InvoiceView, NewDeduction, PayFromWallet, RefundPayment, RetryRefund, SettleDeposit, TopUpWallet, UpdateTerms,
    Webhook, Work,
    contract::{cedis, day},
    memory::{RefundMode, Trouble},
    model::{PaymentId, PaymentStatus, RefundState, StayFacts, StayState},
    ports::RefundStatus,
    stays::follow,
};

/// What the rent of some months is worth: any number that is none of a round one.
fn price(monthly: Money, from: domicile_kernel::HostelDay, to: domicile_kernel::HostelDay) -> Money {
    let mut months = 0;
    while from.plus_months(months + 1) <= to {
        months += 1;
    }
    let rest = from.plus_months(months);
    let days = rest.days_until(to).min(rest.days_in_month());
    monthly.fraction(months * rest.days_in_month() + days, rest.days_in_month()).unwrap()
}

fn dates(dice: &mut Dice, stay: &mut StayFacts) {
    stay.check_out = stay.check_in.plus_months(dice.between(0, 4)).plus_days(dice.between(1, 25));
    let monthly = stay.monthly_price;
    let mut total = price(monthly, stay.check_in, stay.check_out).amount_minor();
    for (month, own) in (1..).zip(&stay.first_months) {
        if stay.check_in.plus_months(month) <= stay.check_out {
            total += own.amount_minor() - monthly.amount_minor();
        }
    }
    stay.total_price = cedis(total);
}

impl Game<'_> {
    /// A hostel with terms of its own and a stay of each student.
    pub(super) async fn open(&mut self) {
        let terms = UpdateTerms {
            deposit_percent: self.dice.pick(&[0, 50, 100, 133]),
            advance_allowed: Some(!self.dice.chance(4)),
            first_due_days: Some(self.dice.between(0, 5)),
            ..UpdateTerms::default()
        };
        // Terms that happen to be the usual ones are no change.
        let _same = self.bursar.update_terms(&self.admin(), 0, terms).await;
        for guest in self.stage.house.members.clone().into_iter().skip(1) {
            let mut stay = StayFacts {
                guest,
                check_in: day("2026-02-01").plus_days(self.dice.between(0, 60)),
                monthly_price: cedis(self.dice.between(1_000, 99_999)),
                first_months: Vec::new(),
                state: StayState::Asked,
                ..self.stage.stay(1)
            };
            dates(&mut self.dice, &mut stay);
            self.stays.push(stay.clone());
            let at = self.stays.len() - 1;
            self.change(at, stay.clone()).await;
            if !self.dice.chance(5) {
                self.change(at, StayFacts { state: StayState::Holding, ..stay }).await;
            }
        }
    }

    pub(super) async fn step(&mut self) {
        match self.dice.below(22) {
            20 => self.refund().await,
            21 => self.wait(),
            0 => self.agree_or_end().await,
            1 | 2 => self.rearrange().await,
            3..=5 => self.begin_to_pay().await,
            6 => self.top_up().await,
            7..=9 => self.at_the_checkout().await,
            10 => self.deliver_again().await,
            11 | 12 => self.work().await,
            13 => self.verify().await,
            14 | 15 => self.refund().await,
            16 => self.spend().await,
            17 => self.deposits().await,
            18 => self.apply().await,
            _ => self.disturb().await,
        }
    }

    /// Time passes: seconds in which somebody still asks, the end of a session at the gateway, days to answer in.
    fn wait(&mut self) {
        let longest = self.dice.pick(&[90, 900, 900, 8 * 24 * 3_600]).unwrap_or(90);
        let seconds = self.dice.between(1, longest).unsigned_abs();
        self.stage.world.wait(std::time::Duration::from_secs(seconds));
    }

    /// Counts what became of an operation. A refusal is all right; that something is wrong with us is not.
    fn note<T, E: Fault>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.summary.done += 1;
                Some(value)
            }
            Err(error) => {
                let ours = [Code::InternalError, Code::DatabaseError, Code::ServiceUnavailable];
                let forgotten = StoreError::Conflict(String::new()).to_string();
                let stale = StoreError::Stale.to_string();
                let text = error.to_string();
                assert!(
                    !ours.contains(&error.code()) && text != forgotten && text != stale,
                    "{}: {what}: {text} ({error:?})",
                    self.place
                );
                self.summary.refused += 1;
                None
            }
        }
    }

    /// Changes a stay as the context of bookings does: the record, and in the same transaction what is owed for it.
    async fn change(&mut self, at: usize, stay: StayFacts) {
        self.stage.world.put_stay(self.stage.house.id, &stay).await;
        for again in [false, true] {
            let mut uow = self.stage.begin().await;
            let followed = follow(&mut *uow, &self.stage.ambient, &stay).await;
            let followed = followed.unwrap_or_else(|error| panic!("{}: {stay:?}: {error:?}", self.place));
            let nothing = followed.issued.is_empty() && followed.adjusted.is_empty();
            assert!(!again || nothing, "{}: followed twice, {followed:?}", self.place);
            uow.commit(Outcome::done()).await.unwrap();
        }
        if let Some(known) = self.stays.get_mut(at) {
            *known = stay;
        }
        self.summary.done += 1;
    }

    fn some_stay(&mut self) -> Option<(usize, StayFacts)> {
        let at = self.dice.below(self.stays.len() as u64) as usize;
        self.stays.get(at).map(|stay| (at, stay.clone()))
    }

    async fn agree_or_end(&mut self) {
        let Some((at, mut stay)) = self.some_stay() else { return };
        stay.state = match stay.state {
            StayState::Asked if self.dice.chance(4) => StayState::GivenUp,
            StayState::Asked => StayState::Holding,
            StayState::Holding if self.dice.chance(2) => StayState::MovedOut,
            StayState::Holding => StayState::GivenUp,
            StayState::GivenUp | StayState::MovedOut => {
                // Whoever tidies up may take the record away; what was billed stays.
                return self.stage.world.remove_stay(self.stage.house.id, &stay).await;
            }
        };
        self.change(at, stay).await;
    }

    async fn rearrange(&mut self) {
        let Some((at, mut stay)) = self.some_stay() else { return };
        if stay.state != StayState::Holding {
            return;
        }
        match self.dice.below(4) {
            0 => {
                // To a room of another price, after so many months in the one before.
                let slept = self.dice.below(3) as usize;
                stay.first_months.resize(slept.max(stay.first_months.len()), stay.monthly_price);
                stay.monthly_price = cedis(self.dice.between(1_000, 99_999));
            }
            1 => stay.check_in = stay.check_in.plus_days(self.dice.between(-10, 10)),
            _ => {}
        }
        dates(&mut self.dice, &mut stay);
        self.change(at, stay).await;
    }

    async fn invoices(&self) -> Vec<InvoiceView> {
        let page = domicile_kernel::Page { limit: 100, ..domicile_kernel::Page::first("due_date", false) };
        let list = self.stage.world.queries().invoices(&self.admin(), &InvoiceFilter::default(), &page).await;
        list.unwrap().rows
    }

    async fn begin_to_pay(&mut self) {
        let invoices = self.invoices().await;
        let Some(invoice) = self.dice.pick(&invoices) else { return };
        let open = invoice.open.amount_minor();
        let amount = (!self.dice.chance(2) && open > 0).then(|| cedis(self.dice.between(1, open + 1)));
        let whole_stay = self.dice.chance(4);
        let command = InitializePayment {
            invoice_id: (!whole_stay).then(|| invoice.id.to_string()),
            booking_id: whole_stay.then(|| invoice.booking_id.to_string()),
            amount,
            provider: None,
        };
        let call = self.student(invoice.user_id);
        let begun = self.bursar.initialize_payment(&call, command).await;
        if let Some(begun) = self.note("initialize", begun) {
            self.payments.push((begun.payment.id, begun.payment.reference));
        }
    }

    async fn top_up(&mut self) {
        let Some((_, stay)) = self.some_stay() else { return };
        let amount = Some(cedis(self.dice.between(1, 60_000)));
        let begun = self.bursar.top_up_wallet(&self.student(stay.guest), TopUpWallet { amount, provider: None }).await;
        if let Some(begun) = self.note("top up", begun) {
            self.payments.push((begun.payment.id, begun.payment.reference));
        }
    }

    /// The payer does something, and the gateway tells of it, perhaps: at once, later or in a lie.
    async fn at_the_checkout(&mut self) {
        let references = self.gateway.references();
        let Some(reference) = self.dice.pick(&references) else { return };
        let mut paid = false;
        self.gateway.report(&reference, |charge| paid = charge.status == crate::ports::ChargeStatus::Success);
        // A gateway takes nothing any more once its session is over.
        let known = self.stage.world.queries().payment_by_reference(&self.admin(), &reference).await.unwrap();
        let open = known.is_some_and(|payment| self.stage.ambient.now() < payment.expires_at);
        if !paid {
            if !open || self.dice.chance(5) {
                self.gateway.decline(&reference)
            } else {
                self.gateway.pay(&reference)
            };
        }
        if self.dice.chance(6) {
            self.lie(&reference).await;
        }
        if let Some(webhook) = self.gateway.webhook(&reference) {
            self.webhooks.push(webhook.clone());
            if self.dice.chance(2) {
                self.deliver(webhook).await;
            }
        }
    }

    /// Tells of another amount than was paid. It is never credited.
    async fn lie(&mut self, reference: &str) {
        let mut truth = None;
        let more = self.dice.between(-5, 5);
        self.gateway.report(reference, |charge| {
            truth = Some(charge.amount);
            charge.amount = cedis((charge.amount.amount_minor() + more).max(0));
        });
        if let Some(webhook) = self.gateway.webhook(reference) {
            self.deliver(webhook).await;
            self.work().await;
        }
        self.gateway.report(reference, |charge| charge.amount = truth.unwrap_or(charge.amount));
    }

    async fn deliver(&mut self, (signature, body): (String, Vec<u8>)) {
        let webhook =
            Webhook { provider: "sandbox".to_owned(), signature: Some(signature), headers: String::new(), body };
        let received = self.bursar.receive_webhook(&self.stage.installation(), webhook).await;
        self.note("webhook", received);
        self.summary.webhooks += 1;
    }

    async fn deliver_again(&mut self) {
        for _ in 0..self.dice.between(1, 3) {
            if let Some(webhook) = self.dice.pick(&self.webhooks) {
                self.deliver(webhook).await;
            }
        }
    }

    /// Some of what waits is done.
    async fn work(&mut self) {
        let jobs = self.waiting_jobs().await;
        for _ in 0..self.dice.between(1, 4) {
            if let Some(job) = self.dice.pick(&jobs) {
                self.perform(job).await;
            }
        }
    }

    async fn perform(&mut self, job: BillingJob) {
        let done = self.bursar.perform(&self.stage.installation(), job).await;
        self.note(&format!("{job:?}"), done);
    }

    async fn verify(&mut self) {
        if let Some((id, _)) = self.dice.pick(&self.payments) {
            let job = BillingJob { hostel_id: self.stage.house.id, work: Work::Verify(id) };
            self.perform(job).await;
        }
    }

    async fn refund(&mut self) {
        let Some(id) = self.paid_or_any().await else { return };
        let amount = (!self.dice.chance(3)).then(|| cedis(self.dice.between(1, 50_000)));
        let command = RefundPayment { amount, reason: Some("random".to_owned()) };
        let refunded = self.bursar.refund_payment(&self.admin(), id, command).await;
        if let Some(refund) = self.note("refund", refunded) {
            self.refunds.push(refund.id);
        }
        if let Some(refund) = self.dice.pick(&self.gateway.open_refunds()) {
            let statuses = [RefundStatus::Processed, RefundStatus::Processed, RefundStatus::Failed];
            if let Some(status) = self.dice.pick(&statuses) {
                self.gateway.settle_refund(&refund, status);
            }
            if let Some(webhook) = self.charge_of(&refund).await {
                self.webhooks.push(webhook.clone());
                self.deliver(webhook).await;
            }
        }
    }

    /// A payment, mostly one that was paid: the others cannot be refunded.
    async fn paid_or_any(&mut self) -> Option<PaymentId> {
        if !self.dice.chance(4) {
            let mut paid = self.paid().await;
            if paid.is_empty() {
                // Most sequences are over before anything was paid by chance.
                self.pay().await;
                paid = self.paid().await;
            }
            if let Some(id) = self.dice.pick(&paid) {
                return Some(id);
            }
        }
        self.dice.pick(&self.payments).map(|(id, _)| id)
    }

    async fn paid(&self) -> Vec<PaymentId> {
        let filter = crate::PaymentFilter { status: Some(PaymentStatus::Completed), ..crate::PaymentFilter::default() };
        let page = domicile_kernel::Page { limit: 100, ..domicile_kernel::Page::first("created_at", false) };
        let paid = self.stage.world.queries().payments(&self.admin(), &filter, &page).await.unwrap().rows;
        paid.iter().map(|payment| payment.id).collect()
    }

    /// Something is paid from its beginning to its end, if there is anything to pay.
    async fn pay(&mut self) {
        let begun = self.payments.len();
        self.begin_to_pay().await;
        if let Some((id, reference)) = self.payments.get(begun).cloned() {
            self.gateway.pay(&reference);
            self.perform(BillingJob { hostel_id: self.stage.house.id, work: Work::Verify(id) }).await;
        }
    }

    /// The webhook that tells of a refund.
    async fn charge_of(&self, refund: &str) -> Option<(String, Vec<u8>)> {
        for (id, reference) in &self.payments {
            let refunds = self.stage.world.queries().refunds(&self.admin(), *id).await.unwrap();
            if refunds.iter().any(|known| known.record().reference == refund) {
                return self.gateway.refund_webhook(reference, refund);
            }
        }
        None
    }

    async fn spend(&mut self) {
        let invoices = self.invoices().await;
        let Some(invoice) = self.dice.pick(&invoices) else { return };
        let open = invoice.open.amount_minor();
        let amount = (self.dice.chance(2) && open > 0).then(|| cedis(self.dice.between(1, open)));
        let command = PayFromWallet { invoice_id: Some(invoice.id.to_string()), amount };
        let paid = self.bursar.pay_from_wallet(&self.student(invoice.user_id), command).await;
        if let Some(payment) = self.note("pay from wallet", paid) {
            self.payments.push((payment.id, payment.reference));
        }
    }

    async fn deposits(&mut self) {
        let page = domicile_kernel::Page::first("created_at", false);
        let list = self.stage.world.queries().deposits(&self.admin(), &DepositFilter::default(), &page).await;
        let Some(deposit) = self.dice.pick(&list.unwrap().rows) else { return };
        let (admin, id, version) = (self.admin(), deposit.id, deposit.version);
        match self.dice.below(4) {
            0 => {
                let amount = Some(cedis(self.dice.between(1, deposit.held.amount_minor().max(1) + 5)));
                let lamp = NewDeduction { description: Some("A lamp".to_owned()), amount };
                let deductions = Some(if self.dice.chance(3) { Vec::new() } else { vec![lamp] });
                let assessed = self.bursar.assess_deposit(&admin, id, version, AssessDeposit { deductions }).await;
                self.note("assess", assessed);
            }
            1 => {
                let answer = AnswerDeposit { accepted: Some(self.dice.chance(2)), note: None };
                let answered = self.bursar.answer_deposit(&self.student(deposit.user_id), id, version, answer).await;
                self.note("answer", answered);
            }
            _ => {
                let to = self.dice.pick(&[None, Some("wallet".to_owned())]).flatten();
                let settled = self.bursar.settle_deposit(&admin, id, version, SettleDeposit { to }).await;
                self.note("settle", settled);
            }
        }
    }

    async fn apply(&mut self) {
        let invoices = self.invoices().await;
        let (Some((id, _)), Some(invoice)) = (self.dice.pick(&self.payments), self.dice.pick(&invoices)) else {
            return;
        };
        let command = ApplyPayment { invoice_id: Some(invoice.id.to_string()) };
        let applied = self.bursar.apply_payment(&self.admin(), id, command).await;
        self.note("apply", applied);
    }

    /// Something goes wrong with the next calls of the gateway.
    async fn disturb(&mut self) {
        let modes =
            [RefundMode::AtOnce, RefundMode::AtOnce, RefundMode::Slowly, RefundMode::Fails, RefundMode::NeedsAttention];
        if let Some(mode) = self.dice.pick(&modes) {
            self.gateway.refunds_go(mode);
        }
        let troubles = [Trouble::LostBefore, Trouble::LostAfter, Trouble::Garbled, Trouble::Refuses("No".to_owned())];
        if let Some(trouble) = self.dice.pick(&troubles) {
            self.gateway.trouble(trouble);
        }
    }

    /// Names an account for every refund that needs one.
    pub(super) async fn retry_refunds(&mut self) {
        let mut stuck = Vec::new();
        for (id, _) in &self.payments {
            let refunds = self.stage.world.queries().refunds(&self.admin(), *id).await.unwrap();
            stuck.extend(refunds.into_iter().filter(|refund| refund.record().state == RefundState::NeedsAttention));
        }
        for refund in stuck {
            let account =
                RetryRefund { account_number: Some("0123456789".to_owned()), bank_id: Some("GH-1".to_owned()) };
            let retried = self.bursar.retry_refund(&self.admin(), refund.id(), account).await;
            self.note("retry", retried);
        }
    }
}
