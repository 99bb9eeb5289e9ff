//! Who may touch which row: every row-level policy and every grant of PostgreSQL, in one place.
//!
//! Two roles that are members of nothing: `domicile_app` sees the rows of the hostel or the account that its transaction
//! named in `app.hostel_id` and `app.account_id`; `domicile_system` sees every row of the tables it is granted. Neither owns
//! a table, and row security is forced, so the owner is bound as well. Every rule is an equality that an index can serve.

/// One policy: a role sees and writes the rows of a table that the rule admits.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The table.
    pub table: &'static str,
    /// The policy's name, unique within the table.
    pub name: &'static str,
    /// The role it speaks of.
    pub role: &'static str,
    /// The rule, for USING and WITH CHECK alike.
    pub rule: &'static str,
}

/// What each role may do with a table at all; empty for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The table.
    pub table: &'static str,
    /// Of `domicile_app`.
    pub app: &'static str,
    /// Of `domicile_system`.
    pub system: &'static str,
}

const HOSTEL: &str = "hostel_id = (SELECT nullif(current_setting('app.hostel_id', true), '')::uuid)";
const HOSTEL_ITSELF: &str = "id = (SELECT nullif(current_setting('app.hostel_id', true), '')::uuid)";
const ACCOUNT: &str = "account_id = (SELECT nullif(current_setting('app.account_id', true), '')::uuid)";
const ACCOUNT_ITSELF: &str = "id = (SELECT nullif(current_setting('app.account_id', true), '')::uuid)";
const ALL: &str = "true";

const fn hostel(table: &'static str) -> Policy {
    Policy { table, name: "app_by_hostel", role: "domicile_app", rule: HOSTEL }
}

const fn account(table: &'static str) -> Policy {
    Policy { table, name: "app_by_account", role: "domicile_app", rule: ACCOUNT }
}

const fn system(table: &'static str) -> Policy {
    Policy { table, name: "system", role: "domicile_system", rule: ALL }
}

/// Every policy. A table without one for a role is closed to it.
pub const POLICIES: &[Policy] = &[
    Policy { table: "hostels", name: "app_by_hostel", role: "domicile_app", rule: HOSTEL_ITSELF },
    system("hostels"),
    hostel("hostel_settings"),
    system("hostel_settings"),
    hostel("feature_flags"),
    system("feature_flags"),
    Policy { table: "accounts", name: "app_by_account", role: "domicile_app", rule: ACCOUNT_ITSELF },
    system("accounts"),
    hostel("memberships"),
    account("memberships"),
    system("memberships"),
    account("sessions"),
    system("sessions"),
    account("challenges"),
    system("challenges"),
    account("socket_tickets"),
    system("socket_tickets"),
    hostel("rooms"),
    hostel("beds"),
    hostel("bookings"),
    hostel("outbox"),
    account("outbox"),
    system("outbox"),
    hostel("events"),
    account("events"),
    system("events"),
    system("stream_heads"),
    hostel("audit_log"),
    account("audit_log"),
    system("audit_log"),
    system("audit_heads"),
    hostel("idempotency_keys"),
    account("idempotency_keys"),
    system("idempotency_keys"),
    hostel("jobs"),
    account("jobs"),
    system("jobs"),
    hostel("presences"),
    system("presences"),
    system("key_fingerprints"),
    hostel("billing_terms"),
    hostel("invoices"),
    hostel("invoice_lines"),
    // Whose a payment is that a gateway names, and what was left unfinished in any hostel: references and states, no people.
    hostel("payments"),
    system("payments"),
    hostel("payment_allocations"),
    system("payment_allocations"),
    hostel("deposits"),
    hostel("deposit_deductions"),
    hostel("refunds"),
    system("refunds"),
    hostel("ledger_accounts"),
    hostel("journals"),
    hostel("journal_entries"),
    // A webhook comes without a hostel: the installation keeps it, and the hostel of the payment it names does the rest.
    hostel("payment_inbox"),
    system("payment_inbox"),
    hostel("payment_quarantine"),
    system("sandbox_charges"),
    system("sandbox_refunds"),
    // Which release may work with the schema is no tenant's business: the owner reads and writes it too, row security forced
    // or not.
    Policy { table: "schema_marks", name: "everybody", role: "public", rule: ALL },
];

