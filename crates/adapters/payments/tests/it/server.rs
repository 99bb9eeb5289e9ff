//! A server on this machine that answers in Paystack's place: as it was told to, one answer a request.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// How one request is answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) manner: Manner,
}

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// At once.
    Whole,
    /// Never.
    Hang,
    /// The head at once, and the body a byte at a time with a pause after each.
    Drip(Duration),
    /// The connection is closed before anything is said.
    Drop,
    /// The connection is closed in the middle of the body.
    Cut,
    /// Without a length, and as many bytes as somebody reads, up to this.
    Flood(usize),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// The server. Once its answers are used up it answers 418.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: "application/json; charset=utf-8",
            headers: Vec::new(),
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    pub(crate) fn manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Server {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            asked: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    async fn serve(self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(asked) = read_request(&mut stream).await? {
            self.asked.lock().unwrap().push(asked);
            let answer = self.answers.lock().unwrap().pop_front();
            let answer = answer.unwrap_or_else(|| Answer::json(418, r#"{"status":false,"message":"no answer left"}"#));
            if !write_answer(stream.get_mut(), answer).await? {
                break;
            }
        }
        Ok(())
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut asked = Asked { line: line.trim_end().to_owned(), headers, body: String::new() };
    let length = asked.header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    asked.body = String::from_utf8(body).unwrap();
    Ok(Some(asked))
}

/// Whether the connection can be used again.
async fn write_answer(stream: &mut TcpStream, answer: Answer) -> std::io::Result<bool> {
    let length = match answer.manner {
        Manner::Drop => return Ok(false),
        Manner::Hang => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            return Ok(false);
        }
        Manner::Flood(_) => "connection: close\r\n".to_owned(),
        _ => format!("content-length: {}\r\n", answer.body.len()),
    };
    let mut head = format!("HTTP/1.1 {} Said\r\ncontent-type: {}\r\n{length}", answer.status, answer.content_type);
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    match answer.manner {
        Manner::Drip(pause) => {
            for byte in answer.body {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(pause).await;
            }
        }
        Manner::Cut => {
            stream.write_all(&answer.body[..answer.body.len() / 2]).await?;
            return Ok(false);
        }
        Manner::Flood(most) => {
            let block = vec![b' '; 64 * 1024];
            for _ in 0..most / block.len() {
                stream.write_all(&block).await?;
            }
            return Ok(false);
        }
        _ => stream.write_all(&answer.body).await?,
    }
    Ok(true)
}
