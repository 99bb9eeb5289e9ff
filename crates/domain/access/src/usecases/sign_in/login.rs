//! Signing in (A1, J4a, J4b).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, Purpose, StoreError, Text, faults};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SignIn;
use crate::{
    crypto::{HashingError, Password, PasswordHash, SecretText},
    model::{Account, MembershipStatus, Session, Username, password},
    policy::Identifier,
    ports::AccessUow,
    queries::{HostelMembershipView, SignedInUserView},
    usecases::{audit, filed_under},
};

/// The most bytes `device_info` may have as JSON.
const MAX_DEVICE_BYTES: usize = 2048;
/// The most characters of the program's name that are kept.
const MAX_AGENT_CHARS: usize = 512;

/// Who wants in.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Login {
    /// E-mail, username or telephone number; this or `email` is required.
    pub identifier: Option<String>,
    /// The address; read when `identifier` is absent.
    pub email: Option<String>,
    /// The password; required.
    pub password: Option<Password>,
    /// Anything the client wants to say about the device; at most 2 KiB as JSON.
    pub device_info: Option<Value>,
    /// The program, as the request's header names it; not part of the body.
    #[serde(skip)]
    pub user_agent: Option<String>,
}

/// Somebody is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignedInView {
    /// To be sent as a bearer token.
    pub access_token: SecretText,
    /// To get the next pair with; works once.
    pub refresh_token: SecretText,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
    /// Who it is.
    pub user: SignedInUserView,
    /// Where they are a member, pending included.
    pub hostels: Vec<HostelMembershipView>,
}

/// Why nobody is in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Fields are missing.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// Unknown, disabled, without password, or a wrong one: one answer for all.
    #[error("Email or password is wrong")]
    Wrong,
    /// Right, but the address was not proved yet.
    #[error("Confirm your email address first: enter the code we sent you, or ask for a new one")]
    NotVerified,
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(LoginError: through Invalid, Hashing, Store; Self::Wrong => Unauthorized, Self::NotVerified => EmailNotVerified);

impl SignIn {
    /// Signs in. Exactly one hash is computed whoever asks (and one more when a right password's stored hash is outdated).
    pub async fn login(&self, call: &Call, command: Login) -> Result<SignedInView, LoginError> {
        let mut checks = Checks::new();
        let identifier = checks.require("identifier", command.identifier.or(command.email));
        let password = checks.require("password", command.password);
        if let Some(password) = &password {
            password::check_size(&mut checks, "password", password);
        }
        let device = command.device_info.filter(|info| !info.is_null());
        if device.as_ref().is_some_and(|info| info.to_string().len() > MAX_DEVICE_BYTES) {
            let params = json!({ "max": MAX_DEVICE_BYTES });
            checks.fail("device_info", "max_bytes", params, "device_info must be at most 2048 bytes");
        }
        let (identifier, password) = checks.conclude(identifier.zip(password))?;

        let mut uow = self.begin(call).await?;
        let found = find(uow.as_mut(), &Identifier::detect(&identifier), &identifier).await?;
        uow.rollback().await?;

        // A disabled account is as good as none, but its absence must cost the same.
        let usable = found.filter(|account| account.is_active() && account.password_hash.is_some());
        let stored = usable.as_ref().and_then(|account| account.password_hash.as_ref());
        let verified = self.parts.hasher.verify(&password, stored).await?;
        let account = usable.filter(|_| verified.matches).ok_or(LoginError::Wrong)?;
        if !account.is_verified() {
            return Err(LoginError::NotVerified);
        }
        let rehashed = if verified.outdated { Some(self.parts.hasher.hash(&password).await?) } else { None };
        let lobby = filed_under(call, Purpose::Lobby, None);
        let mut hostels = self.parts.queries.memberships(&lobby, account.id).await?;
        hostels.retain(|hostel| hostel.status != MembershipStatus::Deactivated);
        let agent = command.user_agent.as_deref().map(Text::clean);
        let agent = agent.map(|agent| agent.as_str().chars().take(MAX_AGENT_CHARS).collect());
        self.open_session(call, account, rehashed, device, agent, hostels).await
    }

    async fn open_session(
        &self,
        call: &Call,
        seen: Account,
        rehashed: Option<PasswordHash>,
        device_info: Option<Value>,
        user_agent: Option<String>,
        hostels: Vec<HostelMembershipView>,
    ) -> Result<SignedInView, LoginError> {
        let (ambient, config, now) = (&self.parts.ambient, &self.parts.config, self.now());
        let mut uow = self.begin(call).await?;
        // The account may have been changed while the hash was computed: what was verified must still be true.
        let account = uow.accounts().find_for_update(seen.id).await?;
        let account = account
            .filter(|account| account.is_active() && account.password_hash == seen.password_hash)
            .ok_or(LoginError::Wrong)?;
        if let Some(hash) = &rehashed {
            uow.accounts().set_password(account.id, Some(hash)).await?;
        }
        let absolute = now.plus(config.refresh_absolute);
        let mut session = Session {
            id: ambient.id(),
            account_id: account.id,
            generation: 1,
            rotated_at: now,
            token_hash: String::new(),
            created_at: now,
            last_used_at: now,
            idle_expires_at: now.plus(config.refresh_idle).min(absolute),
            absolute_expires_at: absolute,
            revoked_at: None,
            revoke_reason: None,
            device_info,
            ip: call.ip,
            user_agent,
        };
        let tokens = self.tokens(&session);
        session.token_hash = self.parts.refresh_tokens.fingerprint(tokens.refresh.expose());
        uow.sessions().insert(&session).await?;
        let after = json!({ "account_id": account.id });
        uow.audit(audit(ambient, "session.start", "session", session.id.uuid(), None, Some(after)));
        uow.commit(Outcome::done()).await?;
        Ok(SignedInView {
            access_token: tokens.access,
            refresh_token: tokens.refresh,
            token_type: "Bearer".to_owned(),
            expires_in: tokens.expires_in,
            user: SignedInUserView::from(&account),
            hostels,
        })
    }
}

/// Finds whose identifier it is; a number that nobody has may still be a username.
async fn find(uow: &mut dyn AccessUow, identifier: &Identifier, typed: &str) -> Result<Option<Account>, StoreError> {
    match identifier {
        Identifier::Email(email) => uow.accounts().find_by_email(email).await,
        Identifier::Username(username) => uow.accounts().find_by_username(username).await,
        Identifier::Phone(phone) => match uow.accounts().find_by_phone(phone).await? {
            Some(account) => Ok(Some(account)),
            None => uow.accounts().find_by_username(&Username::stored(typed.trim())).await,
        },
        Identifier::Unknown => Ok(None),
    }
}
