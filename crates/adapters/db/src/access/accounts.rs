//! Accounts. Phone and emergency contact are ciphertext; a keyed index makes the phone unique and findable.

use async_trait::async_trait;
use domicile_access::{
    crypto::PasswordHash,
    model::{Account, AccountStatus, Email, Username},
    ports::{AccountInsertion, AccountRepository, AccountUpdate},
};
use domicile_kernel::{AccountId, HostelId, Instant, StoreError, Text};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt, for_update, store_error},
    sealed::{FieldCipher, Place},
    tx::Tx,
    uow::SqlUow,
};

const COLUMNS: &str = "id, email, email_verified_at, vouched_by, username, password_hash, first_name, last_name, phone, emergency_contact, \
    program, super_admin, status, version, created_at, updated_at";

#[derive(FromQueryResult)]
struct AccountRow {
    id: Uuid,
    email: String,
    email_verified_at: Option<i64>,
    vouched_by: Option<Uuid>,
    username: Option<String>,
    password_hash: Option<String>,
    first_name: String,
    last_name: String,
    phone: Option<Vec<u8>>,
    emergency_contact: Option<Vec<u8>>,
    program: Option<String>,
    super_admin: bool,
    status: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(FromQueryResult)]
struct Taken {
    email: bool,
    username: bool,
}

fn place(account: Uuid, column: &'static str) -> Place {
    Place { hostel: None, table: "accounts", column, row: account }
}

/// The index under which a phone is found, the same for every spelling that normalises to it.
fn phone_index(cipher: &dyn FieldCipher, phone: &str) -> Vec<u8> {
    cipher.blind_index("accounts.phone", phone).to_vec()
}

impl AccountRow {
    fn account(self, cipher: &dyn FieldCipher) -> Result<Account, StoreError> {
        Ok(Account {
            id: AccountId::new(self.id),
            email: Email::stored(self.email),
            email_verified_at: self.email_verified_at.map(Instant::from_micros),
            vouched_by: self.vouched_by.map(HostelId::new),
            username: self.username.map(Username::stored),
            password_hash: self.password_hash.map(PasswordHash::new),
            first_name: Text::clean(&self.first_name),
            last_name: Text::clean(&self.last_name),
            phone: place(self.id, "phone").open(cipher, self.phone.as_deref())?,
            emergency_contact: place(self.id, "emergency_contact")
                .open(cipher, self.emergency_contact.as_deref())?
                .map(|text| Text::clean(&text)),
            program: self.program.map(|text| Text::clean(&text)),
            super_admin: self.super_admin,
            status: AccountStatus::parse(&self.status).ok_or_else(|| corrupt("accounts.status"))?,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        })
    }
}

/// The account a condition finds.
pub(super) async fn find_where(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    condition: &str,
    value: Value,
    lock: bool,
) -> Result<Option<Account>, StoreError> {
    let held = if lock { for_update(tx.is_postgres()) } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {condition}{held}");
    tx.one::<AccountRow>(&sql, [value]).await.store()?.map(|row| row.account(cipher)).transpose()
}

/// Every column but id, password hash and creation, in the order the update names them.
fn values(account: &Account, cipher: &dyn FieldCipher) -> Vec<Value> {
    let id = account.id.uuid();
    vec![
        account.email.as_str().into(),
        account.email_verified_at.map(Instant::micros).into(),
        account.username.as_ref().map(|name| name.as_str().to_owned()).into(),
        account.username.as_ref().map(Username::key).into(),
        account.first_name.as_str().into(),
        account.last_name.as_str().into(),
        place(id, "phone").seal(cipher, account.phone.as_deref()).into(),
        account.phone.as_deref().map(|phone| phone_index(cipher, phone)).into(),
        place(id, "emergency_contact").seal(cipher, account.emergency_contact.as_ref().map(Text::as_str)).into(),
        account.program.as_ref().map(|text| text.as_str().to_owned()).into(),
        account.super_admin.into(),
        account.status.as_str().into(),
        account.version.into(),
        account.updated_at.micros().into(),
        account.vouched_by.map(HostelId::uuid).into(),
    ]
}

impl SqlUow {
    /// Which unique value of an account another one has already; asked where every account can be seen.
    async fn taken_by_another(&self, account: &Account) -> Result<Option<AccountInsertion>, StoreError> {
        let sql = "SELECT max(CASE WHEN email = $1 THEN 1 ELSE 0 END) = 1 AS email, \
                   max(CASE WHEN username_key = $2 THEN 1 ELSE 0 END) = 1 AS username FROM accounts \
                   WHERE id <> $4 AND (email = $1 OR username_key = $2 OR phone_index = $3) HAVING count(*) > 0";
        let values = [
            account.email.as_str().into(),
            account.username.as_ref().map(Username::key).into(),
            account.phone.as_deref().map(|phone| phone_index(self.cipher(), phone)).into(),
            account.id.uuid().into(),
        ];
        let taken = self.tx()?.one::<Taken>(sql, values).await.store()?;
        Ok(taken.map(|taken| match (taken.email, taken.username) {
            (true, _) => AccountInsertion::EmailTaken,
            (false, true) => AccountInsertion::UsernameTaken,
            (false, false) => AccountInsertion::PhoneTaken,
        }))
    }
}

