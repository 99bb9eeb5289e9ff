//! The ports in memory keep every promise of the contract.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_booking::{
    BookingQueries,
    contract::{self, House, World},
    memory::MemoryBookings,
    model::HouseTerms,
    ports::BookingUows,
};
use domicile_kernel::ports::{Ambient, fixed};

struct InMemory {
    memory: MemoryBookings,
    ambient: Ambient,
}

#[async_trait]
impl World for InMemory {
    fn uows(&self) -> Arc<dyn BookingUows> {
        Arc::new(self.memory.clone())
    }

    fn queries(&self) -> Arc<dyn BookingQueries> {
        Arc::new(self.memory.clone())
    }

    fn ambient(&self) -> Ambient {
        self.ambient.clone()
    }

    async fn house(&self, terms: HouseTerms, members: usize) -> House {
        let id = self.ambient.id();
        self.memory.open_hostel(id, terms);
        let members: Vec<_> = (0..members).map(|_| self.ambient.id()).collect();
        let former = self.ambient.id();
        for person in members.iter().chain([&former]) {
            self.memory.enrol(id, *person);
        }
        self.memory.dismiss(id, former);
        House { id, members, former }
    }
}

#[test]
fn the_ports_in_memory_keep_the_contract() {
    let (ambient, _clock) = fixed::ambient("2026-01-20T10:00:00Z");
    let world = InMemory { memory: MemoryBookings::new(), ambient };
    pollster::block_on(contract::all(&world));
}
