//! `events`: the numbered log.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) position: i64,
    pub(crate) seq: i64,
    pub(crate) event_id: Uuid,
    pub(crate) hostel_id: Option<Uuid>,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) version: i64,
    pub(crate) audience: String,
    pub(crate) aggregate: String,
    pub(crate) aggregate_id: Uuid,
    pub(crate) aggregate_version: i64,
    pub(crate) actor: String,
    pub(crate) at: i64,
    pub(crate) request_id: String,
    pub(crate) trace: Option<String>,
    pub(crate) data: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
