//! What sockets are called: addresses of the Internet, and of packet sockets (`struct sockaddr_ll`).

use std::net::SocketAddr;

/// An address of any family that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// AF_INET, AF_INET6.
    Inet(SocketAddr),
    /// AF_PACKET.
    Link(LinkAddr),
}

/// `struct sockaddr_ll`, packet(7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkAddr {
    /// `sll_protocol`, in the machine's order.
    pub protocol: u16,
    /// `sll_ifindex`: 0 for any.
    pub interface: u32,
    /// `sll_hatype`.
    pub hardware: u16,
    /// `sll_pkttype`.
    pub packet_type: u8,
    /// `sll_halen`: how much of `addr` counts.
    pub len: u8,
    /// `sll_addr`.
    pub addr: [u8; 8],
}

impl Name {
    /// The Internet's address.
    pub fn inet(self) -> Option<SocketAddr> {
        match self {
            Name::Inet(addr) => Some(addr),
            Name::Link(_) => None,
        }
    }
}

impl From<SocketAddr> for Name {
    fn from(addr: SocketAddr) -> Name {
        Name::Inet(addr)
    }
}
