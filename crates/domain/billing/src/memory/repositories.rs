//! The repositories in memory, with what the constraints of a database refuse.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domicile_kernel::{Currency, HostelId, StoreError};

use super::uow::MemoryUow;
use crate::{
    model::{
        Account, Allocation, BillingTerms, BookingId, Deposit, DepositId, InboxEntry, InboxEntryId, InboxState,
        Invoice, InvoiceId, Journal, NewInboxEntry, Payment, PaymentId, Quarantined, Refund, RefundId, StayFacts,
        Target,
    },
    ports::{
        AllocationRepository, DepositRepository, InboxRepository, InvoiceRepository, Ledger, PaymentRepository,
        PaymentWritten, Posted, QuarantineRepository, Received, RefundRepository, StayReader, TermsRepository, Written,
    },
};

#[async_trait]
impl TermsRepository for MemoryUow {
    async fn find(&mut self) -> Result<Option<BillingTerms>, StoreError> {
        Ok(self.state.terms.get(&self.hostel()?).cloned())
    }

    async fn put(&mut self, terms: &BillingTerms) -> Result<Written, StoreError> {
        let hostel = self.hostel()?;
        match self.state.terms.get(&hostel) {
            None if terms.version != 1 => return Ok(Written::Stale),
            Some(_) if terms.version == 1 => return Ok(Written::Exists),
            Some(before) if before.version + 1 != terms.version => return Ok(Written::Stale),
            None | Some(_) => {}
        }
        self.state.terms.insert(hostel, terms.clone());
        Ok(Written::Written)
    }
}

#[async_trait]
impl StayReader for MemoryUow {
    async fn find(&mut self, id: BookingId) -> Result<Option<StayFacts>, StoreError> {
        Ok(self.state.around.stays.get(&(self.hostel()?, id)).cloned())
    }
}

#[async_trait]
impl InvoiceRepository for MemoryUow {
    async fn find(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
        Ok(self.state.invoices.get(&(self.hostel()?, id)).cloned())
    }

    async fn lock(&mut self, id: InvoiceId) -> Result<Option<Invoice>, StoreError> {
        InvoiceRepository::find(self, id).await
    }

    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Vec<Invoice>, StoreError> {
        let hostel = self.hostel()?;
        let own = self.state.invoices.iter().filter(|((of, _), _)| *of == hostel).map(|(_, invoice)| invoice);
        let mut found: Vec<Invoice> = own.filter(|invoice| invoice.record().booking_id == id).cloned().collect();
        found.sort_by_key(Invoice::age);
        Ok(found)
    }

    async fn insert(&mut self, invoices: &[Invoice]) -> Result<Written, StoreError> {
        let hostel = self.hostel()?;
        for invoice in invoices {
            let place = |of: &Invoice| (of.record().booking_id, of.record().kind, of.record().sequence);
            let mut own = self.state.invoices.iter().filter(|((of, _), _)| *of == hostel);
            if own.any(|(_, other)| other.id() == invoice.id() || place(other) == place(invoice)) {
                return Ok(Written::Exists);
            }
            self.state.invoices.insert((hostel, invoice.id()), invoice.clone());
        }
        Ok(Written::Written)
    }

    async fn update(&mut self, invoice: &Invoice) -> Result<Written, StoreError> {
        let key = (self.hostel()?, invoice.id());
        let Some(before) = self.state.invoices.get(&key) else { return Ok(Written::Stale) };
        if before.version() + 1 != invoice.version() {
            return Ok(Written::Stale);
        }
        let lines = before.record().lines.len();
        if invoice.record().lines.get(..lines) != Some(before.record().lines.as_slice()) {
            return Err(StoreError::Conflict("invoice_lines".to_owned()));
        }
        self.state.invoices.insert(key, invoice.clone());
        Ok(Written::Written)
    }
}

#[async_trait]
impl PaymentRepository for MemoryUow {
    async fn find(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        Ok(self.state.payments.get(&(self.hostel()?, id)).cloned())
    }

    async fn lock(&mut self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        PaymentRepository::find(self, id).await
    }

    async fn find_by_reference(&mut self, provider: &str, reference: &str) -> Result<Option<Payment>, StoreError> {
        let hostel = self.hostel()?;
        let mut own = self.state.payments.iter().filter(|((of, _), _)| *of == hostel).map(|(_, payment)| payment);
        let is = |payment: &&Payment| payment.record().provider == provider && payment.record().reference == reference;
        Ok(own.find(is).cloned())
    }

