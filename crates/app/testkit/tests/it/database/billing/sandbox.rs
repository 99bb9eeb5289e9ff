//! The rows of the sandbox gateway: one outcome to a charge, and no more given back than it holds.

use std::sync::Arc;

use domicile_db::sandbox::{ChargeRow, RefundRow, RefundWritten, Table, Untold};
use domicile_kernel::StoreError;
use domicile_testkit::{barrier::race, store::TestStore};

fn charge(reference: &str) -> ChargeRow {
    ChargeRow {
        reference: reference.to_owned(),
        description: "Rent – 'February'".to_owned(),
        amount: 1_000,
        currency: "GHS".to_owned(),
        refunded: 0,
        state: "open".to_owned(),
        return_url: Some("https://house.example/back".to_owned()),
        created_at: 10,
        expires_at: 20,
        decided_at: None,
        notices_due: 0,
        notices_sent: 0,
        version: 1,
    }
}

fn paid(reference: &str, at: i64) -> ChargeRow {
    let state = "paid".to_owned();
    ChargeRow { state, decided_at: Some(at), notices_due: 2, version: 2, ..charge(reference) }
}

fn refund(reference: &str, charge: &str, amount: i64) -> RefundRow {
    RefundRow {
        reference: reference.to_owned(),
        charge_reference: charge.to_owned(),
        amount,
        currency: "GHS".to_owned(),
        state: "processed".to_owned(),
        created_at: 15,
        notices_due: 1,
        notices_sent: 0,
        version: 1,
    }
}

#[tokio::test]
async fn a_charge_is_made_once_and_moved_from_the_version_before() {
    for store in TestStore::both().await {
        let db = &store.database;
        assert!(db.insert_sandbox_charge(&charge("c")).await.unwrap());
        assert!(!db.insert_sandbox_charge(&ChargeRow { amount: 5, ..charge("c") }).await.unwrap());
        assert_eq!(db.sandbox_charge("c").await.unwrap(), Some(charge("c")));
        assert_eq!(db.sandbox_charge("d").await.unwrap(), None);
        assert!(db.move_sandbox_charge(&paid("c", 12)).await.unwrap());
        assert!(!db.move_sandbox_charge(&paid("c", 13)).await.unwrap(), "somebody was faster");
        assert_eq!(db.sandbox_charge("c").await.unwrap(), Some(paid("c", 12)));
    }
}

#[tokio::test]
async fn a_refund_is_made_once_and_within_what_the_charge_holds() {
    for store in TestStore::both().await {
        let db = &store.database;
        for reference in ["c", "open"] {
            assert!(db.insert_sandbox_charge(&charge(reference)).await.unwrap());
        }
        assert!(db.move_sandbox_charge(&paid("c", 12)).await.unwrap());
        let failed = RefundRow { state: "failed".to_owned(), ..refund("f", "c", 1_000) };
        let euros = RefundRow { currency: "EUR".to_owned(), ..refund("e", "c", 1) };
        for (row, counts, answer) in [
            (refund("a", "nowhere", 1), true, RefundWritten::NotPaid),
            (refund("a", "open", 1), true, RefundWritten::NotPaid),
            (refund("a", "c", 1_001), true, RefundWritten::TooMuch),
            (euros, true, RefundWritten::TooMuch),
            (failed, false, RefundWritten::Written),
            (refund("a", "c", 600), true, RefundWritten::Written),
            (refund("a", "c", 600), true, RefundWritten::Exists),
            (refund("a", "nowhere", 1), true, RefundWritten::Exists),
            (refund("b", "c", 401), true, RefundWritten::TooMuch),
            (refund("b", "c", 400), true, RefundWritten::Written),
        ] {
            assert_eq!(db.insert_sandbox_refund(&row, counts).await.unwrap(), answer, "{row:?}");
        }
        assert_eq!(db.sandbox_charge("c").await.unwrap().map(|row| row.refunded), Some(1_000));
        assert_eq!(db.sandbox_refund("b").await.unwrap(), Some(refund("b", "c", 400)));
        let moved =
            RefundRow { state: "needs-attention".to_owned(), notices_due: 2, version: 2, ..refund("b", "c", 400) };
        assert!(db.move_sandbox_refund(&moved).await.unwrap());
        assert!(!db.move_sandbox_refund(&moved).await.unwrap());
        assert_eq!(db.sandbox_refund("b").await.unwrap(), Some(moved));
    }
}

#[tokio::test]
async fn what_is_to_be_told_is_found_by_age_and_told_in_order() {
    for store in TestStore::both().await {
        let db = &store.database;
        for reference in ["late", "early", "open"] {
            assert!(db.insert_sandbox_charge(&charge(reference)).await.unwrap());
        }
        let (late, early) = (paid("late", 18), paid("early", 12));
        assert!(db.move_sandbox_charge(&late).await.unwrap() && db.move_sandbox_charge(&early).await.unwrap());
        let back = refund("r", "late", 400);
        assert_eq!(db.insert_sandbox_refund(&back, true).await.unwrap(), RefundWritten::Written);
        let late = ChargeRow { refunded: 400, ..late };
        let all = [Untold::Charge(early), Untold::Refund(back), Untold::Charge(late)];
        assert_eq!(db.untold_by_sandbox(10).await.unwrap(), all);
        assert_eq!(db.untold_by_sandbox(2).await.unwrap(), all[..2]);
        for (table, reference, number, told) in [
            (Table::Charges, "early", 2, false),
            (Table::Charges, "early", 1, true),
            (Table::Charges, "early", 1, false),
            (Table::Charges, "early", 2, true),
            (Table::Charges, "early", 3, false),
            (Table::Refunds, "r", 1, true),
            (Table::Refunds, "early", 1, false),
        ] {
            assert_eq!(db.told_by_sandbox(table, reference, number).await.unwrap(), told, "{reference} {number}");
        }
        assert_eq!(db.untold_by_sandbox(10).await.unwrap(), all[2..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refunds_at_once_give_no_more_back_than_the_charge_holds() {
    for store in TestStore::both().await {
        let store = Arc::new(store);
        assert!(store.database.insert_sandbox_charge(&charge("c")).await.unwrap());
        assert!(store.database.move_sandbox_charge(&paid("c", 12)).await.unwrap());
        let race = race(200, |number| {
            let store = store.clone();
            async move {
                loop {
                    let row = refund(&format!("r{number}"), "c", 30);
                    match store.database.insert_sandbox_refund(&row, true).await {
                        // There are fewer connections than people.
                        Err(StoreError::Transient(_)) => {}
                        other => break other.unwrap(),
                    }
                }
            }
        })
        .await;
        let written = race.assert_overlapped().into_iter().filter(|answer| *answer == RefundWritten::Written).count();
        assert_eq!(written, 33);
        assert_eq!(store.database.sandbox_charge("c").await.unwrap().map(|row| row.refunded), Some(990));
    }
}
