//! What an account is in a hostel, with the hostel's card of the person.

use async_trait::async_trait;
use domicile_access::{
    model::{Card, Email, Membership, MembershipStatus},
    ports::{MembershipInsertion, MembershipRepository},
};
use domicile_kernel::{AccountId, HostelId, Instant, Role, StoreError, Text};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::out_of_reach;
use crate::{
    dialect::{IntoStore, corrupt, for_update},
    sealed::{FieldCipher, Place},
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "m.hostel_id, m.account_id, m.role, m.status, m.first_name, m.last_name, m.email, m.phone, \
    m.version, m.created_at, m.updated_at";

#[derive(FromQueryResult)]
pub(super) struct MembershipRow {
    hostel_id: Uuid,
    pub(super) account_id: Uuid,
    role: String,
    status: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    phone: Option<Vec<u8>>,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
}

fn phone_place(hostel: Uuid, account: Uuid) -> Place {
    Place { hostel: Some(hostel), table: "memberships", column: "phone", row: account }
}

impl MembershipRow {
    pub(super) fn membership(self, cipher: &dyn FieldCipher) -> Result<Membership, StoreError> {
        Ok(Membership {
            hostel_id: HostelId::new(self.hostel_id),
            account_id: AccountId::new(self.account_id),
            role: Role::parse(&self.role).ok_or_else(|| corrupt("memberships.role"))?,
            status: MembershipStatus::parse(&self.status).ok_or_else(|| corrupt("memberships.status"))?,
            card: Card {
                first_name: Text::clean(&self.first_name),
                last_name: Text::clean(&self.last_name),
                email: Email::stored(self.email),
                phone: phone_place(self.hostel_id, self.account_id).open(cipher, self.phone.as_deref())?,
            },
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        })
    }
}

fn values(membership: &Membership, cipher: &dyn FieldCipher) -> Vec<Value> {
    let (hostel, account) = (membership.hostel_id.uuid(), membership.account_id.uuid());
    vec![
        hostel.into(),
        account.into(),
        membership.role.as_str().into(),
        membership.status.as_str().into(),
        membership.card.first_name.as_str().into(),
        membership.card.last_name.as_str().into(),
        membership.card.email.as_str().into(),
        phone_place(hostel, account).seal(cipher, membership.card.phone.as_deref()).into(),
        membership.version.into(),
        membership.updated_at.micros().into(),
    ]
}

impl SqlUow {
    async fn memberships_where(
        &self,
        condition: &str,
        values: Vec<Value>,
        lock: bool,
    ) -> Result<Vec<Membership>, StoreError> {
        let tx = self.tx()?;
        let held = if lock { for_update(tx.is_postgres()) } else { "" };
        let sql = format!("SELECT {COLUMNS} FROM memberships m WHERE {condition} ORDER BY m.hostel_id{held}");
        let rows = tx.all::<MembershipRow>(&sql, values).await.store()?;
        let reach = self.reach();
        rows.into_iter()
            .map(|row| row.membership(self.cipher()))
            .filter(|found| found.as_ref().map_or(true, |m| reach.membership(m.hostel_id, m.account_id)))
            .collect()
    }
}

#[async_trait]
impl MembershipRepository for SqlUow {
    async fn find(&mut self, hostel: HostelId, account: AccountId) -> Result<Option<Membership>, StoreError> {
        let values = vec![hostel.uuid().into(), account.uuid().into()];
        Ok(self.memberships_where("m.hostel_id = $1 AND m.account_id = $2", values, false).await?.pop())
    }

    async fn find_for_update(
        &mut self,
        hostel: HostelId,
        account: AccountId,
    ) -> Result<Option<Membership>, StoreError> {
        let values = vec![hostel.uuid().into(), account.uuid().into()];
        Ok(self.memberships_where("m.hostel_id = $1 AND m.account_id = $2", values, true).await?.pop())
    }

    async fn list_for_update(&mut self, account: AccountId) -> Result<Vec<Membership>, StoreError> {
        self.memberships_where("m.account_id = $1", vec![account.uuid().into()], true).await
    }

    async fn insert(&mut self, membership: &Membership) -> Result<MembershipInsertion, StoreError> {
        if !self.reach().membership(membership.hostel_id, membership.account_id) {
            return Err(out_of_reach("a membership"));
        }
        let sql = "INSERT INTO memberships (hostel_id, account_id, role, status, first_name, last_name, email, phone, version, \
                   updated_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
        let mut row = values(membership, self.cipher());
        row.push(membership.created_at.micros().into());
        let inserted = self.tx()?.run(sql, row).await.store()? == 1;
        Ok(if inserted { MembershipInsertion::Inserted } else { MembershipInsertion::AlreadyMember })
    }

    async fn update(&mut self, membership: &Membership, seen: i64) -> Result<bool, StoreError> {
        if !self.reach().membership(membership.hostel_id, membership.account_id) {
            return Ok(false);
        }
        let sql = "UPDATE memberships SET role = $3, status = $4, first_name = $5, last_name = $6, email = $7, phone = $8, \
                   version = $9, updated_at = $10 WHERE hostel_id = $1 AND account_id = $2 AND version = $11";
        let mut row = values(membership, self.cipher());
        row.push(seen.into());
        Ok(self.tx()?.run(sql, row).await.store()? == 1)
    }
}
