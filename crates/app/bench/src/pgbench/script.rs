//! From the database's log to a script of pgbench: the same statements in the same order, with what differs from one
//! request to the next computed by pgbench.

use std::fmt::Write as _;

/// The statements of one transaction of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction(Vec<Statement>);

/// A message to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Statement {
    /// Text, maybe several statements that travel together.
    Simple(String),
    /// A prepared statement with its values; none is NULL.
    Prepared(String, Vec<Option<String>>),
}

/// The whole transactions in a log (lines begin with the process and a bar), in the order in which they ended.
pub(crate) fn transactions(log: &str) -> Vec<Transaction> {
    // A record begins with a number and a bar; lines that begin with a tab belong to the record before.
    let mut records: Vec<(&str, String)> = Vec::new();
    for line in log.lines() {
        match line.split_once('|').filter(|(process, _)| process.chars().all(|digit| digit.is_ascii_digit())) {
            Some((process, rest)) => records.push((process, rest.to_owned())),
            None => {
                if let Some((_, record)) = records.last_mut() {
                    record.push(' ');
                    record.push_str(line.trim_start());
                }
            }
        }
    }
    let mut open: Vec<(&str, Vec<Statement>)> = Vec::new();
    let mut found = Vec::new();
    for (process, record) in &records {
        let at = open.iter().position(|(other, _)| other == process);
        if let Some(statement) = record.strip_prefix("LOG:  statement: ") {
            if statement.starts_with("BEGIN") {
                open.retain(|(other, _)| other != process);
                open.push((process, vec![Statement::Simple(statement.to_owned())]));
            } else if let Some(at) = at {
                let ends = matches!(statement.trim_end_matches(';'), "COMMIT" | "ROLLBACK");
                if let Some((_, statements)) = open.get_mut(at) {
                    statements.push(Statement::Simple(statement.to_owned()));
                }
                if ends {
                    let (_, statements) = open.swap_remove(at);
                    found.push(Transaction(statements));
                }
            }
        } else if let Some((_, statements)) = at.and_then(|at| open.get_mut(at)) {
            if let Some((_, statement)) = record.strip_prefix("LOG:  execute ").and_then(|rest| rest.split_once(": ")) {
                statements.push(Statement::Prepared(statement.to_owned(), Vec::new()));
            } else if record.starts_with("DETAIL:")
                && let Some(Statement::Prepared(_, values)) = statements.last_mut()
                && let Some(at) = record.find("$1 = ")
            {
                *values = parameters(record.get(at..).unwrap_or_default());
            }
        }
    }
    found
}

/// The values of `$1 = 'a', $2 = NULL, …`.
fn parameters(mut text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    while let Some((_, rest)) = text.split_once(" = ") {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let mut value = String::new();
            let mut characters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, character)) = characters.next() {
                if character == '\'' {
                    if characters.peek().is_some_and(|(_, next)| *next == '\'') {
                        characters.next();
                    } else {
                        end = at + 1;
                        break;
                    }
                }
                value.push(character);
            }
            values.push(Some(value));
            text = quoted.get(end..).unwrap_or_default();
        } else {
            values.push(None);
            text = rest.strip_prefix("NULL").unwrap_or(rest);
        }
        if !text.starts_with(", $") {
            break;
        }
    }
    values
}

impl Statement {
    fn text(&self) -> &str {
        match self {
            Self::Simple(text) | Self::Prepared(text, _) => text,
        }
    }
}

impl Transaction {
    /// Several, one after the other.
    pub(crate) fn joined(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// The same in a role of its own, whatever the role of the connection.
    pub(crate) fn in_role(mut self, role: &str) -> Self {
        if let Some(Statement::Simple(text)) = self.0.first_mut()
            && let Some(rest) = text.strip_prefix("BEGIN")
        {
            let (mode, rest) = rest.split_once(';').unwrap_or((rest, ""));
            *text = format!("BEGIN{mode}; SET LOCAL ROLE {role};{rest}");
        }
        self
    }

    /// Whether a statement has a text in it.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.0.iter().any(|statement| statement.text().contains(text))
    }

    /// Whether a value is exactly this.
    pub(crate) fn names(&self, value: &str) -> bool {
        self.values().any(|named| named == value)
    }

