//! That each refusal is its guard's: the same statements are refused, and written once the guard is gone. What a test of a
//! refusal would not notice, that something else refuses, is noticed here.

use domicile_testkit::store::TestStore;

use super::{Scene, books::Pen, records::invoice_and_payment};

/// A guard, how it is taken away, and what it refuses.
struct Guard {
    name: &'static str,
    postgres: &'static str,
    sqlite: Option<&'static str>,
    refused: Vec<String>,
}

/// Where SQLite would need another table: it takes no check away.
const NO_WAY: Option<&str> = None;

fn guards(pen: &mut Pen, payment: &str, invoice: &str) -> Vec<Guard> {
    let (hostel, payer) = (pen.hostel.clone(), pen.payer.clone());
    vec![
        Guard {
            name: "journals sum to zero",
            postgres: "ALTER TABLE journals DISABLE TRIGGER ck_journals__sum; \
                       ALTER TABLE journal_entries DISABLE TRIGGER ck_journals__sum",
            sqlite: Some("DROP TRIGGER journals__open; DROP TRIGGER journal_entries__sum"),
            refused: pen.journal("unbalanced", &[("gateway", "sandbox", 10), ("wallet", &payer, -9)]),
        },
        Guard {
            name: "balances keep their side",
            postgres: "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts__floor",
            sqlite: NO_WAY,
            refused: pen.journal("overdrawn", &[("wallet", &payer, 99), ("rent_income", "", -99)]),
        },
        Guard {
            name: "an effect is entered once",
            postgres: "DROP INDEX uq_journals__key",
            sqlite: Some("DROP INDEX uq_journals__key"),
            refused: pen.journal("once", &[("gateway", "sandbox", 1), ("wallet", &payer, -1)]),
        },
        Guard {
            name: "refunds stay within what was paid",
            postgres: "ALTER TABLE payments DROP CONSTRAINT ck_payments__refunds",
            sqlite: NO_WAY,
            refused: vec!["UPDATE payments SET refunded = 1, refund_pending = 50".to_owned()],
        },
        Guard {
            name: "an invoice is for the sum of its lines",
            postgres: "ALTER TABLE invoices DISABLE TRIGGER ck_invoices__lines; \
                       ALTER TABLE invoice_lines DISABLE TRIGGER ck_invoices__lines",
            sqlite: Some("DROP TRIGGER invoices__sum; DROP TRIGGER invoice_lines__sum"),
            refused: vec!["UPDATE invoices SET total = 99".to_owned()],
        },
        Guard {
            name: "an invoice is not paid beyond its total",
            postgres: "ALTER TABLE invoices DROP CONSTRAINT ck_invoices__paid",
            sqlite: NO_WAY,
            refused: vec!["UPDATE invoices SET paid = 101".to_owned()],
        },
        Guard {
            name: "no more is taken from an invoice than a payment put there",
            postgres: "ALTER TABLE payment_allocations DISABLE TRIGGER ck_payment_allocations__sum",
            sqlite: Some("DROP TRIGGER ck_payment_allocations__sum"),
            refused: vec![format!(
                "INSERT INTO payment_allocations (hostel_id, payment_id, target, invoice_id, amount) \
                 VALUES ({hostel}, {payment}, 'invoice', {invoice}, -31)"
            )],
        },
        Guard {
            name: "what was entered stays",
            postgres: "GRANT DELETE ON journal_entries TO domicile_app; \
                       ALTER TABLE journal_entries DISABLE TRIGGER journal_entries__append_only",
            sqlite: Some("DROP TRIGGER journal_entries__no_delete"),
            refused: vec!["DELETE FROM journal_entries".to_owned()],
        },
        Guard {
            name: "what a payment is for stays",
            postgres: "GRANT UPDATE ON payments TO domicile_app",
            sqlite: Some("DROP TRIGGER payments__fixed"),
            refused: vec!["UPDATE payments SET amount = 49".to_owned()],
        },
    ]
}

#[tokio::test]
async fn what_is_refused_is_written_when_its_guard_is_gone() {
    // A database for each guard, for one that is gone must not stand in for another.
    let mut nth = 0;
    loop {
        let mut known = 0;
        for store in TestStore::both().await {
            let postgres = store.is_postgres();
            let scene = Scene::set(store).await;
            let mut pen = Pen::of(&scene).await;
            let (invoice, payment) = (pen.id(), pen.id());
            let mut records = invoice_and_payment(&pen.hostel, &invoice, &payment, &pen.owner.id(scene.payer.uuid()));
            let payer = pen.payer.clone();
            records.extend(pen.journal("once", &[("gateway", "sandbox", 10), ("wallet", &payer, -10)]));
            assert_eq!(pen.write(&records).await, Ok(()));
            let guards = guards(&mut pen, &payment, &invoice);
            known = guards.len();
            let Guard { name, postgres: on_postgres, sqlite, refused } = &guards[nth];
            let Some(gone) = (if postgres { Some(*on_postgres) } else { *sqlite }) else { continue };
            let refusal = pen.write(refused).await;
            assert!(refusal.is_err(), "{name}: not refused, postgres: {postgres}");
            pen.owner.run(gone).await;
            assert_eq!(pen.write(refused).await, Ok(()), "{name}: refused by something else, postgres: {postgres}");
        }
        nth += 1;
        if nth == known {
            break;
        }
    }
}
