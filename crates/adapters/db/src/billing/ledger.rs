//! The ledger: journals with their entries, and the balance of each account beside them. Accounts are locked in one order,
//! all of a posting in one statement; the database refuses what does not sum to zero, a key that is there, and a balance of
//! the wrong sign, whoever forgot to look.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domicile_billing::{
    model::{Account, Journal},
    ports::{Ledger, Posted},
};
use domicile_kernel::{Currency, HostelId, StoreError};
use sea_orm::FromQueryResult;

use super::Rows;
use crate::{dialect::IntoStore, tx::Tx, uow::SqlUow};

/// By how much each account moves, in the order in which they are locked.
type Moves = BTreeMap<(Account, Currency), i64>;

fn moves(journals: &[Journal]) -> Result<Moves, StoreError> {
    let mut moves = Moves::new();
    for journal in journals {
        for entry in journal.entries() {
            let sum = moves.entry((entry.account.clone(), journal.currency())).or_default();
            *sum = sum.checked_add(entry.amount).ok_or_else(too_large)?;
        }
    }
    Ok(moves)
}

fn too_large() -> StoreError {
    StoreError::Other("a balance is beyond all numbers".into())
}

#[derive(FromQueryResult)]
struct KeyRow {
    key: String,
}

/// Writes the journals; answers the first key that was there already.
async fn add_journals(tx: &Tx, hostel: HostelId, journals: &[Journal]) -> Result<Option<String>, StoreError> {
    let mut keys = BTreeSet::new();
    if let Some(twice) = journals.iter().find(|journal| !keys.insert(journal.key())) {
        return Ok(Some(twice.key().to_owned()));
    }
    let mut rows = Rows::of(hostel);
    for journal in journals {
        rows.add([
            journal.id().uuid().into(),
            journal.key().into(),
            journal.text().into(),
            journal.currency().code().into(),
            journal.at().micros().into(),
        ]);
    }
    let sql = format!(
        "INSERT INTO journals (hostel_id, id, key, text, currency, at) VALUES {} \
         ON CONFLICT (hostel_id, key) DO NOTHING RETURNING key",
        rows.text()
    );
    for row in tx.all::<KeyRow>(&sql, rows.values).await.store()? {
        keys.remove(row.key.as_str());
    }
    Ok(journals.iter().find(|journal| keys.contains(journal.key())).map(|journal| journal.key().to_owned()))
}

#[derive(FromQueryResult)]
struct BalanceRow {
    kind: String,
    owner: String,
    currency: String,
    balance: i64,
}

/// Opens the accounts that are new, and locks all of them in order; answers the first that would be overdrawn.
async fn lock_accounts(tx: &Tx, hostel: HostelId, moves: &Moves) -> Result<Option<Account>, StoreError> {
    let mut rows = Rows::of(hostel);
    for (account, currency) in moves.keys() {
        rows.add([
            account.kind().into(),
            account.owner().into(),
            currency.code().into(),
            account.side().as_str().into(),
            0i64.into(),
        ]);
    }
    let sql = format!(
        "INSERT INTO ledger_accounts (hostel_id, kind, owner, currency, side, balance) VALUES {} \
         ON CONFLICT (hostel_id, kind, owner, currency) DO UPDATE SET balance = ledger_accounts.balance \
         RETURNING kind, owner, currency, balance",
        rows.text()
    );
    let mut balances = BTreeMap::new();
    for row in tx.all::<BalanceRow>(&sql, rows.values).await.store()? {
        balances.insert((row.kind, row.owner, row.currency), row.balance);
    }
    for ((account, currency), amount) in moves {
        let place = (account.kind().to_owned(), account.owner(), currency.code().to_owned());
        let balance = balances.get(&place).copied().unwrap_or(0).checked_add(*amount).ok_or_else(too_large)?;
        if !account.side().allows(balance) {
            return Ok(Some(account.clone()));
        }
    }
    Ok(None)
}

async fn add_entries(tx: &Tx, hostel: HostelId, journals: &[Journal]) -> Result<(), StoreError> {
    let mut rows = Rows::of(hostel);
    for journal in journals {
        for (number, entry) in (1i64..).zip(journal.entries()) {
            rows.add([
                journal.id().uuid().into(),
                number.into(),
                entry.account.kind().into(),
                entry.account.owner().into(),
                journal.currency().code().into(),
                entry.amount.into(),
            ]);
        }
    }
    let sql = format!(
        "INSERT INTO journal_entries (hostel_id, journal_id, number, account_kind, account_owner, currency, amount) \
         VALUES {}",
        rows.text()
    );
    tx.run(&sql, rows.values).await.store()?;
    Ok(())
}

async fn move_balances(tx: &Tx, hostel: HostelId, moves: &Moves) -> Result<(), StoreError> {
    let mut rows = Rows::of(hostel);
    for ((account, currency), amount) in moves.iter().filter(|(_, amount)| **amount != 0) {
        rows.add([account.kind().into(), account.owner().into(), currency.code().into(), (*amount).into()]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "WITH moved (hostel_id, kind, owner, currency, amount) AS (VALUES {}) \
         UPDATE ledger_accounts SET balance = balance + moved.amount FROM moved \
         WHERE ledger_accounts.hostel_id = moved.hostel_id AND ledger_accounts.kind = moved.kind \
         AND ledger_accounts.owner = moved.owner AND ledger_accounts.currency = moved.currency",
        rows.text()
    );
    tx.run(&sql, rows.values).await.store()?;
    Ok(())
}

/// The balance of an account in a currency.
pub(super) async fn balance(
    tx: &Tx,
    hostel: HostelId,
    account: &Account,
    currency: Currency,
) -> Result<i64, StoreError> {
    let sql = "SELECT kind, owner, currency, balance FROM ledger_accounts \
               WHERE hostel_id = $1 AND kind = $2 AND owner = $3 AND currency = $4";
    let values = [hostel.uuid().into(), account.kind().into(), account.owner().into(), currency.code().into()];
    Ok(tx.one::<BalanceRow>(sql, values).await.store()?.map_or(0, |row| row.balance))
}

#[async_trait]
impl Ledger for SqlUow {
    async fn post(&mut self, journals: &[Journal]) -> Result<Posted, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        if journals.is_empty() {
            return Ok(Posted::Posted);
        }
        let moves = moves(journals)?;
        if let Some(key) = add_journals(tx, hostel, journals).await? {
            return Ok(Posted::Repeated(key));
        }
        if let Some(account) = lock_accounts(tx, hostel, &moves).await? {
            return Ok(Posted::Overdrawn(account));
        }
        add_entries(tx, hostel, journals).await?;
        move_balances(tx, hostel, &moves).await?;
        Ok(Posted::Posted)
    }

    async fn balance(&mut self, account: &Account, currency: Currency) -> Result<i64, StoreError> {
        balance(self.tx()?, self.hostel()?, account, currency).await
    }
}
