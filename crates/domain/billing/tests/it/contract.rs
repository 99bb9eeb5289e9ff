//! The ports in memory keep every promise of the contract.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_billing::{
    BillingQueries,
    contract::{self, House, World},
    memory::MemoryBilling,
    model::{RoomId, StayFacts},
    ports::BillingUows,
};
use domicile_kernel::{
    Currency, HostelId, Money,
    ports::{Ambient, fixed},
};

pub(crate) struct InMemory {
    memory: MemoryBilling,
    ambient: Ambient,
    clock: Arc<fixed::FixedClock>,
}

impl InMemory {
    pub(crate) fn new() -> Self {
        let (ambient, clock) = fixed::ambient("2026-01-20T10:00:00Z");
        Self { memory: MemoryBilling::new(), ambient, clock }
    }
}

#[async_trait]
impl World for InMemory {
    fn uows(&self) -> Arc<dyn BillingUows> {
        Arc::new(self.memory.clone())
    }

    fn queries(&self) -> Arc<dyn BillingQueries> {
        Arc::new(self.memory.clone())
    }

    fn ambient(&self) -> Ambient {
        self.ambient.clone()
    }

    fn wait(&self, time: std::time::Duration) {
        self.clock.advance(time);
    }

    async fn house(&self, members: usize) -> House {
        let id = self.ambient.id();
        self.memory.open_hostel(id, "Attic Hostel", Currency::GHS);
        let members: Vec<_> = (0..members).map(|_| self.ambient.id()).collect();
        for (at, person) in members.iter().enumerate() {
            self.memory.enrol(*person, &format!("member{at}@example.com"));
        }
        House { id, members }
    }

    async fn put_stay(&self, house: HostelId, stay: &StayFacts) {
        self.memory.put_stay(house, stay.clone());
    }

    async fn remove_stay(&self, house: HostelId, stay: &StayFacts) {
        self.memory.remove_stay(house, stay.booking_id);
    }

    async fn room(&self, house: HostelId, monthly_price: Money) -> RoomId {
        let id = self.ambient.id();
        self.memory.put_room(house, id, monthly_price);
        id
    }
}

#[test]
fn the_ports_in_memory_keep_the_contract() {
    pollster::block_on(contract::all(&InMemory::new()));
}
