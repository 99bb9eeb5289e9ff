//! What an address on the network says of who is behind it.

use core::net::{IpAddr, Ipv6Addr};

/// Whoever shares an address, as one: an IPv4 address (also one written as IPv6), or the /64 of IPv6 that one household
/// has for itself, as its first address.
#[must_use]
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_an_ipv4_address_or_a_network_of_ipv6() {
        for (address, one) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ] {
            assert_eq!(household(address.parse().unwrap()).to_string(), one, "{address}");
        }
    }
}
