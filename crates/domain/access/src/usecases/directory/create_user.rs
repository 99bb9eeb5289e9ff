//! Making a person a member of the hostel (J16).

use domicile_kernel::{
    Call, Checks, FieldErrors, HostelId, Outcome, Permission, Purpose, Refusal, Role, StoreError, Text, faults,
};
use serde::Deserialize;

use super::{Directory, MEMBER_ROLES, member_role};
use crate::{
    crypto::{HashingError, Password, PasswordHash},
    events::{self, Happening},
    mail::{Mail, MailTemplate},
    model::{Account, AskedFrom, Card, ChallengePurpose, Email, Membership, MembershipStatus, RevokeReason, password},
    policy::{GrantError, may_give},
    ports::{AccessUow, AccountInsertion, AccountUpdate, MembershipInsertion},
    queries::UserView,
    refusals::Taken,
    usecases::{audit, audited_membership, check_email, check_names, filed_under, revoke_sessions, sign_in::send_code},
};

/// A person to be made a member.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreateUser {
    /// The address; required.
    pub email: Option<String>,
    /// 1 to 50 characters; required.
    pub first_name: Option<String>,
    /// 1 to 50 characters; required.
    pub last_name: Option<String>,
    /// With its country code.
    pub phone: Option<String>,
    /// What they become; below the caller's own role; required.
    pub role: Option<String>,
    /// By the printed rule. Without one the person gets a mail with a code to choose one. Ignored when the address has an
    /// account already.
    pub password: Option<Password>,
}

/// Why nobody became a member.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The role is not the caller's to give.
    #[error(transparent)]
    Grant(GrantError),
    /// The address is a member's already, or the phone somebody else's.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateUserError: through Refused, Invalid, Taken, Hashing, Store; Self::Grant(_) => Forbidden);

struct Checked {
    card: Card,
    role: Role,
    password: Option<Password>,
}

impl CreateUser {
    fn check(self) -> Result<Checked, FieldErrors> {
        let mut checks = Checks::new();
        let email: Option<Email> = check_email(&mut checks, "email", self.email.as_deref());
        let names: Option<(Text, Text)> =
            check_names(&mut checks, self.first_name.as_deref(), self.last_name.as_deref(), None);
        let phone = checks.phone("phone", self.phone.as_deref());
        let role = checks.require("role", self.role.as_deref());
        let role = checks.one_of("role", role, member_role, &MEMBER_ROLES);
        let password = self.password.map(|typed| password::check_new(&mut checks, "password", Some(typed)));
        let card =
            email.zip(names).map(|(email, (first_name, last_name))| Card { first_name, last_name, email, phone });
        checks.conclude(card.zip(role)).map(|(card, role)| Checked { card, role, password: password.flatten() })
    }
}

impl Directory {
    /// Makes a person a member of the call's hostel. An address without an account gets one: proved and with the given
    /// password, or else with a mail to choose one. An address with an account joins with the card as it was typed: what the
    /// account says of the person is not told to a hostel they did not join themselves. One whose address its
    /// owner never proved, another hostel's word apart, loses its password and sessions, and gets that mail too.
    pub async fn create_user(&self, call: &Call, command: CreateUser) -> Result<UserView, CreateUserError> {
        call.require(Permission::UsersUpdateAny)?;
        let hostel = call.hostel()?;
        let asked = command.check()?;
        may_give(&call.actor, asked.role).map_err(CreateUserError::Grant)?;
        let hash = match &asked.password {
            Some(password) => Some(self.parts.hasher.hash(password).await?),
            None => None,
        };

        let mut uow = self.parts.uows.begin(&filed_under(call, Purpose::Enrolment, Some(hostel))).await?;
        let now = self.now();
        let ambient = &self.parts.ambient;
        let account = match uow.accounts().find_by_email(&asked.card.email).await? {
            Some(account) => self.meet(uow.as_mut(), hostel, account).await?,
            None => self.make_account(uow.as_mut(), call, hostel, &asked.card, hash).await?,
        };
        let membership = Membership::new(hostel, account.id, asked.role, MembershipStatus::Active, asked.card, now);
        match uow.memberships().insert(&membership).await? {
            MembershipInsertion::Inserted => {}
            MembershipInsertion::AlreadyMember => return Err(Taken::EMAIL.into()),
        }
        uow.record(events::of_user(Happening::UserCreated, &membership, ambient));
        let after = Some(audited_membership(&membership));
        uow.audit(audit(ambient, "user.create", "user", account.id.uuid(), None, after));
        let view = UserView::from(&membership);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// An account whose address nobody has proved may be a stranger's, registered in the hope of this; one that another
    /// hostel's admin made may still be in that admin's hands. Its password and its sessions go, and the owner of the
    /// address is mailed a code to choose a new one.
    async fn meet(
        &self,
        uow: &mut dyn AccessUow,
        hostel: HostelId,
        known: Account,
    ) -> Result<Account, CreateUserError> {
        let account = uow.accounts().find_for_update(known.id).await?.unwrap_or(known);
        if !account.is_active() || account.is_proved_to(hostel) {
            return Ok(account);
        }
        let seen = account.version;
        let account = account.unproved(self.now());
        if uow.accounts().update(&account, seen).await? != AccountUpdate::Updated {
            return Err(StoreError::Stale.into());
        }
        uow.accounts().set_password(account.id, None).await?;
        uow.challenges().remove_of(account.id, None, None).await?;
        revoke_sessions(uow, &self.parts.ambient, account.id, None, RevokeReason::PasswordReset).await?;
        self.invite(uow, hostel, &account).await?;
        Ok(account)
    }

    async fn invite(&self, uow: &mut dyn AccessUow, hostel: HostelId, account: &Account) -> Result<(), StoreError> {
        let house = uow.houses().find(hostel).await?.map(|house| house.name).unwrap_or_default();
        let mail = Mail::new(&account.email, MailTemplate::AccountCreatedSetPassword).with("hostel", house);
        // Whoever invites guesses no code: it is asked for from nowhere, and all who guess share its tries.
        send_code(&self.parts, uow, account, ChallengePurpose::ResetPassword, AskedFrom::nowhere(), mail).await
    }

    async fn make_account(
        &self,
        uow: &mut dyn AccessUow,
        call: &Call,
        hostel: HostelId,
        card: &Card,
        hash: Option<PasswordHash>,
    ) -> Result<Account, CreateUserError> {
        let now = self.now();
        let invited = hash.is_none();
        // The installation's own word counts everywhere, a hostel's only there.
        let by_hostel = call.actor.role() != Some(Role::SuperAdmin);
        let account = Account {
            phone: card.phone.clone(),
            email_verified_at: (!invited).then_some(now),
            vouched_by: (!invited && by_hostel).then_some(hostel),
            password_hash: hash,
            ..Account::new(
                self.parts.ambient.id(),
                card.email.clone(),
                card.first_name.clone(),
                card.last_name.clone(),
                now,
            )
        };
        match uow.accounts().insert(&account).await? {
            AccountInsertion::Inserted => {}
            AccountInsertion::PhoneTaken => return Err(Taken::PHONE.into()),
            AccountInsertion::UsernameTaken => return Err(Taken::USERNAME.into()),
            AccountInsertion::EmailTaken => {
                // Somebody registered the address a moment ago: that account joins.
                let winner = uow.accounts().find_by_email(&card.email).await?;
                return winner.ok_or(CreateUserError::Taken(Taken::EMAIL));
            }
        }
        if invited {
            self.invite(uow, hostel, &account).await?;
        }
        Ok(account)
    }
}
