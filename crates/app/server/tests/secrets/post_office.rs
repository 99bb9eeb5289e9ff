//! A mail server that asks for a password and keeps what it is given.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

#[derive(Clone)]
pub(crate) struct PostOffice {
    pub(crate) address: String,
    mails: Arc<Mutex<Vec<String>>>,
}

impl PostOffice {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let office = Self { address, mails: Arc::default() };
        let theirs = office.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _peer)) = listener.accept() {
                let office = theirs.clone();
                // A client that hangs up is done.
                std::thread::spawn(move || office.serve(stream).unwrap_or_default());
            }
        });
        office
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream).lines();
        out.write_all(b"220 office\r\n")?;
        while let Some(line) = lines.next() {
            let line = line?;
            let answer: &[u8] = match line.split_ascii_whitespace().next().unwrap_or("") {
                "EHLO" => b"250-office\r\n250 AUTH PLAIN\r\n",
                "AUTH" => b"235 come in\r\n",
                "DATA" => {
                    out.write_all(b"354 go on\r\n")?;
                    let mut text = String::new();
                    for line in lines.by_ref() {
                        let line = line?;
                        if line == "." {
                            break;
                        }
                        text.push_str(&line);
                        text.push('\n');
                    }
                    self.mails.lock().unwrap().push(text);
                    b"250 taken\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            out.write_all(answer)?;
        }
        Ok(())
    }

    /// The code in the last of so many mails to an address.
    pub(crate) async fn code(&self, to: &str, mails: usize) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found: Vec<String> =
                self.mails.lock().unwrap().iter().filter(|mail| mail.contains(to)).cloned().collect();
            if found.len() >= mails {
                let line = found.last().unwrap().lines().find_map(|line| line.strip_prefix("Your code: "));
                return line.unwrap().trim().to_owned();
            }
            assert!(Instant::now() < deadline, "fewer than {mails} mails to {to} were sent");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
