//! Tenancy over SQL: hostels, their settings and their flags.

mod flags;
mod hostels;
mod queries;
mod settings;

use async_trait::async_trait;
use domicile_kernel::{Call, StoreError};
use domicile_tenancy::{FlagRepository, HostelRepository, SettingsRepository, TenancyUow, TenancyUows};

use crate::{database::Database, uow::SqlUow};

impl TenancyUow for SqlUow {
    fn hostels(&mut self) -> &mut dyn HostelRepository {
        self
    }

    fn settings(&mut self) -> &mut dyn SettingsRepository {
        self
    }

    fn flags(&mut self) -> &mut dyn FlagRepository {
        self
    }
}

#[async_trait]
impl TenancyUows for Database {
    async fn begin(&self, call: &Call) -> Result<Box<dyn TenancyUow>, StoreError> {
        Ok(Box::new(SqlUow::begin(self, call).await?))
    }
}
