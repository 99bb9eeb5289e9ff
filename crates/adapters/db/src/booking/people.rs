//! Who may stay in the hostel.

use async_trait::async_trait;
use domicile_booking::ports::People;
use domicile_kernel::{AccountId, StoreError};
use sea_orm::FromQueryResult;

use crate::{
    dialect::{IntoStore, for_update},
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct MemberRow {
    status: String,
}

#[async_trait]
impl People for SqlUow {
    async fn lock_member(&mut self, person: AccountId) -> Result<bool, StoreError> {
        let hostel = self.hostel()?.uuid();
        let tx = self.tx()?;
        let held = for_update(tx.is_postgres());
        let sql = format!("SELECT status FROM memberships WHERE hostel_id = $1 AND account_id = $2{held}");
        let row = tx.one::<MemberRow>(&sql, [hostel.into(), person.uuid().into()]).await.store()?;
        Ok(row.is_some_and(|member| member.status == "active"))
    }
}
