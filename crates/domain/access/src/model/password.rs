//! What a password must be (J7, messages as printed).

use domicile_kernel::Checks;
use serde_json::json;

use crate::crypto::Password;

/// The fewest characters.
pub const MIN_CHARS: usize = 8;
/// The most bytes: hashing must not be a way to keep us busy.
pub const MAX_BYTES: usize = 1024;
/// One of these must be in it.
pub const SPECIAL: &str = "!@#$%^&*";

/// Reads a new password; every broken rule is noted.
pub fn check_new(checks: &mut Checks, field: &str, typed: Option<Password>) -> Option<Password> {
    let password = checks.require(field, typed)?;
    let text = password.expose();
    let long_enough = text.chars().count() >= MIN_CHARS;
    if !long_enough {
        let params = json!({ "min": MIN_CHARS });
        checks.fail(field, "min_chars", params, "Password must be at least 8 characters");
    }
    let good = long_enough
        & checks.ensure(
            text.bytes().any(|b| b.is_ascii_uppercase()),
            field,
            "uppercase",
            "Password must contain at least one uppercase letter",
        )
        & checks.ensure(
            text.bytes().any(|b| b.is_ascii_digit()),
            field,
            "digit",
            "Password must contain at least one number",
        )
        & checks.ensure(
            text.contains(|c| SPECIAL.contains(c)),
            field,
            "special",
            "Password must contain at least one special character",
        )
        & check_size(checks, field, &password);
    good.then_some(password)
}

/// Whether a password is small enough to be hashed at all.
pub fn check_size(checks: &mut Checks, field: &str, password: &Password) -> bool {
    let good = password.expose().len() <= MAX_BYTES;
    if !good {
        checks.fail(field, "max_bytes", json!({ "max": MAX_BYTES }), "Password must be at most 1024 bytes");
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_rule_has_its_printed_message() {
        let mut checks = Checks::new();
        assert!(check_new(&mut checks, "password", Some(Password::new("abc"))).is_none());
        let messages: Vec<_> = checks.finish().unwrap_err().0.into_iter().map(|error| error.message).collect();
        assert_eq!(
            messages,
            [
                "Password must be at least 8 characters",
                "Password must contain at least one uppercase letter",
                "Password must contain at least one number",
                "Password must contain at least one special character",
            ]
        );
        for (typed, good) in [
            ("Abcdef1!".to_owned(), true),
            (format!("A1!{}", "x".repeat(1021)), true),
            (format!("A1!{}", "x".repeat(1022)), false),
            ("Abcdef1?".to_owned(), false),
        ] {
            let mut checks = Checks::new();
            assert_eq!(check_new(&mut checks, "password", Some(Password::new(typed))).is_some(), good);
        }
    }
}
