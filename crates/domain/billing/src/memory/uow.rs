//! The unit of work in memory.

use std::sync::Arc;

use async_lock::MutexGuardArc;
use async_trait::async_trait;
use domicile_kernel::{AccountId, AuditEntry, HostelId, NewEvent, NewJob, Outcome, StoreError, UnitOfWork};

use super::{AnswerKey, MemoryBilling, State};
use crate::{
    Payer,
    model::House,
    ports::{
        AllocationRepository, BillingUow, DepositRepository, InboxRepository, InvoiceRepository, Ledger,
        PaymentRepository, QuarantineRepository, RefundRepository, StayReader, TermsRepository,
    },
};

/// A copy of everything, until its commit. It holds the turn to write.
pub(super) struct MemoryUow {
    memory: MemoryBilling,
    _turn: MutexGuardArc<()>,
    pub(super) state: State,
    scope: Option<HostelId>,
    answer_key: Option<(AnswerKey, [u8; 32])>,
}

impl MemoryUow {
    pub(super) fn new(
        memory: MemoryBilling,
        turn: MutexGuardArc<()>,
        state: State,
        scope: Option<HostelId>,
        answer_key: Option<(AnswerKey, [u8; 32])>,
    ) -> Self {
        Self { memory, _turn: turn, state, scope, answer_key }
    }

    /// The hostel whose rows may be touched.
    pub(super) fn hostel(&self) -> Result<HostelId, StoreError> {
        self.scope.ok_or_else(|| StoreError::Other("this belongs to a hostel".into()))
    }

    /// Refuses what only the installation may ask.
    pub(super) fn installation(&self) -> Result<(), StoreError> {
        if self.scope.is_none() { Ok(()) } else { Err(StoreError::Other("this belongs to the installation".into())) }
    }
}

#[async_trait]
impl UnitOfWork for MemoryUow {
    fn record(&mut self, event: NewEvent) {
        self.state.events.push(Arc::new(event));
    }

    fn audit(&mut self, entry: AuditEntry) {
        self.state.audit.push(Arc::new(entry));
    }

    fn enqueue(&mut self, job: NewJob) {
        self.state.jobs.insert((job.kind, job.key.clone()), job);
    }

    async fn commit(mut self: Box<Self>, outcome: Outcome) -> Result<(), StoreError> {
        if let Some((key, fingerprint)) = self.answer_key.take() {
            self.state.answers.insert(key, (fingerprint, outcome));
        }
        let mut original = self.memory.state();
        // Houses, stays and people are set up beside the units of work, so they are not put back to what they were.
        self.state.around = original.around.clone();
        *original = std::mem::take(&mut self.state);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl BillingUow for MemoryUow {
    async fn house(&mut self) -> Result<House, StoreError> {
        let house = self.state.around.houses.get(&self.hostel()?).cloned();
        house.ok_or_else(|| StoreError::Other("the hostel was not opened".into()))
    }

    async fn held_house(&mut self) -> Result<House, StoreError> {
        self.house().await
    }

    async fn parties(&mut self, payer: AccountId) -> Result<(House, Option<Payer>), StoreError> {
        let house = self.house().await?;
        let email = self.state.around.people.get(&payer).cloned();
        Ok((house, email.map(|email| Payer { name: None, email })))
    }

    fn terms(&mut self) -> &mut dyn TermsRepository {
        self
    }

    fn stays(&mut self) -> &mut dyn StayReader {
        self
    }

    fn invoices(&mut self) -> &mut dyn InvoiceRepository {
        self
    }

    fn payments(&mut self) -> &mut dyn PaymentRepository {
        self
    }

    fn allocations(&mut self) -> &mut dyn AllocationRepository {
        self
    }

    fn refunds(&mut self) -> &mut dyn RefundRepository {
        self
    }

    fn deposits(&mut self) -> &mut dyn DepositRepository {
        self
    }

    fn ledger(&mut self) -> &mut dyn Ledger {
        self
    }

    fn inbox(&mut self) -> &mut dyn InboxRepository {
        self
    }

    fn quarantine(&mut self) -> &mut dyn QuarantineRepository {
        self
    }
}
