//! Bytes that come in, made into messages. An idle socket has no buffer here: what it reads goes into a spare one of the
//! thread, and only the beginning of an unfinished frame is kept.

use std::cell::Cell;

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use tokio::{io, net::TcpStream};
use tokio_util::codec::Decoder;

use crate::ending::Ending;

/// How much is read at a time.
const READ: usize = 16 * 1024;

/// In how many pieces a message may come.
const PIECES: u32 = 1024;

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A whole message, UTF-8 as it must be.
    Text(String),
    /// A ping with what it carried.
    Ping(Bytes),
    /// An answer to our ping.
    Pong,
    /// A part of a message; counted for the sign of life it is.
    Piece,
    /// They end it, with a code or without.
    Close(Option<u16>),
}

/// Reads one socket.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: BytesMut,
    codec: Codec,
    message: Vec<u8>,
    pieces: u32,
}

impl Reader {
    /// A reader that has some bytes already.
    pub(crate) fn with(early: &[u8]) -> Self {
        Self { buffer: BytesMut::from(early), ..Self::default() }
    }

    /// Reads what is there: how many bytes, 0 at the end of the stream.
    pub(crate) fn fill(&mut self, stream: &TcpStream) -> io::Result<usize> {
        if self.buffer.is_empty() {
            self.buffer = SPARE.take();
        }
        self.buffer.reserve(READ);
        stream.try_read_buf(&mut self.buffer)
    }

    /// Lets go of what an idle socket need not hold.
    pub(crate) fn rest(&mut self) {
        if self.buffer.is_empty() {
            SPARE.set(std::mem::take(&mut self.buffer));
        } else if self.buffer.capacity() > 2 * self.buffer.len() {
            let kept = BytesMut::from(self.buffer.as_ref());
            let mut large = std::mem::replace(&mut self.buffer, kept);
            large.clear();
            SPARE.set(large);
        }
    }

    /// Forgets what came in: nobody will read it.
    pub(crate) fn forget(&mut self) {
        self.buffer.clear();
    }