    async fn insert(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError> {
        let hostel = self.hostel()?;
        let is = payment.record();
        let taken = self.state.payments.values().any(|other| {
            other.id() == is.id || (other.record().provider == is.provider && other.record().reference == is.reference)
        });
        if taken {
            return Ok(PaymentWritten::ReferenceTaken);
        }
        self.state.payments.insert((hostel, payment.id()), payment.clone());
        Ok(PaymentWritten::Written)
    }

    async fn update(&mut self, payment: &Payment) -> Result<PaymentWritten, StoreError> {
        let key = (self.hostel()?, payment.id());
        let before = self.state.payments.get(&key);
        if before.is_none_or(|before| before.version() + 1 != payment.version()) {
            return Ok(PaymentWritten::Stale);
        }
        self.state.payments.insert(key, payment.clone());
        Ok(PaymentWritten::Written)
    }
}

impl MemoryUow {
    /// Sums of the rows that match, by a key; none that is zero.
    fn sums<K: Ord>(&self, hostel: HostelId, key: impl Fn(&Allocation) -> Option<K>) -> BTreeMap<K, i64> {
        let mut sums = BTreeMap::new();
        for (of, row) in &self.state.allocations {
            if let Some(key) = key(row).filter(|_| *of == hostel) {
                *sums.entry(key).or_insert(0) += row.amount;
            }
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }
}

#[async_trait]
impl AllocationRepository for MemoryUow {
    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<(Target, i64)>, StoreError> {
        let hostel = self.hostel()?;
        Ok(self.sums(hostel, |row| (row.payment_id == id).then_some(row.target)).into_iter().collect())
    }

    async fn of_invoice(&mut self, id: InvoiceId) -> Result<Vec<(PaymentId, i64)>, StoreError> {
        let hostel = self.hostel()?;
        let sums = self.sums(hostel, |row| (row.target == Target::Invoice(id)).then_some(row.payment_id));
        let mut found: Vec<(PaymentId, i64)> = sums.into_iter().collect();
        let made = |id: &PaymentId| self.state.payments.get(&(hostel, *id)).map(|payment| payment.record().created_at);
        found.sort_by_key(|(payment, _)| std::cmp::Reverse((made(payment), *payment)));
        Ok(found)
    }

    async fn ever_of_invoice(&mut self, id: InvoiceId) -> Result<Vec<PaymentId>, StoreError> {
        let hostel = self.hostel()?;
        let own = self.state.allocations.iter().filter(|(of, row)| *of == hostel && row.target == Target::Invoice(id));
        let ever: std::collections::BTreeSet<PaymentId> = own.map(|(_, row)| row.payment_id).collect();
        Ok(ever.into_iter().collect())
    }

    async fn add(&mut self, rows: &[Allocation]) -> Result<(), StoreError> {
        let hostel = self.hostel()?;
        for row in rows {
            let sum = self
                .sums(hostel, |other| (other.payment_id == row.payment_id && other.target == row.target).then_some(()));
            if sum.get(&()).copied().unwrap_or(0) + row.amount < 0 {
                return Err(StoreError::Conflict("payment_allocations: below zero".to_owned()));
            }
            self.state.allocations.push((hostel, *row));
        }
        Ok(())
    }
}

#[async_trait]
impl RefundRepository for MemoryUow {
    async fn find(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        Ok(self.state.refunds.get(&(self.hostel()?, id)).cloned())
    }

    async fn lock(&mut self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        RefundRepository::find(self, id).await
    }

    async fn of_payment(&mut self, id: PaymentId) -> Result<Vec<Refund>, StoreError> {
        let hostel = self.hostel()?;
        let own = self.state.refunds.iter().filter(|((of, _), _)| *of == hostel).map(|(_, refund)| refund);
        let mut found: Vec<Refund> = own.filter(|refund| refund.record().payment_id == id).cloned().collect();
        found.sort_by_key(|refund| (refund.record().created_at, refund.id()));
        Ok(found)
    }

    async fn insert(&mut self, refund: &Refund) -> Result<Written, StoreError> {
        let hostel = self.hostel()?;
        let reference = &refund.record().reference;
        if self.state.refunds.values().any(|other| other.record().reference == *reference) {
            return Ok(Written::Exists);
        }
        self.state.refunds.insert((hostel, refund.id()), refund.clone());
        Ok(Written::Written)
    }

    async fn update(&mut self, refund: &Refund) -> Result<Written, StoreError> {
        let key = (self.hostel()?, refund.id());
        let before = self.state.refunds.get(&key);
        if before.is_none_or(|before| before.version() + 1 != refund.version()) {
            return Ok(Written::Stale);
        }
        self.state.refunds.insert(key, refund.clone());
        Ok(Written::Written)
    }
}

#[async_trait]
impl DepositRepository for MemoryUow {
    async fn find(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        Ok(self.state.deposits.get(&(self.hostel()?, id)).cloned())
    }

    async fn lock(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        DepositRepository::find(self, id).await
    }

