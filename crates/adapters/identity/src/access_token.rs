//! Access tokens: JWT, HS256, signed with the newest key of the ring and verified with the one its `kid` names. What is
//! accepted is pinned here: the algorithm comes from our record of the key, never from the token; issuer, audience, use,
//! subject and time must be there and right; headers that point to keys elsewhere (`jku`, `x5u`, `jwk`) are not followed.
//!
//! Every request brings one, so those of our own making go a short way: their header is, letter for letter, the one we write
//! for a key, which says all that a header can say; what is left is one HMAC over a key that was expanded once, and
//! reading the claims in place. Any other header goes through the library. Both ways end in the same judgement of the claims.

use std::sync::Once;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domicile_access::crypto::{AccessClaims, AccessTokens, TokenError};
use domicile_kernel::{AccountId, Instant, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    keys::KeyRing,
    mac::{ExpandedKey, KeyUse},
};

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
    verifying: Vec<Verifying>,
    validation: Validation,
}

/// A key that tokens are verified with.
struct Verifying {
    kid: String,
    /// The header of the tokens that we sign with it, as it stands in them.
    header: String,
    expanded: ExpandedKey,
    decoding: DecodingKey,
}

/// What stands in the token; its texts owned, or borrowed from it, which needs them to be without escapes, as ours are.
#[derive(Serialize, Deserialize)]
struct Claims<T> {
    iss: T,
    aud: T,
    sub: AccountId,
    sid: SessionId,
    r#gen: i64,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    r#use: T,
}

/// The longest claims that are read in place, in bytes; ours have about 230.
const IN_PLACE: usize = 512;

/// How long the tag of HMAC-SHA256 is.
const TAG: usize = 32;

fn header_of(kid: String) -> Header {
    Header { kid: Some(kid), ..Header::new(Algorithm::HS256) }
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
            header: header_of(kid),
            signing: EncodingKey::from_secret(newest.bytes()),
            verifying: ring
                .derive_all(KeyUse::Jwt)
                .into_iter()
                .map(|(kid, key)| Verifying {
                    header: encoded_header(&header_of(kid.clone())),
                    kid,
                    expanded: key.expanded(),
                    decoding: DecodingKey::from_secret(key.bytes()),
                })
                .collect(),
            validation,
        }
    }

    fn verified(&self, token: &str, now: i64) -> Result<AccessClaims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        let (header, rest) = token.split_once('.').ok_or(TokenError::Invalid)?;
        match self.verifying.iter().find(|key| key.header == header) {
            Some(key) => key.verified_in_place(token, rest, now),
            None => judge(&self.verified_by_the_library(token).ok_or(TokenError::Invalid)?, now),
        }
    }

    fn verified_by_the_library(&self, token: &str) -> Option<Claims<String>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        // RFC 7515, 4.1.11: who does not understand a critical header must refuse, and we know none.
        if header.typ.as_deref() != Some("JWT") || header.crit.is_some() {
            return None;
        }
        let kid = header.kid?;
        let key = self.verifying.iter().find(|key| key.kid == kid)?;
        jsonwebtoken::decode::<Claims<String>>(token, &key.decoding, &self.validation)
            .ok()
            .map(|decoded| decoded.claims)
    }
}

impl Verifying {
    /// Of a token whose header is ours: `rest` is what follows it and its dot.
    fn verified_in_place(&self, token: &str, rest: &str, now: i64) -> Result<AccessClaims, TokenError> {
        let (claims, signature) = rest.split_once('.').ok_or(TokenError::Invalid)?;
        let message = token.get(..self.header.len() + 1 + claims.len()).ok_or(TokenError::Invalid)?;
        let mut buffer = [0; TAG + 1];
        // A further dot, padding, the other alphabet and a tag of another length are no base64url of 32 bytes.
        let tag = match URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer) {
            Ok(TAG) => buffer.get(..TAG).unwrap_or_default(),
            Ok(_) | Err(_) => return Err(TokenError::Invalid),
        };
        if !self.expanded.verify(message.as_bytes(), tag) {
            return Err(TokenError::Invalid);
        }
        let mut buffer = [0; IN_PLACE];
        let length = match URL_SAFE_NO_PAD.decode_slice(claims, &mut buffer) {
            Ok(length) => length,
            Err(_no_claims_of_ours) => return Err(TokenError::Invalid),
        };
        let claims = buffer.get(..length).and_then(|text| serde_json::from_slice::<Claims<&str>>(text).ok());
        judge(&claims.ok_or(TokenError::Invalid)?, now)
    }
}

/// Whether what stands in a token whose signature is right may be believed now.
fn judge<T: AsRef<str>>(claims: &Claims<T>, now: i64) -> Result<AccessClaims, TokenError> {
    if claims.iss.as_ref() != ISSUER
        || claims.aud.as_ref() != AUDIENCE
        || claims.r#use.as_ref() != USE
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

/// A header as it stands in a token.
#[expect(clippy::expect_used, reason = "a header of three texts always serialises")]
fn encoded_header(header: &Header) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(header).expect("our own header serialises"))
}

impl AccessTokens for JwtTokens {
    #[expect(clippy::expect_used, reason = "strings and numbers always serialise, and HMAC signs every message")]
    fn issue(&self, claims: &AccessClaims) -> String {
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: claims.account,
            sid: claims.session,
            r#gen: claims.generation,
            iat: claims.issued_at.seconds(),
            exp: claims.expires_at.seconds(),
            nbf: None,
            r#use: USE,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).expect("our own claims can be signed")
    }

    fn read(&self, token: &str, now: Instant) -> Result<AccessClaims, TokenError> {
        self.verified(token, now.seconds())
    }
}

#[cfg(test)]
mod tests;