/// Every grant. The audit trail can be written and read, never changed: only the relay may number and seal a row. The books
/// (journals, entries, lines, allocations) can only be added to, and of a record of money only what may change of it: never
/// its amount, its currency, or whose it is.
pub const GRANTS: &[Grant] = &[
    Grant { table: "hostels", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "hostel_settings", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "feature_flags", app: "SELECT, INSERT, UPDATE", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "accounts", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "memberships", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "sessions", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "challenges", app: "SELECT, UPDATE", system: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "socket_tickets", app: "INSERT", system: "SELECT, DELETE" },
    Grant { table: "rooms", app: "SELECT, INSERT, UPDATE", system: "" },
    Grant { table: "beds", app: "SELECT, INSERT, UPDATE, DELETE", system: "" },
    Grant { table: "bookings", app: "SELECT, INSERT, UPDATE, DELETE", system: "" },
    Grant { table: "outbox", app: "INSERT", system: "SELECT, INSERT, DELETE" },
    Grant { table: "events", app: "SELECT", system: "SELECT, INSERT, DELETE" },
    Grant { table: "stream_heads", app: "", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "audit_log", app: "SELECT, INSERT", system: "SELECT, INSERT, UPDATE (seq, hash)" },
    Grant { table: "audit_heads", app: "", system: "SELECT, INSERT, UPDATE" },
    Grant { table: "idempotency_keys", app: "SELECT, INSERT, UPDATE", system: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "jobs", app: "SELECT, INSERT, UPDATE, DELETE", system: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "presences", app: "SELECT", system: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "key_fingerprints", app: "", system: "SELECT, INSERT" },
    Grant { table: "billing_terms", app: "SELECT, INSERT, UPDATE", system: "" },
    Grant {
        table: "invoices",
        app: "SELECT, INSERT, UPDATE (period_from, period_to, due_date, total, paid, version, updated_at)",
        system: "",
    },
    Grant { table: "invoice_lines", app: "SELECT, INSERT", system: "" },
    Grant {
        table: "payments",
        app: "SELECT, INSERT, UPDATE (refunded, refund_pending, fees, gateway_id, authorization_url, asking_until, \
              expires_at, state, settled_at, failure, version, updated_at)",
        system: "SELECT (hostel_id, id, provider, reference, state, settled_at, expires_at, updated_at)",
    },
    Grant {
        table: "payment_allocations",
        app: "SELECT, INSERT",
        system: "SELECT (hostel_id, payment_id, target, amount)",
    },
    Grant {
        table: "deposits",
        app: "SELECT, INSERT, UPDATE (held, answer_until, answer_accepted, answer_note, answer_at, returned, status, \
              version, updated_at)",
        system: "",
    },
    Grant { table: "deposit_deductions", app: "SELECT, INSERT, DELETE", system: "" },
    Grant {
        table: "refunds",
        app: "SELECT, INSERT, UPDATE (gateway_id, message, attempts, asking_until, state, version, updated_at)",
        system: "SELECT (hostel_id, id, payment_id, origin, state, updated_at)",
    },
    Grant { table: "ledger_accounts", app: "SELECT, INSERT, UPDATE (balance)", system: "" },
    Grant { table: "journals", app: "SELECT, INSERT", system: "" },
    Grant { table: "journal_entries", app: "SELECT, INSERT", system: "" },
    Grant {
        table: "payment_inbox",
        app: "SELECT, UPDATE (state, state_at, why)",
        system: "SELECT, INSERT, UPDATE (deliveries), DELETE",
    },
    Grant { table: "payment_quarantine", app: "SELECT, INSERT", system: "" },
    Grant {
        table: "sandbox_charges",
        app: "",
        system: "SELECT, INSERT, UPDATE (refunded, state, decided_at, notices_due, notices_sent, version)",
    },
    Grant {
        table: "sandbox_refunds",
        app: "",
        system: "SELECT, INSERT, UPDATE (state, notices_due, notices_sent, version)",
    },
    Grant { table: "schema_marks", app: "", system: "SELECT" },
];

/// The statement that makes one policy.
#[must_use]
pub fn create_policy(policy: &Policy) -> String {
    let Policy { table, name, role, rule } = policy;
    format!("CREATE POLICY {name} ON {table} FOR ALL TO {role} USING ({rule}) WITH CHECK ({rule})")
}

/// The statements that force row security and give a table its grants.
#[must_use]
pub fn protect(grant: &Grant) -> Vec<String> {
    let Grant { table, app, system } = grant;
    let mut statements = vec![
        format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"),
        format!("REVOKE ALL ON {table} FROM PUBLIC"),
    ];
    for (role, rights) in [("domicile_app", app), ("domicile_system", system)] {
        if !rights.is_empty() {
            statements.push(format!("GRANT {rights} ON {table} TO {role}"));
        }
    }
    statements
}
