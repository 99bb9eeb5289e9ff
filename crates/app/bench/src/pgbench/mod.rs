//! pgbench as a floor: the statements that the product sends, taken verbatim from the database's log, with no product
//! around them.

pub(crate) mod ids;
mod script;

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

pub(crate) use self::script::{Transaction, transactions};
use crate::{bench::OnPostgres, database::Database};

/// The statements of what `act` makes the product do: the last transaction that has `needle` in it.
pub(crate) fn observe(
    postgres: &OnPostgres,
    needle: &str,
    act: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Transaction> {
    let last = |seen: Vec<Transaction>| seen.into_iter().rev().find(|transaction| transaction.says(needle));
    let (found, ()) = watch(postgres, act, |(), seen| last(seen)).with_context(|| needle.to_owned())?;
    Ok(found)
}

/// What `find` makes of all transactions since `act` began and of what `act` came to, once it is anything; and that.
pub(crate) fn watch<T>(
    postgres: &OnPostgres,
    act: impl FnOnce() -> anyhow::Result<T>,
    find: impl Fn(&T, Vec<Transaction>) -> Option<Transaction>,
) -> anyhow::Result<(Transaction, T)> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let mut database = Database::connect(&postgres.cluster.url("bench"))?;
    let log = |on: bool, database: &mut Database| {
        database.run(if on { "ALTER SYSTEM SET log_statement = 'all'" } else { "ALTER SYSTEM RESET log_statement" })?;
        database.run("SELECT pg_reload_conf()")
    };
    let before = postgres.cluster.log()?.len();
    log(true, &mut database)?;
    // Every process of the server takes the change up when it comes to its next statement, or a moment later.
    thread::sleep(Duration::from_millis(300));
    let came_to = act()?;
    let begin = Instant::now();
    let found = loop {
        let said = postgres.cluster.log()?;
        if let Some(found) = said.get(before..).and_then(|said| find(&came_to, transactions(said))) {
            break found;
        }
        if begin.elapsed() > PATIENCE {
            bail!("the product's statements are not in the log");
        }
        thread::sleep(Duration::from_millis(50));
    };
    log(false, &mut database)?;
    Ok((found, came_to))
}

/// How a script is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) name: &'a str,
    pub(crate) script: &'a str,
    pub(crate) clients: usize,
    pub(crate) time: Duration,
    /// Where each client's counter begins.
    pub(crate) base: usize,
}

/// Runs a script as the application's role; transactions a second, and how many there were.
pub(crate) fn run(postgres: &OnPostgres, run: Run<'_>) -> anyhow::Result<(f64, u64)> {
    let file = std::env::temp_dir().join(format!("domicile-bench-{}-{}.sql", std::process::id(), run.name));
    fs::write(&file, run.script)?;
    let output = Command::new(postgres.cluster.program("pgbench"))
        .args(["-h", "127.0.0.1", "-p", &postgres.cluster.port.to_string(), "-U", "postgres", "-n", "-M", "prepared"])
        .args(["-c", &run.clients.to_string(), "-j", "1", "-T", &run.time.as_secs().max(1).to_string()])
        .args(["-D", &format!("i={}", run.base), "-f"])
        .arg(&file)
        .arg("bench")
        .env("PGOPTIONS", "-c role=domicile_app")
        .stdin(Stdio::null())
        .output()
        .context("pgbench cannot be started")?;
    fs::remove_file(&file)?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("pgbench failed: {complained}");
    }
    let after = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    if after("number of failed transactions:").is_some_and(|failed| failed != "0") {
        bail!("pgbench had failed transactions: {said}");
    }
    let rate = after("tps = ").and_then(|rate| rate.parse().ok()).context("pgbench tells no rate")?;
    let count = after("number of transactions actually processed:").and_then(|count| count.parse().ok());
    Ok((rate, count.context("pgbench tells no count")?))
}
