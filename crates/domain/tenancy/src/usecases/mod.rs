//! What can be done to a tenant, one file a command. Reading is in [`queries`](crate::queries).

mod create_hostel;
mod update_flags;
mod update_hostel;
mod update_settings;

use std::sync::Arc;

pub use create_hostel::{CreateHostel, CreateHostelError};
use domicile_kernel::{AuditEntry, UnitOfWork, ports::Ambient};
use serde_json::Value;
pub use update_flags::{UpdateFlags, UpdateFlagsError};
pub use update_hostel::{UpdateHostel, UpdateHostelError};
pub use update_settings::{QuietHoursInput, SlaHoursInput, UpdateSettings, UpdateSettingsError};

use crate::{
    events::Happened,
    ports::{TenancyQueries, TenancyUows},
};

/// The use cases of this context.
#[derive(Clone)]
pub struct Tenancy {
    uows: Arc<dyn TenancyUows>,
    queries: Arc<dyn TenancyQueries>,
    ambient: Ambient,
}

impl Tenancy {
    /// The use cases over these ports.
    #[must_use]
    pub fn new(uows: Arc<dyn TenancyUows>, queries: Arc<dyn TenancyQueries>, ambient: Ambient) -> Self {
        Self { uows, queries, ambient }
    }

    pub(crate) fn queries(&self) -> &dyn TenancyQueries {
        self.queries.as_ref()
    }

    /// Records what happened and notes it in the audit trail, with the record before and after.
    fn note<U: UnitOfWork + ?Sized>(
        &self,
        uow: &mut U,
        happened: &Happened<'_>,
        action: &'static str,
        before: Option<Value>,
    ) {
        let event = happened.event(self.ambient.id());
        uow.audit(AuditEntry {
            id: self.ambient.id(),
            action,
            target: event.aggregate,
            target_id: Some(event.aggregate_id),
            before,
            after: Some(event.data.clone()),
        });
        uow.record(event);
    }
}
