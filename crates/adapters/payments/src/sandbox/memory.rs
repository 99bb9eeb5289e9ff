//! The sandbox's store in memory: for tests, and for whoever tries the crate without a database.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use domicile_kernel::StoreError;

use super::{
    charge::{SandboxCharge, SandboxState},
    refund::SandboxRefund,
    store::{About, NoticeId, RefundWritten, SandboxStore, Untold},
};

/// Charges and refunds that are gone with the process.
#[derive(Debug, Default)]
pub struct MemorySandbox(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    charges: BTreeMap<String, SandboxCharge>,
    refunds: BTreeMap<String, SandboxRefund>,
}

impl MemorySandbox {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SandboxStore for MemorySandbox {
    async fn insert_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.charges.contains_key(&charge.reference) {
            return Ok(false);
        }
        tables.charges.insert(charge.reference.clone(), charge.clone());
        Ok(true)
    }

    async fn find_charge(&self, reference: &str) -> Result<Option<SandboxCharge>, StoreError> {
        Ok(self.tables().charges.get(reference).cloned())
    }

    async fn move_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError> {
        match self.tables().charges.get_mut(&charge.reference) {
            Some(stored) if stored.version + 1 == charge.version => {
                stored.state = charge.state;
                stored.decided_at = charge.decided_at;
                stored.notices_due = charge.notices_due;
                stored.version = charge.version;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn insert_refund(&self, refund: &SandboxRefund) -> Result<RefundWritten, StoreError> {
        let mut tables = self.tables();
        if tables.refunds.contains_key(&refund.reference) {
            return Ok(RefundWritten::Exists);
        }
        let Some(charge) = tables.charges.get_mut(&refund.charge_reference) else { return Ok(RefundWritten::NotPaid) };
        if charge.state != SandboxState::Paid {
            return Ok(RefundWritten::NotPaid);
        }
        let Ok(refunded) = charge.refunded.checked_add(refund.amount) else { return Ok(RefundWritten::TooMuch) };
        if refunded.amount_minor() > charge.amount.amount_minor() {
            return Ok(RefundWritten::TooMuch);
        }
        if refund.counts() {
            charge.refunded = refunded;
        }
        tables.refunds.insert(refund.reference.clone(), refund.clone());
        Ok(RefundWritten::Written)
    }

    async fn find_refund(&self, reference: &str) -> Result<Option<SandboxRefund>, StoreError> {
        Ok(self.tables().refunds.get(reference).cloned())
    }

    async fn move_refund(&self, refund: &SandboxRefund) -> Result<bool, StoreError> {
        match self.tables().refunds.get_mut(&refund.reference) {
            Some(stored) if stored.version + 1 == refund.version => {
                stored.state = refund.state;
                stored.notices_due = refund.notices_due;
                stored.version = refund.version;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn untold(&self, at_most: u32) -> Result<Vec<Untold>, StoreError> {
        let tables = self.tables();
        let charges = tables.charges.values().filter(|charge| charge.notices_sent < charge.notices_due);
        let refunds = tables.refunds.values().filter(|refund| refund.notices_sent < refund.notices_due);
        let mut untold: Vec<_> = charges
            .map(|charge| (charge.decided_at.unwrap_or(charge.created_at), Untold::Charge(charge.clone())))
            .chain(refunds.map(|refund| (refund.created_at, Untold::Refund(refund.clone()))))
            .collect();
        untold.sort_by_key(|(since, _)| *since);
        Ok(untold.into_iter().map(|(_, row)| row).take(at_most as usize).collect())
    }

    async fn delivered(&self, notice: &NoticeId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let counts = match notice.about {
            About::Charge => {
                tables.charges.get_mut(&notice.reference).map(|row| (&mut row.notices_sent, row.notices_due))
            }
            About::Refund => {
                tables.refunds.get_mut(&notice.reference).map(|row| (&mut row.notices_sent, row.notices_due))
            }
        };
        match counts {
            Some((sent, due)) if *sent + 1 == notice.number && *sent < due => {
                *sent += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