    /// The next message of at most so many bytes, if it is there whole.
    pub(crate) fn next(&mut self, most: usize) -> Result<Option<Incoming>, Ending> {
        // Judged by its header, so that nobody is waited for only to be refused.
        if !sound(&self.buffer, most.saturating_sub(self.message.len()))? {
            return Ok(None);
        }
        let frame = match self.codec.decode(&mut self.buffer) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(ProtocolError::Overflow) => return Err(Ending::TOO_LARGE),
            Err(_) => return Err(Ending::PROTOCOL),
        };
        let incoming = match frame {
            Frame::Text(payload) => Incoming::Text(utf8(payload.to_vec())?),
            Frame::Continuation(Item::FirstText(payload)) => {
                self.pieces = 0;
                self.piece(&payload)?
            }
            Frame::Continuation(Item::Continue(payload)) => self.piece(&payload)?,
            Frame::Continuation(Item::Last(payload)) => {
                self.piece(&payload)?;
                Incoming::Text(utf8(std::mem::take(&mut self.message))?)
            }
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => return Err(Ending::BINARY),
            Frame::Ping(payload) => Incoming::Ping(Bytes::copy_from_slice(&payload)),
            Frame::Pong(_) => Incoming::Pong,
            Frame::Close(reason) => Incoming::Close(reason.map(|reason| reason.code.into())),
        };
        Ok(Some(incoming))
    }

    fn piece(&mut self, payload: &[u8]) -> Result<Incoming, Ending> {
        self.pieces += 1;
        if self.pieces > PIECES {
            return Err(Ending::TOO_LARGE);
        }
        self.message.extend_from_slice(payload);
        Ok(Incoming::Piece)
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, Ending> {
    String::from_utf8(bytes).map_err(|_not_utf8| Ending::NOT_TEXT)
}

/// Judges the header at the front, RFC 6455 section 5.2: whether there is enough of it to go on.
fn sound(bytes: &[u8], most: usize) -> Result<bool, Ending> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(false) };
    let (finished, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
    let (masked, short) = (second & 0x80 != 0, second & 0x7f);
    let control = opcode >= 8;
    if reserved != 0 || !masked || !matches!(opcode, 0..=2 | 8..=10) || (control && (!finished || short > 125)) {
        return Err(Ending::PROTOCOL);
    }
    let length = match (short, rest) {
        (126, &[high, low, ..]) => u64::from(u16::from_be_bytes([high, low])),
        (127, rest) if rest.len() >= 8 => rest.iter().take(8).fold(0, |length, byte| length << 8 | u64::from(*byte)),
        (126 | 127, _) => return Ok(false),
        (short, _) => u64::from(short),
    };
    if !control && length > most as u64 {
        return Err(Ending::TOO_LARGE);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let mut frame = vec![first];
        match payload.len() {
            short @ ..=125 => frame.push(0x80 | short as u8),
            middle @ ..=0xffff => {
                frame.push(0x80 | 0x7e);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 0x7f);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn read(bytes: &[u8], most: usize) -> Result<Vec<Incoming>, Ending> {
        let mut reader = Reader::with(bytes);
        let mut all = Vec::new();
        while let Some(incoming) = reader.next(most)? {
            all.push(incoming);
        }
        Ok(all)
    }

    #[test]
    fn a_message_in_pieces_is_put_together_with_a_ping_in_between() {
        let mut bytes = masked(0x01, b"{\"a\"");
        bytes.extend(masked(0x89, b"here?"));
        bytes.extend(masked(0x00, b":"));
        bytes.extend(masked(0x80, b"1}"));
        let all = read(&bytes, 100).unwrap();
        assert_eq!(
            all,
            [
                Incoming::Piece,
                Incoming::Ping(Bytes::from_static(b"here?")),
                Incoming::Piece,
                Incoming::Text("{\"a\":1}".to_owned())
            ]
        );
    }

    #[test]
    fn what_breaks_the_protocol_is_told_apart_from_what_is_too_large() {
        let unmasked = [0x81, 0x01, b'x'];
        let fragmented_ping = masked(0x09, b"");
        let long_ping = [0x89, 0x80 | 0x7e, 0, 200, 0, 0, 0, 0];
        let reserved = masked(0xc1, b"x");
        let opcode = masked(0x83, b"x");
        let never_begun = masked(0x80, b"x");
        let begun_twice = [masked(0x01, b"x"), masked(0x81, b"y")].concat();
        let bad_code = masked(0x88, &[0x03, 0xed]);
        for bytes in
            [&unmasked[..], &fragmented_ping, &long_ping, &reserved, &opcode, &never_begun, &begun_twice, &bad_code]
        {
            assert_eq!(read(bytes, 100), Err(Ending::PROTOCOL), "{bytes:?}");
        }
        assert_eq!(read(&masked(0x81, &[b'x'; 101]), 100), Err(Ending::TOO_LARGE));
        // Judged by the header alone.
        assert_eq!(read(&[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0], 100), Err(Ending::TOO_LARGE));
        let pieces = [masked(0x01, &[b'x'; 60]), masked(0x80, &[b'x'; 60])].concat();
        assert_eq!(read(&pieces, 100), Err(Ending::TOO_LARGE));
        let crumbs: Vec<u8> = (0..=PIECES).flat_map(|n| masked(u8::from(n == 0), b"")).collect();
        assert_eq!(read(&crumbs, 100), Err(Ending::TOO_LARGE));
        assert_eq!(read(&masked(0x81, &[0xff]), 100), Err(Ending::NOT_TEXT));
        assert_eq!(read(&masked(0x82, b"x"), 100), Err(Ending::BINARY));
    }

    /// Reads random frames, many of them nearly right, byte soup among them.
    fn storm(frames: u32) {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut dice = move |sides: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % sides
        };
        // Payloads are pieces of this: a million of them, made byte by byte, would be most of the test.
        let noise: Vec<u8> = (0..16_384).map(|_| dice(256) as u8).collect();
        let mut reader = Reader::default();
        let (mut largest, mut whole) = (0, 0);
        for _ in 0..frames {
            let bytes: Vec<u8> = match dice(4) {
                0 => (0..dice(40)).map(|_| dice(256) as u8).collect(),
                kind => {
                    let message = br#"{"type":"subscribe","topic":"presence","id":null}"#;
                    let payload = match dice(100) {
                        0..40 => &message[..dice(message.len() as u64 + 1) as usize],
                        sort => {
                            let length = match sort {
                                40..98 => [0, 1, 5, 40, 125, 126][dice(6) as usize],
                                98 => 300,
                                _ => 4_096,
                            };
                            let from = dice((noise.len() - length) as u64) as usize;
                            &noise[from..from + length]
                        }
                    };
                    let first = if kind == 1 {
                        dice(256)
                    } else {
                        [0x81, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88][dice(7) as usize]
                    };
                    let mut frame = masked(first as u8, payload);
                    if dice(8) == 0 {
                        frame.truncate(dice(frame.len() as u64 + 1) as usize);
                    }
                    frame
                }
            };
            reader.buffer.extend_from_slice(&bytes);
            loop {
                match reader.next(4_096) {
                    Ok(Some(Incoming::Text(text))) => {
                        whole += u32::from(crate::message::ClientMessage::parse(&text).is_ok());
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => {
                        reader = Reader::default();
                        break;
                    }
                }
            }
            largest = largest.max(reader.buffer.capacity() + reader.message.capacity());
        }
        assert!(largest < 64 * 1024, "{largest} bytes were held");
        assert!(whole > 0, "not one of them was a message: the storm is too wild to come far");
    }

    #[test]
    fn a_million_random_and_malformed_frames_cost_neither_a_panic_nor_memory() {
        storm(1_000_000);
    }
}
