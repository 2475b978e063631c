//! RFC 6724 §6: in which order the addresses of a name are given, as glibc does.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// The address that the kernel would send from, and the length of its prefix.
pub type Source = (IpAddr, u8);

/// Sorts `addresses`; what the rules say nothing on keeps its order (rule 10).
pub fn sort(addresses: &mut [IpAddr], source: impl Fn(IpAddr) -> Option<Source>) {
    addresses.sort_by_cached_key(|&address| Preference::of(address, source(address)));
}

/// Smaller is better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// Rule 1: avoid unusable destinations.
    unusable: bool,
    /// Rule 2: prefer matching scope.
    scope_differs: bool,
    /// Rule 5: prefer matching label.
    label_differs: bool,
    /// Rule 6: prefer higher precedence.
    precedence: Reverse<u8>,
    /// Rule 8: prefer smaller scope.
    scope: u8,
    /// Rule 9: use the longest matching prefix. glibc applies it to IPv4 only inside the source's own network.
    prefix: Reverse<u32>,
}

impl Preference {
    fn of(address: IpAddr, source: Option<Source>) -> Preference {
        Preference {
            unusable: source.is_none(),
            scope_differs: source.is_none_or(|(source, _)| scope(source) != scope(address)),
            label_differs: source.is_none_or(|(source, _)| policy(source).label != policy(address).label),
            precedence: Reverse(policy(address).precedence),
            scope: scope(address),
            prefix: Reverse(source.map_or(0, |source| common(source, address))),
        }
    }
}

fn common((source, length): Source, address: IpAddr) -> u32 {
    match (source, address) {
        (IpAddr::V4(source), IpAddr::V4(address)) => {
            let bits = (u32::from(source) ^ u32::from(address)).leading_zeros();
            if bits < u32::from(length) { 0 } else { bits }
        }
        (IpAddr::V6(source), IpAddr::V6(address)) => (u128::from(source) ^ u128::from(address)).leading_zeros(),
        _ => 0,
    }
}

/// RFC 6724 §3.1 and §3.2: link-local, site-local, global; of a group its own.
fn scope(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => 0x2,
        IpAddr::V4(_) => 0xe,
        IpAddr::V6(address) if address.is_multicast() => address.octets()[1] & 0xf,
        IpAddr::V6(address) if address.is_loopback() || address.is_unicast_link_local() => 0x2,
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => 0x5,
        IpAddr::V6(_) => 0xe,
    }
}

/// A row of the policy table.
struct Policy {
    prefix: Ipv6Addr,
    length: u32,
    precedence: u8,
    label: u8,
}

const fn row(prefix: [u16; 2], length: u32, precedence: u8, label: u8) -> Policy {
    Policy { prefix: Ipv6Addr::new(prefix[0], prefix[1], 0, 0, 0, 0, 0, 0), length, precedence, label }
}

/// glibc's table where there is no gai.conf(5), the longest prefixes first: RFC 3484's precedences, so that an IPv6 address
/// that only the site knows comes before an IPv4 address.
const POLICIES: [Policy; 8] = [
    Policy { prefix: Ipv6Addr::LOCALHOST, length: 128, precedence: 50, label: 0 },
    Policy { prefix: Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), length: 96, precedence: 10, label: 4 },
    Policy { prefix: Ipv6Addr::UNSPECIFIED, length: 96, precedence: 20, label: 3 },
    row([0x2001, 0], 32, 40, 7),
    row([0x2002, 0], 16, 30, 2),
    row([0xfec0, 0], 10, 40, 5),
    row([0xfc00, 0], 7, 40, 6),
    row([0, 0], 0, 40, 1),
];

fn policy(address: IpAddr) -> &'static Policy {
    let bits = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .to_bits();
    let fits = |row: &&Policy| (bits ^ row.prefix.to_bits()).leading_zeros() >= row.length;
    POLICIES.iter().find(fits).unwrap_or(&POLICIES[POLICIES.len() - 1])
}
