//! Where a request came from. The address of the connection is the truth; only where that is a trusted proxy is the
//! proxy's word taken, and then hop by hop from the right: the first address that is no trusted proxy is the client's.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use actix_web::http::header::{HeaderMap, HeaderValue};

/// The header a proxy appends its caller to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// A block of addresses, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u128,
    /// Leading bits that must agree, of 128: an IPv4 address stands as `::ffff:a.b.c.d`.
    bits: u32,
}

/// A text that is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotANetwork(String);

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no network; write it like 10.0.0.0/8, 2001:db8::/32 or one address", self.0)
    }
}

impl std::error::Error for NotANetwork {}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(bits: u32) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - bits) }
}

impl Network {
    /// Whether an address is in it; an IPv4 address is the same whether written so or mapped into IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        number(address) & mask(self.bits) == self.base
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, length) = match text.trim().split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_error| wrong())?;
        let (own_bits, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let length: u32 = match length {
            Some(length) => length.parse().ok().filter(|length| *length <= own_bits).ok_or_else(wrong)?,
            None => own_bits,
        };
        let bits = before + length;
        Ok(Self { base: number(address) & mask(bits), bits })
    }
}

/// An IPv4 address that came mapped into IPv6 is that IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Where a request came from, given the connection's other end. What a trusted proxy forwards without a readable address
/// came, as far as can be told, from the last hop that can be read.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = plain(peer);
    if trusted.is_empty() {
        return client;
    }
    // As bytes: a line that is no text must not be as if it were not there, for then the line before it would be believed.
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED_FOR).map(HeaderValue::as_bytes).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    for hop in hops {
        if !trusted.iter().any(|network| network.contains(client)) {
            break;
        }
        match std::str::from_utf8(hop).ok().and_then(|hop| hop_address(hop.trim())) {
            Some(address) => client = plain(address),
            None => break,
        }
    }
    client
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn hop_address(hop: &str) -> Option<IpAddr> {
    if let Some(rest) = hop.strip_prefix('[') {
        return rest.split_once(']')?.0.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    hop.parse().ok().or_else(|| hop.rsplit_once(':')?.0.parse::<Ipv4Addr>().ok().map(IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn from(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(HeaderName::from_static(FORWARDED_FOR), HeaderValue::from_static(line));
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_first_hop_from_the_right_that_is_no_proxy_is_the_client() {
        let trusted = ["10.0.0.0/8", "::1"];
        assert_eq!(from("10.1.2.3", &["198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["6.6.6.6, 198.51.100.1, 10.9.9.9"], &trusted), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &["6.6.6.6", "198.51.100.1:4711"], &trusted), "198.51.100.1");
        assert_eq!(from("::1", &["[2001:db8::7]:443"], &trusted), "2001:db8::7");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(from("10.1.2.3", &[], &trusted), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["198.51.100.1, unknown"], &trusted), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &["10.0.0.1, 10.0.0.2"], &trusted), "10.0.0.1");
    }

    #[test]
    fn a_hop_that_is_no_text_hides_nobody() {
        let trusted: Vec<Network> = vec!["127.0.0.1".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append(HeaderName::from_static(FORWARDED_FOR), HeaderValue::from_static("9.9.9.9"));
        let line = HeaderValue::from_bytes(b"\xff, 1.2.3.4").unwrap();
        headers.append(HeaderName::from_static(FORWARDED_FOR), line);
        assert_eq!(address("127.0.0.1".parse().unwrap(), &headers, &trusted).to_string(), "1.2.3.4");
    }

    #[test]
    fn a_network_is_read_strictly() {
        for bad in ["", "10.0.0.0/33", "2001:db8::/129", "ten", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("1.2.3.4".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
    }
}
