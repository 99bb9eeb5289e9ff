//! The read port in memory.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Call, Cursor, HostelDay, HostelId, Instant, Money, Page, PageOf, Purpose, Scope, StoreError,
};

use super::{MemoryBilling, State};
use crate::{
    model::{
        Account, BillingTerms, BookingId, DepositId, House, InboxEntry, InboxState, InvoiceId, Journal, Payment,
        PaymentId, Refund, RefundId, RefundOrigin, RefundState, RoomId, StayFacts, Target,
    },
    policy,
    queries::{
        BillingQueries, DepositFilter, DepositView, InvoiceFilter, InvoiceView, JournalFilter, JournalView, Movement,
        Offer, Payer, PaymentFilter, PaymentUse, PaymentView, PutAsideView, QuarantineView, RefundView, STUCK_FOR,
        Unfinished, Work,
    },
};

fn hostel_of(call: &Call) -> Result<HostelId, StoreError> {
    call.scope.hostel().ok_or_else(|| StoreError::Other("money belongs to a hostel".into()))
}

/// A page of views in the order of a key, ties by id.
fn paged<V>(mut views: Vec<V>, page: &Page, key: impl Fn(&V) -> (Key, uuid::Uuid)) -> PageOf<V> {
    views.sort_by_key(|view| key(view));
    if page.descending {
        views.reverse();
    }
    PageOf::cut(views, page, |view| {
        let (key, id) = key(view);
        Cursor { key: key.text(), id }
    })
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Day(HostelDay),
}

impl Key {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Day(day) => day.to_string(),
        }
    }
}

fn own<'a, K: Ord + 'a, V>(
    map: &'a std::collections::BTreeMap<(HostelId, K), V>,
    hostel: HostelId,
) -> impl Iterator<Item = &'a V> {
    map.iter().filter(move |((of, _), _)| *of == hostel).map(|(_, value)| value)
}

#[async_trait]
impl BillingQueries for MemoryBilling {
    async fn house(&self, call: &Call) -> Result<House, StoreError> {
        let house = self.state().around.houses.get(&hostel_of(call)?).cloned();
        house.ok_or_else(|| StoreError::Other("the hostel was not opened".into()))
    }

    async fn terms(&self, call: &Call) -> Result<Option<BillingTerms>, StoreError> {
        Ok(self.state().terms.get(&hostel_of(call)?).cloned())
    }

