//! Ids that pgbench computes, so that each of its transactions has its own. They look like no id that the product makes.

use anyhow::bail;

use super::Transaction;

/// What the ids of [`fresh`] look like, for `LIKE`.
pub(crate) const FRESH: &str = "________-0000-7000-8___-____________";

/// The expression of an id that a variable numbers; whoever prepares the rows writes the same with a number of theirs.
pub(crate) fn numbered(letter: char, number: &str) -> String {
    format!("CAST('f{letter}000000-0000-7000-8000-' || lpad(CAST({number} AS text), 12, '0') AS uuid)")
}

/// The ids of a transaction that are in no other: all but the lasting ones. Each with an expression of the client and of its
/// counter `i`, under which no two transactions have the same.
pub(crate) fn fresh(
    transaction: &Transaction,
    lasting: &[&str],
    least: usize,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut fresh: Vec<&str> = transaction.values().filter(|value| is_id(value) && !lasting.contains(value)).collect();
    fresh.sort_unstable();
    fresh.dedup();
    if fresh.len() < least {
        bail!("at least {least} new ids were to be seen, and there are {}", fresh.len());
    }
    let expressions = fresh.iter().enumerate().map(|(kind, id)| {
        let expression = format!(
            "CAST(lpad(CAST(:i AS text), 8, '0') || '-0000-7000-8{kind:03}-' || lpad(CAST(:client_id AS text), 12, '0') AS uuid)"
        );
        ((*id).to_owned(), expression)
    });
    Ok(expressions.collect())
}

fn is_id(value: &str) -> bool {
    value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgbench::script::transactions;

    const LOG: &str = "\
7|LOG:  statement: BEGIN
7|LOG:  execute s: INSERT INTO t (id, hostel_id, name) VALUES ($1, $2, $3), ($1, $4, $3)
7|DETAIL:  parameters: $1 = '01a22f13-921b-76e5-82d3-f519022ad568', $2 = '01a22f0e-e75a-7835-ac8a-4efa152e9374', $3 = 'not an id, but as long as one: 123456', $4 = NULL
7|LOG:  statement: COMMIT
";

    #[test]
    fn every_id_that_does_not_last_is_computed_once() {
        let transaction = transactions(LOG).pop().unwrap();
        let hostel = "01a22f0e-e75a-7835-ac8a-4efa152e9374";
        let found = fresh(&transaction, &[hostel], 1).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "01a22f13-921b-76e5-82d3-f519022ad568");
        assert!(found[0].1.contains(":i") && found[0].1.contains(":client_id"));
        assert!(fresh(&transaction, &[hostel], 2).is_err());
        assert_eq!(fresh(&transaction, &[], 2).unwrap().len(), 2);
    }
}
