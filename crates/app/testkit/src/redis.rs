//! A throw-away Redis, without persistence.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::service::{self, Instance, Program};

/// The environment variable with the address of the run's Redis, as `deploy/test.sh` sets it.
pub const VARIABLE: &str = "DOMICILE_TEST_REDIS";

const PROGRAM: Program = Program { name: "redis", pid_file: "redis.pid", comm: "redis-server", signal: "TERM" };

/// A Redis server for tests. It is shared: a test puts a prefix of its own before its keys and channels.
#[derive(Debug, Clone)]
pub struct Redis {
    url: String,
}

impl Redis {
    /// The Redis of this test run: the one `DOMICILE_TEST_REDIS` names, or one that all test processes share, started
    /// by the first.
    ///
    /// # Panics
    /// When `redis-server` is missing (with the command that installs it) or does not start (with its log).
    #[must_use]
    pub fn shared() -> Self {
        static SHARED: OnceLock<Instance> = OnceLock::new();
        if let Ok(url) = std::env::var(VARIABLE)
            && !url.is_empty()
        {
            return Self { url };
        }
        let instance = SHARED.get_or_init(|| PROGRAM.shared(start));
        Self { url: format!("redis://{}/", instance.address) }
    }

    /// `redis://host:port/`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn start(home: &Path) -> u16 {
    let program = service::find_program("redis-server", &[])
        .expect("`redis-server` is not installed: apt-get install -y --no-install-recommends redis-server");
    let log = home.join("redis.log");
    let mut said = String::new();
    for _ in 0..5 {
        let port = service::free_port();
        let answer = Command::new(&program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "yes"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(home)
            .arg("--pidfile")
            .arg(home.join(PROGRAM.pid_file))
            .arg("--logfile")
            .arg(&log)
            .current_dir(home)
            .stdin(Stdio::null())
            // The server gives up its outputs when it goes into the background, so this ends.
            .output()
            .expect("`redis-server` can be started");
        if answer.status.success() && answers_ping(port) {
            return port;
        }
        said = String::from_utf8_lossy(&answer.stdout).into_owned();
    }
    panic!("redis-server does not start:\n{said}{}", fs::read_to_string(&log).unwrap_or_default());
}

/// Whether a Redis says `PONG` on the port within five seconds.
fn answers_ping(port: u16) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        let mut answer = [0_u8; 7];
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port))
            && stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
            && stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
        {
            return &answer == b"+PONG\r\n";
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}
