//! Which keys this database's data was sealed with. A node that comes with other keys would write what its neighbours cannot
//! read, so it is told before it starts.

use domicile_kernel::{Instant, Purpose, Scope, StoreError};
use sea_orm::FromQueryResult;

use crate::{database::Database, dialect::IntoStore};

#[derive(FromQueryResult)]
struct Known {
    key_id: String,
    fingerprint: String,
}

/// How a node's keys differ from those the database knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyMismatch {
    /// The database was written with a key the node does not have.
    #[error("this node lacks key {0}, which the database was written with. Give it the installation's key ring.")]
    Missing(String),
    /// The node has another secret under a known id.
    #[error(
        "key {0} of this node is not the key {0} the database was written with. Give it the installation's key ring."
    )]
    Different(String),
}

impl Database {
    /// Compares a node's keys, by id and fingerprint, with those the database knows, and notes new ones.
    pub async fn check_keys(
        &self,
        keys: &[(String, String)],
        now: Instant,
    ) -> Result<Result<(), KeyMismatch>, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Installation)).await?;
        let known = tx.all::<Known>("SELECT key_id, fingerprint FROM key_fingerprints", []).await.store()?;
        for row in &known {
            match keys.iter().find(|(id, _)| *id == row.key_id) {
                None => return Ok(Err(KeyMismatch::Missing(row.key_id.clone()))),
                Some((_, fingerprint)) if *fingerprint != row.fingerprint => {
                    return Ok(Err(KeyMismatch::Different(row.key_id.clone())));
                }
                Some(_) => {}
            }
        }
        let sql =
            "INSERT INTO key_fingerprints (key_id, fingerprint, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        for (id, fingerprint) in keys.iter().filter(|(id, _)| !known.iter().any(|row| row.key_id == *id)) {
            tx.run(sql, [id.clone().into(), fingerprint.clone().into(), now.micros().into()]).await.store()?;
        }
        tx.commit().await.store()?;
        Ok(Ok(()))
    }
}
