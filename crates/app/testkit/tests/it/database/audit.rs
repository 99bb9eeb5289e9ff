//! The audit trail (J17): whole as long as nobody touches it, and broken at the very row somebody did.

use domicile_db::relay::ChainCheck;
use domicile_kernel::{AccountId, AuditEntry, HostelId, Role, Scope};
use domicile_testkit::store::{Owner, TestStore, code};
use serde_json::json;

const ROWS: i64 = 10;

/// A hostel with a sealed chain of ten rows, written by one account.
async fn chained(store: &TestStore) -> (HostelId, AccountId) {
    let hostel = store.hostel("Audited").await;
    let account = store.member(hostel, Role::Manager).await;
    let mut call = store.call_as(account, Some(Role::Manager), Scope::Hostel(hostel));
    call.ip = Some([192, 0, 2, 7].into());
    for n in 0..ROWS {
        store.database.note(&call, vec![entry(store, n)]).await.expect("a row can be noted");
        // In several batches, so that a chain goes on where the last batch ended.
        if n % 4 == 0 {
            store.database.relay_all(store.seal().as_ref()).await.expect("rows can be sealed");
        }
    }
    store.database.relay_all(store.seal().as_ref()).await.expect("rows can be sealed");
    (hostel, account)
}

fn entry(store: &TestStore, n: i64) -> AuditEntry {
    AuditEntry {
        id: store.ambient.id(),
        action: "room.update",
        target: "room",
        target_id: Some(store.ambient.id()),
        before: Some(json!({ "name": "Attic", "beds": n, "price": 1.50 })),
        after: Some(json!({ "beds": n + 1, "name": "Attic", "note": null })),
    }
}

async fn checked(store: &TestStore, hostel: Option<HostelId>) -> ChainCheck {
    store.database.check_audit_chain(hostel, store.seal().as_ref()).await.expect("a chain can be checked")
}

/// Statements that tamper with the chain, and the row at which each must be seen.
fn tamperings(owner: &Owner, hostel: HostelId, other: HostelId) -> Vec<(String, i64)> {
    let (of, away) = (format!("hostel_id = {}", owner.id(hostel.uuid())), owner.id(other.uuid()));
    let somebody = owner.id(uuid::Uuid::from_u128(99));
    let json = if matches!(owner, Owner::Postgres(_)) { "'{\"beds\": 7}'::jsonb" } else { "'{\"beds\":7}'" };
    let edits = [
        ("id", somebody.as_str()),
        ("account_id", somebody.as_str()),
        ("at", "at + 1"),
        ("actor", "'somebody else'"),
        ("actor_role", "'admin'"),
        ("actor_role", "NULL"),
        ("action", "'room.create'"),
        ("target", "'bed'"),
        ("target_id", somebody.as_str()),
        ("target_id", "NULL"),
        ("before", json),
        ("before", "NULL"),
        ("after", json),
        ("ip", "'192.0.2.8'"),
        ("request_id", "'req_other'"),
        ("hash", "'k1:00'"),
        ("hash", "NULL"),
        ("seq", "NULL"),
        ("hostel_id", away.as_str()),
    ];
    let mut tamperings: Vec<(String, i64)> = edits
        .iter()
        .map(|(column, value)| (format!("UPDATE audit_log SET {column} = {value} WHERE {of} AND seq = 3"), 3))
        .collect();
    let middle = format!("DELETE FROM audit_log WHERE {of} AND seq = 5");
    let shifted = format!("{middle}; UPDATE audit_log SET seq = seq - 1 WHERE {of} AND seq > 5");
    let swapped = format!("UPDATE audit_log SET seq = CASE seq WHEN 6 THEN 7 ELSE 6 END WHERE {of} AND seq IN (6, 7)");
    let doubled = format!("UPDATE audit_log SET seq = 8 WHERE {of} AND seq = 9");
    let truncated = format!("DELETE FROM audit_log WHERE {of}");
    let last = format!("DELETE FROM audit_log WHERE {of} AND seq = {ROWS}");
    tamperings.extend([(middle, 5), (shifted, 5), (swapped, 6), (last, ROWS), (truncated, 1)]);
    // Which of the two eighth rows is read first is not said; it is seen at one of them.
    tamperings.push((doubled, 8));
    tamperings
}

/// The statement that puts a table's copy back.
fn restore(owner: &Owner) -> &'static str {
    match owner {
        Owner::Postgres(_) => {
            "DELETE FROM audit_log; INSERT INTO audit_log OVERRIDING SYSTEM VALUE SELECT * FROM audit_copy"
        }
        Owner::Sqlite(_) => "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM audit_copy",
    }
}

