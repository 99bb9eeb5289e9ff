//! Hostels, as far as access needs to know of them.

use async_trait::async_trait;
use domicile_access::ports::{HouseFacts, HouseKind, HouseRepository, Registration};
use domicile_kernel::{HostelId, StoreError};
use sea_orm::FromQueryResult;

use crate::{
    dialect::{IntoStore, corrupt},
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct HouseRow {
    name: String,
    kind: String,
    status: String,
    registration: String,
}

#[async_trait]
impl HouseRepository for SqlUow {
    async fn find(&mut self, hostel: HostelId) -> Result<Option<HouseFacts>, StoreError> {
        if self.scope_excludes(hostel) {
            return Ok(None);
        }
        let sql = "SELECT h.name, h.kind, h.status, s.registration FROM hostels h \
                   JOIN hostel_settings s ON s.hostel_id = h.id WHERE h.id = $1";
        let row = self.tx()?.one::<HouseRow>(sql, [hostel.uuid().into()]).await.store()?;
        row.map(|row| {
            Ok(HouseFacts {
                name: row.name,
                kind: HouseKind::parse(&row.kind).ok_or_else(|| corrupt("hostels.kind"))?,
                active: row.status == "active",
                registration: Registration::parse(&row.registration)
                    .ok_or_else(|| corrupt("hostel_settings.registration"))?,
            })
        })
        .transpose()
    }
}
