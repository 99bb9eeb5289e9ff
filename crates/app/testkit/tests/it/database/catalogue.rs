//! What PostgreSQL's own catalogue says of the schema: that no table, policy, key or role is without its guard.

use std::collections::BTreeSet;

use domicile_migration::policies::{GRANTS, POLICIES};
use domicile_testkit::store::{Owner, TestStore};

/// The first column of a query.
async fn names(owner: &mut Owner, sql: &str) -> Vec<String> {
    owner.texts(sql).await.into_iter().filter_map(|row| row.into_iter().next()).collect()
}

const TABLES: &str = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";

const WITH_HOSTEL: &str =
    "(SELECT attrelid FROM pg_attribute WHERE attname = 'hostel_id' AND NOT attisdropped AND attnum > 0)";

#[tokio::test]
async fn every_table_forces_row_security_and_is_listed() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    let of_hostels = names(&mut owner, &format!("SELECT c.relname::text {TABLES} AND c.oid IN {WITH_HOSTEL}")).await;
    assert!(of_hostels.len() > 10, "{of_hostels:?}");
    // The history of migrations belongs to the owner alone: no role is granted anything on it.
    let bare = format!(
        "SELECT c.relname::text {TABLES} AND c.relname <> 'schema_migrations' \
         AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
    );
    assert_eq!(names(&mut owner, &bare).await, Vec::<String>::new(), "tables without forced row security");

    let there: BTreeSet<String> =
        names(&mut owner, &format!("SELECT c.relname::text {TABLES} AND c.relname <> 'schema_migrations'"))
            .await
            .into_iter()
            .collect();
    let listed: BTreeSet<String> = GRANTS.iter().map(|grant| grant.table.to_owned()).collect();
    assert_eq!(there, listed, "every table stands in the list of grants, and nothing else");
    for table in of_hostels {
        let bound = POLICIES.iter().any(|policy| policy.table == table && policy.rule.starts_with("hostel_id = "));
        assert!(bound, "{table} has a hostel_id and no policy by hostel");
    }
}

#[tokio::test]
async fn every_policy_is_as_listed_and_guards_reading_and_writing_alike() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    let half = "SELECT polrelid::regclass::text || '.' || polname FROM pg_policy WHERE polqual IS NULL OR polwithcheck IS NULL \
                OR pg_get_expr(polqual, polrelid) <> pg_get_expr(polwithcheck, polrelid) OR polcmd <> '*' OR NOT polpermissive";
    assert_eq!(names(&mut owner, half).await, Vec::<String>::new(), "policies that guard only half");
    let in_database: BTreeSet<String> =
        names(&mut owner, "SELECT concat_ws(' ', tablename, policyname, array_to_string(roles, ',')) FROM pg_policies")
            .await
            .into_iter()
            .collect();
    let listed: BTreeSet<String> =
        POLICIES.iter().map(|policy| format!("{} {} {}", policy.table, policy.name, policy.role)).collect();
    assert_eq!(in_database, listed);
}

#[tokio::test]
async fn the_two_roles_have_no_way_around() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    let roles = "('domicile_app', 'domicile_system')";
    let mighty = format!(
        "SELECT rolname::text FROM pg_roles WHERE rolname IN {roles} \
         AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"
    );
    assert_eq!(names(&mut owner, &mighty).await, Vec::<String>::new());
    assert_eq!(owner.number(format!("SELECT count(*) FROM pg_roles WHERE rolname IN {roles}")).await, 2);
    let members = format!(
        "SELECT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member WHERE m.rolname IN {roles}"
    );
    assert_eq!(names(&mut owner, &members).await, Vec::<String>::new(), "a member could become another role");
    let owned = format!(
        "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN {roles}"
    );
    assert_eq!(names(&mut owner, &owned).await, Vec::<String>::new(), "an owner could lift row security");
    let create = format!(
        "SELECT r.rolname::text FROM pg_roles r WHERE r.rolname IN {roles} \
         AND has_schema_privilege(r.oid, current_schema(), 'CREATE')"
    );
    assert_eq!(names(&mut owner, &create).await, Vec::<String>::new(), "who makes a function could lend it its rights");
    let lending = "SELECT proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
                   WHERE n.nspname = current_schema() AND prosecdef";
    assert_eq!(names(&mut owner, lending).await, Vec::<String>::new(), "functions that lend their owner's rights");
}

#[tokio::test]
async fn the_two_roles_may_do_with_each_table_what_is_listed_and_no_more() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    for grant in GRANTS {
        for (role, listed) in [("domicile_app", grant.app), ("domicile_system", grant.system)] {
            for right in ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] {
                let sql = format!("SELECT has_table_privilege('{role}', '{}', '{right}')::int::bigint", grant.table);
                let has = owner.number(sql).await == 1;
                // A right to some columns is none to the table.
                let wanted = listed.split(", ").any(|word| word == right);
                assert_eq!(has, wanted, "{role} and {right} on {}", grant.table);
            }
        }
    }
    let sealed = "SELECT string_agg(a.attname, ',' ORDER BY a.attname)::text FROM pg_attribute a \
                  WHERE a.attrelid = 'audit_log'::regclass AND a.attnum > 0 \
                  AND has_column_privilege('domicile_system', a.attrelid, a.attnum, 'UPDATE')";
    assert_eq!(names(&mut owner, sealed).await, ["hash,seq"]);
    let migrations = "SELECT (has_table_privilege('domicile_app', 'schema_migrations', 'SELECT, INSERT, UPDATE, DELETE') \
                      OR has_table_privilege('domicile_system', 'schema_migrations', 'SELECT, INSERT, UPDATE, DELETE'))::int::bigint";
    assert_eq!(owner.number(migrations).await, 0, "the history of migrations is the owner's");
}

#[tokio::test]
async fn every_key_between_hostel_tables_carries_the_hostel() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    let between = format!(
        "FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN {WITH_HOSTEL} AND k.confrelid IN {WITH_HOSTEL}"
    );
    let foreign = owner.number(format!("SELECT count(*) {between}")).await;
    assert!(foreign >= 3, "there are keys between hostel tables, not {foreign}");
    let crossing = format!(
        "SELECT k.conname::text {between} AND NOT EXISTS ( \
         SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair (own, other) \
         JOIN pg_attribute o ON o.attrelid = k.conrelid AND o.attnum = pair.own \
         JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = pair.other \
         WHERE o.attname = 'hostel_id' AND f.attname = 'hostel_id')"
    );
    assert_eq!(
        names(&mut owner, &crossing).await,
        Vec::<String>::new(),
        "keys by which a row could point across tenants"
    );
}
