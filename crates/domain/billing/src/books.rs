//! The journals of one unit of work, kept until its end and posted together, so that the accounts of the ledger are locked
//! in one order.

use domicile_kernel::{Currency, HostelId, Instant, StoreError, ports::Ambient};

use crate::{
    model::{Account, Journal, JournalError},
    ports::{BillingUow, Posted},
};

/// Journals to be posted.
pub(crate) struct Books<'a> {
    pub(crate) ambient: &'a Ambient,
    pub(crate) hostel: HostelId,
    pub(crate) now: Instant,
    journals: Vec<Journal>,
}

impl<'a> Books<'a> {
    pub(crate) fn open(ambient: &'a Ambient, hostel: HostelId) -> Self {
        Self::dated(ambient, hostel, ambient.now())
    }

    /// Of what was true at an instant: a gateway's word is as old as the question.
    pub(crate) const fn dated(ambient: &'a Ambient, hostel: HostelId, now: Instant) -> Self {
        Self { ambient, hostel, now, journals: Vec::new() }
    }

    /// Enters a journal; what moves nothing is none.
    pub(crate) fn enter(
        &mut self,
        key: String,
        text: impl Into<String>,
        currency: Currency,
        entries: impl IntoIterator<Item = (Account, i64)>,
    ) -> Result<(), StoreError> {
        match Journal::new(self.ambient.id(), self.hostel, key, text.into(), currency, entries, self.now) {
            Ok(journal) => self.journals.push(journal),
            Err(JournalError::Empty(_)) => {}
            Err(error) => return Err(broken(error)),
        }
        Ok(())
    }

    /// Posts everything. An account that would be overdrawn is an answer, for who drew on what might not be there.
    pub(crate) async fn close(self, uow: &mut dyn BillingUow) -> Result<Result<(), Account>, StoreError> {
        if self.journals.is_empty() {
            return Ok(Ok(()));
        }
        match uow.ledger().post(&self.journals).await? {
            Posted::Posted => Ok(Ok(())),
            Posted::Overdrawn(account) => Ok(Err(account)),
            Posted::Repeated(key) => Err(StoreError::Conflict(format!("journals: {key}"))),
        }
    }

    /// Posts everything, where nothing can be overdrawn.
    pub(crate) async fn close_sound(self, uow: &mut dyn BillingUow) -> Result<(), StoreError> {
        match self.close(uow).await? {
            Ok(()) => Ok(()),
            Err(account) => Err(StoreError::Conflict(format!("ledger_accounts: {account}"))),
        }
    }
}

/// What the rules exclude and would be our own mistake.
pub(crate) fn broken(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Other(Box::new(error))
}
