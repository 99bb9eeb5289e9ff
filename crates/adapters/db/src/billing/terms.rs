//! The terms a hostel bills by, and what of its settings billing reads.

use async_trait::async_trait;
use domicile_billing::{
    Payer,
    model::{BillingTerms, House},
    ports::{TermsRepository, Written},
};
use domicile_kernel::{AccountId, HostelId, Instant, StoreError, Text, Zone};
use sea_orm::FromQueryResult;

use super::{currency, whole};
use crate::{
    dialect::{IntoStore, corrupt},
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct HouseRow {
    name: String,
    currency: String,
    time_zone: String,
}

impl HouseRow {
    fn house(self, id: HostelId) -> Result<House, StoreError> {
        Ok(House {
            id,
            name: Text::clean(&self.name),
            currency: currency(&self.currency, "hostel_settings.currency")?,
            zone: Zone::parse(&self.time_zone).map_err(|_unknown| corrupt("hostel_settings.time_zone"))?,
        })
    }
}

pub(super) async fn house(tx: &Tx, hostel: HostelId, hold: &str) -> Result<House, StoreError> {
    let sql = format!(
        "SELECT h.name, s.currency, s.time_zone FROM hostels h JOIN hostel_settings s ON s.hostel_id = h.id \
         WHERE h.id = $1{hold}"
    );
    let row = tx.one::<HouseRow>(&sql, [hostel.uuid().into()]).await.store()?;
    row.ok_or_else(|| corrupt("the settings of a hostel"))?.house(hostel)
}

#[derive(FromQueryResult)]
struct PartiesRow {
    #[sea_orm(nested)]
    house: HouseRow,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
}

/// The hostel, and of its members the one who pays.
pub(super) async fn parties(tx: &Tx, hostel: HostelId, payer: AccountId) -> Result<(House, Option<Payer>), StoreError> {
    let sql = "SELECT h.name, s.currency, s.time_zone, m.first_name, m.last_name, m.email FROM hostels h \
               JOIN hostel_settings s ON s.hostel_id = h.id \
               LEFT JOIN memberships m ON m.hostel_id = h.id AND m.account_id = $2 WHERE h.id = $1";
    let row = tx.one::<PartiesRow>(sql, [hostel.uuid().into(), payer.uuid().into()]).await.store()?;
    let row = row.ok_or_else(|| corrupt("the settings of a hostel"))?;
    let payer = row.email.map(|email| {
        let name = [row.first_name, row.last_name].map(Option::unwrap_or_default).join(" ").trim().to_owned();
        Payer { name: (!name.is_empty()).then_some(name), email }
    });
    Ok((row.house.house(hostel)?, payer))
}

#[derive(FromQueryResult)]
struct TermsRow {
    deposit_percent: i64,
    first_due_days: i64,
    advance_allowed: bool,
    answer_days: i64,
    rehousing_hours: i64,
    version: i64,
    updated_at: i64,
}

pub(super) async fn find(tx: &Tx, hostel: HostelId) -> Result<Option<BillingTerms>, StoreError> {
    let sql = "SELECT deposit_percent, first_due_days, advance_allowed, answer_days, rehousing_hours, version, updated_at \
               FROM billing_terms WHERE hostel_id = $1";
    let row = tx.one::<TermsRow>(sql, [hostel.uuid().into()]).await.store()?;
    row.map(|row| {
        Ok(BillingTerms {
            deposit_percent: whole(row.deposit_percent, "billing_terms.deposit_percent")?,
            first_due_days: whole(row.first_due_days, "billing_terms.first_due_days")?,
            advance_allowed: row.advance_allowed,
            answer_days: whole(row.answer_days, "billing_terms.answer_days")?,
            rehousing_hours: whole(row.rehousing_hours, "billing_terms.rehousing_hours")?,
            version: row.version,
            updated_at: Some(Instant::from_micros(row.updated_at)),
        })
    })
    .transpose()
}

#[async_trait]
impl TermsRepository for SqlUow {
    async fn find(&mut self) -> Result<Option<BillingTerms>, StoreError> {
        find(self.tx()?, self.hostel()?).await
    }

    async fn put(&mut self, terms: &BillingTerms) -> Result<Written, StoreError> {
        let first = terms.version == 1;
        let sql = if first {
            "INSERT INTO billing_terms (hostel_id, deposit_percent, first_due_days, advance_allowed, answer_days, \
             rehousing_hours, version, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE billing_terms SET deposit_percent = $2, first_due_days = $3, advance_allowed = $4, answer_days = $5, \
             rehousing_hours = $6, version = $7, updated_at = $8 WHERE hostel_id = $1 AND version = $7 - 1"
        };
        let at = terms.updated_at.map_or(self.began_at(), Instant::micros);
        let values = [
            self.hostel()?.uuid().into(),
            i64::from(terms.deposit_percent).into(),
            i64::from(terms.first_due_days).into(),
            terms.advance_allowed.into(),
            i64::from(terms.answer_days).into(),
            i64::from(terms.rehousing_hours).into(),
            terms.version.into(),
            at.into(),
        ];
        Ok(match (self.tx()?.run(sql, values).await.store()?, first) {
            (1, _) => Written::Written,
            (_, true) => Written::Exists,
            (_, false) => Written::Stale,
        })
    }
}
