//! The flags of a hostel, one row a feature.

use async_trait::async_trait;
use domicile_kernel::{AccountId, Feature, Flags, HostelId, Instant, StoreError};
use domicile_tenancy::FlagRepository;
use sea_orm::FromQueryResult;

use crate::{
    dialect::{IntoStore, for_update},
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct FlagRow {
    feature_key: String,
    enabled: bool,
}

/// The flags as they stand, a missing row meaning the default; `lock` holds the rows.
pub(super) async fn load(tx: &Tx, hostel: HostelId, lock: bool) -> Result<Option<Flags>, StoreError> {
    let held = if lock { for_update(tx.is_postgres()) } else { "" };
    let sql = format!("SELECT feature_key, enabled FROM feature_flags WHERE hostel_id = $1 ORDER BY feature_key{held}");
    let rows = tx.all::<FlagRow>(&sql, [hostel.uuid().into()]).await.store()?;
    if rows.is_empty() {
        return Ok(None);
    }
    let known =
        rows.into_iter().filter_map(|row| Feature::parse(&row.feature_key).map(|feature| (feature, row.enabled)));
    Ok(Some(known.fold(Flags::defaults(), |flags, (feature, on)| flags.with(feature, on))))
}

#[async_trait]
impl FlagRepository for SqlUow {
    async fn lock(&mut self, hostel: HostelId) -> Result<Option<Flags>, StoreError> {
        if self.scope_excludes(hostel) {
            return Ok(None);
        }
        load(self.tx()?, hostel, true).await
    }

    async fn put(
        &mut self,
        hostel: HostelId,
        flags: &[(Feature, bool)],
        by: Option<AccountId>,
        at: Instant,
    ) -> Result<(), StoreError> {
        if flags.is_empty() {
            return Ok(());
        }
        if self.scope_excludes(hostel) {
            return Err(StoreError::Other("the flags of another hostel are out of scope".into()));
        }
        let rows: Vec<String> = (0..flags.len())
            .map(|row| {
                format!("(${}, ${}, ${}, ${}, ${})", row * 5 + 1, row * 5 + 2, row * 5 + 3, row * 5 + 4, row * 5 + 5)
            })
            .collect();
        let sql = format!(
            "INSERT INTO feature_flags (hostel_id, feature_key, enabled, updated_at, updated_by) VALUES {} \
             ON CONFLICT (hostel_id, feature_key) DO UPDATE \
             SET enabled = excluded.enabled, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
            rows.join(", ")
        );
        let values = flags.iter().flat_map(|(feature, on)| {
            [
                hostel.uuid().into(),
                feature.key().into(),
                (*on).into(),
                at.micros().into(),
                by.map(AccountId::uuid).into(),
            ]
        });
        self.tx()?.run(&sql, values).await.store()?;
        Ok(())
    }
}
