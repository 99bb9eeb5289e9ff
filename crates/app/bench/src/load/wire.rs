//! One keep-alive connection inside an event loop: a request goes out, its answer comes in.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::Instant,
};

use anyhow::{Context, bail};
use mio::{Interest, Registry, Token, net::TcpStream};

use super::answer::{Answer, Reader};

/// A connection of the load.
pub(crate) struct Wire {
    stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    reader: Reader,
    /// When the request that is not answered yet was sent.
    pub(crate) sent: Option<Instant>,
}

impl Wire {
    /// Connects, waiting, and joins the loop.
    pub(crate) fn connect(address: SocketAddr, registry: &Registry, token: Token, keep: bool) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(address).context("the server does not accept")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, out: Vec::new(), written: 0, reader: Reader::new(keep), sent: None })
    }

    /// Sends the request that `write` appends.
    pub(crate) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> anyhow::Result<Instant> {
        self.out.clear();
        self.written = 0;
        write(&mut self.out);
        let now = Instant::now();
        self.sent = Some(now);
        self.flush()?;
        Ok(now)
    }

    /// Goes on sending what did not fit.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a request could not be sent"),
            }
        }
        Ok(())
    }

    /// Reads what there is; the answer, with when its request was sent, once it is whole.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> anyhow::Result<Option<(Answer, Instant)>> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => {
                    let Some(sent) = self.sent else { bail!("the server sent what nobody asked for") };
                    if let Some(answer) = self.reader.feed(buffer.get(..count).unwrap_or_default())? {
                        self.sent = None;
                        // Nothing follows before the next request: no need to read until there is nothing.
                        return Ok(Some((answer, sent)));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("an answer could not be read"),
            }
        }
    }
}
