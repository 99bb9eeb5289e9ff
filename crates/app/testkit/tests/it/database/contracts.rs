//! The contracts of the domain crates, kept by both databases.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_access::{AccessQueries, AccessUows, HouseFacts, HouseKind, Registration, contract as access};
use domicile_kernel::{
    AccountId, Ambient, Call, Currency, Feature, Flags, HostelId, Outcome, Purpose, Role, Scope, Text, Zone,
};
use domicile_tenancy::{
    Hostel, HostelKind, HostelStatus, Settings, TenancyQueries, TenancyUows, contract as tenancy, model::SettingsChange,
};
use domicile_testkit::store::TestStore;

use super::currency::add_room;

struct Real(TestStore);

#[async_trait]
impl tenancy::World for Real {
    fn uows(&self) -> Arc<dyn TenancyUows> {
        Arc::new(self.0.database.clone())
    }

    fn queries(&self) -> Arc<dyn TenancyQueries> {
        Arc::new(self.0.database.clone())
    }

    fn ambient(&self) -> Ambient {
        self.0.ambient.clone()
    }

    /// An account's call, because only an account's idempotency keys are kept.
    fn call(&self, scope: Scope) -> Call {
        let caller = AccountId::new(uuid::Uuid::from_u128(1));
        self.0.call_as(caller, Some(Role::SuperAdmin), scope)
    }

    async fn member_of(&self, hostels: &[HostelId]) -> AccountId {
        let account = self.0.account(|_as_it_is| ()).await;
        for hostel in hostels {
            self.0.enrol(*hostel, account, Role::Student, |_as_it_is| ()).await;
        }
        account
    }

    async fn price(&self, hostel: HostelId) {
        add_room(&self.0, hostel).await;
    }
}

#[async_trait]
impl access::World for Real {
    fn uows(&self) -> Arc<dyn AccessUows> {
        Arc::new(self.0.database.clone())
    }

    fn queries(&self) -> Arc<dyn AccessQueries> {
        Arc::new(self.0.database.clone())
    }

    fn ambient(&self) -> Ambient {
        self.0.ambient.clone()
    }

    async fn add_house(&self, id: HostelId, facts: HouseFacts, flags: Flags) {
        let now = self.0.ambient.now();
        let kind = match facts.kind {
            HouseKind::Hostel => HostelKind::Hostel,
            HouseKind::Society => HostelKind::Society,
        };
        let registration = match facts.registration {
            Registration::Open => domicile_tenancy::Registration::Open,
            Registration::Approval => domicile_tenancy::Registration::Approval,
            Registration::Closed => domicile_tenancy::Registration::Closed,
        };
        let status = if facts.active { HostelStatus::Active } else { HostelStatus::Suspended };
        let hostel = Hostel::founded(id, Text::clean(&facts.name), kind, now).changed(None, Some(status), now);
        let change = SettingsChange { registration: Some(registration), ..SettingsChange::default() };
        let settings = Settings::initial(id, Currency::GHS, Zone::UTC, now).changed(change, now);
        let flags: Vec<_> = Feature::ALL.iter().map(|feature| (*feature, flags.is_on(*feature))).collect();
        let call = self.0.call(Scope::System(Purpose::Installation));
        let mut uow = TenancyUows::begin(&self.0.database, &call).await.expect("a unit of work can be opened");
        uow.hostels().insert(&hostel).await.expect("a hostel can be written");
        uow.settings().insert(&settings).await.expect("settings can be written");
        uow.flags().put(id, &flags, None, now).await.expect("flags can be written");
        uow.commit(Outcome::done()).await.expect("the hostel can be committed");
    }
}

#[tokio::test]
async fn access_keeps_its_contract_on_postgresql() {
    access::all(&Real(TestStore::postgres().await)).await;
}

#[tokio::test]
async fn access_keeps_its_contract_on_sqlite() {
    access::all(&Real(TestStore::sqlite().await)).await;
}

#[tokio::test]
async fn tenancy_keeps_its_contract_on_postgresql() {
    tenancy::all(&Real(TestStore::postgres().await)).await;
}

#[tokio::test]
async fn tenancy_keeps_its_contract_on_sqlite() {
    tenancy::all(&Real(TestStore::sqlite().await)).await;
}
