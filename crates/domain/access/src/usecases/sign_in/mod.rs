//! Everything before there is a signed-in caller: register, prove an address, sign in, stay signed in, get back in.
//!
//! None of these answers tells whether an address is known. Where a password is involved exactly one hash is computed, found
//! account or not, and always outside a transaction, for it takes long. Guesses at codes and reused refresh tokens are
//! refusals that commit: what they change must outlive the refusal.

mod login;
mod refresh;
mod register;
mod resend_code;
mod reset_password;
mod verify_otp;

use std::sync::Arc;

use domicile_kernel::{Call, Instant, Purpose, StoreError};
use serde::{Deserialize, Serialize};

pub use login::{Login, LoginError, SignedInView};
pub use refresh::{Refresh, RefreshError, RefreshedView};
pub use register::{Register, RegisterError, RegisteredView};
pub use resend_code::{AskForCode, CodeSentView, SendCodeError};
pub use reset_password::{PasswordResetView, ResetPassword, ResetPasswordError};
pub use verify_otp::{VerifiedView, VerifyOtp, VerifyOtpError};

use super::filed_under;
use crate::{
    crypto::{AccessClaims, SecretText},
    mail::{Mail, MailTemplate},
    model::{
        Account, AskedFrom, Challenge, ChallengeId, ChallengePurpose, Email, Session,
        challenge::{Target, target},
    },
    parts::Parts,
    ports::AccessUow,
};

/// Lets people in.
#[derive(Clone)]
pub struct SignIn {
    parts: Arc<Parts>,
}

/// An access token and the refresh token it came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tokens {
    access: SecretText,
    refresh: SecretText,
    /// How long the access token lives, in whole seconds.
    expires_in: u64,
}

/// What became of a guess at a code.
enum Guess {
    /// Right; the code is used up. The account is locked.
    Right(Box<Account>),
    /// Wrong, expired, used, or never sent.
    Wrong,
    /// No guess was left, or this was the last one and it was wrong.
    TooMany,
}

impl SignIn {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    fn now(&self) -> Instant {
        self.parts.ambient.now()
    }

    /// Opens a unit of work that belongs to no hostel.
    async fn begin(&self, call: &Call) -> Result<Box<dyn AccessUow>, StoreError> {
        self.parts.uows.begin(&filed_under(call, Purpose::SignIn, None)).await
    }

    /// Takes one guess at a code, from where the call comes. Whatever comes of it must be committed.
    async fn guess(
        &self,
        call: &Call,
        uow: &mut dyn AccessUow,
        email: &Email,
        purpose: ChallengePurpose,
        code: &str,
    ) -> Result<Guess, StoreError> {
        let now = self.now();
        let Some(found) = uow.accounts().find_by_email(email).await? else { return Ok(Guess::Wrong) };
        // The account is locked before its codes, as everywhere: no two writers wait for each other.
        let locked = uow.accounts().find_for_update(found.id).await?.filter(Account::is_active);
        let Some(account) = locked else { return Ok(Guess::Wrong) };
        let most = self.parts.config.code_attempts;
        let codes = uow.challenges().list(account.id, purpose).await?;
        let (challenge, tries) = match target(&codes, &AskedFrom::of(call.ip), most, now) {
            Target::Challenge(challenge, tries) => (challenge, tries),
            Target::Exhausted => return Ok(Guess::TooMany),
            Target::None => return Ok(Guess::Wrong),
        };
        let Some(attempts) = uow.challenges().attempt(challenge.id, tries, most, now).await? else {
            return Ok(Guess::TooMany);
        };
        if !self.parts.codes.matches(challenge.id.uuid(), code, &challenge.code_hash) {
            return Ok(if attempts >= most { Guess::TooMany } else { Guess::Wrong });
        }
        if !uow.challenges().spend(challenge.id, now).await? {
            return Ok(Guess::Wrong);
        }
        // What they were to prove is proved.
        uow.challenges().remove_of(account.id, Some(purpose), Some(challenge.id)).await?;
        Ok(Guess::Right(Box::new(account)))
    }

    /// The tokens of a session's newest generation.
    fn tokens(&self, session: &Session) -> Tokens {
        let now = self.now();
        let expires_at = now.plus(self.parts.config.access_ttl).min(session.absolute_expires_at);
        let claims = AccessClaims {
            account: session.account_id,
            session: session.id,
            generation: session.generation,
            issued_at: now,
            expires_at,
        };
        Tokens {
            access: SecretText::new(self.parts.access_tokens.issue(&claims)),
            refresh: SecretText::new(self.parts.refresh_tokens.derive(session.id, session.generation)),
            expires_in: expires_at.since(now).as_secs(),
        }
    }
}

/// Makes a code, puts it in the place of the one that was asked for from the same place, and mails it. When as many codes as
/// an account may have are on their way, all asked for from elsewhere, nothing is made: whoever fills the places cannot
/// take the owner's code away, and the owner can read one of those that were mailed. The account must be locked.
pub(super) async fn send_code(
    parts: &Parts,
    uow: &mut dyn AccessUow,
    account: &Account,
    purpose: ChallengePurpose,
    asked_from: AskedFrom,
    mail: Mail,
) -> Result<(), StoreError> {
    let now = parts.ambient.now();
    let codes = uow.challenges().list(account.id, purpose).await?;
    let elsewhere = codes.iter().filter(|code| code.is_open(now) && code.asked_from != asked_from).count();
    if elsewhere >= parts.config.codes_at_once {
        return Ok(());
    }
    let id = parts.ambient.id::<ChallengeId>();
    let code = format!("{:06}", parts.ambient.secrets.below(1_000_000));
    let challenge = Challenge {
        id,
        account_id: account.id,
        purpose,
        code_hash: parts.codes.hash(id.uuid(), &code),
        asked_from,
        attempts: 0,
        foreign_attempts: 0,
        created_at: now,
        expires_at: now.plus(parts.config.code_ttl),
        used_at: None,
    };
    uow.challenges().replace(&challenge).await?;
    let mail = mail.with("name", account.first_name.as_str()).with_code(&code, parts.config.code_ttl);
    uow.enqueue(mail.job(&parts.ambient));
    Ok(())
}

/// A mail that holds no code, to the owner of an account.
pub(super) fn notice(parts: &Parts, uow: &mut dyn AccessUow, account: &Account, template: MailTemplate) {
    let mail = Mail::new(&account.email, template).with("name", account.first_name.as_str());
    uow.enqueue(mail.job(&parts.ambient));
}