    async fn lock_of_booking(&mut self, id: BookingId) -> Result<Option<Deposit>, StoreError> {
        let hostel = self.hostel()?;
        let mut own = self.state.deposits.iter().filter(|((of, _), _)| *of == hostel).map(|(_, deposit)| deposit);
        Ok(own.find(|deposit| deposit.record().booking_id == id).cloned())
    }

    async fn insert(&mut self, deposit: &Deposit) -> Result<Written, StoreError> {
        let hostel = self.hostel()?;
        if DepositRepository::lock_of_booking(self, deposit.record().booking_id).await?.is_some() {
            return Ok(Written::Exists);
        }
        self.state.deposits.insert((hostel, deposit.id()), deposit.clone());
        Ok(Written::Written)
    }

    async fn update(&mut self, deposit: &Deposit) -> Result<Written, StoreError> {
        let key = (self.hostel()?, deposit.id());
        let before = self.state.deposits.get(&key);
        if before.is_none_or(|before| before.version() + 1 != deposit.version()) {
            return Ok(Written::Stale);
        }
        self.state.deposits.insert(key, deposit.clone());
        Ok(Written::Written)
    }
}

#[async_trait]
impl Ledger for MemoryUow {
    async fn post(&mut self, journals: &[Journal]) -> Result<Posted, StoreError> {
        let hostel = self.hostel()?;
        for journal in journals {
            if !self.state.journal_keys.insert((hostel, journal.key().to_owned())) {
                return Ok(Posted::Repeated(journal.key().to_owned()));
            }
            for entry in journal.entries() {
                let place = (hostel, entry.account.clone(), journal.currency());
                *self.state.balances.entry(place).or_insert(0) += entry.amount;
            }
            self.state.journals.push(Arc::new(journal.clone()));
        }
        let overdrawn = journals.iter().find_map(|journal| {
            let wrong = |account: &Account| {
                let place = (hostel, account.clone(), journal.currency());
                !account.side().allows(self.state.balances.get(&place).copied().unwrap_or(0))
            };
            journal.entries().iter().map(|entry| &entry.account).find(|account| wrong(account)).cloned()
        });
        Ok(overdrawn.map_or(Posted::Posted, Posted::Overdrawn))
    }

    async fn balance(&mut self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        let place = (self.hostel()?, account.clone(), currency);
        Ok(self.state.balances.get(&place).copied().unwrap_or(0))
    }
}

#[async_trait]
impl InboxRepository for MemoryUow {
    async fn whose(&mut self, provider: &str, reference: &str) -> Result<Option<(HostelId, PaymentId)>, StoreError> {
        self.installation()?;
        let is = |payment: &Payment| payment.record().provider == provider && payment.record().reference == reference;
        Ok(self.state.payments.iter().find(|(_, payment)| is(payment)).map(|(key, _)| *key))
    }

    async fn receive(&mut self, entry: &NewInboxEntry) -> Result<Received, StoreError> {
        self.installation()?;
        let same = |known: &&mut InboxEntry| {
            known.entry.provider == entry.provider && known.entry.dedupe_key == entry.dedupe_key
        };
        if let Some(known) = self.state.inbox.values_mut().find(same) {
            known.deliveries += 1;
            let (id, hostel_id) = (known.entry.id, known.entry.hostel_id);
            return Ok(Received::Again { id, hostel_id, waiting: known.is_waiting(), aside: known.is_aside() });
        }
        self.state.inbox.insert(entry.id, InboxEntry { entry: entry.clone(), deliveries: 1 });
        Ok(Received::New)
    }

    async fn find(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError> {
        let hostel = self.hostel()?;
        Ok(self.state.inbox.get(&id).filter(|known| known.entry.hostel_id == Some(hostel)).cloned())
    }

    async fn lock(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError> {
        InboxRepository::find(self, id).await
    }

    async fn mark(&mut self, id: InboxEntryId, state: &InboxState) -> Result<(), StoreError> {
        let hostel = self.hostel()?;
        match self.state.inbox.get_mut(&id).filter(|known| known.entry.hostel_id == Some(hostel)) {
            Some(known) => {
                known.entry.state = state.clone();
                Ok(())
            }
            None => Err(StoreError::Stale),
        }
    }
}

#[async_trait]
impl QuarantineRepository for MemoryUow {
    async fn add(&mut self, found: &Quarantined) -> Result<bool, StoreError> {
        let same = |known: &Quarantined| {
            (known.payment_id, known.suspicion, known.reported) == (found.payment_id, found.suspicion, found.reported)
        };
        if self.state.quarantine.iter().any(same) {
            return Ok(false);
        }
        self.state.quarantine.push(found.clone());
        Ok(true)
    }
}
