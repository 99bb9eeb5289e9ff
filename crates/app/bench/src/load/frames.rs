//! The frames of RFC 6455, as much of them as a client of the load needs.

/// A frame that came in whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    /// With its code; 1005 when it has none.
    Close(u16),
    /// Something that the load does not care for.
    Other,
}

/// The first frame of some bytes and how long it is; none when it is not whole.
pub(crate) fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (opcode, length) = (bytes.first()? & 0x0f, *bytes.get(1)?);
    let (from, length): (usize, usize) = match length & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(from..from.checked_add(length)?)?;
    let frame = match opcode {
        1 => Frame::Text(payload),
        8 => {
            let code = payload.get(..2).and_then(|code| code.try_into().ok());
            Frame::Close(code.map_or(1005, u16::from_be_bytes))
        }
        9 => Frame::Ping(payload),
        _ => Frame::Other,
    };
    Some((frame, from + length))
}

/// A frame of a client. A mask of zeros is a mask, and leaves the text as it is.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 0x7e);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_longer) => {
            frame.push(0x80 | 0x7f);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

pub(crate) fn text(payload: &str) -> Vec<u8> {
    masked(1, payload.as_bytes())
}

pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(10, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_once_they_are_whole() {
        let long = "x".repeat(300);
        for payload in ["", "hello", long.as_str()] {
            // What a server sends: the same without mask.
            let mut frame = vec![0x81];
            if payload.len() < 126 {
                frame.push(payload.len() as u8);
            } else {
                frame.push(126);
                frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            }
            frame.extend_from_slice(payload.as_bytes());
            let whole = frame.len();
            for cut in 0..whole {
                assert_eq!(first(&frame[..cut]), None);
            }
            frame.extend_from_slice(b"\x88\x02\x03\xf4");
            assert_eq!(first(&frame), Some((Frame::Text(payload.as_bytes()), whole)));
            assert_eq!(first(&frame[whole..]), Some((Frame::Close(1012), 4)));
        }
        assert_eq!(first(b"\x89\x01a"), Some((Frame::Ping(b"a"), 3)));
    }

    #[test]
    fn a_clients_frame_carries_a_mask() {
        assert_eq!(text("hi"), b"\x81\x82\0\0\0\0hi");
        assert_eq!(masked(1, &[b'x'; 200])[..4], [0x81, 0xfe, 0, 200]);
    }
}
