//! A store that fails when a test says so.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domicile_billing::{
    Bursar,
    memory::{MemoryBilling, PlainPrinter},
    ports::{BillingUow, BillingUows, Gateways},
};
use domicile_kernel::{Call, StoreError};

use crate::house::House;

/// The store of a house, of which only some more units of work begin.
pub(crate) struct FlakyStore {
    memory: MemoryBilling,
    left: AtomicUsize,
}

impl FlakyStore {
    /// A bursar of the house over such a store.
    pub(crate) fn of(house: &House) -> (Arc<Self>, Bursar) {
        let store = Arc::new(Self { memory: house.memory.clone(), left: AtomicUsize::new(usize::MAX) });
        let gateways = Gateways::new().with(house.gateway.clone());
        let queries = Arc::new(house.memory.clone());
        let bursar = Bursar::new(store.clone(), queries, gateways, Arc::new(PlainPrinter), house.ambient.clone());
        (store, bursar)
    }

    /// Fails after so many units of work more.
    pub(crate) fn fails_after(&self, units: usize) {
        self.left.store(units, Ordering::SeqCst);
    }
}

#[async_trait]
impl BillingUows for FlakyStore {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BillingUow>, StoreError> {
        let one_less = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => self.memory.begin(call).await,
            Err(_none) => Err(StoreError::Transient("the store is busy".into())),
        }
    }
}
