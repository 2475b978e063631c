//! The kinds of sockets that the matrix asks.

use libc::c_int;

use crate::net::must;
use crate::sys::{self, Fd, Ret};

/// What `socket(2)` is asked for.
pub struct Kind {
    pub name: &'static str,
    pub family: c_int,
    pub shape: c_int,
    pub protocol: c_int,
}

const fn kind(name: &'static str, family: c_int, shape: c_int, protocol: c_int) -> Kind {
    Kind { name, family, shape, protocol }
}

pub const TCP: Kind = kind("tcp", libc::AF_INET, libc::SOCK_STREAM, 0);
pub const UDP: Kind = kind("udp", libc::AF_INET, libc::SOCK_DGRAM, 0);
pub const RAW: Kind = kind("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
pub const PING: Kind = kind("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP);
pub const TCP6: Kind = kind("tcp6", libc::AF_INET6, libc::SOCK_STREAM, 0);
pub const UDP6: Kind = kind("udp6", libc::AF_INET6, libc::SOCK_DGRAM, 0);
pub const RAW6: Kind = kind("raw6", libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6);
pub const PING6: Kind = kind("ping6", libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6);
/// Protocol 0: it receives nothing until it is bound to one.
pub const PACKET: Kind = kind("packet", libc::AF_PACKET, libc::SOCK_DGRAM, 0);

pub const ALL: &[Kind] = &[TCP, UDP, RAW, PING, TCP6, UDP6, RAW6, PING6, PACKET];

impl Kind {
    /// A new socket of this kind, or why there is none.
    pub fn try_socket(&self) -> Ret<Fd> {
        sys::socket(self.family, self.shape, self.protocol)
    }

    /// A new socket of this kind that does not block.
    pub fn socket(&self) -> Fd {
        must("socket", sys::socket(self.family, self.shape | libc::SOCK_NONBLOCK, self.protocol))
    }

    /// Raw and ping sockets: what comes are packets.
    pub fn hears_packets(&self) -> bool {
        self.protocol != 0
    }

    pub fn is_stream(&self) -> bool {
        self.shape == libc::SOCK_STREAM
    }
}