#[async_trait]
impl AccountRepository for SqlUow {
    async fn find(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        if !self.reach().account(id) {
            return Ok(None);
        }
        find_where(self.tx()?, self.cipher(), "id = $1", id.uuid().into(), false).await
    }

    async fn find_for_update(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        if !self.reach().account(id) {
            return Ok(None);
        }
        find_where(self.tx()?, self.cipher(), "id = $1", id.uuid().into(), true).await
    }

    async fn find_by_email(&mut self, email: &Email) -> Result<Option<Account>, StoreError> {
        let found = find_where(self.tx()?, self.cipher(), "email = $1", email.as_str().into(), false).await?;
        Ok(found.filter(|account| self.reach().account(account.id)))
    }

    async fn find_by_username(&mut self, username: &Username) -> Result<Option<Account>, StoreError> {
        let found = find_where(self.tx()?, self.cipher(), "username_key = $1", username.key().into(), false).await?;
        Ok(found.filter(|account| self.reach().account(account.id)))
    }

    async fn find_by_phone(&mut self, phone: &str) -> Result<Option<Account>, StoreError> {
        let index = phone_index(self.cipher(), phone);
        let found = find_where(self.tx()?, self.cipher(), "phone_index = $1", index.into(), false).await?;
        Ok(found.filter(|account| self.reach().account(account.id)))
    }

    async fn insert(&mut self, account: &Account) -> Result<AccountInsertion, StoreError> {
        let sql = "INSERT INTO accounts (email, email_verified_at, username, username_key, first_name, last_name, phone, \
                   phone_index, emergency_contact, program, super_admin, status, version, updated_at, vouched_by, id, \
                   password_hash, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING";
        let mut row = values(account, self.cipher());
        row.push(account.id.uuid().into());
        row.push(account.password_hash.as_ref().map(|hash| hash.as_str().to_owned()).into());
        row.push(account.created_at.micros().into());
        if self.tx()?.run(sql, row).await.store()? == 1 {
            return Ok(AccountInsertion::Inserted);
        }
        match self.taken_by_another(account).await? {
            Some(taken) => Ok(taken),
            None => Err(StoreError::Conflict("accounts_pkey".to_owned())),
        }
    }

    async fn update(&mut self, account: &Account, seen: i64) -> Result<AccountUpdate, StoreError> {
        if !self.reach().account(account.id) {
            return Ok(AccountUpdate::Stale);
        }
        let sql = "UPDATE accounts SET email = $1, email_verified_at = $2, username = $3, username_key = $4, first_name = $5, \
                   last_name = $6, phone = $7, phone_index = $8, emergency_contact = $9, program = $10, super_admin = $11, \
                   status = $12, version = $13, updated_at = $14, vouched_by = $15 WHERE id = $16 AND version = $17";
        let mut row = values(account, self.cipher());
        row.extend([account.id.uuid().into(), seen.into()]);
        // An account's own scope cannot see whose value collides, so PostgreSQL is let run into its constraint under a
        // savepoint and names it; SQLite, which sees everything but names nothing, is asked first.
        let updated = if self.tx()?.is_postgres() {
            match self.tx()?.run_or_undo(sql, row).await {
                Ok(rows) => rows,
                Err(error) => return collision(error),
            }
        } else {
            match self.taken_by_another(account).await? {
                Some(AccountInsertion::EmailTaken) => return Ok(AccountUpdate::EmailTaken),
                Some(AccountInsertion::UsernameTaken) => return Ok(AccountUpdate::UsernameTaken),
                Some(AccountInsertion::PhoneTaken) => return Ok(AccountUpdate::PhoneTaken),
                Some(AccountInsertion::Inserted) | None => self.tx()?.run(sql, row).await.store()?,
            }
        };
        Ok(if updated == 1 { AccountUpdate::Updated } else { AccountUpdate::Stale })
    }

    async fn set_password(&mut self, id: AccountId, hash: Option<&PasswordHash>) -> Result<(), StoreError> {
        if !self.reach().account(id) {
            return Ok(());
        }
        let values = [hash.map(|hash| hash.as_str().to_owned()).into(), id.uuid().into()];
        self.tx()?.run("UPDATE accounts SET password_hash = $1 WHERE id = $2", values).await.store()?;
        Ok(())
    }
}

fn collision(error: sea_orm::DbErr) -> Result<AccountUpdate, StoreError> {
    match store_error(error) {
        StoreError::Conflict(name) => match name.as_str() {
            "uq_accounts__email" => Ok(AccountUpdate::EmailTaken),
            "uq_accounts__username_key" => Ok(AccountUpdate::UsernameTaken),
            "uq_accounts__phone_index" => Ok(AccountUpdate::PhoneTaken),
            _ => Err(StoreError::Conflict(name)),
        },
        other => Err(other),
    }
}
