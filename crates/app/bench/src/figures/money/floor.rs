//! pgbench with the statements of a payment that is begun: those of its transaction, of the charge at the sandbox, of writing
//! down where the payer goes on, and what is read between them. It pays copies of an invoice, as many as there are bills.
//! What it wrote is taken away again, so that the product is not busy with it.

use anyhow::{Context, bail};

use super::{AMOUNT, Begun, Bill, Ground};
use crate::{
    database::Database,
    figures::CONNECTIONS,
    load::request::Client,
    pgbench::{
        self, Run, Transaction,
        ids::{FRESH, fresh, numbered},
    },
    stage::House,
};

/// Who sees what the installation alone may see.
const SYSTEM: &str = "domicile_system";

/// A script that begins payments.
pub(super) struct Floor(String);

impl Floor {
    /// Sees how the product begins a payment, three times over, and makes a script of the last.
    pub(super) fn observe(ground: &Ground<'_>, database: &mut Database) -> anyhow::Result<Self> {
        let (house, bill) = (ground.house(), ground.bill(0)?);
        let in_hostel = format!("'app.hostel_id', '{}'", house.hostel);
        let process = ground.product.start()?;
        let act = || {
            let mut client = Client::connect(house.manager(process.address))?;
            Begun::of(&mut client, bill)?;
            Begun::of(&mut client, bill)?;
            Begun::of(&mut client, bill)
        };
        let find = |begun: &Begun, seen| request(seen, begun, &in_hostel);
        let (transaction, begun) = pgbench::watch(ground.postgres, act, find).context("beginning a payment")?;
        database.settle()?;
        process.end()?;
        database.run(&copies(house, bill, ground.bills.len()))?;
        Ok(Self(script(house, bill, &transaction, &begun, ground.bills.len())?))
    }

    /// Runs it to warm up and then measured: payments a second.
    pub(super) fn run(&self, ground: &Ground<'_>, database: &mut Database) -> anyhow::Result<f64> {
        let run = Run { name: "payments", script: &self.0, clients: CONNECTIONS, time: ground.warm_up, base: 0 };
        pgbench::run(ground.postgres, run)?;
        sweep(database)?;
        database.freshen()?;
        let (rate, count) = pgbench::run(ground.postgres, Run { time: ground.measured, ..run })?;
        let there = database.count(&format!(
            "SELECT count(*) FROM payments p JOIN sandbox_charges c ON c.reference = p.reference \
             WHERE p.id::text LIKE '{FRESH}' AND p.version = 2 AND p.amount = {AMOUNT}"
        ))?;
        if there != count {
            bail!("pgbench says that it began {count} payments, and there are {there}");
        }
        sweep(database)?;
        Ok(rate)
    }
}

/// Takes away what pgbench wrote.
fn sweep(database: &mut Database) -> anyhow::Result<()> {
    for table in ["payments", "audit_log", "jobs"] {
        database.run(&format!("DELETE FROM {table} WHERE id::text LIKE '{FRESH}'"))?;
    }
    database.run(
        "DELETE FROM sandbox_charges c WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.reference = c.reference)",
    )
}

/// The transactions of a request: from the first to the last that is about its payment, those in the hostel and those of the
/// sandbox, which has none.
fn request(seen: Vec<Transaction>, begun: &Begun, in_hostel: &str) -> Option<Transaction> {
    let own = |one: &Transaction| one.names(&begun.payment) || one.names(&begun.reference);
    let (first, last) = (seen.iter().position(own)?, seen.iter().rposition(own)?);
    if !seen.get(last)?.says("UPDATE payments") {
        return None;
    }
    let parts = seen
        .into_iter()
        .skip(first)
        .take(last + 1 - first)
        .filter_map(|one| if one.says(in_hostel) { Some(one) } else { own(&one).then(|| one.in_role(SYSTEM)) });
    Some(Transaction::joined(parts))
}