    async fn invoices(
        &self,
        call: &Call,
        filter: &InvoiceFilter,
        page: &Page,
    ) -> Result<PageOf<InvoiceView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let views = own(&state.invoices, hostel).map(InvoiceView::of).filter(|invoice| {
            filter.booking_id.is_none_or(|id| invoice.booking_id == id)
                && filter.user_id.is_none_or(|id| invoice.user_id == id)
                && filter.status.is_none_or(|status| invoice.status == status)
                && filter.due_until.is_none_or(|day| invoice.due_date <= day)
        });
        Ok(paged(views.collect(), page, |invoice| {
            let key = match page.sort {
                "created_at" => Key::Number(invoice.created_at.micros()),
                _ => Key::Day(invoice.due_date),
            };
            (key, invoice.id.uuid())
        }))
    }

    async fn invoice(&self, call: &Call, id: InvoiceId) -> Result<Option<InvoiceView>, StoreError> {
        Ok(self.state().invoices.get(&(hostel_of(call)?, id)).map(InvoiceView::of))
    }

    async fn payments(
        &self,
        call: &Call,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<PageOf<PaymentView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let views = own(&state.payments, hostel).map(PaymentView::of).filter(|payment| {
            filter.status.is_none_or(|status| payment.status == status)
                && filter.user_id.is_none_or(|id| payment.user_id == id)
                && filter.booking_id.is_none_or(|id| payment.booking_id == Some(id))
                && filter.invoice_id.is_none_or(|id| payment.invoice_id == Some(id))
                && filter.purpose.is_none_or(|purpose| payment.purpose == purpose)
        });
        Ok(paged(views.collect(), page, |payment| {
            let key = match page.sort {
                "amount" => payment.amount.amount_minor(),
                _ => payment.created_at.micros(),
            };
            (Key::Number(key), payment.id.uuid())
        }))
    }

    async fn payment(&self, call: &Call, id: PaymentId) -> Result<Option<PaymentView>, StoreError> {
        Ok(self.state().payments.get(&(hostel_of(call)?, id)).map(PaymentView::of))
    }

    async fn payment_by_reference(&self, call: &Call, reference: &str) -> Result<Option<PaymentView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let found = own(&state.payments, hostel).find(|payment| payment.record().reference == reference);
        Ok(found.map(PaymentView::of))
    }

    async fn uses(&self, call: &Call, id: PaymentId) -> Result<Vec<PaymentUse>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let uses = sums(&state, hostel, id).into_iter().map(|(target, amount)| {
            let invoice = match target {
                Target::Invoice(id) => state.invoices.get(&(hostel, id)),
                Target::Wallet | Target::Suspense => None,
            };
            PaymentUse {
                target,
                invoice: invoice.map(|invoice| (invoice.record().kind, invoice.record().period)),
                amount,
            }
        });
        Ok(uses.collect())
    }

    async fn refunds(&self, call: &Call, id: PaymentId) -> Result<Vec<Refund>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let mut refunds: Vec<Refund> =
            own(&state.refunds, hostel).filter(|refund| refund.record().payment_id == id).cloned().collect();
        refunds.sort_by_key(|refund| (refund.record().created_at, refund.id()));
        Ok(refunds)
    }

    async fn refund(&self, call: &Call, id: RefundId) -> Result<Option<RefundView>, StoreError> {
        Ok(self.state().refunds.get(&(hostel_of(call)?, id)).map(RefundView::of))
    }

    async fn deposits(
        &self,
        call: &Call,
        filter: &DepositFilter,
        page: &Page,
    ) -> Result<PageOf<DepositView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let views = own(&state.deposits, hostel).map(DepositView::of).filter(|deposit| {
            filter.status.is_none_or(|status| deposit.status == status)
                && filter.user_id.is_none_or(|id| deposit.user_id == id)
                && filter.booking_id.is_none_or(|id| deposit.booking_id == id)
        });
        Ok(paged(views.collect(), page, |deposit| (Key::Number(deposit.created_at.micros()), deposit.id.uuid())))
    }

    async fn deposit(&self, call: &Call, id: DepositId) -> Result<Option<DepositView>, StoreError> {
        Ok(self.state().deposits.get(&(hostel_of(call)?, id)).map(DepositView::of))
    }

    async fn journals(
        &self,
        call: &Call,
        filter: &JournalFilter,
        page: &Page,
    ) -> Result<PageOf<JournalView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let matches = |journal: &&Arc<Journal>| {
            journal.hostel_id() == hostel
                && filter.key.as_ref().is_none_or(|key| journal.key() == key)
                && filter
                    .account
                    .as_ref()
                    .is_none_or(|account| journal.entries().iter().any(|entry| entry.account == *account))
        };
        let views = state.journals.iter().filter(matches).map(|journal| JournalView::of(journal));
        Ok(paged(views.collect(), page, |journal| (Key::Number(journal.created_at.micros()), journal.id.uuid())))
    }

    async fn balances(&self, call: &Call) -> Result<Vec<(Account, Money)>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let own = state.balances.iter().filter(|((of, _, _), balance)| *of == hostel && **balance != 0);
        Ok(own.map(|((_, account, currency), balance)| (account.clone(), Money::new(*balance, *currency))).collect())
    }

    async fn quarantined(&self, call: &Call, page: &Page) -> Result<PageOf<QuarantineView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let own = state.quarantine.iter().filter(|found| found.hostel_id == hostel).map(QuarantineView::of);
        Ok(paged(own.collect(), page, |found| (Key::Number(found.created_at.micros()), found.id.uuid())))
    }

    async fn put_aside(&self, call: &Call, page: &Page) -> Result<PageOf<PutAsideView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let view = |known: &InboxEntry| {
            let is = &known.entry;
            let InboxState::PutAside { why, .. } = &is.state else { return None };
            (is.hostel_id == Some(hostel)).then(|| PutAsideView {
                id: is.id,
                provider: is.provider.clone(),
                reference: is.reference.clone(),
                why: why.clone(),
                received_at: is.received_at,
                deliveries: known.deliveries,
            })
        };
        let own = state.inbox.values().filter_map(view);
        Ok(paged(own.collect(), page, |aside| (Key::Number(aside.received_at.micros()), aside.id.uuid())))
    }

    async fn balance(&self, call: &Call, account: &Account) -> Result<Money, StoreError> {
        let house = self.house(call).await?;
        let place = (house.id, account.clone(), house.currency);
        Ok(Money::new(self.state().balances.get(&place).copied().unwrap_or(0), house.currency))
    }

    async fn owed_before(&self, call: &Call, person: AccountId, before: Instant) -> Result<Money, StoreError> {
        let house = self.house(call).await?;
        let state = self.state();
        let earlier = state.journals.iter().filter(|journal| is_of(journal, &house) && journal.at() < before);
        Ok(Money::new(earlier.map(|journal| owed_by(&state, journal, person)).sum(), house.currency))
    }

    async fn movements(
        &self,
        call: &Call,
        person: AccountId,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<Movement>, StoreError> {
        let house = self.house(call).await?;
        let state = self.state();
        let during = |journal: &&Arc<Journal>| is_of(journal, &house) && (from..until).contains(&journal.at());
        let mut journals: Vec<&Arc<Journal>> = state.journals.iter().filter(during).collect();
        journals.sort_by_key(|journal| (journal.at(), journal.id()));
        let movement = |journal: &Journal| Movement {
            at: journal.at(),
            text: journal.text().to_owned(),
            amount: owed_by(&state, journal, person),
        };
        Ok(journals.into_iter().map(|journal| movement(journal)).filter(|movement| movement.amount != 0).collect())
    }

    async fn stay(&self, call: &Call, id: BookingId) -> Result<Option<StayFacts>, StoreError> {
        Ok(self.state().around.stays.get(&(hostel_of(call)?, id)).cloned())
    }

    async fn offer(
        &self,
        call: &Call,
        room: RoomId,
        check_in: HostelDay,
        check_out: HostelDay,
    ) -> Result<Option<Offer>, StoreError> {
        let price = self.state().around.rooms.get(&(hostel_of(call)?, room)).copied();
        let Some(monthly_price) = price else { return Ok(None) };
        // Whole months and the days behind them: this port prices by the calendar like the real ones, but rounds each stay
        // by its last period alone.
        let months = policy::schedule((check_in, check_out), &[], 1, i64::MAX).len() as i64 - 1;
        let rest = check_in.plus_months(months);
        let days = rest.days_until(check_out).min(rest.days_in_month());
        let total = monthly_price.fraction(months * rest.days_in_month() + days, rest.days_in_month());
        let total_price = total.map_err(|error| StoreError::Other(error.into()))?;
        Ok(Some(Offer { monthly_price, total_price }))
    }

    async fn parties(&self, call: &Call, payer: AccountId) -> Result<(House, Option<Payer>), StoreError> {
        let house = self.house(call).await?;
        let email = self.state().around.people.get(&payer).cloned();
        Ok((house, email.map(|email| Payer { name: None, email })))
    }

    async fn unfinished(
        &self,
        call: &Call,
        before: Instant,
        after: Option<&Unfinished>,
        most: u32,
    ) -> Result<Vec<Unfinished>, StoreError> {
        if call.scope != Scope::System(Purpose::Payments) {
            return Err(StoreError::Other("this belongs to the installation".into()));
        }
        let state = self.state();
        let mut found: Vec<Unfinished> = Vec::new();
        for ((hostel_id, id), payment) in &state.payments {
            let is = payment.record();
            if payment.is_undecided() {
                found.push(Unfinished { hostel_id: *hostel_id, work: Work::Verify(*id), since: is.updated_at });
            } else if waits_in_suspense(&state, *hostel_id, payment) {
                found.push(Unfinished { hostel_id: *hostel_id, work: Work::Suspense(*id), since: is.updated_at });
            }
        }
        for ((hostel_id, id), refund) in &state.refunds {
            let is = refund.record();
            let stuck = is.state == RefundState::NeedsAttention && is.updated_at < before.minus(STUCK_FOR);
            if is.state == RefundState::Pending || stuck {
                let work = Work::Refund(*id);
                found.push(Unfinished { hostel_id: *hostel_id, work, since: is.updated_at });
            }
        }
        for (id, known) in &state.inbox {
            if let Some(hostel_id) = known.entry.hostel_id.filter(|_| known.is_waiting()) {
                found.push(Unfinished { hostel_id, work: Work::Inbox(*id), since: known.entry.received_at });
            }
        }
        let place = |unfinished: &Unfinished| (unfinished.since, unfinished.work);
        found.retain(|one| one.since < before && after.is_none_or(|after| place(one) > place(after)));
        found.sort_by_key(place);
        found.truncate(most as usize);
        Ok(found)
    }
}

