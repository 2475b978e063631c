//! RFC 6724 §6: in which order the addresses of a name are given, as far as it concerns IPv4 in glibc.

use std::cmp::{Ordering, Reverse};
use std::net::Ipv4Addr;

/// The address that the kernel would send from, and the length of its prefix.
pub type Source = (Ipv4Addr, u8);

/// Sorts `addresses`; what the rules say nothing on keeps its order (rule 10).
pub fn sort(addresses: &mut [Ipv4Addr], source: impl Fn(Ipv4Addr) -> Option<Source>) {
    addresses.sort_by_cached_key(|&address| Preference::of(address, source(address)));
}

/// Smaller is better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// Rule 1: avoid unusable destinations.
    unusable: bool,
    /// Rule 2: prefer matching scope.
    scope_differs: bool,
    /// Rule 8: prefer smaller scope.
    scope: u8,
    /// Rule 9: use the longest matching prefix. glibc applies it to IPv4 only inside the source's own network.
    prefix: Reverse<u32>,
}

impl Preference {
    fn of(address: Ipv4Addr, source: Option<Source>) -> Preference {
        let common = |(source, length): Source| {
            let bits = (u32::from(source) ^ u32::from(address)).leading_zeros();
            if bits.cmp(&u32::from(length)) == Ordering::Less { 0 } else { bits }
        };
        Preference {
            unusable: source.is_none(),
            scope_differs: source.is_none_or(|(source, _)| scope(source) != scope(address)),
            scope: scope(address),
            prefix: Reverse(source.map_or(0, common)),
        }
    }
}

/// RFC 6724 §3.2: the loopback and 169.254/16 are link-local, the rest is global.
fn scope(address: Ipv4Addr) -> u8 {
    if address.is_loopback() || address.is_link_local() { 0x2 } else { 0xe }
}