    /// Every value that was sent.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|statement| match statement {
                Statement::Simple(_) => &[],
                Statement::Prepared(_, values) => values.as_slice(),
            })
            .flatten()
            .map(String::as_str)
    }

    /// As a script: `head` first, and a value as what `instead` says of it, or as it was.
    pub(crate) fn script(&self, head: &str, instead: impl Fn(&str) -> Option<String>) -> String {
        let mut script = format!("{head}\n");
        for statement in &self.0 {
            match statement {
                Statement::Simple(text) => {
                    let parts: Vec<&str> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
                    // What the product sends as one message goes out as one here too.
                    let together = parts.len() > 1;
                    if together {
                        script += "\\startpipeline\n";
                    }
                    for part in parts {
                        script += &outside(part, &instead);
                        script += ";\n";
                    }
                    if together {
                        script += "\\endpipeline\n";
                    }
                }
                Statement::Prepared(text, values) => {
                    script += &filled(text, values, &instead);
                    script += ";\n";
                }
            }
        }
        script
    }
}

/// A simple statement with its quoted values replaced; what is quoted is never empty by accident.
fn outside(text: &str, instead: impl Fn(&str) -> Option<String>) -> String {
    let parts = text
        .split('\'')
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { part.to_owned() } else { instead(part).unwrap_or_else(|| literal(part)) });
    parts.collect()
}

/// A prepared statement with its values in place.
fn filled(text: &str, values: &[Option<String>], instead: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    for (at, part) in text.split('$').enumerate() {
        if at == 0 {
            filled += part;
            continue;
        }
        let digits = part.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let value = number.parse::<usize>().ok().and_then(|number| values.get(number.checked_sub(1)?));
        match value {
            Some(Some(value)) => filled += &instead(value).unwrap_or_else(|| literal(value)),
            Some(None) => filled += "NULL",
            None => {
                // Not a place for a value, or one the log did not tell: left as it stands.
                let _ = write!(filled, "${number}");
            }
        }
        filled += rest;
    }
    filled
}

/// A value as text of SQL in which pgbench finds no variable: those begin with a colon.
fn literal(value: &str) -> String {
    if !value.contains([':', '\\', '\'']) {
        return format!("'{value}'");
    }
    format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'").replace(':', "\\x3A"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
11|LOG:  statement: BEGIN; SELECT set_config('app.hostel_id', 'h-1', true), set_config('app.account_id', '', true)
12|LOG:  statement: BEGIN
11|LOG:  execute sqlx_s_1: SELECT status
\tFROM memberships WHERE id = $1
11|DETAIL:  parameters: $1 = 'it''s 10:30'
12|LOG:  execute sqlx_s_2: DELETE FROM outbox
11|LOG:  execute sqlx_s_3: INSERT INTO bookings (id, name, n) VALUES ($1, $2, $10)
11|DETAIL:  parameters: $1 = 'b-1', $2 = NULL, $3 = '', $4 = '', $5 = '', $6 = '', $7 = '', $8 = '', $9 = '', $10 = 'x, $2 = y'
12|LOG:  statement: COMMIT
11|LOG:  statement: COMMIT
11|LOG:  statement: BEGIN
11|LOG:  execute sqlx_s_3: INSERT INTO bookings (id) VALUES ($1)
";

    #[test]
    fn whole_transactions_are_found_in_the_order_of_their_ends() {
        let found = transactions(LOG);
        assert_eq!(found.len(), 2, "the third has no end");
        assert!(found[0].says("DELETE FROM outbox") && found[1].says("INSERT INTO bookings"));
        assert!(found[1].names("b-1") && !found[1].names("b"));
        assert_eq!(transactions(""), []);
    }

    #[test]
    fn a_transaction_becomes_a_script() {
        let found = transactions(LOG).pop().unwrap();
        let script = found.script("\\set n 1", |value| match value {
            "h-1" => Some("'h-2'".to_owned()),
            "b-1" => Some("CAST(:n AS text)".to_owned()),
            _ => None,
        });
        let expected = "\\set n 1\n\\startpipeline\nBEGIN;\n\
            SELECT set_config('app.hostel_id', 'h-2', true), set_config('app.account_id', '', true);\n\\endpipeline\n\
            SELECT status FROM memberships WHERE id = E'it\\'s 10\\x3A30';\n\
            INSERT INTO bookings (id, name, n) VALUES (CAST(:n AS text), NULL, 'x, $2 = y');\nCOMMIT;\n";
        assert_eq!(script, expected);
    }

    #[test]
    fn several_become_one_script_each_in_its_role() {
        let script =
            Transaction::joined(transactions(LOG).into_iter().map(|one| one.in_role("r"))).script("", |_| None);
        let (first, second) = script.split_once("COMMIT;\n").unwrap();
        assert_eq!(first, "\n\\startpipeline\nBEGIN;\nSET LOCAL ROLE r;\n\\endpipeline\nDELETE FROM outbox;\n");
        assert!(second.starts_with("\\startpipeline\nBEGIN;\nSET LOCAL ROLE r;\nSELECT set_config("), "{second}");
    }
}
