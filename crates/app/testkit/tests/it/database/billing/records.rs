//! What the database itself refuses of invoices, payments, refunds and deposits, asked past the adapter.

use domicile_kernel::Instant;
use domicile_testkit::store::{TestStore, code};

use super::{
    Scene,
    books::{Pen, refused},
};

/// An invoice for 100 and a payment of 50 that pays 30 of it, as statements.
pub(super) fn invoice_and_payment(hostel: &str, invoice: &str, payment: &str, payer: &str) -> Vec<String> {
    vec![
        format!(
            "INSERT INTO invoices VALUES ({hostel}, {invoice}, {invoice}, {payer}, 'rent', 1, '2026-02-01', '2026-03-01', \
             '2026-02-01', 'GHS', 100, 30, 1, 1, 1)"
        ),
        format!("INSERT INTO invoice_lines VALUES ({hostel}, {invoice}, 1, 'rent', 'Rent', 100, 1)"),
        format!(
            "INSERT INTO payments (hostel_id, id, user_id, invoice_id, purpose, provider, reference, amount, currency, \
             refunded, refund_pending, expires_at, state, settled_at, version, created_at, updated_at) VALUES ({hostel}, \
             {payment}, {payer}, {invoice}, 'invoice', 'sandbox', 'dom-1', 50, 'GHS', 0, 0, 1, 'completed', 1, 1, 1, 1)"
        ),
        format!(
            "INSERT INTO payment_allocations (hostel_id, payment_id, target, invoice_id, amount) \
             VALUES ({hostel}, {payment}, 'invoice', {invoice}, 30), ({hostel}, {payment}, 'wallet', NULL, 20)"
        ),
    ]
}

async fn scene_with_both(store: TestStore) -> (Scene, Pen, String, String) {
    let scene = Scene::set(store).await;
    let mut pen = Pen::of(&scene).await;
    let (invoice, payment) = (pen.id(), pen.id());
    let records = invoice_and_payment(&pen.hostel, &invoice, &payment, &pen.owner.id(scene.payer.uuid()));
    assert_eq!(pen.write(&records).await, Ok(()));
    (scene, pen, invoice, payment)
}

#[tokio::test]
async fn an_invoice_is_for_the_sum_of_its_lines_and_never_paid_beyond_it() {
    for store in TestStore::both().await {
        let (scene, mut pen, invoice, _) = scene_with_both(store).await;
        let (check, at_commit) = (refused("23514", "275", &scene.store), refused("23514", "787", &scene.store));
        for set in ["total = -1, paid = -1", "paid = 101", "paid = -1", "total = 29", "period_to = period_from"] {
            assert_eq!(pen.write(&[format!("UPDATE invoices SET {set}")]).await, check, "{set}");
        }
        let hostel = pen.hostel.clone();
        let line = |number: i64, amount: i64| {
            format!(
                "INSERT INTO invoice_lines VALUES ({hostel}, {invoice}, {number}, 'adjustment', 'less', {amount}, 1)"
            )
        };
        assert_eq!(pen.write(&["UPDATE invoices SET total = 99".to_owned()]).await, at_commit);
        assert_eq!(pen.write(&[line(2, -10)]).await, at_commit);
        assert_eq!(pen.write(&[line(2, 0)]).await, check);
        let both = ["UPDATE invoices SET total = 90, version = 2".to_owned(), line(2, -10)];
        assert_eq!(pen.write(&both).await, Ok(()));
        let (bare, payer) = (pen.id(), pen.owner.id(scene.payer.uuid()));
        let without_lines = invoice_and_payment(&hostel, &bare, &bare, &payer).swap_remove(0);
        assert_eq!(pen.write(&[without_lines]).await, at_commit, "an invoice bills something");
        assert_eq!(pen.count("invoices").await, 1);
    }
}

#[tokio::test]
async fn a_period_of_a_stay_is_billed_once_and_a_stay_has_one_deposit() {
    for store in TestStore::both().await {
        let (scene, mut pen, invoice, _) = scene_with_both(store).await;
        let unique = refused("23505", "2067", &scene.store);
        let (hostel, payer, again) = (pen.hostel.clone(), pen.owner.id(scene.payer.uuid()), pen.id());
        let twice = format!(
            "INSERT INTO invoices VALUES ({hostel}, {again}, {invoice}, {payer}, 'rent', 1, '2026-02-01', '2026-03-01', \
             '2026-02-01', 'GHS', 1, 0, 1, 1, 1)"
        );
        assert_eq!(pen.write(&[twice]).await, unique);
        let deposit = |id: &str| {
            format!(
                "INSERT INTO deposits (hostel_id, id, booking_id, user_id, invoice_id, currency, held, returned, status, \
                 version, created_at, updated_at) VALUES ({hostel}, {id}, {invoice}, {payer}, {invoice}, 'GHS', 5, 0, 'held', \
                 1, 1, 1)"
            )
        };
        let (first, second) = (pen.id(), pen.id());
        assert_eq!(pen.write(&[deposit(&first)]).await, Ok(()));
        assert_eq!(pen.write(&[deposit(&second)]).await, unique);
        let check = refused("23514", "275", &scene.store);
        for set in ["held = -1", "status = 'settled'", "returned = -1", "answer_at = 1"] {
            assert_eq!(pen.write(&[format!("UPDATE deposits SET {set}")]).await, check, "{set}");
        }
    }
}