fn sums(state: &State, hostel: HostelId, id: PaymentId) -> std::collections::BTreeMap<Target, i64> {
    let mut sums = std::collections::BTreeMap::new();
    for (_, row) in state.allocations.iter().filter(|(of, row)| *of == hostel && row.payment_id == id) {
        *sums.entry(row.target).or_insert(0) += row.amount;
    }
    sums
}

/// Whether money of a payment is in suspense, and nobody has tried to give it back for that.
fn waits_in_suspense(state: &State, hostel: HostelId, payment: &Payment) -> bool {
    let tried = own(&state.refunds, hostel)
        .any(|refund| refund.record().payment_id == payment.id() && refund.record().origin == RefundOrigin::Suspense);
    !tried && sums(state, hostel, payment.id()).get(&Target::Suspense).is_some_and(|sum| *sum != 0)
}

fn is_of(journal: &Journal, house: &House) -> bool {
    journal.hostel_id() == house.id && journal.currency() == house.currency
}

fn owed_by(state: &State, journal: &Journal, person: AccountId) -> i64 {
    let paid = |id: &PaymentId| {
        state.payments.get(&(journal.hostel_id(), *id)).is_some_and(|payment| payment.payer() == person)
    };
    let theirs = |account: &Account| match account {
        Account::Receivable(of) | Account::Wallet(of) => *of == person,
        Account::Suspense(id) | Account::RefundPayable(id) => paid(id),
        _ => false,
    };
    journal.entries().iter().filter(|entry| theirs(&entry.account)).map(|entry| entry.amount).sum()
}
