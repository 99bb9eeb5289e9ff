//! Tokens that are accepted, and the corpus of those that are not.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::Mac as _;
use serde_json::{Value, json};

use super::*;
use crate::{fixture, mac::DerivedKey};

fn claims() -> AccessClaims {
    AccessClaims {
        account: "0190a0b0-c0d0-7000-8000-0000000000aa".parse().unwrap(),
        session: "0190a0b0-c0d0-7000-8000-0000000000bb".parse().unwrap(),
        generation: 3,
        issued_at: fixture::now(),
        expires_at: fixture::now().plus(Duration::from_mins(15)),
    }
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "k1"})
}

fn payload() -> Value {
    let now = fixture::now().seconds();
    json!({
        "iss": "domicile", "aud": "domicile", "use": "access", "gen": 3, "iat": now, "exp": now + 900,
        "sub": "0190a0b0-c0d0-7000-8000-0000000000aa", "sid": "0190a0b0-c0d0-7000-8000-0000000000bb",
    })
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

fn without(mut object: Value, key: &str) -> Value {
    object.as_object_mut().unwrap().remove(key);
    object
}

fn jwt_key(ring: &KeyRing) -> DerivedKey {
    ring.derive_newest(KeyUse::Jwt).1
}

/// Signs anything as HS256, without the library under test.
fn forge(header: &str, payload: &str, key: &DerivedKey) -> String {
    let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let tag = key.sign(&[message.as_bytes()]);
    format!("{message}.{}", BASE64.encode(tag))
}

fn ours(header: &Value, payload: &Value) -> String {
    forge(&header.to_string(), &payload.to_string(), &jwt_key(&fixture::ring()))
}

#[test]
fn what_was_issued_is_read_back() {
    let tokens = JwtTokens::new(&fixture::ring());
    let token = tokens.issue(&claims());
    assert_eq!(tokens.read(&token, fixture::now()), Ok(claims()));
    assert!(token.len() < LONGEST / 4, "{}", token.len());
}

#[test]
fn a_token_made_by_hand_to_the_same_rules_is_accepted() {
    // Shows that the corpus below is refused for what is wrong with each token and not for how it is made.
    let tokens = JwtTokens::new(&fixture::ring());
    assert_eq!(tokens.read(&ours(&header(), &payload()), fixture::now()), Ok(claims()));
}

#[test]
fn headers_that_point_to_other_keys_are_ignored() {
    let tokens = JwtTokens::new(&fixture::ring());
    for name in ["jku", "x5u", "x5t", "cty", "extra"] {
        let header = with(header(), name, json!("https://evil.example/keys"));
        assert_eq!(tokens.read(&ours(&header, &payload()), fixture::now()), Ok(claims()), "{name}");
    }
}

#[test]
fn a_token_ends_on_its_second_without_leeway() {
    let tokens = JwtTokens::new(&fixture::ring());
    let token = tokens.issue(&claims());
    let end = claims().expires_at;
    assert!(tokens.read(&token, end.minus(Duration::from_micros(1))).is_ok());
    assert_eq!(tokens.read(&token, end), Err(TokenError::Expired));
    assert_eq!(tokens.read(&token, end.plus(Duration::from_hours(1))), Err(TokenError::Expired));
}

#[test]
fn a_rotation_keeps_old_tokens_valid_and_signs_with_the_new_key() {
    let (before, after) = fixture::rotation();
    let (before, after) = (JwtTokens::new(&before), JwtTokens::new(&after));
    assert_eq!(after.read(&before.issue(&claims()), fixture::now()), Ok(claims()));
    let new = after.issue(&claims());
    assert_eq!(jsonwebtoken::decode_header(&new).unwrap().kid.as_deref(), Some("k2"));
    assert_eq!(after.read(&new, fixture::now()), Ok(claims()));
    assert_eq!(before.read(&new, fixture::now()), Err(TokenError::Invalid));
}

#[test]
fn no_single_altered_character_is_accepted() {
    let tokens = JwtTokens::new(&fixture::ring());
    let token = tokens.issue(&claims());
    for at in 0..token.len() {
        for replacement in ["A", "B", "g", "_", "=", "."] {
            let mut altered = token.clone();
            altered.replace_range(at..=at, replacement);
            if altered != token {
                assert_eq!(tokens.read(&altered, fixture::now()), Err(TokenError::Invalid), "{altered}");
            }
        }
    }
}

/// Our header as the library writes it: the one that goes the short way.
const OUR_HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"k1"}"#;

