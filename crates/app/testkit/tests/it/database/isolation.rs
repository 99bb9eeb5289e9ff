//! The isolation of tenants on PostgreSQL, and the proof that the assertion would notice if it were gone.
//!
//! The assertion plays the application's role in one tenant and asks, table by table and without any filter, for what is
//! another's: it reads, updates, deletes, moves its own rows away and inserts another's. Then each policy in turn is opened,
//! its table's force is lifted for an owner, and its row security is switched off; each time the assertion must fail, and
//! name that table. (Dropping a policy would prove nothing: row security without one denies everything.)

use domicile_migration::policies::{GRANTS, POLICIES, Policy};
use domicile_testkit::store::{Owner, TestStore, code};
use uuid::Uuid;

/// Two tenants, each a hostel and an account with one row or more in every table.
pub(super) const MINE: Uuid = Uuid::from_u128(0xB);
pub(super) const THEIRS: Uuid = Uuid::from_u128(0xA);

/// Who probes.
const APP: &str = "domicile_app";

/// Rows for one tenant in every table that a policy speaks of; hostel and account have the same id. A new table gets its row here.
fn rows_of(tenant: Uuid) -> String {
    let n = tenant.as_u128();
    let t = format!("'{tenant}'::uuid");
    format!(
        "INSERT INTO hostels VALUES ({t}, 'House {n}', 'hostel', 'active', 1, 1, 1);
         INSERT INTO hostel_settings VALUES ({t}, 'GHS', 'UTC', 1, true, 1, 1, 1, 1, '{{}}', '{{}}', 'open', 'GH', 1, 1, 1);
         INSERT INTO accounts (id, email, first_name, last_name, super_admin, status, version, created_at, updated_at)
           VALUES ({t}, '{n}@example.com', 'Ama', 'Mensah', false, 'active', 1, 1, 1);
         INSERT INTO feature_flags VALUES ({t}, 'payments', true, 1, NULL);
         INSERT INTO memberships VALUES ({t}, {t}, 'student', 'active', 'Ama', 'Mensah', '{n}@example.com', NULL, 1, 1, 1);
         INSERT INTO sessions (id, account_id, generation, rotated_at, token_hash, created_at, last_used_at, idle_expires_at, absolute_expires_at)
           VALUES ({t}, {t}, 1, 1, 'h', 1, 1, 1, 1);
         INSERT INTO challenges VALUES ({t}, {t}, 'verify_email', 'h', '', 0, 0, 1, 1, NULL);
         INSERT INTO socket_tickets VALUES ('{n}', {t}, {t}, 1, 1);
         INSERT INTO rooms (hostel_id, id, name, name_key, room_type, bed_count, price_minor, price_currency, amenities, status, version, created_at, updated_at)
           VALUES ({t}, {t}, 'Attic', 'attic', 'double', 1, 1, 'GHS', '[]', 'active', 1, 1, 1);
         INSERT INTO beds VALUES ({t}, {t}, {t}, 'A', 1, NULL);
         INSERT INTO bookings (hostel_id, id, room_id, bed_id, user_id, status, check_in_date, check_out_date, total_minor, monthly_minor, price_currency, price_rule, price_rule_version, version, created_at, updated_at)
           VALUES ({t}, {t}, {t}, {t}, {t}, 'approved', '2026-02-01', '2026-03-01', 1, 1, 'GHS', 'monthly', 1, 1, 1, 1);
         INSERT INTO outbox (event_id, hostel_id, account_id, kind, version, audience, aggregate, aggregate_id, aggregate_version, actor, at, request_id, data)
           VALUES ({t}, {t}, {t}, 'k', 1, 'hostel', 'a', {t}, 1, 'x', 1, 'r', '{{}}');
         INSERT INTO events (position, seq, event_id, hostel_id, account_id, kind, version, audience, aggregate, aggregate_id, aggregate_version, actor, at, request_id, data)
           VALUES ({n}, 1, {t}, {t}, {t}, 'k', 1, 'hostel', 'a', {t}, 1, 'x', 1, 'r', '{{}}');
         INSERT INTO audit_log (id, hostel_id, account_id, at, actor, action, target, request_id) VALUES ({t}, {t}, {t}, 1, 'x', 'a', 't', 'r');
         INSERT INTO idempotency_keys (account_id, hostel_scope, key, hostel_id, fingerprint, created_at) VALUES ({t}, {t}, 'k', {t}, 'f', 1);
         INSERT INTO presences VALUES ({t}, {t}, {t}, 1, 1);
         INSERT INTO jobs (id, hostel_id, account_id, kind, key, due, attempts, payload, request_id, created_at)
           VALUES ({t}, {t}, {t}, 'k', '{n}', 1, 0, 'p', 'r', 1);
         {}",
        money_of(tenant)
    )
}