/// Statements that copy an invoice so many times, under ids that pgbench can compute; each is of a stay of its own.
fn copies(house: &House, bill: &Bill, count: usize) -> String {
    let (hostel, invoice) = (&house.hostel, &bill.invoice);
    let insert = |table: &str, key: &str, changes: &str| {
        format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({changes}))).* \
             FROM {table} t, generate_series(0, {}) AS n WHERE t.hostel_id = '{hostel}' AND t.{key} = '{invoice}';",
            count.saturating_sub(1)
        )
    };
    [
        insert("invoices", "id", &format!("'id', {}, 'booking_id', {}", numbered('d', "n"), numbered('e', "n"))),
        insert("invoice_lines", "invoice_id", &format!("'invoice_id', {}", numbered('d', "n"))),
    ]
    .concat()
}

/// The observed payment as a script: the invoice from a counter, and fresh ids.
fn script(
    house: &House,
    bill: &Bill,
    transaction: &Transaction,
    begun: &Begun,
    bills: usize,
) -> anyhow::Result<String> {
    let reference = "'dom-' || lpad(CAST(:i AS text), 8, '0') || lpad(CAST(:client_id AS text), 24, '0')".to_owned();
    let mut known = vec![(begun.reference.clone(), reference), (bill.invoice.clone(), numbered('d', ":bill"))];
    let lasting = [&house.hostel, &house.manager_id, &bill.person, &bill.booking, &bill.invoice].map(String::as_str);
    // The payment itself, its job and an audit row.
    known.extend(fresh(transaction, &lasting, 3)?);
    let head = format!("\\set i :i + 1\n\\set n :i * {CONNECTIONS} + :client_id\n\\set bill :n % {bills}");
    Ok(transaction
        .script(&head, |value| known.iter().find(|(from, _)| from == value).map(|(_, instead)| instead.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgbench::transactions;

    #[test]
    fn a_request_is_what_is_about_its_payment_and_what_it_reads_between() {
        let hostel = "SELECT set_config('app.hostel_id', 'h-1', true)";
        let nobody = "SELECT set_config('app.hostel_id', '', true)";
        let log = [
            format!("1|LOG:  statement: BEGIN READ ONLY; {hostel}\n1|LOG:  execute a: SELECT before\n1|LOG:  statement: ROLLBACK"),
            format!("1|LOG:  statement: BEGIN; {hostel}\n1|LOG:  execute a: INSERT INTO payments VALUES ($1)\n1|DETAIL:  parameters: $1 = 'p-1'\n1|LOG:  statement: COMMIT"),
            format!("2|LOG:  statement: BEGIN; {nobody}\n2|LOG:  execute a: SELECT jobs\n2|LOG:  statement: COMMIT"),
            format!("3|LOG:  statement: BEGIN READ ONLY; {hostel}\n3|LOG:  execute a: SELECT payer\n3|LOG:  statement: ROLLBACK"),
            format!("2|LOG:  statement: BEGIN; {nobody}\n2|LOG:  execute a: INSERT INTO sandbox_charges VALUES ($1)\n2|DETAIL:  parameters: $1 = 'r-1'\n2|LOG:  statement: COMMIT"),
            format!("1|LOG:  statement: BEGIN; {hostel}\n1|LOG:  execute a: UPDATE payments SET x = $1\n1|DETAIL:  parameters: $1 = 'p-1'\n1|LOG:  statement: COMMIT"),
        ]
        .join("\n");
        let begun = Begun { payment: "p-1".to_owned(), reference: "r-1".to_owned(), page: String::new() };
        let found = |log: &str| request(transactions(log), &begun, "'app.hostel_id', 'h-1'");
        let script = found(&log).unwrap().script("", |_| None);
        let order = ["INSERT INTO payments", "SELECT payer", "SET LOCAL ROLE", "INSERT INTO sandbox_charges", "UPDATE"];
        let places: Vec<_> = order.iter().map(|part| script.find(part).unwrap()).collect();
        assert!(places.is_sorted(), "{script}");
        assert!(!script.contains("SELECT before") && !script.contains("SELECT jobs"), "{script}");
        assert_eq!(script.matches("SET LOCAL ROLE").count(), 1);
        assert!(found(log.rsplit_once("1|LOG:  statement: BEGIN").unwrap().0).is_none(), "its end is still to come");
    }
}
