//! A newcomer's first mail by a real mail server, and that nothing secret of their way in stands in the log.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's tools: a failure is a panic"
)]

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ground::{Ground, client, sign_in, start};
use crate::support::On;

/// aiosmtpd, keeping mails in a folder; ended when dropped.
struct MailServer {
    address: String,
    folder: TempDir,
    process: Child,
}

impl MailServer {
    fn start() -> Self {
        const INSTALL: &str = "install it with: apt-get install python3-aiosmtpd";
        let folder = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut process = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "-n", "-l", &address, "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(folder.path().join("mail"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("the mail server did not start ({error}); {INSTALL}"));
        let started = Instant::now();
        loop {
            if let Ok(mut stream) = TcpStream::connect(&address) {
                let mut greeting = [0; 3];
                stream.read_exact(&mut greeting).unwrap();
                assert_eq!(&greeting, b"220");
                return Self { address, folder, process };
            }
            assert!(process.try_wait().unwrap().is_none(), "the mail server ended; {INSTALL}");
            assert!(started.elapsed() < Duration::from_secs(30), "the mail server does not answer");
            thread::sleep(Duration::from_millis(20));
        }
    }

    async fn mail(&self) -> String {
        let started = Instant::now();
        loop {
            let entries = fs::read_dir(self.folder.path().join("mail/new")).into_iter().flatten();
            if let Some(entry) = entries.flatten().next() {
                return fs::read_to_string(entry.path()).unwrap();
            }
            assert!(started.elapsed() < Duration::from_secs(15), "no mail came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // One that has ended by itself needs no ending.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn post(base: &str, path: &str, body: Value) -> Value {
    let answer = client().post(format!("{base}{path}")).json(&body).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str::<Value>(&text).unwrap()["data"].take()
}

/// The log without its figures, among which six digits may stand by chance.
fn words(log: &str) -> String {
    let lines = log.lines().map(|line| match serde_json::from_str::<Value>(line) {
        Ok(mut line) => {
            let fields = line.as_object_mut().unwrap();
            fields.remove("timestamp");
            fields.remove("duration_ms");
            line.to_string()
        }
        Err(_words) => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_their_code_by_smtp_and_nothing_secret_is_logged() {
    const PASSWORD: &str = "Planted-horse-7!";
    const NEXT: &str = "Planted-zebra-8!";
    let server = tokio::task::block_in_place(MailServer::start);
    let ground = Ground::on(On::Sqlite).await;
    let smtp = format!("smtp://{}", server.address);
    let node = start(
        ground
            .launch()
            .arg("--demo")
            .env("DOMICILE_MAIL__SMTP_URL", smtp)
            .env("DOMICILE_MAIL__FROM", "Desk <desk@volta.example>"),
    );
    let base = node.base_url();
    let newcomer = json!({
        "email": "efua@post.example", "password": PASSWORD, "first_name": "Efua", "last_name": "Sutherland",
        "hostel_id": ground.demo()["hostels"][0]["id"], "phone": "+233209876543",
    });
    post(&base, "/api/auth/register", newcomer).await;
    let mail = server.mail().await;
    assert!(mail.contains("efua@post.example") && mail.contains("desk@volta.example"), "{mail}");
    let code = mail.lines().find_map(|line| line.trim().strip_prefix("Your code: ")).unwrap().trim().to_owned();
    assert_eq!(code.len(), 6, "{mail}");
    assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{mail}");
    assert!(!has_mail(&ground.data().join("outbox")), "with a mail server nothing goes to files");

    post(&base, "/api/auth/verify-otp", json!({ "email": "efua@post.example", "otp": code })).await;
    let signed_in = sign_in(&base, "efua@post.example", PASSWORD).await;
    let refresh = signed_in["refresh_token"].as_str().unwrap().to_owned();
    let renewed = post(&base, "/api/auth/refresh-token", json!({ "refresh_token": refresh })).await;
    let token = renewed["access_token"].as_str().unwrap().to_owned();
    let change = json!({ "current_password": PASSWORD, "new_password": NEXT });
    let changed =
        client().put(format!("{base}/api/auth/password")).bearer_auth(&token).json(&change).send().await.unwrap();
    assert_eq!(changed.status().as_u16(), 200, "{}", changed.text().await.unwrap());

    let log = words(&node.log());
    assert!(log.contains("/auth/verify-otp"), "the log tells of the requests");
    let secrets =
        [PASSWORD, NEXT, &code, &refresh, &token, signed_in["access_token"].as_str().unwrap(), "+233209876543"];
    for secret in secrets.into_iter().chain(renewed["refresh_token"].as_str()) {
        assert!(!log.contains(secret), "{secret} stands in the log:\n{log}");
    }
}

fn has_mail(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| entries.count() > 0)
}
