//! `jobs`: what is to be done later.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) hostel_id: Option<Uuid>,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) due: i64,
    pub(crate) lease_until: Option<i64>,
    pub(crate) attempts: i64,
    pub(crate) payload: Vec<u8>,
    pub(crate) last_error: Option<String>,
    pub(crate) request_id: String,
    pub(crate) trace: Option<String>,
    pub(crate) created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
