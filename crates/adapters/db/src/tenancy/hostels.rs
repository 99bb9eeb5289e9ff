//! The tenants themselves.

use async_trait::async_trait;
use domicile_kernel::{HostelId, Instant, StoreError, Text};
use domicile_tenancy::{Hostel, HostelKind, HostelRepository, HostelStatus, HostelView};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt},
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "h.id, h.name, h.kind, h.status, h.version, h.created_at, h.updated_at";

#[derive(FromQueryResult)]
pub(super) struct HostelRow {
    pub(super) id: Uuid,
    pub(super) name: String,
    kind: String,
    status: String,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
}

impl HostelRow {
    pub(super) fn view(self) -> Result<HostelView, StoreError> {
        Ok(HostelView {
            id: HostelId::new(self.id),
            name: Text::clean(&self.name),
            kind: HostelKind::parse(&self.kind).ok_or_else(|| corrupt("hostels.kind"))?,
            status: HostelStatus::parse(&self.status).ok_or_else(|| corrupt("hostels.status"))?,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        })
    }
}

#[async_trait]
impl HostelRepository for SqlUow {
    async fn find(&mut self, id: HostelId) -> Result<Option<Hostel>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM hostels h WHERE h.id = $1");
        let row = self.tx()?.one::<HostelRow>(&sql, [id.uuid().into()]).await.store()?;
        row.map(|row| row.view().map(Hostel::restored)).transpose()
    }

    async fn insert(&mut self, hostel: &Hostel) -> Result<(), StoreError> {
        let view = hostel.view();
        let sql = "INSERT INTO hostels (id, name, kind, status, version, created_at, updated_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let values = [
            view.id.uuid().into(),
            view.name.as_str().into(),
            view.kind.as_str().into(),
            view.status.as_str().into(),
            view.version.into(),
            view.created_at.micros().into(),
            view.updated_at.micros().into(),
        ];
        match self.tx()?.run(sql, values).await.store()? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("hostels_pkey".to_owned())),
        }
    }

    async fn update(&mut self, hostel: &Hostel, seen: i64) -> Result<(), StoreError> {
        let view = hostel.view();
        let sql =
            "UPDATE hostels SET name = $1, status = $2, version = $3, updated_at = $4 WHERE id = $5 AND version = $6";
        let values = [
            view.name.as_str().into(),
            view.status.as_str().into(),
            view.version.into(),
            view.updated_at.micros().into(),
            view.id.uuid().into(),
            seen.into(),
        ];
        match self.tx()?.run(sql, values).await.store()? {
            1 => Ok(()),
            _ => Err(StoreError::Stale),
        }
    }
}