/// The rows that are money.
fn money_of(tenant: Uuid) -> String {
    let n = tenant.as_u128();
    let t = format!("'{tenant}'::uuid");
    format!(
        "INSERT INTO billing_terms VALUES ({t}, 0, 0, true, 7, 0, 1, 1);
         INSERT INTO invoices VALUES ({t}, {t}, {t}, {t}, 'rent', 1, '2026-02-01', '2026-03-01', '2026-02-01', 'GHS', 2, 1, 1, 1, 1);
         INSERT INTO invoice_lines VALUES ({t}, {t}, 1, 'rent', 'Rent', 2, 1);
         INSERT INTO payments (hostel_id, id, user_id, purpose, provider, reference, amount, currency, refunded, refund_pending, expires_at, state, settled_at, version, created_at, updated_at)
           VALUES ({t}, {t}, {t}, 'wallet_topup', 'sandbox', '{n}', 2, 'GHS', 0, 1, 1, 'completed', 1, 1, 1, 1);
         INSERT INTO payment_allocations (hostel_id, payment_id, target, amount) VALUES ({t}, {t}, 'wallet', 1);
         INSERT INTO deposits (hostel_id, id, booking_id, user_id, invoice_id, currency, held, returned, status, version, created_at, updated_at)
           VALUES ({t}, {t}, {t}, {t}, {t}, 'GHS', 1, 0, 'held', 1, 1, 1);
         INSERT INTO deposit_deductions VALUES ({t}, {t}, 1, 'a lamp', 1);
         INSERT INTO refunds (hostel_id, id, payment_id, user_id, amount, currency, reason, origin, taken_from, reference, attempts, state, version, created_at, updated_at)
           VALUES ({t}, {t}, {t}, {t}, 1, 'GHS', 'too much', 'decided', '[]', '{n}', 0, 'pending', 1, 1, 1);
         INSERT INTO ledger_accounts VALUES ({t}, 'gateway', 'sandbox', 'GHS', 'debit', 2), ({t}, 'wallet', '{tenant}', 'GHS', 'credit', -2);
         INSERT INTO journals VALUES ({t}, {t}, 'charge:{n}', 'Top-up', 'GHS', 1);
         INSERT INTO journal_entries VALUES ({t}, {t}, 1, 'gateway', 'sandbox', 'GHS', 2), ({t}, {t}, 2, 'wallet', '{tenant}', 'GHS', -2);
         INSERT INTO payment_inbox (id, hostel_id, provider, dedupe_key, headers, body, state, deliveries, received_at)
           VALUES ({t}, {t}, 'sandbox', '{n}', 'h', 'b', 'waiting', 1, 1);
         INSERT INTO payment_quarantine VALUES ({t}, {t}, {t}, 'sandbox', 'amount', 2, 'GHS', 1, 'GHS', 'success', 1)"
    )
}

/// A store with both tenants, and its owner.
pub(super) async fn two_tenants() -> (TestStore, Owner) {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    owner.run(rows_of(THEIRS)).await;
    owner.run(rows_of(MINE)).await;
    (store, owner)
}

