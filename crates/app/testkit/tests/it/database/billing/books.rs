//! What the database itself refuses of the books, asked past the adapter: on PostgreSQL in the application's role, on SQLite
//! on the file.

use domicile_testkit::store::{Owner, TestStore, code};
use uuid::Uuid;

use super::Scene;

/// A connection to the books of a hostel, as the application has it.
pub(super) struct Pen {
    pub(super) owner: Owner,
    begin: String,
    /// The hostel as a literal.
    pub(super) hostel: String,
    /// The payer, as an account's owner.
    pub(super) payer: String,
    next: u128,
}

impl Pen {
    pub(super) async fn of(scene: &Scene) -> Self {
        let owner = scene.store.owner().await;
        let begin = if scene.store.is_postgres() {
            let hostel = scene.hostel;
            format!("BEGIN; SELECT set_config('app.hostel_id', '{hostel}', true); SET LOCAL ROLE domicile_app")
        } else {
            "BEGIN IMMEDIATE".to_owned()
        };
        let hostel = owner.id(scene.hostel.uuid());
        Self { begin, hostel, payer: scene.payer.to_string(), owner, next: 0x00bb_0000 }
    }

    /// A new id as a literal.
    pub(super) fn id(&mut self) -> String {
        self.next += 1;
        self.owner.id(Uuid::from_u128(self.next))
    }

    /// Runs statements in one transaction and commits it; the SQLSTATE or extended code of what was refused, wherever it was.
    pub(super) async fn write(&mut self, statements: &[String]) -> Result<(), String> {
        self.owner.run(self.begin.clone()).await;
        for statement in statements {
            if let Err(error) = self.owner.try_run(statement.clone()).await {
                self.owner.run("ROLLBACK").await;
                return Err(code(&error));
            }
        }
        let committed = self.owner.try_run("COMMIT").await;
        if committed.is_err() && matches!(self.owner, Owner::Sqlite(_)) {
            self.owner.run("ROLLBACK").await;
        }
        committed.map(drop).map_err(|error| code(&error))
    }

    /// The statements of a journal with entries of a kind, an owner and an amount each, and what moves the balances.
    pub(super) fn journal(&mut self, key: &str, entries: &[(&str, &str, i64)]) -> Vec<String> {
        let (hostel, id) = (self.hostel.clone(), self.id());
        let mut statements = vec![format!("INSERT INTO journals VALUES ({hostel}, {id}, '{key}', 'text', 'GHS', 1)")];
        for (at, (kind, owner, amount)) in entries.iter().enumerate() {
            let side = if matches!(*kind, "gateway" | "receivable") { "debit" } else { "credit" };
            statements.push(format!(
                "INSERT INTO ledger_accounts VALUES ({hostel}, '{kind}', '{owner}', 'GHS', '{side}', 0) ON CONFLICT DO NOTHING"
            ));
            statements.push(format!(
                "INSERT INTO journal_entries VALUES ({hostel}, {id}, {}, '{kind}', '{owner}', 'GHS', {amount})",
                at + 1
            ));
            statements.push(format!(
                "UPDATE ledger_accounts SET balance = balance + {amount} WHERE hostel_id = {hostel} AND kind = '{kind}' \
                 AND owner = '{owner}' AND currency = 'GHS'"
            ));
        }
        statements
    }

    /// Ten in the payer's wallet.
    async fn fill(&mut self, key: &str) -> Result<(), String> {
        let payer = self.payer.clone();
        let journal = self.journal(key, &[("gateway", "sandbox", 10), ("wallet", &payer, -10)]);
        self.write(&journal).await
    }

    pub(super) async fn count(&mut self, table: &str) -> i64 {
        let hostel = self.hostel.clone();
        self.owner.number(format!("SELECT count(*) FROM {table} WHERE hostel_id = {hostel}")).await
    }
}

