//! The commands as others script them: flags and environment, what is refused and with which one line, exit codes.
#![expect(clippy::unwrap_used, reason = "a test's tools: a failure is a panic")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

use domicile_testkit::process::{Binary, READY};
use serde_json::Value;
use tempfile::TempDir;

use super::ground::{Ground, client, sign_in};
use crate::support::On;

const PASSWORD: &str = "Caretaker-horse-1!";

/// What was said on the way to an end.
struct Ended {
    good: bool,
    out: String,
    err: String,
}

fn ended(output: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { good: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

fn run(command: &mut Command) -> Ended {
    ended(command.output().unwrap())
}

/// A command over a data folder.
fn over(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Binary::dev().command();
    command.args(arguments).arg("--data-dir").arg(folder).env("RUST_BACKTRACE", "1");
    command
}

/// Refused with one line that says all of this.
#[track_caller]
fn refused(told: &Ended, says: &[&str]) {
    assert!(!told.good, "it was not refused: {}", told.out);
    assert_eq!(told.err.trim_end().lines().count(), 1, "one line: {}", told.err);
    for part in says {
        assert!(told.err.contains(part), "{part:?} is not in {}", told.err);
    }
}

fn create_admin(folder: &Path, email: &str, password: &str) -> Ended {
    let mut command = over(folder, &["admin", "create", "--email", email, "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    ended(child.wait_with_output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_what_the_flags_can_say() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("elsewhere.db");
    let mut child = Binary::dev()
        .command()
        .arg("serve")
        .env("DOMICILE_LISTEN", "127.0.0.1:0")
        .env("DOMICILE_DATA_DIR", folder.path().join("data"))
        .env("DOMICILE_DATABASE__URL", format!("sqlite://{}", file.display()))
        .env("DOMICILE_PROFILE", "local")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = tokio::task::block_in_place(|| lines.map(Result::unwrap).find(|line| line.starts_with(READY)));
    let address = ready.unwrap().trim_start_matches(READY).to_owned();
    let health = client().get(format!("http://{address}/health")).send().await.unwrap().json::<Value>().await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(health["dbStatus"], "connected");
    assert!(file.is_file() && folder.path().join("data/keys.json").is_file());
    assert!(!folder.path().join("data/domicile.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_wins_over_the_environment() {
    let ground = Ground::on(On::Sqlite).await;
    let launch = ground.launch().env("DOMICILE_LISTEN", "192.0.2.1:1").env("DOMICILE_DATA_DIR", "/nowhere/at/all");
    let node = super::ground::start(launch);
    assert!(node.address().starts_with("127.0.0.1:"));
    assert!(ground.data().join("domicile.db").is_file());
}

#[test]
fn what_cannot_be_is_refused_with_one_line() {
    let folder = TempDir::new().unwrap();
    let serve = |arguments: &[&str]| {
        let mut command = over(folder.path(), &["serve"]);
        command.args(arguments);
        command
    };
    refused(&run(&mut serve(&["--redis", "redis://127.0.0.1"])), &["redis", "not there yet"]);
    refused(&run(serve(&[]).env("DOMICILE_REDIS__URL", "redis://127.0.0.1")), &["redis", "not there yet"]);
    refused(&run(serve(&[]).env("DOMICILE_LISTN", "127.0.0.1:0")), &["listn"]);
    refused(&run(serve(&[]).env("DOMICILE_DATABASE__URI", "sqlite::memory:")), &["uri"]);
    refused(&run(&mut serve(&["--listen", "somewhere"])), &["127.0.0.1:8080", "somewhere"]);
    refused(&run(&mut serve(&["--database", "mysql://localhost/x"])), &["postgres://", "sqlite:"]);
    refused(&run(&mut serve(&["--profile", "staging"])), &["local", "production", "staging"]);
    refused(&run(serve(&[]).env("DOMICILE_KEYS__RING_FILE", "/nowhere/keys.json")), &["/nowhere/keys.json"]);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn production_without_a_key_ring_does_not_start_and_says_what_to_set() {
    let folder = TempDir::new().unwrap();
    let told = run(&mut over(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--profile", "production"]));
    refused(&told, &["production", "key ring", "DOMICILE_KEYS__RING_FILE"]);
    assert!(!folder.path().join("keys.json").exists(), "none is made up");
    let mut command = over(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--profile", "production"]);
    let short = r#"{"keys":[{"id":"k1","created_at":"2026-01-20T10:30:00Z","purpose":"master","secret":"c2hvcnQ="}]}"#;
    let told = run(command.env("DOMICILE_KEYS__RING", short));
    refused(&told, &["k1", "32"]);
    assert!(!told.err.contains("c2hvcnQ="), "the secret is not told");
}

#[test]
fn other_keys_than_the_databases_are_refused_by_name() {
    let (ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for folder in [&ours, &theirs] {
        let told = run(&mut over(folder.path(), &["doctor"]));
        assert!(told.good, "{}{}", told.out, told.err);
    }
    let other = theirs.path().join("keys.json");
    let serve = run(over(ours.path(), &["serve", "--listen", "127.0.0.1:0"]).env("DOMICILE_KEYS__RING_FILE", &other));
    refused(&serve, &["key k1"]);
    let doctor = run(over(ours.path(), &["doctor"]).env("DOMICILE_KEYS__RING_FILE", &other));
    assert!(!doctor.good);
    assert!(doctor.out.lines().any(|line| line.starts_with("BAD") && line.contains("key k1")), "{}", doctor.out);
}

#[test]
fn doctor_tells_what_is_well_and_what_is_not() {
    let folder = TempDir::new().unwrap();
    let told = run(&mut over(folder.path(), &["doctor"]));
    assert!(told.good, "{}{}", told.out, told.err);
    for part in ["configuration", "mail", "database", "clock"] {
        assert!(told.out.lines().any(|line| line.starts_with("ok") && line.contains(part)), "{part}: {}", told.out);
    }
    assert!(!told.out.contains("BAD"), "{}", told.out);
    let told = run(over(folder.path(), &["doctor"]).args(["--database", "postgres://nobody@127.0.0.1:1/nothing"]));
    assert!(!told.good);
    assert!(told.out.lines().any(|line| line.starts_with("BAD")), "{}", told.out);
    assert!(told.out.lines().any(|line| line.starts_with("ok") && line.contains("configuration")), "{}", told.out);
}

#[test]
fn migrate_brings_the_schema_up_once() {
    let folder = TempDir::new().unwrap();
    let first = run(&mut over(folder.path(), &["migrate"]));
    assert!(first.good && !first.out.starts_with("0 "), "{}{}", first.out, first.err);
    let second = run(&mut over(folder.path(), &["migrate"]));
    assert!(second.good && second.out.starts_with("0 "), "{}{}", second.out, second.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_super_admin_is_made_once_with_a_good_password_and_can_sign_in() {
    let ground = Ground::on(On::Sqlite).await;
    let weak = create_admin(&ground.data(), "care@taker.example", "weak");
    refused(&weak, &["Password must be at least 8 characters"]);
    let nonsense = create_admin(&ground.data(), "nonsense", PASSWORD);
    refused(&nonsense, &["mail"]);
    let made = create_admin(&ground.data(), "care@taker.example", PASSWORD);
    assert!(made.good, "{}", made.err);
    assert!(made.out.contains("care@taker.example is a super_admin now"), "{}", made.out);
    let again = create_admin(&ground.data(), "care@taker.example", PASSWORD);
    refused(&again, &["already"]);
    for told in [&weak, &made, &again] {
        assert!(!told.out.contains(PASSWORD) && !told.err.contains(PASSWORD));
    }
    let node = ground.start();
    let signed_in = sign_in(&node.base_url(), "care@taker.example", PASSWORD).await;
    assert_eq!(signed_in["user"]["email"], "care@taker.example");
    let token = signed_in["access_token"].as_str().unwrap();
    let hostels =
        client().get(format!("{}/api/admin/hostels", node.base_url())).bearer_auth(token).send().await.unwrap();
    assert_eq!(hostels.status().as_u16(), 200, "{}", hostels.text().await.unwrap());
}

#[test]
fn each_version_prints_its_openapi_document() {
    let mut texts = Vec::new();
    for version in ["v0", "v1", "v2"] {
        let told = run(Binary::dev().command().args(["openapi", "--version", version]));
        assert!(told.good, "{}", told.err);
        let document: Value = serde_json::from_str(&told.out).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3."));
        assert!(document["paths"].as_object().unwrap().keys().any(|path| path.ends_with("/bookings")), "{version}");
        texts.push(told.out);
    }
    texts.dedup();
    assert_eq!(texts.len(), 3, "no two versions are the same");
    refused(&run(Binary::dev().command().args(["openapi", "--version", "v9"])), &["v9", "v2"]);
}