#[tokio::test]
async fn of_a_payment_no_more_is_given_back_or_used_than_was_paid() {
    for store in TestStore::both().await {
        let (scene, mut pen, invoice, payment) = scene_with_both(store).await;
        let check = refused("23514", "275", &scene.store);
        for set in [
            "refund_pending = 51",
            "refunded = 30, refund_pending = 21",
            "refunded = -1",
            "refund_pending = -1",
            "refunded = 9223372036854775807, refund_pending = 9223372036854775807",
            "state = 'pending', settled_at = NULL, refund_pending = 1",
            "state = 'pending'",
            "state = 'failed'",
        ] {
            assert_eq!(pen.write(&[format!("UPDATE payments SET {set}")]).await, check, "{set}");
        }
        let whole = "UPDATE payments SET refunded = 30, refund_pending = 20".to_owned();
        assert_eq!(pen.write(&[whole]).await, Ok(()));
        let hostel = pen.hostel.clone();
        let take = |target: &str, invoice: &str, amount: i64| {
            format!(
                "INSERT INTO payment_allocations (hostel_id, payment_id, target, invoice_id, amount) \
                 VALUES ({hostel}, {payment}, '{target}', {invoice}, {amount})"
            )
        };
        let taken = refused("23514", "1811", &scene.store);
        for (target, invoice, amount) in
            [("invoice", invoice.as_str(), -31), ("wallet", "NULL", -21), ("suspense", "NULL", -1)]
        {
            assert_eq!(pen.write(&[take(target, invoice, amount)]).await, taken, "{target}");
        }
        assert_eq!(pen.write(&[take("wallet", &invoice, 1)]).await, check);
        assert_eq!(pen.write(&[take("invoice", "NULL", 1)]).await, check);
        assert_eq!(pen.write(&[take("invoice", &invoice, -30)]).await, Ok(()));
    }
}

#[tokio::test]
async fn a_reference_is_taken_once_whatever_the_hostel() {
    for store in TestStore::both().await {
        let (scene, ..) = scene_with_both(store).await;
        let payer = scene.payer;
        let neighbour = scene.store.hostel("Neighbour").await;
        let other = Scene { hostel: neighbour, payer, store: scene.store };
        let mut pen = Pen::of(&other).await;
        let (invoice, payment) = (pen.id(), pen.id());
        let records = invoice_and_payment(&pen.hostel, &invoice, &payment, &pen.owner.id(payer.uuid()));
        assert_eq!(pen.write(&records).await, refused("23505", "2067", &other.store));
    }
}

#[tokio::test]
async fn the_installation_sees_of_payments_what_it_needs_and_no_more() {
    let (scene, mut pen, ..) = scene_with_both(TestStore::postgres().await).await;
    pen.owner.run("SET ROLE domicile_system").await;
    let sees = "SELECT count(*) FROM (SELECT hostel_id, id, provider, reference, state, updated_at FROM payments) AS p";
    assert_eq!(pen.owner.number(sees).await, 1);
    for sql in [
        "SELECT user_id FROM payments",
        "SELECT amount FROM payments",
        "SELECT authorization_url FROM payments",
        "UPDATE payments SET state = 'completed'",
        "SELECT reason FROM refunds",
        "SELECT * FROM invoices",
        "SELECT * FROM journals",
        "INSERT INTO journals SELECT * FROM journals",
        "SELECT * FROM ledger_accounts",
        "UPDATE payment_inbox SET state = 'processed', state_at = 1",
    ] {
        let error = pen.owner.try_run(sql).await.expect_err(sql);
        assert_eq!(code(&error), "42501", "{sql}: {error}");
    }
    pen.owner.run("RESET ROLE; SET ROLE domicile_app").await;
    for sql in [
        "INSERT INTO payment_inbox (id) VALUES (NULL)",
        "SELECT * FROM sandbox_charges",
        "UPDATE sandbox_refunds SET version = 2",
    ] {
        let error = pen.owner.try_run(sql).await.expect_err(sql);
        assert_eq!(code(&error), "42501", "{sql}: {error}");
    }
    drop(scene);
}

#[tokio::test]
async fn what_gateways_told_is_removed_when_it_is_over_and_never_while_it_waits() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut owner = scene.store.owner().await;
        let entries = [
            ("waits", "'waiting', NULL, NULL"),
            ("processed-then", "'processed', 100, NULL"),
            ("processed-now", "'processed', 200, NULL"),
            ("aside-then", "'put_aside', 40, 'No'"),
            ("aside-now", "'put_aside', 100, 'No'"),
        ];
        for (key, state) in entries {
            let id = owner.id(scene.store.ambient.ids.uuid());
            let none = if scene.store.is_postgres() { "''" } else { "X''" };
            owner
                .run(format!(
                    "INSERT INTO payment_inbox (id, provider, dedupe_key, headers, body, state, state_at, why, deliveries, \
                     received_at) VALUES ({id}, 'paystack', '{key}', {none}, {none}, {state}, 1, 1)"
                ))
                .await;
        }
        let purge = async |processed, put_aside| {
            let (processed, put_aside) = (Instant::from_micros(processed), Instant::from_micros(put_aside));
            scene.store.database.purge_webhooks(processed, put_aside).await.unwrap()
        };
        assert_eq!(purge(100, 40).await, 0, "what is as old as that is not older");
        assert_eq!(purge(101, 41).await, 2);
        let left = "SELECT dedupe_key FROM payment_inbox ORDER BY dedupe_key";
        assert_eq!(owner.texts(left).await, [["aside-now"], ["processed-now"], ["waits"]]);
        assert_eq!(purge(1_000, 1_000).await, 2);
        let gone = owner.try_run("DELETE FROM payment_inbox WHERE state = 'waiting'").await;
        let gone = gone.map(drop).map_err(|error| code(&error));
        assert_eq!(gone, refused("23001", "1811", &scene.store), "the owner neither");
        assert_eq!(owner.texts(left).await, [["waits"]]);
    }
}
