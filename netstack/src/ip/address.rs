//! Addresses and nets of both families, and what kinds of addresses there are (RFC 1122 §3.2.1.3, RFC 6890, RFC 4291).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::link::IfIndex;

/// An address with the length of its net's prefix: of an interface (`10.0.0.2/24`) or of a route (`fd00::/64`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNet {
    /// An address in the net.
    pub addr: IpAddr,
    /// 0–32, or 0–128 for IPv6.
    pub prefix_len: u8,
}

impl IpNet {
    /// All of IPv4.
    pub const DEFAULT_V4: IpNet = IpNet { addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix_len: 0 };
    /// All of IPv6.
    pub const DEFAULT_V6: IpNet = IpNet { addr: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix_len: 0 };

    /// The net of `addr` with a prefix of `prefix_len` bits.
    pub fn new(addr: impl Into<IpAddr>, prefix_len: u8) -> IpNet {
        IpNet { addr: addr.into(), prefix_len }
    }

    /// Bits of an address of this family.
    pub fn max_prefix_len(self) -> u8 {
        if self.addr.is_ipv4() { 32 } else { 128 }
    }

    /// The netmask.
    pub fn mask(self) -> IpAddr {
        with_bits(self.addr, mask(self.prefix_len.min(self.max_prefix_len())))
    }

    /// The same net, host bits cleared.
    pub fn network(self) -> IpNet {
        IpNet { addr: with_bits(self.addr, bits(self.addr) & mask(self.prefix_len)), ..self }
    }

    /// Does the net hold `addr`?
    pub fn contains(self, addr: IpAddr) -> bool {
        self.addr.is_ipv4() == addr.is_ipv4() && (bits(self.addr) ^ bits(addr)) & mask(self.prefix_len) == 0
    }

    /// The net's directed broadcast address. Nets of one or two addresses have none (RFC 3021), nor has IPv6.
    pub fn broadcast(self) -> Option<Ipv4Addr> {
        match (self.addr, self.mask()) {
            (IpAddr::V4(addr), IpAddr::V4(mask)) if self.prefix_len < 31 => Some(addr | !mask),
            _ => None,
        }
    }
}

impl core::fmt::Display for IpNet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix_len)
    }
}

/// An [`IpNet`] where only IPv4 can be meant: of a DHCP lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Net {
    /// An address in the net.
    pub addr: Ipv4Addr,
    /// 0–32.
    pub prefix_len: u8,
}

impl Ipv4Net {
    /// The net of everything.
    pub const DEFAULT: Ipv4Net = Ipv4Net { addr: Ipv4Addr::UNSPECIFIED, prefix_len: 0 };

    /// The same net, host bits cleared.
    pub fn network(self) -> Ipv4Net {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_len.min(32))).unwrap_or(0);
        Ipv4Net { addr: Ipv4Addr::from_bits(self.addr.to_bits() & mask), ..self }
    }

    /// Does the net hold `addr`?
    pub fn contains(self, addr: Ipv4Addr) -> bool {
        IpNet::from(self).contains(addr.into())
    }
}

impl From<Ipv4Net> for IpNet {
    fn from(net: Ipv4Net) -> IpNet {
        IpNet::new(net.addr, net.prefix_len)
    }
}

impl core::fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        IpNet::from(*self).fmt(f)
    }
}

/// An address's bits from the left, so that prefixes of both families are cut alike.
pub(crate) fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// The first `prefix_len` bits of [`bits`].
pub(crate) fn mask(prefix_len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix_len.min(128))).unwrap_or(0)
}

/// The address of `like`'s family with these [`bits`].
fn with_bits(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

/// 0.0.0.0/8, "this network": never on the wire but as the source of a host that has no address yet.
pub(crate) fn is_this_network(addr: Ipv4Addr) -> bool {
    addr.octets()[0] == 0
}

/// 240.0.0.0/4 without the limited broadcast.
pub(crate) fn is_reserved(addr: Ipv4Addr) -> bool {
    addr.octets()[0] >= 240 && !addr.is_broadcast()
}

/// An address that one host can have.
pub(crate) fn is_unicast(addr: impl Into<IpAddr>) -> bool {
    match addr.into() {
        IpAddr::V4(addr) => {
            !is_this_network(addr) && !addr.is_multicast() && !addr.is_broadcast() && !is_reserved(addr)
        }
        IpAddr::V6(addr) => !addr.is_unspecified() && !addr.is_multicast() && addr.to_ipv4_mapped().is_none(),
    }
}

/// The scope of a multicast address (RFC 4291 §2.7): 1 interface, 2 link, 5 site, 14 global.
pub(crate) fn multicast_scope(group: Ipv6Addr) -> u8 {
    group.octets()[1] & 15
}

/// An IPv6 address that means something only together with an interface (RFC 4007 §6).
pub(crate) fn needs_zone(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(_) => false,
        IpAddr::V6(addr) => addr.is_unicast_link_local() || addr.is_multicast() && multicast_scope(addr) <= 2,
    }
}

/// An end of a flow. The addresses that need one carry the interface as their zone (`sin6_scope_id`), others none, so
/// that equal ends are equal values.
pub(crate) fn end(addr: IpAddr, port: u16, on: IfIndex) -> SocketAddr {
    match addr {
        IpAddr::V6(v6) if needs_zone(addr) => SocketAddrV6::new(v6, port, 0, on.0).into(),
        _ => SocketAddr::new(addr, port),
    }
}

/// The interface that an end names, where its address needs one.
pub(crate) fn zone(end: SocketAddr) -> Option<IfIndex> {
    match end {
        SocketAddr::V6(v6) if v6.scope_id() != 0 && needs_zone(end.ip()) => Some(IfIndex(v6.scope_id())),
        _ => None,
    }
}

/// The same end as [`end`] makes it: no flow label, and no zone that means nothing.
pub(crate) fn plain(addr: SocketAddr) -> SocketAddr {
    end(addr.ip(), addr.port(), zone(addr).unwrap_or(IfIndex(0)))
}