/// The policies by which the application's role is bound to a tenant.
fn tenant_policies() -> Vec<Policy> {
    let policies: Vec<Policy> = POLICIES.iter().copied().filter(|policy| policy.role == APP).collect();
    assert!(policies.len() > 20, "the application's role has policies");
    policies
}

/// The column by which a policy tells tenants apart, and the setting it compares with.
fn dimension(policy: &Policy) -> (&'static str, &'static str) {
    let (column, rest) = policy.rule.split_once(" = ").expect("a rule is an equality");
    let setting = if rest.contains("app.hostel_id") { "app.hostel_id" } else { "app.account_id" };
    assert!(rest.contains(setting), "a rule compares with a setting");
    (column, setting)
}

/// One statement as some role in the tenant of `MINE`, always undone: how many rows it touched, or the SQLSTATE.
async fn probe(owner: &mut Owner, role: &str, setting: &str, sql: &str) -> Result<u64, String> {
    owner.run(format!("BEGIN; SELECT set_config('{setting}', '{MINE}', true); SET LOCAL ROLE {role}")).await;
    let touched = owner.try_run(sql.to_owned()).await;
    owner.run("ROLLBACK").await;
    touched.map_err(|error| code(&error))
}

const REFUSED: &str = "42501";

/// Asserts that a role, in one tenant, reaches nothing of the other through one table. The breach is told by name.
async fn isolated(owner: &mut Owner, role: &str, policy: &Policy) -> Result<(), String> {
    let table = policy.table;
    let (column, setting) = dimension(policy);
    let of = |tenant: Uuid| format!("SELECT count(*) FROM {table} WHERE {column} = '{tenant}'");
    let (mine, theirs) = (owner.number(of(MINE)).await as u64, owner.number(of(THEIRS)).await as u64);
    assert!(mine > 0 && theirs > 0, "{table} has no row for each tenant: add one to `rows_of`");
    let breach = |what: &str, found: &Result<u64, String>| {
        Err(format!("{table}: {role} reaches another's rows by {column}: {what}: {found:?}"))
    };

    // Without any filter; a table that the role may not touch at all is refused. An owner without a policy sees nothing.
    let unfiltered = [
        ("SELECT", format!("SELECT * FROM {table}")),
        ("UPDATE", format!("UPDATE {table} SET {column} = {column}")),
        // A bed with a booking cannot be deleted, so the bookings go with it.
        (
            "DELETE",
            format!("{}DELETE FROM {table}", if table == "beds" { "WITH b AS (DELETE FROM bookings) " } else { "" }),
        ),
    ];
    for (what, sql) in &unfiltered {
        match probe(owner, role, setting, sql).await {
            Err(state) if state == REFUSED => {}
            Ok(rows) if rows == mine || (role != APP && rows == 0) => {}
            found => return breach(what, &found),
        }
    }
    // Aimed at the other's rows.
    for sql in [
        format!("SELECT * FROM {table} WHERE {column} = '{THEIRS}'"),
        format!("DELETE FROM {table} WHERE {column} = '{THEIRS}'"),
        format!("UPDATE {table} SET {column} = '{MINE}' WHERE {column} = '{THEIRS}'"),
    ] {
        match probe(owner, role, setting, &sql).await {
            Ok(0) => {}
            Err(state) if state == REFUSED => {}
            found => return breach(&sql, &found),
        }
    }
    // Nothing may end in the other's hands: neither an own row moved nor a new one.
    let moved = probe(owner, role, setting, &format!("UPDATE {table} SET {column} = '{THEIRS}'")).await;
    match moved {
        Err(state) if state == REFUSED => {}
        Ok(0) if role != APP => {}
        found => return breach("a row given away", &found),
    }
    let row = owner.texts(format!("SELECT to_jsonb(r)::text FROM {table} r WHERE {column} = '{THEIRS}' LIMIT 1")).await;
    let row = row[0][0].replace('\'', "''");
    let insert = format!(
        "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::{table}, '{row}'::jsonb)"
    );
    match probe(owner, role, setting, &insert).await {
        Err(state) if state == REFUSED => Ok(()),
        found => breach("a row planted", &found),
    }
}

