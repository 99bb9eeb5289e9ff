//! Access tokens: JWT, HS256, signed with the newest key of the ring and verified with the one its `kid` names. What is
//! accepted is pinned here: the algorithm comes from our record of the key, never from the token; issuer, audience, use,
//! subject and time must be there and right; headers that point to keys elsewhere (`jku`, `x5u`, `jwk`) are not followed.

use std::sync::Once;

use domicile_access::crypto::{AccessClaims, AccessTokens, TokenError};
use domicile_kernel::{AccountId, Instant, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{keys::KeyRing, mac::KeyUse};

const ISSUER: &str = "domicile";
const AUDIENCE: &str = "domicile";
const USE: &str = "access";
/// The longest token that is looked at, in bytes; ours have about 350.
const LONGEST: usize = 2_048;
/// How far another node's clock may be ahead when it issues, in seconds.
const CLOCK_AHEAD: i64 = 60;

/// Installs the cryptography under the JWT library, once for the process; without it the library panics at its first
/// use. Every constructor here that needs it calls it.
pub fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that one is installed already, and then tokens are signed with that one.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}

/// Issues and reads access tokens. Times are whole seconds on the wire, rounded down.
pub struct JwtTokens {
    header: Header,
    signing: EncodingKey,
    /// Newest first, at least one.
    verifying: Vec<(String, DecodingKey)>,
    validation: Validation,
}

/// What stands in the token.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: AccountId,
    sid: SessionId,
    r#gen: i64,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    r#use: String,
}

impl JwtTokens {
    /// Over a ring's keys.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        install_crypto();
        let (kid, newest) = ring.derive_newest(KeyUse::Jwt);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would ask the machine what time it is; `read` is told.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.leeway = 0;
        Self {
            header: Header { kid: Some(kid), ..Header::new(Algorithm::HS256) },
            signing: EncodingKey::from_secret(newest.bytes()),
            verifying: ring
                .derive_all(KeyUse::Jwt)
                .into_iter()
                .map(|(id, key)| (id, DecodingKey::from_secret(key.bytes())))
                .collect(),
            validation,
        }
    }

    fn verified(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        // RFC 7515, 4.1.11: who does not understand a critical header must refuse, and we know none.
        if header.typ.as_deref() != Some("JWT") || header.crit.is_some() {
            return None;
        }
        let kid = header.kid?;
        let (_, key) = self.verifying.iter().find(|(id, _)| *id == kid)?;
        jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok().map(|decoded| decoded.claims)
    }
}

impl AccessTokens for JwtTokens {
    #[expect(clippy::expect_used, reason = "strings and numbers always serialise, and HMAC signs every message")]
    fn issue(&self, claims: &AccessClaims) -> String {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.account,
            sid: claims.session,
            r#gen: claims.generation,
            iat: claims.issued_at.seconds(),
            exp: claims.expires_at.seconds(),
            nbf: None,
            r#use: USE.to_owned(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).expect("our own claims can be signed")
    }

    fn read(&self, token: &str, now: Instant) -> Result<AccessClaims, TokenError> {
        let claims = self.verified(token).ok_or(TokenError::Invalid)?;
        let now = now.seconds();
        if claims.r#use != USE
            || claims.iat > claims.exp
            || claims.iat > now.saturating_add(CLOCK_AHEAD)
            || claims.nbf.is_some_and(|from| from > now)
            || claims.r#gen < 0
        {
            return Err(TokenError::Invalid);
        }
        // RFC 7519, 4.1.4: not accepted on the second it expires, either.
        if now >= claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(AccessClaims {
            account: claims.sub,
            session: claims.sid,
            generation: claims.r#gen,
            issued_at: Instant::from_seconds(claims.iat),
            expires_at: Instant::from_seconds(claims.exp),
        })
    }
}

#[cfg(test)]
mod tests;