#[tokio::test]
async fn a_chain_is_whole_until_somebody_touches_it_and_then_broken_at_that_row() {
    for store in TestStore::both().await {
        let (hostel, _) = chained(&store).await;
        let (other, _) = chained(&store).await;
        let mut owner = store.owner().await;
        if !store.is_postgres() {
            owner.run("DROP TRIGGER audit_log__no_delete; DROP TRIGGER audit_log__seal_only").await;
        }
        owner.run("CREATE TABLE audit_copy AS SELECT * FROM audit_log").await;
        assert_eq!(checked(&store, Some(hostel)).await, ChainCheck::Whole(ROWS as u64));
        for (tampering, row) in tamperings(&owner, hostel, other) {
            assert!(owner.run(tampering.clone()).await > 0, "`{tampering}` touched nothing");
            let found = checked(&store, Some(hostel)).await;
            match found {
                ChainCheck::BrokenAt(at) if at == row => {}
                ChainCheck::BrokenAt(at) if at == row + 1 && tampering.contains("SET seq = 8") => {}
                found => panic!("after `{tampering}` the chain is {found:?}, not broken at {row}"),
            }
            owner.run(restore(&owner)).await;
        }
        assert_eq!(checked(&store, Some(hostel)).await, ChainCheck::Whole(ROWS as u64));
        assert_eq!(checked(&store, Some(other)).await, ChainCheck::Whole(ROWS as u64), "the neighbour's is untouched");

        // Whoever forges a row, or the end, lacks the key.
        let stream = owner.id(hostel.uuid());
        owner.run(format!("UPDATE audit_heads SET last = {} WHERE stream = {stream}", ROWS - 1)).await;
        owner.run(format!("DELETE FROM audit_log WHERE hostel_id = {stream} AND seq = {ROWS}")).await;
        assert_eq!(checked(&store, Some(hostel)).await, ChainCheck::BrokenAt(ROWS));
    }
}

#[tokio::test]
async fn the_application_can_add_to_the_trail_and_change_nothing_on_postgresql() {
    let store = TestStore::postgres().await;
    let (hostel, _) = chained(&store).await;
    let mut owner = store.owner().await;
    for role in ["domicile_app", "domicile_system"] {
        let become_it = format!("SET ROLE {role}; SELECT set_config('app.hostel_id', '{hostel}', false)");
        owner.run(become_it).await;
        let mut refused =
            vec!["DELETE FROM audit_log", "UPDATE audit_log SET action = 'nothing'", "TRUNCATE audit_log"];
        if role == "domicile_app" {
            refused.push("UPDATE audit_log SET hash = NULL");
            refused.push("UPDATE audit_heads SET last = 0");
            refused.push("SELECT * FROM audit_heads");
        }
        for statement in refused {
            let error = owner.try_run(statement).await.expect_err(statement);
            assert_eq!(code(&error), "42501", "{role}: `{statement}`: {error}");
        }
        assert_eq!(owner.number("SELECT count(*) FROM audit_log").await, ROWS);
        owner.run("RESET ROLE").await;
    }
    assert_eq!(checked(&store, Some(hostel)).await, ChainCheck::Whole(ROWS as u64));
}

#[tokio::test]
async fn the_trail_can_be_sealed_once_and_changed_never_on_sqlite() {
    let store = TestStore::sqlite().await;
    let (hostel, account) = chained(&store).await;
    // One more row that is not sealed yet: it is as unchangeable, but for its number and seal.
    let call = store.call_as(account, Some(Role::Manager), Scope::Hostel(hostel));
    store.database.note(&call, vec![entry(&store, 99)]).await.unwrap();
    let mut owner = store.owner().await;
    let mut statements =
        vec!["DELETE FROM audit_log".to_owned(), "DELETE FROM audit_log WHERE hash IS NULL".to_owned()];
    let edits = [
        ("id", "x'00'"),
        ("hostel_id", "NULL"),
        ("account_id", "x'00'"),
        ("at", "at + 1"),
        ("actor", "'x'"),
        ("actor_role", "NULL"),
        ("action", "'x'"),
        ("target", "'x'"),
        ("target_id", "NULL"),
        ("before", "NULL"),
        ("after", "NULL"),
        ("ip", "'x'"),
        ("request_id", "'x'"),
        ("ordinal", "ordinal + 1000"),
    ];
    for (column, value) in edits {
        statements.push(format!("UPDATE audit_log SET {column} = {value} WHERE hash IS NULL"));
        statements.push(format!("UPDATE audit_log SET {column} = {value} WHERE seq = 3"));
    }
    statements.push("UPDATE audit_log SET hash = NULL WHERE seq = 3".to_owned());
    statements.push("UPDATE audit_log SET seq = 12 WHERE seq = 3".to_owned());
    for statement in statements {
        // 1811 is SQLITE_CONSTRAINT_TRIGGER.
        let error = owner.try_run(statement.clone()).await.expect_err(&statement);
        assert_eq!(code(&error), "1811", "`{statement}`: {error}");
    }
    store.database.relay_all(store.seal().as_ref()).await.unwrap();
    assert_eq!(checked(&store, Some(hostel)).await, ChainCheck::Whole(ROWS as u64 + 1));
}
