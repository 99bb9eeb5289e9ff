//! Registering (J4a).

use domicile_kernel::{Call, Checks, FieldErrors, HostelId, Outcome, Purpose, Role, StoreError, Text, faults};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{SignIn, notice, send_code};
use crate::{
    crypto::{HashingError, Password, PasswordHash},
    events::{self, Happening},
    mail::{Mail, MailTemplate},
    model::{Account, AskedFrom, ChallengePurpose, Email, Membership, MembershipStatus, Username, password},
    policy::joining_status,
    ports::{AccessUow, AccountInsertion, AccountUpdate, MembershipInsertion},
    refusals::Taken,
    usecases::{audit, audited_account, check_email, check_names, check_username, filed_under},
};

/// Asks for an account.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Register {
    /// The address to prove; required.
    pub email: Option<String>,
    /// By the printed rule; required.
    pub password: Option<Password>,
    /// 1 to 50 characters; required unless `full_name` is there.
    pub first_name: Option<String>,
    /// 1 to 50 characters; required unless `full_name` is there.
    pub last_name: Option<String>,
    /// Instead of the two: split at the first space.
    pub full_name: Option<String>,
    /// The hostel to join as a student; with none the account joins nowhere yet.
    pub hostel_id: Option<String>,
    /// A name to sign in with; unique.
    pub username: Option<String>,
    /// With its country code; unique.
    pub phone: Option<String>,
    /// `customer` (joins no hostel) or `professional` (joins as one).
    pub role: Option<String>,
}

/// The same answer for a new and for a known address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RegisteredView {
    /// The address as it was read.
    pub email: Email,
    /// Always true.
    pub verification_required: bool,
    /// What to do next.
    pub message: String,
}

/// Why nobody was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The hostel takes nobody, or there is none: one answer for both.
    #[error("This hostel does not take registrations")]
    Closed,
    /// Username or phone belong to somebody else.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(RegisterError: through Invalid, Taken, Hashing, Store; Self::Closed => Forbidden);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskedRole {
    Customer,
    Professional,
}

impl AskedRole {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "customer" => Some(Self::Customer),
            "professional" => Some(Self::Professional),
            _ => None,
        }
    }
}

/// Where somebody becomes a member, as what, and in which state.
type Joining = (HostelId, Role, MembershipStatus);

struct Checked {
    email: Email,
    password: Password,
    first_name: Text,
    last_name: Text,
    username: Option<Username>,
    phone: Option<String>,
    joins: Option<(HostelId, Role)>,
}

impl Register {
    fn check(self) -> Result<Checked, FieldErrors> {
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", self.email.as_deref());
        let password = password::check_new(&mut checks, "password", self.password);
        let names =
            check_names(&mut checks, self.first_name.as_deref(), self.last_name.as_deref(), self.full_name.as_deref());
        let hostel = checks.id::<HostelId>("hostel_id", self.hostel_id.as_deref(), "Invalid hostel ID");
        let username = check_username(&mut checks, self.username.as_deref());
        let phone = checks.phone("phone", self.phone.as_deref());
        let words = ["customer", "professional"];
        let role = checks.one_of("role", self.role.as_deref(), AskedRole::parse, &words);
        let joins = match role {
            Some(AskedRole::Customer) => None,
            Some(AskedRole::Professional) => hostel.map(|hostel| (hostel, Role::Professional)),
            None => hostel.map(|hostel| (hostel, Role::Student)),
        };
        let all = email.zip(password).zip(names);
        checks.conclude(all).map(|((email, password), (first_name, last_name))| Checked {
            email,
            password,
            first_name,
            last_name,
            username,
            phone,
            joins,
        })
    }
}

