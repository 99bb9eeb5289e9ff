//! `audit_log`: who did what; appended by every change, sealed by the relay.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) ordinal: i64,
    pub(crate) id: Uuid,
    pub(crate) hostel_id: Option<Uuid>,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) at: i64,
    pub(crate) actor: String,
    pub(crate) actor_role: Option<String>,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) target_id: Option<Uuid>,
    pub(crate) before: Option<Json>,
    pub(crate) after: Option<Json>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: String,
    pub(crate) seq: Option<i64>,
    pub(crate) hash: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