/// That the assertion fails, and names the table.
async fn must_fail(owner: &mut Owner, role: &str, policy: &Policy, after: &str) {
    match isolated(owner, role, policy).await {
        Err(breach) => {
            assert!(breach.starts_with(&format!("{}: {role} ", policy.table)), "it does not name the table: {breach}");
        }
        Ok(()) => panic!("after `{after}` the assertion noticed nothing"),
    }
}

#[tokio::test]
async fn no_tenant_reaches_a_row_of_another() {
    let (_store, mut owner) = two_tenants().await;
    let mut breaches = Vec::new();
    for policy in tenant_policies() {
        breaches.extend(isolated(&mut owner, APP, &policy).await.err());
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[tokio::test]
async fn an_opened_policy_is_noticed_in_its_table() {
    let (_store, mut owner) = two_tenants().await;
    for policy in tenant_policies() {
        let Policy { table, name, rule, .. } = policy;
        let open = format!("ALTER POLICY {name} ON {table} USING (true) WITH CHECK (true)");
        owner.run(open.clone()).await;
        must_fail(&mut owner, APP, &policy, &open).await;
        // Half open, either way: each half is needed.
        let writes_open = format!("ALTER POLICY {name} ON {table} USING ({rule}) WITH CHECK (true)");
        owner.run(writes_open.clone()).await;
        // A right to change some columns, of which the tenant's is none, gives nothing away.
        let writes = |grant: &&str| matches!(*grant, "INSERT" | "UPDATE");
        if GRANTS.iter().any(|grant| grant.table == table && grant.app.split(", ").any(|right| writes(&right))) {
            must_fail(&mut owner, APP, &policy, &writes_open).await;
        }
        owner.run(format!("ALTER POLICY {name} ON {table} USING ({rule}) WITH CHECK ({rule})")).await;
        isolated(&mut owner, APP, &policy).await.expect("the policy is as it was");
    }
}

#[tokio::test]
async fn row_security_that_is_switched_off_is_noticed_in_its_table() {
    let (_store, mut owner) = two_tenants().await;
    for policy in tenant_policies() {
        let table = policy.table;
        let off = format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        owner.run(off.clone()).await;
        must_fail(&mut owner, APP, &policy, &off).await;
        owner.run(format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")).await;
        isolated(&mut owner, APP, &policy).await.expect("row security is as it was");
    }
}

#[tokio::test]
async fn an_owner_of_the_tables_is_bound_as_well_and_one_who_is_not_is_noticed() {
    let (_store, mut owner) = two_tenants().await;
    // A superuser is bound by nothing, so somebody else owns the tables here.
    let landlord = "domicile_test_landlord";
    owner
        .run(format!(
            "DO $$ BEGIN CREATE ROLE {landlord} NOLOGIN NOSUPERUSER NOBYPASSRLS; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ))
        .await;
    let tables: Vec<&str> = GRANTS.iter().map(|grant| grant.table).collect();
    for table in tables {
        owner.run(format!("ALTER TABLE {table} OWNER TO {landlord}")).await;
    }
    for policy in tenant_policies() {
        let table = policy.table;
        isolated(&mut owner, landlord, &policy).await.expect("the owner is bound");
        isolated(&mut owner, APP, &policy).await.expect("the application is bound whoever owns the tables");
        let lifted = format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY");
        owner.run(lifted.clone()).await;
        must_fail(&mut owner, landlord, &policy, &lifted).await;
        owner.run(format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY")).await;
        isolated(&mut owner, landlord, &policy).await.expect("force is as it was");
    }
}

#[tokio::test]
async fn without_a_scope_there_are_no_rows_and_no_errors() {
    let (_store, mut owner) = two_tenants().await;
    let readable: Vec<&str> =
        GRANTS.iter().filter(|grant| grant.app.contains("SELECT")).map(|grant| grant.table).collect();
    assert!(readable.len() > 10);
    let unset = "SELECT 1";
    let empty = "SELECT set_config('app.hostel_id', '', true), set_config('app.account_id', '', true)";
    for table in readable {
        for scope in [unset, empty] {
            owner.run(format!("BEGIN; SET LOCAL ROLE {APP}; {scope}")).await;
            assert_eq!(owner.number(format!("SELECT count(*) FROM {table}")).await, 0, "{table} after {scope}");
            owner.run("ROLLBACK").await;
        }
    }
}

#[tokio::test]
async fn a_row_cannot_point_across_tenants_whoever_writes_it() {
    let (_store, mut owner) = two_tenants().await;
    let (mine, theirs, new) =
        (format!("'{MINE}'::uuid"), format!("'{THEIRS}'::uuid"), "'00000000-0000-0000-0000-000000000ccc'");
    let booking = |bed: &str, user: &str| {
        format!(
            "INSERT INTO bookings (hostel_id, id, room_id, bed_id, user_id, status, check_in_date, check_out_date, total_minor, \
             monthly_minor, price_currency, price_rule, price_rule_version, version, created_at, updated_at) VALUES \
             ({mine}, {new}, {bed}, {bed}, {user}, 'approved', '2027-02-01', '2027-03-01', 1, 1, 'GHS', 'monthly', 1, 1, 1, 1)"
        )
    };
    let crossing = [
        format!("INSERT INTO beds VALUES ({mine}, {new}, {theirs}, 'B', 2, NULL)"),
        format!("UPDATE beds SET room_id = {theirs} WHERE hostel_id = {mine}"),
        booking(&theirs, &mine),
        booking(&mine, &theirs),
        format!("UPDATE bookings SET user_id = {theirs} WHERE hostel_id = {mine}"),
    ];
    for sql in crossing {
        let error = owner.try_run(sql.clone()).await.expect_err(&sql);
        assert_eq!(code(&error), "23503", "`{sql}`: {error}");
    }
    owner.run(booking(&mine, &mine)).await;
    // The same of money.
    for sql in [
        format!("INSERT INTO invoice_lines VALUES ({mine}, {new}, 1, 'rent', 'Rent', 2, 1)"),
        format!(
            "INSERT INTO payment_allocations (hostel_id, payment_id, target, amount) VALUES ({mine}, {theirs}, 'wallet', 1)"
        ),
        format!(
            "INSERT INTO payment_allocations (hostel_id, payment_id, target, invoice_id, amount) \
             VALUES ({mine}, {mine}, 'invoice', {theirs}, 1)"
        ),
        format!("UPDATE payments SET invoice_id = {theirs} WHERE hostel_id = {mine}"),
        format!("UPDATE refunds SET payment_id = {theirs} WHERE hostel_id = {mine}"),
        format!("UPDATE deposits SET invoice_id = {theirs} WHERE hostel_id = {mine}"),
        format!("INSERT INTO deposit_deductions VALUES ({mine}, {theirs}, 2, 'a lamp', 1)"),
        format!("INSERT INTO journal_entries VALUES ({mine}, {theirs}, 3, 'gateway', 'sandbox', 'GHS', 2)"),
        format!("INSERT INTO journal_entries VALUES ({mine}, {mine}, 3, 'wallet', '{THEIRS}', 'GHS', 2)"),
        format!(
            "INSERT INTO payment_quarantine VALUES ({mine}, {new}, {theirs}, 'sandbox', 'amount', 2, 'GHS', 1, 'GHS', 's', 1)"
        ),
    ] {
        let error = owner.try_run(sql.clone()).await.expect_err(&sql);
        assert_eq!(code(&error), "23503", "`{sql}`: {error}");
    }
}
