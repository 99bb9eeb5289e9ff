//! Billing over SQL: invoices, payments and what they were used for, refunds, deposits, the ledger, and what gateways tell.
//!
//! Rows of money are locked for a change of what is not their key, so that a row that only points to them never waits: the
//! order of locks is the port's alone.

mod allocations;
mod deposits;
mod inbox;
mod invoices;
mod ledger;
mod lists;
mod payments;
mod queries;
mod refunds;
mod stays;
mod terms;

use async_trait::async_trait;
use domicile_billing::{
    Payer,
    model::House,
    ports::{
        AllocationRepository, BillingUow, BillingUows, DepositRepository, InboxRepository, InvoiceRepository, Ledger,
        PaymentRepository, QuarantineRepository, RefundRepository, StayReader, TermsRepository,
    },
};
use domicile_kernel::{AccountId, Call, Currency, HostelDay, HostelId, Purpose, Scope, StoreError};
use sea_orm::Value;

use crate::{database::Database, dialect::corrupt, read::day_value, uow::SqlUow};

#[async_trait]
impl BillingUow for SqlUow {
    async fn house(&mut self) -> Result<House, StoreError> {
        terms::house(self.tx()?, self.hostel()?, "").await
    }

    async fn held_house(&mut self) -> Result<House, StoreError> {
        let tx = self.tx()?;
        terms::house(tx, self.hostel()?, if tx.is_postgres() { " FOR SHARE OF s" } else { "" }).await
    }

    async fn parties(&mut self, payer: AccountId) -> Result<(House, Option<Payer>), StoreError> {
        terms::parties(self.tx()?, self.hostel()?, payer).await
    }

    fn terms(&mut self) -> &mut dyn TermsRepository {
        self
    }

    fn stays(&mut self) -> &mut dyn StayReader {
        self
    }

    fn invoices(&mut self) -> &mut dyn InvoiceRepository {
        self
    }

    fn payments(&mut self) -> &mut dyn PaymentRepository {
        self
    }

    fn allocations(&mut self) -> &mut dyn AllocationRepository {
        self
    }

    fn refunds(&mut self) -> &mut dyn RefundRepository {
        self
    }

    fn deposits(&mut self) -> &mut dyn DepositRepository {
        self
    }

    fn ledger(&mut self) -> &mut dyn Ledger {
        self
    }

    fn inbox(&mut self) -> &mut dyn InboxRepository {
        self
    }

    fn quarantine(&mut self) -> &mut dyn QuarantineRepository {
        self
    }
}

#[async_trait]
impl BillingUows for Database {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BillingUow>, StoreError> {
        match call.scope {
            Scope::Hostel(_) | Scope::System(Purpose::Payments) => Ok(Box::new(SqlUow::begin(self, call).await?)),
            Scope::Account(_) | Scope::System(_) => Err(out_of_scope(&call.scope)),
        }
    }
}

/// Money that was asked for in a scope that has none.
fn out_of_scope(scope: &Scope) -> StoreError {
    StoreError::Other(format!("{scope:?} is no scope for money").into())
}

/// Whether the scope is the installation's own for payments: it alone sees beyond a hostel.
fn is_installation(scope: &Scope) -> bool {
    *scope == Scope::System(Purpose::Payments)
}

/// A stored currency; `column` is told when it is none.
fn currency(code: &str, column: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|_unknown| corrupt(column))
}

/// A stored number that is never negative and never large; `column` is told when it is.
fn whole(number: i64, column: &str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_negative_or_huge| corrupt(column))
}

/// A day as a parameter.
fn day(day: HostelDay) -> Result<Value, StoreError> {
    day_value(day).ok_or_else(|| StoreError::Other(format!("{day} is beyond the database's days").into()))
}

/// The rows of an INSERT, each of which begins with the hostel.
struct Rows {
    values: Vec<Value>,
    places: Vec<String>,
}

impl Rows {
    fn of(hostel: HostelId) -> Self {
        Self { values: vec![hostel.uuid().into()], places: Vec::new() }
    }

    fn add(&mut self, row: impl IntoIterator<Item = Value>) {
        let from = self.values.len() + 1;
        self.values.extend(row);
        let places: Vec<String> = (from..=self.values.len()).map(|place| format!(", ${place}")).collect();
        self.places.push(format!("($1{})", places.concat()));
    }

    const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// As they stand behind VALUES.
    fn text(&self) -> String {
        self.places.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_rows_count_on() {
        let mut rows = Rows::of(HostelId::new(uuid::Uuid::nil()));
        assert!(rows.is_empty());
        rows.add([1i64.into(), 2i64.into()]);
        rows.add([3i64.into()]);
        assert_eq!((rows.text().as_str(), rows.values.len()), ("($1, $2, $3), ($1, $4)", 4));
    }
}
