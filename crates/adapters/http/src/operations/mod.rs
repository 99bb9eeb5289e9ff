//! The operations table: everything that can be asked of this installation, one row each. To add an operation, add a row
//! to the file of its context and a handler under `endpoints/`.

mod auth;
mod bookings;
mod live;
mod performance;
mod platform;
mod rooms;
mod tenancy;
mod users;

use std::sync::LazyLock;

use domicile_telemetry::Endpoint;

use crate::operation::Operation;

static TABLE: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    [
        auth::rows(),
        users::rows(),
        tenancy::rows(),
        rooms::rows(),
        bookings::rows(),
        performance::rows(),
        live::rows(),
        platform::rows(),
    ]
    .concat()
});

/// Every operation as metrics name it, in the order of the table.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let named = |row: &Operation| Endpoint { id: row.id, method: row.method.to_string(), path: row.full_path() };
    all().iter().map(named).collect()
}

/// Every operation, by context.
#[must_use]
pub fn all() -> &'static [Operation] {
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Access, IfMatch};

    #[test]
    fn no_two_rows_share_an_id_or_an_address() {
        crate::operation::assert_sound(all()).unwrap();
    }

    #[test]
    fn public_operations_are_the_closed_list() {
        let mut public: Vec<_> =
            all().iter().filter(|row| row.access == Access::Public && !row.bare).map(|row| row.path).collect();
        public.sort_unstable();
        let expected = [
            "/auth/forgot-password",
            "/auth/login",
            "/auth/refresh-token",
            "/auth/register",
            "/auth/resend-otp",
            "/auth/reset-password",
            "/auth/verify-otp",
        ];
        assert_eq!(public, expected);
    }

    #[test]
    fn changing_or_taking_away_an_editable_record_needs_its_version() {
        let editable = ["/rooms/{id}", "/bookings/{id}", "/users/{id}", "/profile", "/settings", "/admin/hostels/{id}"];
        for row in all() {
            let record = editable.iter().any(|path| row.path.starts_with(path));
            let versioned = record && !row.method.is_safe();
            assert_eq!(row.if_match == IfMatch::Required, versioned, "{}", row.id);
        }
    }

    #[test]
    fn nothing_under_auth_keeps_keys() {
        assert!(all().iter().filter(|row| row.path.starts_with("/auth")).all(|row| !row.idempotent));
        assert!(
            all().iter().filter(|row| row.success == 201).all(|row| row.idempotent || row.path.starts_with("/auth"))
        );
    }
}
