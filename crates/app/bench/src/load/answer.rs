//! Reads HTTP answers off a stream of bytes, as little of them as is needed: status, length, and the body when wanted.

use anyhow::{Context, bail};

/// An answer that has come in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Empty unless it was asked to be kept.
    pub(crate) body: Vec<u8>,
}

/// Takes an answer in, piece by piece. One at a time: nobody here sends a second request before the first is answered.
pub(crate) struct Reader {
    keep: bool,
    state: State,
    pending: Vec<u8>,
    status: u16,
    body: Vec<u8>,
}

#[derive(Clone, Copy)]
enum State {
    Head,
    Body {
        left: usize,
    },
    /// At the line that says how long the next chunk is.
    ChunkLength,
    /// In a chunk, its line end included.
    Chunk {
        left: usize,
    },
    /// Behind the last chunk.
    Trailer,
}

/// The longest head that is looked for.
const LONGEST_HEAD: usize = 64 * 1024;

impl Reader {
    pub(crate) fn new(keep: bool) -> Self {
        Self { keep, state: State::Head, pending: Vec::new(), status: 0, body: Vec::new() }
    }

    /// Takes bytes in; an answer when it is whole.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
        if self.pending.is_empty() {
            return self.read(bytes);
        }
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(bytes);
        self.read(&all)
    }

    fn read(&mut self, mut bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
        loop {
            match self.state {
                State::Head => {
                    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                        if bytes.len() > LONGEST_HEAD {
                            bail!("an answer has no end of its head");
                        }
                        self.wait(bytes);
                        return Ok(None);
                    };
                    let (head, rest) = bytes.split_at(end + 4);
                    self.open(head)?;
                    bytes = rest;
                    if let State::Body { left: 0 } = self.state {
                        return self.finish(bytes);
                    }
                }
                State::Body { left } => {
                    let (taken, rest) = bytes.split_at(left.min(bytes.len()));
                    self.take(taken);
                    if taken.len() < left {
                        self.state = State::Body { left: left - taken.len() };
                        return Ok(None);
                    }
                    return self.finish(rest);
                }
                State::ChunkLength => {
                    let Some(end) = memchr::memmem::find(bytes, b"\r\n") else {
                        self.wait(bytes);
                        return Ok(None);
                    };
                    let (line, rest) = bytes.split_at(end);
                    let line = std::str::from_utf8(line).context("a chunk's length is no text")?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let length = usize::from_str_radix(digits, 16).context("a chunk's length is no number")?;
                    bytes = rest.get(2..).unwrap_or_default();
                    self.state = if length == 0 { State::Trailer } else { State::Chunk { left: length + 2 } };
                }
                State::Chunk { left } => {
                    let (taken, rest) = bytes.split_at(left.min(bytes.len()));
                    // The last two bytes of a chunk are its line end.
                    let text = taken.len().min(left.saturating_sub(2));
                    self.take(taken.get(..text).unwrap_or_default());
                    if taken.len() < left {
                        self.state = State::Chunk { left: left - taken.len() };
                        return Ok(None);
                    }
                    bytes = rest;
                    self.state = State::ChunkLength;
                }
                State::Trailer => {
                    let Some(end) = memchr::memmem::find(bytes, b"\r\n") else {
                        self.wait(bytes);
                        return Ok(None);
                    };
                    let rest = bytes.get(end + 2..).unwrap_or_default();
                    if end == 0 {
                        return self.finish(rest);
                    }
                    bytes = rest;
                }
            }
        }
    }

    fn open(&mut self, head: &[u8]) -> anyhow::Result<()> {
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        self.status = status.with_context(|| format!("no HTTP answer: {}", String::from_utf8_lossy(head)))?;
        let mut state = State::Body { left: 0 };
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            if let Some(value) = value(line, b"content-length:") {
                state = State::Body { left: value.parse().context("content-length is no number")? };
            } else if value(line, b"transfer-encoding:").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
                state = State::ChunkLength;
            }
        }
        self.state = state;
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.keep {
            self.body.extend_from_slice(bytes);
        }
    }

    fn wait(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    fn finish(&mut self, rest: &[u8]) -> anyhow::Result<Option<Answer>> {
        if !rest.is_empty() {
            bail!("{} bytes came behind an answer", rest.len());
        }
        self.state = State::Head;
        Ok(Some(Answer { status: self.status, body: std::mem::take(&mut self.body) }))
    }
}

/// What a header line says, when it is the one asked for.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| std::str::from_utf8(value).ok().map(str::trim))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(text: &str, size: usize) -> Answer {
        let mut reader = Reader::new(true);
        let mut whole = None;
        for piece in text.as_bytes().chunks(size) {
            assert!(whole.is_none(), "it was whole too early");
            whole = reader.feed(piece).unwrap();
        }
        whole.unwrap()
    }

    #[test]
    fn an_answer_is_the_same_in_pieces_of_any_size() {
        let counted = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello";
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        for size in 1..=counted.len() {
            assert_eq!(in_pieces(counted, size), Answer { status: 201, body: b"hello".to_vec() });
        }
        for size in 1..=chunked.len() {
            assert_eq!(in_pieces(chunked, size), Answer { status: 200, body: b"hello".to_vec() });
        }
    }

    #[test]
    fn an_answer_without_a_body_is_whole_at_once() {
        assert_eq!(in_pieces("HTTP/1.1 204 No Content\r\n\r\n", 3), Answer { status: 204, body: Vec::new() });
    }

    #[test]
    fn what_is_no_http_and_what_comes_too_much_is_an_error() {
        assert!(Reader::new(false).feed(b"hello\r\n\r\n").is_err());
        assert!(Reader::new(false).feed(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab").is_err());
    }
}