/// The refusals of a kind, by database.
pub(super) fn refused<T>(postgres: &str, sqlite: &str, store: &TestStore) -> Result<T, String> {
    Err(if store.is_postgres() { postgres.to_owned() } else { sqlite.to_owned() })
}

#[tokio::test]
async fn a_journal_that_does_not_sum_to_zero_is_refused_at_the_commit() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut pen = Pen::of(&scene).await;
        // 23514 is a violated check; 787 a violated key, which SQLite looks at when it commits.
        let unbalanced = refused("23514", "787", &scene.store);
        let payer = pen.payer.clone();
        let short = pen.journal("a", &[("gateway", "sandbox", 10), ("wallet", &payer, -9)]);
        assert_eq!(pen.write(&short).await, unbalanced);
        let alone = pen.journal("b", &[("gateway", "sandbox", 10)]);
        assert_eq!(pen.write(&alone).await, unbalanced);
        let empty = pen.journal("c", &[]);
        assert_eq!(pen.write(&empty).await, unbalanced, "a journal that moves nothing is none");
        assert_eq!(pen.count("journals").await, 0);

        assert_eq!(pen.fill("d").await, Ok(()));
        assert_eq!((pen.count("journals").await, pen.count("journal_entries").await), (1, 2));
        // One more entry in a journal that was whole.
        let (hostel, more) = (pen.hostel.clone(), "SELECT id FROM journals WHERE key = 'd'");
        let entry = |number: i64, currency: &str, amount: i64| {
            format!(
                "INSERT INTO journal_entries VALUES ({hostel}, ({more}), {number}, 'gateway', 'sandbox', '{currency}', {amount})"
            )
        };
        assert_eq!(pen.write(&[entry(3, "GHS", 1)]).await, unbalanced);
        // Nothing may move in another currency than the journal's, nor on an account whose balance nobody keeps.
        let foreign = refused("23503", "787", &scene.store);
        let euros = format!("INSERT INTO ledger_accounts VALUES ({hostel}, 'gateway', 'sandbox', 'EUR', 'debit', 0)");
        assert_eq!(pen.write(&[euros]).await, Ok(()));
        assert_eq!(pen.write(&[entry(3, "EUR", 1), entry(4, "EUR", -1)]).await, foreign);
        let unkept = entry(3, "GHS", 1).replace("'gateway'", "'suspense'");
        assert_eq!(pen.write(&[unkept, entry(4, "GHS", -1)]).await, foreign);
        assert_eq!(pen.count("journal_entries").await, 2);
    }
}