impl SignIn {
    /// Registers. A known address gets the same answer, and its owner a mail; exactly one hash is computed either way.
    pub async fn register(&self, call: &Call, command: Register) -> Result<RegisteredView, RegisterError> {
        let asked = command.check()?;
        let view = RegisteredView {
            email: asked.email.clone(),
            verification_required: true,
            message: "We sent a code to your email address. Enter it to finish registering.".to_owned(),
        };
        let hash = self.parts.hasher.hash(&asked.password).await?;
        let call = filed_under(call, Purpose::SignIn, asked.joins.map(|(hostel, _)| hostel));
        let mut uow = self.parts.uows.begin(&call).await?;
        let joins = match asked.joins {
            None => None,
            Some((hostel, role)) => {
                let house = uow.houses().find(hostel).await?;
                let status = house.as_ref().and_then(joining_status).ok_or(RegisterError::Closed)?;
                Some((hostel, role, status))
            }
        };
        let known = uow.accounts().find_by_email(&asked.email).await?;
        self.check_free(uow.as_mut(), &asked, known.as_ref()).await?;
        match known {
            Some(account) => self.meet_again(&call, uow.as_mut(), &account, &asked, &hash, joins).await?,
            None => self.make(&call, uow.as_mut(), &asked, hash, joins).await?,
        }
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// Username and phone are refused when they belong to anybody but the owner of the address, whether that address is
    /// known or not: else a taken username would tell known addresses from new ones.
    async fn check_free(
        &self,
        uow: &mut dyn AccessUow,
        asked: &Checked,
        known: Option<&Account>,
    ) -> Result<(), RegisterError> {
        let is_other = |holder: &Account| known.is_none_or(|known| known.id != holder.id);
        if let Some(username) = &asked.username
            && uow.accounts().find_by_username(username).await?.as_ref().is_some_and(is_other)
        {
            return Err(Taken::USERNAME.into());
        }
        if let Some(phone) = &asked.phone
            && uow.accounts().find_by_phone(phone).await?.as_ref().is_some_and(is_other)
        {
            return Err(Taken::PHONE.into());
        }
        Ok(())
    }

    /// The address has an account: its owner hears of it. While nobody has proved the address, the newest registration
    /// takes the place of the one before, password included, and only its code counts: else whoever registers a
    /// stranger's address first would share the account that its owner proves later.
    async fn meet_again(
        &self,
        call: &Call,
        uow: &mut dyn AccessUow,
        known: &Account,
        asked: &Checked,
        hash: &PasswordHash,
        joins: Option<Joining>,
    ) -> Result<(), RegisterError> {
        // Read behind the lock: the address may have been proved a moment ago.
        let account = uow.accounts().find_for_update(known.id).await?;
        let unproved =
            |account: &Account| account.is_active() && !account.is_verified() && account.password_hash.is_some();
        let Some(before) = account.filter(unproved) else {
            notice(&self.parts, uow, known, MailTemplate::AlreadyRegistered);
            return Ok(());
        };
        let seen = before.version;
        let account = Account {
            first_name: asked.first_name.clone(),
            last_name: asked.last_name.clone(),
            username: asked.username.clone(),
            phone: asked.phone.clone(),
            ..before.edited(self.now())
        };
        match uow.accounts().update(&account, seen).await? {
            AccountUpdate::Updated => {}
            AccountUpdate::UsernameTaken => return Err(Taken::USERNAME.into()),
            AccountUpdate::PhoneTaken => return Err(Taken::PHONE.into()),
            AccountUpdate::Stale | AccountUpdate::EmailTaken => return Err(StoreError::Stale.into()),
        }
        uow.accounts().set_password(account.id, Some(hash)).await?;
        // Wherever they were asked for: they would prove the address for a password that is no longer the one they came with.
        uow.challenges().remove_of(account.id, Some(ChallengePurpose::VerifyEmail), None).await?;
        self.welcome(call, uow, &account, joins).await
    }

    async fn make(
        &self,
        call: &Call,
        uow: &mut dyn AccessUow,
        asked: &Checked,
        hash: PasswordHash,
        joins: Option<Joining>,
    ) -> Result<(), RegisterError> {
        let id = self.parts.ambient.id();
        let now = self.now();
        let account = Account {
            username: asked.username.clone(),
            phone: asked.phone.clone(),
            password_hash: Some(hash.clone()),
            ..Account::new(id, asked.email.clone(), asked.first_name.clone(), asked.last_name.clone(), now)
        };
        match uow.accounts().insert(&account).await? {
            AccountInsertion::Inserted => {}
            AccountInsertion::UsernameTaken => return Err(Taken::USERNAME.into()),
            AccountInsertion::PhoneTaken => return Err(Taken::PHONE.into()),
            AccountInsertion::EmailTaken => {
                // Somebody registered the same address a moment ago.
                if let Some(winner) = uow.accounts().find_by_email(&asked.email).await? {
                    self.meet_again(call, uow, &winner, asked, &hash, joins).await?;
                }
                return Ok(());
            }
        }
        self.welcome(call, uow, &account, joins).await
    }

    /// Makes the member, tells of it and sends the code that proves the address.
    async fn welcome(
        &self,
        call: &Call,
        uow: &mut dyn AccessUow,
        account: &Account,
        joins: Option<Joining>,
    ) -> Result<(), RegisterError> {
        let ambient = &self.parts.ambient;
        let now = self.now();
        if let Some((hostel, role, status)) = joins {
            let membership = Membership::new(hostel, account.id, role, status, account.card(), now);
            if uow.memberships().insert(&membership).await? == MembershipInsertion::Inserted {
                uow.record(events::of_user(Happening::UserCreated, &membership, ambient));
            }
        }
        let joined = joins.map(|(hostel, role, status)| json!({ "hostel_id": hostel, "role": role, "status": status }));
        let after = json!({ "account": audited_account(account), "membership": joined });
        uow.audit(audit(ambient, "account.register", "account", account.id.uuid(), None, Some(after)));
        let mail = Mail::new(&account.email, MailTemplate::VerifyEmail);
        send_code(&self.parts, uow, account, ChallengePurpose::VerifyEmail, AskedFrom::of(call.ip), mail).await?;
        Ok(())
    }
}
