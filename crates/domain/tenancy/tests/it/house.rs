//! A small installation to test in: a hostel, a society, and callers of every role.
#![expect(clippy::unwrap_used, reason = "set-up of tests: a failure is a panic")]

use std::{sync::Arc, time::Duration};

use domicile_kernel::{
    AccountId, Actor, Call, FieldErrors, HostelId, Purpose, RequestId, Role, Scope, SessionId, Who,
    ports::{
        Ambient,
        fixed::{self, FixedClock},
    },
};
use domicile_tenancy::{CreateHostel, HostelView, Tenancy, memory::MemoryTenancy};

pub(crate) struct House {
    pub(crate) tenancy: Tenancy,
    pub(crate) store: MemoryTenancy,
    pub(crate) ambient: Ambient,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) hostel: HostelView,
    pub(crate) society: HostelView,
}

impl House {
    pub(crate) async fn build() -> Self {
        let (ambient, clock) = fixed::ambient("2026-01-20T10:30:00Z");
        let store = MemoryTenancy::new();
        let tenancy = Tenancy::new(store.uows(), store.queries(), ambient.clone());
        let operator = call(Who::Operator, Scope::System(Purpose::Installation), &ambient);
        let hostel = CreateHostel { name: Some("Green Acres".into()), ..CreateHostel::default() };
        let hostel = tenancy.create_hostel(&operator, hostel).await.unwrap();
        clock.advance(Duration::from_mins(1));
        let society =
            CreateHostel { name: Some("Palm Court".into()), kind: Some("SOCIETY".into()), ..CreateHostel::default() };
        let society = tenancy.create_hostel(&operator, society).await.unwrap();
        clock.advance(Duration::from_mins(1));
        Self { tenancy, store, ambient, clock, hostel, society }
    }

    /// Somebody signed in, in the hostel, with a role there or none.
    pub(crate) fn as_role(&self, role: impl Into<Option<Role>>) -> Call {
        self.inside(self.hostel.id, role.into())
    }

    pub(crate) fn inside(&self, hostel: HostelId, role: Option<Role>) -> Call {
        let who =
            Who::Account { id: AccountId::new(self.ambient.id()), session: SessionId::new(self.ambient.id()), role };
        call(who, Scope::Hostel(hostel), &self.ambient)
    }

    pub(crate) fn anonymous(&self) -> Call {
        call(Who::Anonymous, Scope::Hostel(self.hostel.id), &self.ambient)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test vouches for the callers it makes up")]
pub(crate) fn call(who: Who, scope: Scope, ambient: &Ambient) -> Call {
    Call::new(Actor::vouched_for(who), scope, RequestId::from_uuid(ambient.id()))
}

/// The wrong fields and the rules they broke.
pub(crate) fn broken(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors.0.iter().map(|error| (error.field.as_str(), error.rule)).collect()
}

pub(crate) const EVERYBODY_BELOW_SUPER_ADMIN: [Role; 7] =
    [Role::Student, Role::Resident, Role::Professional, Role::Guard, Role::Staff, Role::Manager, Role::Admin];