#[tokio::test]
async fn what_is_in_the_books_can_neither_be_changed_nor_taken_away() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut pen = Pen::of(&scene).await;
        assert_eq!(pen.fill("a").await, Ok(()));
        let (hostel, invoice, payment) = (pen.hostel.clone(), pen.id(), pen.id());
        let payer = pen.owner.id(scene.payer.uuid());
        let records = super::records::invoice_and_payment(&hostel, &invoice, &payment, &payer);
        assert_eq!(pen.write(&records).await, Ok(()));
        let refusal = refused("42501", "1811", &scene.store);
        let mut forbidden = vec![
            "UPDATE journals SET text = 'forged'",
            "UPDATE journals SET key = 'forged'",
            "DELETE FROM journals",
            "UPDATE journal_entries SET amount = 2 * amount",
            "UPDATE journal_entries SET account_owner = 'me'",
            "DELETE FROM journal_entries",
            "UPDATE invoice_lines SET amount = 1",
            "DELETE FROM invoice_lines",
            "UPDATE payment_allocations SET amount = 1",
            "DELETE FROM payment_allocations",
            "DELETE FROM ledger_accounts",
            "UPDATE ledger_accounts SET side = 'debit'",
            "UPDATE ledger_accounts SET owner = 'me'",
            "UPDATE invoices SET user_id = hostel_id",
            "UPDATE invoices SET currency = 'EUR'",
            "DELETE FROM invoices",
            "UPDATE payments SET amount = 2 * amount",
            "UPDATE payments SET reference = 'forged'",
            "DELETE FROM payments",
        ];
        if !scene.store.is_postgres() {
            forbidden.extend([
                "UPDATE journal_sums SET difference = 1",
                "UPDATE invoice_sums SET difference = 1",
                "DELETE FROM journal_sums",
                "DELETE FROM invoice_sums",
                "UPDATE zeros SET zero = 0",
                "DELETE FROM zeros",
            ]);
        }
        for sql in forbidden {
            assert_eq!(pen.write(&[sql.to_owned()]).await, refusal, "{sql}");
        }
        if !scene.store.is_postgres() {
            // Nor by the way around: a row in the place of another.
            for table in ["journals", "journal_entries", "invoice_lines", "payment_allocations"] {
                let sql = format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}");
                assert_eq!(pen.write(&[sql]).await, refusal, "{table}");
            }
            continue;
        }
        // Whoever owns the tables is bound as well: 23001 is the trigger's refusal.
        for table in ["journals", "journal_entries", "invoice_lines", "payment_allocations"] {
            for sql in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET hostel_id = hostel_id")] {
                let error = pen.owner.try_run(sql.clone()).await.expect_err(&sql);
                assert_eq!(code(&error), "23001", "{sql}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn no_balance_is_written_below_its_floor() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut pen = Pen::of(&scene).await;
        assert_eq!(pen.fill("a").await, Ok(()));
        let payer = pen.payer.clone();
        // 275 is a violated check on SQLite.
        let refusal = refused("23514", "275", &scene.store);
        let overdrawn = [
            [("wallet", payer.as_str(), 11), ("rent_income", "", -11)],
            [("gateway", "sandbox", -11), ("wallet", payer.as_str(), 11)],
            [("receivable", payer.as_str(), -1), ("gateway", "sandbox", 1)],
            [("suspense", payer.as_str(), 1), ("refund_payable", payer.as_str(), -1)],
        ];
        for (at, entries) in overdrawn.iter().enumerate() {
            let journal = pen.journal(&format!("o{at}"), entries);
            assert_eq!(pen.write(&journal).await, refusal, "{entries:?}");
        }
        // An account cannot be opened on the other side to get around it, nor one of a kind that nobody knows.
        let hostel = pen.hostel.clone();
        for (kind, side) in [("wallet", "debit"), ("gateway", "credit"), ("purse", "credit")] {
            let open = format!("INSERT INTO ledger_accounts VALUES ({hostel}, '{kind}', 'x', 'GHS', '{side}', 0)");
            assert_eq!(pen.write(&[open]).await, refusal, "{kind} {side}");
        }
        let whole = pen.journal("all", &[("wallet", &payer, 10), ("rent_income", "", -10)]);
        assert_eq!(pen.write(&whole).await, Ok(()), "what is there can be spent to the last unit");
    }
}

#[tokio::test]
async fn an_effect_is_entered_once_under_its_key() {
    for store in TestStore::both().await {
        let scene = Scene::set(store).await;
        let mut pen = Pen::of(&scene).await;
        assert_eq!(pen.fill("charge:1").await, Ok(()));
        // 2067 is a violated unique index on SQLite.
        assert_eq!(pen.fill("charge:1").await, refused("23505", "2067", &scene.store));
        assert_eq!(pen.fill("charge:2").await, Ok(()));
        let hostel = pen.hostel.clone();
        let balance = format!("SELECT balance FROM ledger_accounts WHERE hostel_id = {hostel} AND kind = 'wallet'");
        assert_eq!(pen.owner.number(balance).await, -20);
        let neighbour = scene.store.hostel("Neighbour").await;
        let other = Scene { hostel: neighbour, payer: scene.payer, store: scene.store };
        let mut pen = Pen::of(&other).await;
        pen.next += 100;
        assert_eq!(pen.fill("charge:1").await, Ok(()), "each hostel has keys of its own");
    }
}
