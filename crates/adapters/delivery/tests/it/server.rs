//! A real mail server from Debian on a loopback port, and a wire before it that can be cut.
#![expect(clippy::unwrap_used, reason = "set-up of tests: a failure is a panic")]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    process::{Child, Command},
};

/// aiosmtpd, keeping mails in a Maildir; ended when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    mails: tempfile::TempDir,
    _process: Child,
}

impl Server {
    /// Starts one that takes mails of at most `max_bytes`.
    pub(crate) async fn start(max_bytes: u32) -> Self {
        const INSTALL: &str = "install it with: apt-get install python3-aiosmtpd";
        let mails = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "-n", "-l"])
            .arg(address.to_string())
            .args(["-s", &max_bytes.to_string(), "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(mails.path().join("mail"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("the mail server did not start ({error}); {INSTALL}"));
        let greeted = async {
            loop {
                if let Some(status) = process.try_wait().unwrap() {
                    let mut told = String::new();
                    process.stderr.take().unwrap().read_to_string(&mut told).await.unwrap();
                    panic!("the mail server ended ({status}): {told}\n{INSTALL}");
                }
                if let Ok(mut stream) = TcpStream::connect(address).await {
                    let mut greeting = [0; 3];
                    stream.read_exact(&mut greeting).await.unwrap();
                    assert_eq!(&greeting, b"220");
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), greeted).await.unwrap();
        Self { address, mails, _process: process }
    }

    /// The mails it took, as they came.
    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.mails.path().join("mail/new")) else { return Vec::new() };
        entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }
}

/// Passes bytes both ways between its port and a server, except while it is cut.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let is_cut = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(pass(near_in, far_out, Arc::clone(&is_cut)));
                tokio::spawn(pass(far_in, near_out, Arc::clone(&is_cut)));
            }
        });
        Self { address, cut }
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<AtomicBool>) {
    let mut bytes = [0; 4096];
    while let Ok(count) = from.read(&mut bytes).await {
        while cut.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if count == 0 || to.write_all(bytes.get(..count).unwrap()).await.is_err() {
            break;
        }
    }
}
