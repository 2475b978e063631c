//! IPv4 addresses and nets, and what kinds of addresses there are (RFC 1122 §3.2.1.3, RFC 6890).

use core::net::Ipv4Addr;

/// An IPv4 address with the length of its net's prefix: of an interface (`10.0.0.2/24`) or of a route (`10.0.0.0/24`).
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

    /// The netmask.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix_len.min(32))).unwrap_or(0))
    }

    /// The same net, host bits cleared.
    pub fn network(self) -> Ipv4Net {
        Ipv4Net { addr: self.addr & self.mask(), ..self }
    }

    /// Does the net hold `addr`?
    pub fn contains(self, addr: Ipv4Addr) -> bool {
        addr & self.mask() == self.addr & self.mask()
    }

    /// The net's directed broadcast address. Nets of one or two addresses have none (RFC 3021).
    pub fn broadcast(self) -> Option<Ipv4Addr> {
        (self.prefix_len < 31).then(|| self.addr | !self.mask())
    }
}

impl core::fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix_len)
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
pub(crate) fn is_unicast(addr: Ipv4Addr) -> bool {
    !is_this_network(addr) && !addr.is_multicast() && !addr.is_broadcast() && !is_reserved(addr)
}
