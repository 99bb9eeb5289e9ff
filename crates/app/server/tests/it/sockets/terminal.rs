//! `domicile listen`, as a process, against the real API and a hub that the test plays.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use domicile_kernel::Role;
use domicile_testkit::process::Binary;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::{
    sockets::stage::{Guest, Stage},
    support::{On, PASSWORD, TestApp},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The command, running.
struct Terminal {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Terminal {
    async fn start(arguments: &[&str], typed: &str) -> Self {
        let mut command = Binary::at(env!("CARGO_BIN_EXE_domicile")).command();
        command.arg("listen").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).await.unwrap();
        drop(stdin);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time").unwrap().expect("a line")
    }

    async fn end(self) -> Output {
        timeout(PATIENCE, self.child.wait_with_output()).await.expect("an end in time").unwrap()
    }

    /// Ctrl-C.
    async fn interrupt(self) -> Output {
        let pid = self.child.id().unwrap().to_string();
        let sent = tokio::process::Command::new("sh").args(["-c", &format!("kill -s INT {pid}")]).status().await;
        assert!(sent.unwrap().success());
        self.end().await
    }
}

async fn open() -> (TestApp, Stage) {
    let (stage, door) = Stage::new();
    let app = TestApp::start_with(On::Sqlite, |state| state.shell.sockets = Some(door)).await;
    (app, stage)
}

fn event(kind: &str, seq: i64, data: Value) -> Value {
    json!({ "type": kind, "hostel_id": "h", "data": data, "timestamp": "2026-01-20T10:30:00Z", "seq": seq })
}

async fn welcomed(stage: &mut Stage, seq: i64) -> (Guest, Value) {
    let mut guest = stage.next().await;
    let auth = guest.hears().await;
    assert_eq!(auth["type"], "auth");
    guest.says(json!({ "type": "auth_success", "user_id": "u", "hostel_id": auth["hostel_id"], "seq": seq })).await;
    (guest, auth)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_where_it_was_when_connection_server_or_token_end() {
    let (app, mut stage) = open().await;
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Manager, "kwame@test.example").await;
    let arguments =
        [app.base.as_str(), "--email", "kwame@test.example", "--password-stdin", "--json", "--topic", "presence"];
    let mut terminal = Terminal::start(&arguments, &format!("{PASSWORD}\n")).await;

    let (mut guest, first) = welcomed(&mut stage, 5).await;
    assert_eq!(first["hostel_id"], hostel.to_string(), "the only hostel needs no name");
    assert_eq!(first.get("resume_from"), None);
    assert_eq!(guest.hears().await, json!({ "type": "subscribe", "topic": "presence" }));
    guest.says(event("room.created", 6, json!({ "name": "Room 1" }))).await;
    assert_eq!(serde_json::from_str::<Value>(&terminal.line().await).unwrap()["seq"], 6);
    guest.dies();

    let (mut guest, second) = welcomed(&mut stage, 6).await;
    assert_eq!(second["resume_from"], 6);
    assert_eq!(second["token"], first["token"]);
    guest.says(event("room.updated", 7, json!({}))).await;
    guest.says(json!({ "type": "live", "seq": 7 })).await;
    assert_eq!(serde_json::from_str::<Value>(&terminal.line().await).unwrap()["seq"], 7);
    guest.closes(4401, "Your token's time is over. Refresh it and connect again").await;

    let (guest, third) = welcomed(&mut stage, 7).await;
    assert_eq!(third["resume_from"], 7);
    assert_ne!(third["token"], first["token"], "a token that does not count any more is renewed");
    guest.closes(1012, "The server restarts").await;

    let (_guest, fourth) = welcomed(&mut stage, 7).await;
    assert_eq!(fourth["token"], third["token"]);
    let output = terminal.interrupt().await;
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--resume-from 7") && told.contains("caught up"), "{told}");
    for secret in [PASSWORD, first["token"].as_str().unwrap(), third["token"].as_str().unwrap()] {
        assert!(!told.contains(secret));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_demo_sees_one_line_an_event() {
    let (app, mut stage) = open().await;
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Manager, "manager@volta.example").await;
    let folder = tempfile::TempDir::new().unwrap();
    let demo = json!({
        "base_url": app.base,
        "hostels": [{ "id": hostel, "name": "Volta Hall", "kind": "hostel" }],
        "accounts": [
            { "email": "manager@volta.example", "password": PASSWORD, "role": "manager", "hostel_id": hostel },
        ],
    });
    std::fs::write(folder.path().join("demo.json"), demo.to_string()).unwrap();
    let mut terminal = Terminal::start(&["--demo", "manager", "--data-dir", folder.path().to_str().unwrap()], "").await;
    let (mut guest, auth) = welcomed(&mut stage, 0).await;
    assert_eq!(auth["hostel_id"], hostel.to_string());
    guest.says(event("booking.approved", 1, json!({ "id": "b", "status": "approved\u{1b}[2J" }))).await;
    let line = terminal.line().await;
    assert!(
        line.contains("booking.approved") && line.contains("status=approved") && !line.contains('\u{1b}'),
        "{line}"
    );
    assert!(terminal.interrupt().await.status.success());
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_get_better_ends_it_with_the_reason() {
    let (app, mut stage) = open().await;
    let by_token = [app.base.as_str(), "--token", "t", "--hostel", "0190f5a0-0000-7000-8000-000000000001"];
    for code in [4400, 4401, 4403] {
        let terminal = Terminal::start(&by_token, "").await;
        let (guest, auth) = welcomed(&mut stage, 0).await;
        assert_eq!(auth["token"], "t");
        guest.closes(code, "This is why").await;
        let output = terminal.end().await;
        assert_eq!(output.status.code(), Some(1), "{code}: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("This is why"), "{code}");
    }
    for (arguments, typed, why) in [
        (vec![app.base.as_str(), "--email", "a@b.example", "--password-stdin"], "wrong\n", "refuses"),
        (vec!["https://127.0.0.1:1", "--token", "t", "--hostel", "h"], "", "TLS"),
        (vec![app.base.as_str(), "--token", "t"], "", "--hostel"),
        (vec![app.base.as_str()], "", "who listens"),
        (vec![app.base.as_str(), "--token", "t", "--hostel", "h", "--topic", "rooms"], "", "no topic"),
        (vec!["--demo", "manager", "--data-dir", "/nonexistent"], "", "--demo first"),
    ] {
        let output = Terminal::start(&arguments, typed).await.end().await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_really_happens_in_the_house_is_printed() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    app.member_with_password(hostel, Role::Manager, "kwame@test.example").await;
    let arguments = [app.base.as_str(), "--email", "kwame@test.example", "--password-stdin", "--resume-from", "0"];
    let mut terminal = Terminal::start(&arguments, PASSWORD).await;
    let room = json!({
        "name": "Room 101", "room_type": "single", "floor": 1, "bed_count": 1,
        "monthly_price": { "amount_minor": 10_000, "currency": "GHS" },
    });
    app.post("/api/rooms").by(&admin).json(room).told().await.is(201);
    let line = loop {
        let line = terminal.line().await;
        if line.contains("room.created") {
            break line;
        }
    };
    assert!(line.contains("name=Room 101"), "{line}");
    assert!(terminal.interrupt().await.status.success());
    app.end().await;
}
