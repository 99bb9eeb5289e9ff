//! The operations table: everything that can be asked of this installation, one row each. To add an operation, add a row
//! to the file of its context and a handler under `endpoints/`.

mod auth;
mod billing;
mod bookings;
mod live;
mod payments;
mod performance;
mod platform;
mod rooms;
mod sandbox;
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
        billing::rows(),
        payments::rows(),
        performance::rows(),
        live::rows(),
        sandbox::rows(),
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
    use domicile_kernel::Feature;

    use super::*;
    use crate::operation::{Access, IfMatch, LimitClass};

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
            "/payments/webhook/{provider}",
        ];
        assert_eq!(public, expected);
    }

    #[test]
    fn what_stands_bare_is_the_closed_list() {
        let mut bare: Vec<_> = all().iter().filter(|row| row.bare).map(Operation::full_path).collect();
        bare.sort_unstable();
        bare.dedup();
        let expected = [
            "/",
            "/api",
            "/api/billing/statement",
            "/api/health",
            "/api/openapi.json",
            "/api/payments/{id}/receipt",
            "/docs",
            "/docs/errors",
            "/docs/live",
            "/docs/{file}",
            "/health",
            "/health/live",
            "/health/ready",
            "/metrics",
            "/sandbox/checkout/{ticket}",
            "/ws",
        ];
        assert_eq!(bare, expected);
    }

    #[test]
    fn only_health_documents_and_webhooks_are_not_counted() {
        for row in all() {
            let free = row.bare && row.media_type.is_none() || row.path.starts_with("/payments/webhook");
            assert_eq!(row.limit == LimitClass::Exempt, free, "{}", row.id);
        }
        let initialize = all().iter().find(|row| row.id == "payments.initialize").unwrap();
        assert_eq!(initialize.limit, LimitClass::InitializePayment);
    }

    #[test]
    fn the_feature_payments_gates_what_begins_to_pay_and_never_what_ends_it() {
        let gated: Vec<_> =
            all().iter().filter(|row| row.feature == Some(Feature::Payments)).map(|row| row.id).collect();
        assert_eq!(gated, ["payments.initialize", "payments.apply", "wallet.topup", "wallet.pay"]);
    }

    #[test]
    fn every_post_of_money_keeps_keys_but_for_what_gateways_tell() {
        let money = ["/payments", "/refunds", "/wallet", "/deposits"];
        for row in all().iter().filter(|row| money.iter().any(|path| row.path.starts_with(path))) {
            let posted = row.methods().any(|method| method == actix_web::http::Method::POST);
            assert_eq!(row.idempotent, posted && row.id != "payments.webhook", "{}", row.id);
        }
    }

    #[test]
    fn changing_or_taking_away_an_editable_record_needs_its_version() {
        let editable = [
            "/rooms/{id}",
            "/bookings/{id}",
            "/users/{id}",
            "/profile",
            "/settings",
            "/admin/hostels/{id}",
            "/deposits/{id}",
            "/billing/terms",
        ];
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
