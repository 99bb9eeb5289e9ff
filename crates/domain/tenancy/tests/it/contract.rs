//! The ports in memory keep the contract.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Call, HostelId, Scope, Who,
    ports::{Ambient, fixed},
};
use domicile_tenancy::{
    TenancyQueries, TenancyUows,
    contract::{self, World},
    memory::MemoryTenancy,
};

use crate::house::call;

struct Memory(MemoryTenancy, Ambient);

#[async_trait]
impl World for Memory {
    fn uows(&self) -> Arc<dyn TenancyUows> {
        self.0.uows()
    }

    fn queries(&self) -> Arc<dyn TenancyQueries> {
        self.0.queries()
    }

    fn ambient(&self) -> Ambient {
        self.1.clone()
    }

    fn call(&self, scope: Scope) -> Call {
        call(Who::Operator, scope, &self.1)
    }

    async fn member_of(&self, hostels: &[HostelId]) -> AccountId {
        let account = self.1.id();
        for hostel in hostels {
            self.0.enrol(account, *hostel).await;
        }
        account
    }

    async fn price(&self, hostel: HostelId) {
        self.0.price(hostel).await;
    }
}

#[test]
fn the_ports_in_memory_keep_the_contract() {
    let world = Memory(MemoryTenancy::new(), fixed::ambient("2026-01-20T10:30:00Z").0);
    pollster::block_on(contract::all(&world));
}
