//! Which of our addresses an IPv6 packet is sent from (RFC 6724 §5), and the policy table (§2.1).

use core::cmp::Reverse;
use core::net::{IpAddr, Ipv6Addr};

use super::address::multicast_scope;
use crate::iface::{AddressOrigin, AddressState, Interfaces};
use crate::link::IfIndex;
use crate::ndp::TemporaryAddresses;

/// The scope of an address as RFC 6724 §3.1 compares them: 2 link, 5 site, 14 global.
pub fn scope(addr: Ipv6Addr) -> u8 {
    if addr.is_multicast() {
        multicast_scope(addr)
    } else if addr.is_unicast_link_local() || addr.is_loopback() {
        2
    } else if let Some(v4) = addr.to_ipv4_mapped() {
        if v4.is_link_local() || v4.is_loopback() { 2 } else { 14 } // §3.2.
    } else if addr.segments()[0] & 0xffc0 == 0xfec0 {
        5
    } else {
        14
    }
}

/// Precedence and label of an address: the default policy table of RFC 6724 §2.1.
pub fn policy(addr: Ipv6Addr) -> (u8, u8) {
    const TABLE: [(Ipv6Addr, u32, u8, u8); 9] = [
        (Ipv6Addr::LOCALHOST, 128, 50, 0),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
        (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
        (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
        (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
        (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
        (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
        (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
    ];
    let matches = |row: &&(Ipv6Addr, u32, u8, u8)| common_prefix(addr, row.0) >= row.1;
    TABLE.iter().find(matches).map_or((40, 1), |row| (row.2, row.3))
}

/// How many bits two addresses have in common from the left.
pub fn common_prefix(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}

/// The source for a packet to `dst` that leaves by `on`: the best of the candidates by the rules in their order. `temporary`:
/// what the program says of rule 7. None if we have no IPv6 address that could be one.
pub(crate) fn source(interfaces: &Interfaces, dst: Ipv6Addr, on: IfIndex, temporary: Option<bool>) -> Option<Ipv6Addr> {
    let zoned = dst.is_multicast() || dst.is_unicast_link_local();
    let mut best = None;
    for interface in interfaces.iter() {
        // §4: for these, only addresses of the interface are candidates.
        if interface.is_loopback() || zoned && interface.index != on {
            continue;
        }
        let prefers_temporary = temporary.unwrap_or(interface.temporary == TemporaryAddresses::Preferred);
        for address in &interface.addresses {
            let IpAddr::V6(addr) = address.net.addr else { continue };
            // §4: a link-local address of another link is none either.
            if !address.is_usable() || addr.is_unicast_link_local() && interface.index != on {
                continue;
            }
            let is_temporary = address.origin == AddressOrigin::Temporary;
            let rank = (
                scope_rank(scope(addr), scope(dst)),                         // Rule 2.
                address.state == AddressState::Preferred,                    // Rule 3.
                interface.index == on,                                       // Rule 5.
                policy(addr).1 == policy(dst).1,                             // Rule 6.
                is_temporary == prefers_temporary,                           // Rule 7.
                common_prefix(addr, dst).min(address.net.prefix_len.into()), // Rule 8.
            );
            if best.is_none_or(|(rank_before, _)| rank > rank_before) {
                best = Some((rank, addr));
            }
        }
    }
    best.map(|(_, addr)| addr)
}

/// Rule 2: the smallest scope that reaches the destination, else the largest.
fn scope_rank(of_source: u8, of_destination: u8) -> (bool, Reverse<u8>, u8) {
    if of_source >= of_destination { (true, Reverse(of_source), 0) } else { (false, Reverse(0), of_source) }
}