#[test]
fn our_own_tokens_go_the_short_way() {
    let tokens = JwtTokens::new(&fixture::ring());
    let token = tokens.issue(&claims());
    assert_eq!(token.split('.').next(), Some(BASE64.encode(OUR_HEADER).as_str()));
    assert!(tokens.verifying.iter().any(|key| token.starts_with(&key.header)));
}

#[test]
fn the_short_way_refuses_what_the_library_refuses() {
    let ring = fixture::ring();
    let tokens = JwtTokens::new(&ring);
    let key = jwt_key(&ring);
    let good = forge(OUR_HEADER, &payload().to_string(), &key);
    assert_eq!(tokens.read(&good, fixture::now()), Ok(claims()));
    let now = fixture::now().seconds();
    let mut claims: Vec<String> = vec![
        "claims".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        String::new(),
        payload().to_string() + "x",
        payload().to_string().replace("\"gen\":3", "\"gen\":3,\"gen\":4"),
        payload().to_string().replace(&(now + 900).to_string(), "1e400"),
        with(payload(), "pad", json!("x".repeat(LONGEST))).to_string(),
        with(payload(), "pad", json!("x".repeat(IN_PLACE))).to_string(),
        with(with(payload(), "iat", json!(now + 86_400)), "exp", json!(now + 90_000)).to_string(),
    ];
    for name in ["iss", "aud", "sub", "sid", "gen", "use", "exp", "iat"] {
        claims.push(without(payload(), name).to_string());
        for value in [json!(null), json!([payload()[name]]), json!(""), json!("other"), json!(-1.5), json!({})] {
            claims.push(with(payload(), name, value).to_string());
        }
    }
    claims.push(with(payload(), "gen", json!(-1)).to_string());
    claims.push(with(payload(), "iat", json!(now + 901)).to_string());
    claims.push(with(payload(), "nbf", json!(now + 1)).to_string());
    for text in &claims {
        assert_eq!(tokens.read(&forge(OUR_HEADER, text, &key), fixture::now()), Err(TokenError::Invalid), "{text}");
    }
    // We write no escapes, so claims with one are not of our making, whatever they say.
    let escaped = payload().to_string().replace("\"domicile\"", "\"\\u0064omicile\"");
    assert!(escaped.contains("\\u0064"));
    assert_eq!(tokens.read(&forge(OUR_HEADER, &escaped, &key), fixture::now()), Err(TokenError::Invalid));
    let (head, body, tag) = {
        let mut parts = good.split('.');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    for token in [
        format!("{head}.{body}"),
        format!("{head}.{body}."),
        format!("{head}."),
        head.to_owned(),
        format!("{good}.{tag}"),
        format!("{good}="),
        format!("{good}A"),
        good[..good.len() - 1].to_owned(),
        format!("{head}..{tag}"),
        format!("{head}.{body}.{}", BASE64.encode([0; 32])),
        format!("{head}.{body}.{}", BASE64.encode([0; 33])),
        forge(OUR_HEADER, &payload().to_string(), &DerivedKey::derive(b"attacker", KeyUse::Jwt)),
        forge(OUR_HEADER, &payload().to_string(), &ring.derive_newest(KeyUse::Refresh).1),
    ] {
        assert_eq!(tokens.read(&token, fixture::now()), Err(TokenError::Invalid), "{token}");
    }
}

#[test]
fn the_corpus_of_wrong_tokens_is_refused() {
    let ring = fixture::ring();
    let tokens = JwtTokens::new(&ring);
    let key = jwt_key(&ring);
    let good = tokens.issue(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, tag) = (parts[0], parts[1], parts[2]);
    let now = fixture::now().seconds();
    let encode = |value: &Value| BASE64.encode(value.to_string());
    let signed_with = |alg: Algorithm| {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(alg) };
        jsonwebtoken::encode(&header, &payload(), &EncodingKey::from_secret(key.bytes())).unwrap()
    };
    let header_with = |name: &str, value: Value| ours(&with(header(), name, value), &payload());
    let claim_with = |name: &str, value: Value| ours(&header(), &with(payload(), name, value));
    let claim_without = |name: &str| ours(&header(), &without(payload(), name));
    let of_refresh = fixture::ring().derive_newest(KeyUse::Refresh).1;
    let attacker = DerivedKey::derive(b"attacker", KeyUse::Jwt);

    let corpus: Vec<(&str, String)> = vec![
        // Shape.
        ("empty", String::new()),
        ("dots only", "..".to_owned()),
        ("one part", head.to_owned()),
        ("two parts", format!("{head}.{body}")),
        ("no signature", format!("{head}.{body}.")),
        ("four parts", format!("{good}.{tag}")),
        ("five parts, as an encrypted token has", format!("{good}.{tag}.{tag}")),
        ("white space around", format!(" {good} ")),
        ("with its scheme", format!("Bearer {good}")),
        ("padding", format!("{good}=")),
        ("the other alphabet", good.replace(['-', '_'], "+") + "+"),
        ("longer than is looked at", claim_with("pad", json!("x".repeat(LONGEST)))),
        ("not base64", "!!!.???.***".to_owned()),
        ("header that is no JSON", forge("header", &payload().to_string(), &key)),
        ("header that is a list", forge("[]", &payload().to_string(), &key)),
        ("claims that are no JSON", forge(&header().to_string(), "claims", &key)),
        ("claims that are null", forge(&header().to_string(), "null", &key)),
        // Algorithm.
        ("alg none, unsigned", format!("{}.{body}.", encode(&with(header(), "alg", json!("none"))))),
        ("alg none, with the signature", header_with("alg", json!("none"))),
        ("alg None", header_with("alg", json!("None"))),
        ("alg empty", header_with("alg", json!(""))),
        ("alg in small letters", header_with("alg", json!("hs256"))),
        ("no alg", ours(&without(header(), "alg"), &payload())),
        ("HS384 with our key", signed_with(Algorithm::HS384)),
        ("HS512 with our key", signed_with(Algorithm::HS512)),
        ("alg RS256 over an HMAC", header_with("alg", json!("RS256"))),
        ("alg ES256 over an HMAC", header_with("alg", json!("ES256"))),
        ("alg EdDSA over an HMAC", header_with("alg", json!("EdDSA"))),
        ("two algs", forge(r#"{"alg":"none","alg":"HS256","typ":"JWT","kid":"k1"}"#, &payload().to_string(), &key)),
        // Key.
        ("no kid", ours(&without(header(), "kid"), &payload())),
        ("unknown kid", header_with("kid", json!("k9"))),
        ("kid that is a path", header_with("kid", json!("../../dev/null"))),
        ("kid that is a query", header_with("kid", json!("k1' OR '1'='1"))),
        ("kid that is a number", header_with("kid", json!(1))),
        ("kid in capitals", header_with("kid", json!("K1"))),
        ("an attacker's key under our kid", forge(&header().to_string(), &payload().to_string(), &attacker)),
        ("an attacker's key and where to find it", {
            let header = with(header(), "jku", json!("https://evil.example/keys"));
            forge(&header.to_string(), &payload().to_string(), &attacker)
        }),
        ("an attacker's key inside", {
            let jwk = json!({"kty": "oct", "k": BASE64.encode(attacker.bytes()), "alg": "HS256"});
            forge(&with(header(), "jwk", jwk).to_string(), &payload().to_string(), &attacker)
        }),
        ("another installation's key", JwtTokens::new(&fixture::stranger()).issue(&claims())),
        ("our key of another use", forge(&header().to_string(), &payload().to_string(), &of_refresh)),
        ("a critical header", header_with("crit", json!(["exp"]))),
        ("no typ", ours(&without(header(), "typ"), &payload())),
        ("another typ", header_with("typ", json!("secevent+jwt"))),
        // Signature.
        ("shortened signature", good[..good.len() - 2].to_owned()),
        ("signature of zeros", format!("{head}.{body}.{}", BASE64.encode([0; 32]))),
        ("another token's claims", format!("{head}.{}.{tag}", encode(&with(payload(), "gen", json!(4))))),
        // Claims.
        ("no iss", claim_without("iss")),
        ("another iss", claim_with("iss", json!("somebody"))),
        ("several iss", claim_with("iss", json!(["domicile", "somebody"]))),
        ("no aud", claim_without("aud")),
        ("another aud", claim_with("aud", json!("somebody"))),
        ("several aud", claim_with("aud", json!(["domicile", "somebody"]))),
        ("no sub", claim_without("sub")),
        ("sub that is no id", claim_with("sub", json!("admin"))),
        ("empty sub", claim_with("sub", json!(""))),
        ("no sid", claim_without("sid")),
        ("sid null", claim_with("sid", json!(null))),
        ("no gen", claim_without("gen")),
        ("gen below zero", claim_with("gen", json!(-1))),
        ("gen in words", claim_with("gen", json!("3"))),
        ("no use", claim_without("use")),
        ("made to refresh", claim_with("use", json!("refresh"))),
        ("no exp", claim_without("exp")),
        ("exp in words", claim_with("exp", json!((now + 900).to_string()))),
        ("exp null", claim_with("exp", json!(null))),
        ("exp that is a fraction", claim_with("exp", json!(now as f64 + 900.5))),
        (
            "exp beyond all numbers",
            forge(&header().to_string(), &payload().to_string().replace(&(now + 900).to_string(), "1e400"), &key),
        ),
        ("exp below zero", claim_with("exp", json!(-1))),
        ("no iat", claim_without("iat")),
        (
            "issued tomorrow",
            ours(&header(), &with(with(payload(), "iat", json!(now + 86_400)), "exp", json!(now + 90_000))),
        ),
        ("issued after its end", claim_with("iat", json!(now + 901))),
        ("not yet", claim_with("nbf", json!(now + 1))),
        ("a claim twice", {
            let text = payload().to_string().replace("\"gen\":3", "\"gen\":3,\"gen\":4");
            forge(&header().to_string(), &text, &key)
        }),
    ];
    assert!(corpus.len() >= 40, "{}", corpus.len());
    for (name, token) in &corpus {
        assert_eq!(tokens.read(token, fixture::now()), Err(TokenError::Invalid), "{name}: {token}");
    }
}

#[test]
fn the_signature_is_plain_hs256() {
    let tokens = JwtTokens::new(&fixture::ring());
    let token = tokens.issue(&claims());
    let (message, tag) = token.rsplit_once('.').unwrap();
    let mut mac =
        <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(jwt_key(&fixture::ring()).bytes()).unwrap();
    mac.update(message.as_bytes());
    assert!(mac.verify_slice(&BASE64.decode(tag).unwrap()).is_ok());
}

#[test]
fn installing_the_crypto_again_changes_nothing() {
    install_crypto();
    install_crypto();
    assert!(JwtTokens::new(&fixture::ring()).issue(&claims()).starts_with("eyJ"));
}
