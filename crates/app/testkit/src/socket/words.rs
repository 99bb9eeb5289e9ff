//! Frames and the handshake as RFC 6455 writes them.

/// One frame as RFC 6455 section 5.2 writes it. `first` is the first byte: 0x81 a whole text, 0x82 binary, 0x88 close,
/// 0x89 ping, 0x8a pong, without 0x80 what is to be continued by 0x00 or 0x80. A client must mask.
#[must_use]
pub fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mask_bit: u8 = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    if let Ok(length) = u8::try_from(payload.len())
        && length < 126
    {
        bytes.push(mask_bit | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        bytes.push(mask_bit | 0x7e);
        bytes.extend(length.to_be_bytes());
    } else {
        bytes.push(mask_bit | 0x7f);
        bytes.extend((payload.len() as u64).to_be_bytes());
    }
    if masked {
        bytes.extend(KEY);
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// A whole masked text frame.
#[must_use]
pub fn text_frame(text: &str) -> Vec<u8> {
    frame(0x81, true, text.as_bytes())
}

/// The first frame of some bytes: its first byte, its payload, and how long it is with its head.
pub(super) fn parse(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (&second, rest) = rest.split_first()?;
    assert!(second & 0x80 == 0, "a server must not mask");
    let (length, head): (usize, usize) = match second {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(head..head.checked_add(length)?)?;
    Some((first, payload.to_vec(), head + length))
}

/// A handshake as RFC 6455 section 4.1 writes it. Headers given replace the usual ones of the same name; an empty value
/// leaves one out.
#[must_use]
pub fn handshake(path: &str, headers: &[(&str, &str)]) -> String {
    let usual = [
        ("Host", "localhost"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    let replaced = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept = usual.iter().filter(|(name, _)| !replaced(name));
    for (name, value) in kept.chain(headers.iter().filter(|(_, value)| !value.is_empty())) {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    text.push_str("\r\n");
    text
}
